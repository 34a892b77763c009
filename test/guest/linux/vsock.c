// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sockets of a guest (AF_VSOCK), for system tests. A checksum is printed as "sent N SUM" or
 * "received N SUM"; SUM is FNV-1a of all the bytes. What goes wrong ends the program with 1 and the
 * name of the error.
 *
 *   vsock ask CID PORT TEXT...           sends each TEXT as a line, prints what comes back
 *   vsock serve PORT COUNT BYTES         takes COUNT connections, one after another: receives up to
 *                                        the other's end, then sends BYTES, then waits for the end
 *   vsock talk CID PORT BYTES            the other side of serve: sends BYTES, ends its sending
 *                                        half, and receives up to the end
 *   vsock hold CID PORT                  connects, says so, and waits for the end of the connection
 *   vsock cid                            the guest's own
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/vm_sockets.h> /* wants sys/socket.h before it */

enum { CHUNK = 65536 };

static uint8_t chunk[CHUNK];

static _Noreturn void fail(const char *what)
{
    printf("%s: %s\n", what, strerrorname_np(errno));
    exit(1);
}

static struct sockaddr_vm address(const char *cid, const char *port)
{
    return (struct sockaddr_vm){
        .svm_family = AF_VSOCK,
        .svm_cid = cid != NULL ? (unsigned)strtoul(cid, NULL, 10) : VMADDR_CID_ANY,
        .svm_port = (unsigned)strtoul(port, NULL, 10),
    };
}

static int connect_to(const char *cid, const char *port)
{
    struct sockaddr_vm to = address(cid, port);
    int s = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (s < 0) {
        fail("socket");
    }
    /* Linux would wait for two seconds only, which a busy machine may need. */
    const struct timeval patience = {.tv_sec = 60};
    if (setsockopt(s, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &patience, sizeof patience) != 0) {
        fail("setsockopt");
    }
    if (connect(s, (struct sockaddr *)&to, sizeof to) != 0) {
        fail("connect");
    }
    return s;
}

static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum = (sum ^ bytes[i]) * 16777619u;
    }
    return sum;
}

static void send_all(int s, const uint8_t *bytes, size_t count)
{
    for (size_t at = 0; at < count;) {
        ssize_t sent = send(s, bytes + at, count - at, MSG_NOSIGNAL);
        if (sent <= 0) {
            fail("send");
        }
        at += (size_t)sent;
    }
}

/* Random enough that a lost, doubled or exchanged piece shows. */
static void send_bytes(int s, size_t count)
{
    uint32_t sum = 2166136261u, seed = (uint32_t)getpid() + (uint32_t)count;
    for (size_t done = 0, piece; done < count; done += piece) {
        piece = count - done < CHUNK ? count - done : CHUNK;
        for (size_t i = 0; i < piece; i++) {
            seed = seed * 1664525u + 1013904223u;
            chunk[i] = (uint8_t)(seed >> 24);
        }
        sum = add(sum, chunk, piece);
        send_all(s, chunk, piece);
    }
    printf("sent %zu %08x\n", count, sum);
}

static void receive_all(int s)
{
    uint32_t sum = 2166136261u;
    size_t count = 0;
    ssize_t got;
    while ((got = recv(s, chunk, CHUNK, 0)) > 0) {
        sum = add(sum, chunk, (size_t)got);
        count += (size_t)got;
    }
    if (got < 0) {
        fail("recv");
    }
    printf("received %zu %08x\n", count, sum);
}

static void ask(char **argument, int count)
{
    int s = connect_to(argument[0], argument[1]);
    size_t length = 0;
    for (int i = 2; i < count; i++) {
        length += (size_t)snprintf((char *)chunk + length, CHUNK - length, "%s\n", argument[i]);
        if (length >= CHUNK) {
            fail("too many");
        }
    }
    send_all(s, chunk, length);
    shutdown(s, SHUT_WR);
    ssize_t got;
    while ((got = recv(s, chunk, CHUNK, 0)) > 0) {
        fwrite(chunk, 1, (size_t)got, stdout);
    }
    if (got < 0) {
        fail("recv");
    }
}

static void serve(char **argument)
{
    struct sockaddr_vm here = address(NULL, argument[0]), from;
    int listener = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&here, sizeof here) != 0 ||
        listen(listener, 8) != 0) {
        fail("listen");
    }
    printf("listening\n");
    for (long left = strtol(argument[1], NULL, 10); left > 0; left--) {
        socklen_t size = sizeof from;
        int s = accept(listener, (struct sockaddr *)&from, &size);
        if (s < 0) {
            fail("accept");
        }
        printf("from %u\n", from.svm_cid);
        receive_all(s);
        send_bytes(s, strtoul(argument[2], NULL, 10));
        close(s);
    }
}

static void talk(char **argument)
{
    int s = connect_to(argument[0], argument[1]);
    send_bytes(s, strtoul(argument[2], NULL, 10));
    if (shutdown(s, SHUT_WR) != 0) {
        fail("shutdown");
    }
    receive_all(s);
}

static void hold(char **argument)
{
    int s = connect_to(argument[0], argument[1]);
    printf("connected\n");
    ssize_t got = recv(s, chunk, CHUNK, 0);
    if (got < 0) {
        fail("recv");
    }
    printf(got == 0 ? "end\n" : "data\n");
}

static void print_cid(void)
{
    unsigned cid;
    int device = open("/dev/vsock", O_RDONLY);
    if (device < 0 || ioctl(device, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) != 0) {
        fail("cid");
    }
    printf("%u\n", cid);
}

int main(int count, char **argument)
{
    const char *verb = count > 1 ? argument[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(verb, "ask") == 0 && count >= 5) {
        ask(argument + 2, count - 2);
    } else if (strcmp(verb, "serve") == 0 && count == 5) {
        serve(argument + 2);
    } else if (strcmp(verb, "talk") == 0 && count == 5) {
        talk(argument + 2);
    } else if (strcmp(verb, "hold") == 0 && count == 4) {
        hold(argument + 2);
    } else if (strcmp(verb, "cid") == 0 && count == 2) {
        print_cid();
    } else {
        fprintf(stderr, "usage: vsock ask|serve|talk|hold|cid, see its source\n");
        return 2;
    }
    return 0;
}
