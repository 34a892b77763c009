// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct shell shell;
    struct serial_roster roster;
    struct control_reply reply;
    enum control_request asked;
    unsigned asked_client, asked_argument, asked_count;
    enum control_result answer;
    unsigned attached;
    unsigned resized, columns, rows;
    unsigned log_lines;
    bool followed[SERIAL_CLIENT_MAX];
    char screen[32768];
    size_t size;
    _Alignas(8) uint8_t capture[8192];
    uint64_t capture_bytes;
};

#define PROMPT_LINE "\rbulkhead> \x1b[K"

static void on_write(void *ctx, const char *text, size_t length)
{
    struct fixture *f = ctx;
    assert_true(f->size + length < sizeof f->screen);
    memcpy(f->screen + f->size, text, length);
    f->size += length;
    f->screen[f->size] = '\0';
}

static enum control_result on_request(void *ctx, enum control_request request, unsigned client,
                                      unsigned argument)
{
    struct fixture *f = ctx;
    f->asked = request;
    f->asked_client = client;
    f->asked_argument = argument;
    f->asked_count++;
    return f->answer;
}

static void on_attach(void *ctx, unsigned client)
{
    ((struct fixture *)ctx)->attached = client;
}

static void on_resize(void *ctx, unsigned client, unsigned columns, unsigned rows)
{
    struct fixture *f = ctx;
    f->resized = client;
    f->columns = columns;
    f->rows = rows;
}

static void on_show_log(void *ctx, unsigned lines)
{
    ((struct fixture *)ctx)->log_lines = lines;
}

static void on_follow(void *ctx, unsigned client, bool on)
{
    ((struct fixture *)ctx)->followed[client] = on;
}

static bool on_followed(void *ctx, unsigned client)
{
    return ((struct fixture *)ctx)->followed[client];
}

static const struct capture_shared *on_captured(void *ctx, unsigned network, uint64_t *bytes)
{
    struct fixture *f = ctx;
    (void)network;
    *bytes = f->capture_bytes;
    return f->capture_bytes != 0 ? (const struct capture_shared *)f->capture : NULL;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->roster.client[2] = (struct serial_client_info){
        .name = "linux-a", .kind = SERIAL_CLIENT_VM, .state = VM_RUNNING};
    f->roster.client[3] = (struct serial_client_info){.name = "linux-b", .kind = SERIAL_CLIENT_VM};
    f->log_lines = 999999;
    shell_init(&f->shell, &(struct shell_port){.write = on_write,
                                               .request = on_request,
                                               .attach = on_attach,
                                               .show_log = on_show_log,
                                               .follow = on_follow,
                                               .followed = on_followed,
                                               .captured = on_captured,
                                               .resize = on_resize,
                                               .ctx = f,
                                               .roster = &f->roster,
                                               .reply = &f->reply});
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void type(struct fixture *f, const char *text)
{
    for (; *text != '\0'; text++) {
        shell_key(&f->shell, (uint8_t)*text);
    }
}

/* Runs a line; what it writes must be exactly this. */
static void expect(struct fixture *f, const char *line, const char *wanted)
{
    type(f, line);
    f->size = 0;
    f->screen[0] = '\0';
    type(f, "\r");
    char *prompt = strstr(f->screen, "\rbulkhead> \x1b[K");
    assert_non_null(prompt);
    *prompt = '\0';
    assert_int_equal(f->screen[0], '\n');
    assert_string_equal(f->screen + 1, wanted);
}

static void greets(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(f->screen, "Bulkhead operator shell; 'help' lists the commands.\n"
                                   "\rbulkhead> \x1b[K");
}

static void empty_lines_do_nothing(void **state)
{
    struct fixture *f = *state;
    expect(f, "", "");
    expect(f, "    ", "");
    assert_int_equal(f->asked_count, 0);
}

static void help_names_every_command(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"help",   "list",  "console", "follow",  "log",   "stats",
                                        "memory", "start", "stop",    "restart", "pause", "resume"};
    type(f, "help\r");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char start[16] = "\n  ";
        strcat(start, names[i]);
        assert_non_null(strstr(f->screen, start));
    }
    expect(f, "help stop", "  stop     NAME              end it at once, its memory is freed\n");
    expect(f, "help me", "no command is called \"me\"; 'help' lists all\n");
}

static void mistakes_get_an_answer_that_helps(void **state)
{
    struct fixture *f = *state;
    expect(f, "ls",
           "no command is called \"ls\"; there are: help list console follow log stats "
           "capture link memory start stop restart pause resume balloon resize\n");
    expect(f, "stop", "usage: stop NAME\n");
    expect(f, "stop a b", "usage: stop NAME\n");
    expect(f, "stop a b c d e f", "usage: stop NAME\n");
    expect(f, "list all", "usage: list\n");
    expect(f, "stop linux-c", "no VM is called \"linux-c\"; there are: linux-a linux-b\n");
    expect(f, "console linux", "no VM is called \"linux\"; there are: linux-a linux-b\n");
    f->roster.client[2].kind = f->roster.client[3].kind = SERIAL_CLIENT_NONE;
    expect(f, "start linux-a", "no VM is called \"linux-a\"; there is none\n");
    expect(f, "list", "there is no VM\n");
    assert_int_equal(f->asked_count, 1);
    assert_int_equal(f->attached, 0);
}

static void requests_reach_root(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *line;
        enum control_request request;
        unsigned client;
    } cases[] = {
        {"start linux-b",      CONTROL_VM_START,   3},
        {"stop linux-a",       CONTROL_VM_STOP,    2},
        {"restart linux-a",    CONTROL_VM_RESTART, 2},
        {"  pause   linux-b ", CONTROL_VM_PAUSE,   3},
        {"resume linux-b",     CONTROL_VM_RESUME,  3},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        type(f, cases[i].line);
        type(f, "\r");
        assert_int_equal(f->asked_count, i + 1);
        assert_int_equal(f->asked, cases[i].request);
        assert_int_equal(f->asked_client, cases[i].client);
    }
    expect(f, "stop linux-a", "stop: linux-a: done\n");
    strcpy(f->reply.text, "linux-a needs 128 MiB\nhas 512");
    expect(f, "stop linux-a", "linux-a needs 128 MiB\nhas 512\n");
}

static void a_balloon_has_a_size(void **state)
{
    struct fixture *f = *state;
    expect(f, "balloon linux-b 120",
           "balloon: linux-b: asked for 120 MiB; 'list' shows what has come\n");
    assert_int_equal(f->asked, CONTROL_VM_BALLOON);
    assert_int_equal(f->asked_client, 3);
    assert_int_equal(f->asked_argument, 120);
    assert_int_equal(f->asked_count, 1);
    expect(f, "balloon linux-b -1", "balloon: \"-1\" is not a number of MiB\n");
    expect(f, "balloon linux-b 12345678", "balloon: \"12345678\" is not a number of MiB\n");
    expect(f, "balloon linux-b", "usage: balloon NAME MIB\n");
    assert_int_equal(f->asked_count, 1);
    f->answer = CONTROL_ERROR;
    strcpy(f->reply.text, "linux-b has no virtio-balloon");
    expect(f, "balloon linux-b 0", "error: linux-b has no virtio-balloon\n");
    assert_int_equal(f->asked_argument, 0);
}

static void a_terminal_has_a_size(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[] = {"80",     "x",    "80x",   "x24",      "0x24",       "80x0",
                                        "80x24x", "-1x5", "80X24", "10000x24", "80x12345678"};
    expect(f, "resize linux-b 132x43",
           "resize: linux-b: 132x43, for a guest with a virtio-console\n");
    assert_int_equal(f->resized, 3);
    assert_int_equal(f->columns, 132);
    assert_int_equal(f->rows, 43);
    f->resized = 0;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char line[64] = "resize linux-b ", answer[128];
        strcat(line, wrong[i]);
        snprintf(answer, sizeof answer,
                 "resize: \"%s\" is not a size: columns, x, lines, as 80x24\n", wrong[i]);
        expect(f, line, answer);
    }
    expect(f, "resize linux-c 80x24", "no VM is called \"linux-c\"; there are: linux-a linux-b\n");
    expect(f, "resize linux-b", "usage: resize NAME COLSxROWS\n");
    assert_int_equal(f->resized, 0);
    assert_int_equal(f->asked_count, 0); /* root has nothing to do with it */
}

static void a_port_is_a_console_but_no_vm(void **state)
{
    struct fixture *f = *state;
    f->roster.client[4] = (struct serial_client_info){
        .name = "linux-a.agent", .kind = SERIAL_CLIENT_PORT, .owner = 2};
    expect(f, "console linux-a.agent", "");
    assert_int_equal(f->attached, 4);
    expect(f, "follow linux-a.agent", "");
    assert_true(f->followed[4]);
    expect(f, "follow", "followed: linux-a.agent\n");
    expect(f, "resize linux-a.agent 80x24",
           "resize: linux-a.agent: 80x24, for a guest with a virtio-console\n");
    assert_int_equal(f->resized, 4);
    expect(f, "stop linux-a.agent",
           "no VM is called \"linux-a.agent\"; there are: linux-a linux-b\n");
    type(f, "console linux-a.\t\r");
    expect(f, "list",
           "     NAME            STATE      VCPUS     MEMORY    BALLOON   OVERHEAD  STARTS\n"
           "  1  linux-a         running   \n"
           "     linux-a.agent                   console\n"
           "  2  linux-b         stopped   \n");
}

static void a_service_can_be_restarted(void **state)
{
    struct fixture *f = *state;
    f->roster.client[1] = (struct serial_client_info){.name = "net", .kind = SERIAL_CLIENT_SYSTEM};
    expect(f, "restart net", "restart: net: done\n");
    assert_int_equal(f->asked, CONTROL_SERVICE_RESTART);
    assert_int_equal(f->asked_argument, 1);
    expect(f, "stop net", "no VM is called \"net\"; there are: linux-a linux-b\n");
    assert_int_equal(f->asked_count, 1);
    f->answer = CONTROL_ERROR;
    strcpy(f->reply.text, "net: no VM needs this service");
    expect(f, "restart net", "error: net: no VM needs this service\n");
}

static void networks_show_what_passed_and_what_did_not(void **state)
{
    struct fixture *f = *state;
    struct control_port_info *port = f->reply.port;
    expect(f, "stats net", "the system has no network\n");
    assert_int_equal(f->asked, CONTROL_PORTS);
    assert_int_equal(f->asked_argument, CONTROL_PORTS_NET);
    expect(f, "stats net linux-b", "linux-b has no network\n");
    expect(f, "stats net linux-c", "no VM is called \"linux-c\"; there are: linux-a linux-b\n");
    expect(f, "stats linux-a net", "stats: only 'net' or 'disk' may stand before a name\n");
    f->reply.port_count = 2;
    port[0] =
        (struct control_port_info){.vm = "linux-a", .device = "eth", .backing = "lan", .up = 1};
    for (unsigned i = 0; i < NET_COUNTERS; i++) {
        port[0].net[i] = i + 1;
    }
    port[1] = (struct control_port_info){.device = "up\x1blink", .backing = "lan"};
    memset(port[1].vm, 0, sizeof port[1].vm);
    expect(f, "stats net",
           "PORT                 LINK       SENT        BYTES  RECEIVED        BYTES  LIMITED  "
           "DROPPED\n"
           "linux-a.eth          up            1            2         3            4        8      "
           " 55\n"
           "up?link              down          0            0         0            0        0      "
           "  0\n");
    expect(f, "stats net linux-a",
           "linux-a.eth: network lan, link up\n"
           "  frames sent                               1\n"
           "  bytes sent                                2\n"
           "  frames received                           3\n"
           "  bytes received                            4\n"
           "  sent to all                               5\n"
           "  checksums completed for it                6\n"
           "  segments cut for it                       7\n"
           "  times limited                             8\n"
           "  dropped: it did not read                  9\n"
           "  dropped: not its address                 10\n"
           "  dropped: bad headers                     11\n"
           "  dropped: goes nowhere                    12\n"
           "  broken rings emptied                     13\n");
    expect(f, "stats net linux-b", "linux-b has no network\n");
    f->reply.port_count = UINT32_MAX; /* root's word, but it stays a bounded one */
    type(f, "stats net\r");
}

static void a_cable_is_pulled_and_put_back(void **state)
{
    struct fixture *f = *state;
    struct control_port_info *port = f->reply.port;
    expect(f, "link linux-a.net down",
           "link: no port is called \"linux-a.net\"; 'stats net' lists them\n");
    assert_int_equal(f->asked, CONTROL_PORTS);
    assert_int_equal(f->asked_argument, CONTROL_PORTS_NET);
    f->reply.port_count = 4;
    port[0] = (struct control_port_info){.vm = "linux-b", .device = "net"};
    port[1] = (struct control_port_info){.vm = "linux-a", .device = "net"};
    port[2] = (struct control_port_info){.vm = "linux-a", .device = "dmz"};
    port[3] = (struct control_port_info){.device = "uplink"};
    f->asked_count = 0;
    expect(f, "link linux-a.net down", "link: linux-a.net: down\n");
    assert_int_equal(f->asked_count, 2);
    assert_int_equal(f->asked, CONTROL_LINK_SET);
    assert_int_equal(f->asked_argument, 1 << 1);
    expect(f, "link linux-a.dmz up", "link: linux-a.dmz: up\n");
    assert_int_equal(f->asked_argument, 2 << 1 | 1);
    expect(f, "link uplink down", "link: uplink: down\n");
    assert_int_equal(f->asked_argument, 3 << 1);
    f->asked_count = 0;
    expect(f, "link linux-a up", "link: linux-a: up\n"); /* both */
    assert_int_equal(f->asked_count, 3);
    assert_int_equal(f->asked_argument, 2 << 1 | 1);
    f->asked_count = 0;
    expect(f, "link linux-a", "usage: link PORT up|down\n");
    expect(f, "link linux-a off", "usage: link PORT up|down\n");
    assert_int_equal(f->asked_count, 0);
    expect(f, "link net down", "link: no port is called \"net\"; 'stats net' lists them\n");
    assert_int_equal(f->asked_count, 1);
    f->reply.port_count = UINT32_MAX; /* root's word, but it stays a bounded one */
    type(f, "link none down\r");
    type(f, "link lin\ta down\r");
    assert_int_equal(f->asked, CONTROL_LINK_SET);
    f->reply.port_count = 4;
    f->answer = CONTROL_ERROR;
    strcpy(f->reply.text, "there is no such network port");
    expect(f, "link uplink up", "error: there is no such network port\n");
}

static void disks_show_requests_and_bytes(void **state)
{
    struct fixture *f = *state;
    f->reply.port_count = 1;
    f->reply.port[0] = (struct control_port_info){
        .vm = "linux-b",
        .device = "root",
        .backing = "board",
        .disk = {.requests = {1, 2, 3, 4, 5},
                 .sectors_read = 8,
                 .sectors_written = 16,
                 .errors = 6,
                 .bad = 7,
                 .signals = 8,
                 .attaches = 9,
                 .limited = 10},
    };
    expect(
        f, "stats disk",
        "PORT                 DISK             REQUESTS     BYTES READ        WRITTEN  LIMITED   "
        "FAILED\n"
        "linux-b.root         board                  15           4096           8192       10     "
        "  "
        " 6\n");
    assert_int_equal(f->asked_argument, CONTROL_PORTS_DISK);
    expect(f, "stats disk linux-b",
           "linux-b.root: disk board\n"
           "  requests: read                            1\n"
           "  requests: write                           2\n"
           "  requests: flush                           3\n"
           "  requests: discard                         4\n"
           "  requests: write zeroes                    5\n"
           "  bytes read                             4096\n"
           "  bytes written                          8192\n"
           "  requests that failed                      6\n"
           "  requests that cannot be                   7\n"
           "  signals to its VMM                        8\n"
           "  times attached                            9\n"
           "  times limited                            10\n");
}

static void a_capture_is_started_and_stopped(void **state)
{
    struct fixture *f = *state;
    expect(f, "capture", "the system has no network\n");
    assert_int_equal(f->asked, CONTROL_CAPTURES);
    f->reply.capture_count = 2;
    f->reply.capture[0] = (struct control_capture_info){.network = "wan"};
    f->reply.capture[1] = (struct control_capture_info){.network = "lan", .memory_mib = 4, .on = 1};
    expect(f, "capture",
           "NETWORK         CAPTURE      MEMORY\n"
           "wan             -                 -\n"
           "lan             on            4 MiB\n");
    expect(f, "capture start", "usage: capture [start|stop|dump NETWORK]\n");
    expect(f, "capture on lan", "usage: capture [start|stop|dump NETWORK]\n");
    expect(f, "capture start wan",
           "capture: wan keeps no frames: its description has no capture-mib\n");
    expect(f, "capture dump dmz", "capture: no network is called \"dmz\"; 'capture' lists them\n");
    assert_int_equal(f->asked, CONTROL_CAPTURES);
    expect(f, "capture start lan",
           "capture: lan: started; 'capture dump lan' prints it as a pcap file\n");
    assert_int_equal(f->asked, CONTROL_CAPTURE_SET);
    assert_int_equal(f->asked_argument, 3);
    expect(f, "capture stop lan", "capture: lan: stopped\n");
    assert_int_equal(f->asked_argument, 2);
    expect(f, "capture dump lan", "capture: there is nothing yet\n"); /* no memory */
}

/* One record of 8 bytes: what follows is the file that tcpdump would write, in base64. */
static void a_dump_is_a_pcap_file(void **state)
{
    struct fixture *f = *state;
    struct capture capture;
    f->capture_bytes = 8192;
    assert_true(capture_open(&capture, f->capture, f->capture_bytes, 100));
    capture_add(&capture, &(struct capture_packet){.bytes = {"old"}, .size = {3}});
    f->reply.capture_count = 1;
    f->reply.capture[0] = (struct control_capture_info){.network = "lan", .memory_mib = 2};
    type(f, "capture start lan\r"); /* what was there before is left out */
    capture_add(&capture, &(struct capture_packet){
                              .bytes = {"frame 0!"}, .size = {8}, .time_ns = 3000000004ull});
    type(f, "capture dump lan");
    f->size = 0;
    type(f, "\r");
    assert_true(shell_is_busy(&f->shell));
    assert_null(strstr(f->screen, "bulkhead>")); /* no prompt before the end */
    shell_continue(&f->shell);
    assert_false(shell_is_busy(&f->shell));
    assert_string_equal(f->screen,
                        "\n-----BEGIN PCAP lan-----\n"
                        "TTyyoQIABAAAAAAAAAAAAGQAAAABAAAAAwAAAAQAAAAIAAAACAAAAGZyYW1lIDAh\n"
                        "-----END PCAP lan: 48 bytes, crc 09459c12-----\n" PROMPT_LINE);
    for (unsigned i = 0; i < 40; i++) {
        capture_add(&capture, &(struct capture_packet){.bytes = {f->capture}, .size = {90}});
    }
    type(f, "capture dump lan\r");
    shell_continue(&f->shell);
    assert_true(shell_is_busy(&f->shell));
    f->size = 0;
    shell_interrupt(&f->shell);
    assert_false(shell_is_busy(&f->shell));
    assert_string_equal(f->screen, "-----END PCAP lan: interrupted-----\n" PROMPT_LINE);
}

static void refusals_are_shown_without_control_characters(void **state)
{
    struct fixture *f = *state;
    f->answer = CONTROL_ERROR;
    expect(f, "start linux-a", "error: root refused without a reason\n");
    strcpy(f->reply.text, "/vms/\x1b[2Jlinux-a: no\rmemory\n");
    expect(f, "start linux-a", "error: /vms/linux-a: nomemory\n");
    memset(f->reply.text, 'x', sizeof f->reply.text); /* no NUL */
    type(f, "start linux-a\r");
    f->reply.text[3] = '\0';
    expect(f, "list", "error: xxx\n");
    expect(f, "memory", "error: xxx\n");
    expect(f, "stats", "error: xxx\n");
}

static void the_list_is_aligned(void **state)
{
    struct fixture *f = *state;
    f->reply.vm_count = 2;
    f->reply.vm[0] = (struct control_vm_info){
        .client = 2, .vcpu_count = 2, .memory_mib = 256, .starts = 3, .overhead_kib = 1234};
    f->reply.vm[1] =
        (struct control_vm_info){.client = 9, .vcpu_count = 1}; /* not in the roster: not shown */
    expect(f, "list",
           "     NAME            STATE      VCPUS     MEMORY    BALLOON   OVERHEAD  STARTS\n"
           "  1  linux-a         running        2    256 MiB          -   1234 KiB       3\n"
           "  2  linux-b         stopped   \n");
    f->reply.vm[0].balloon_mib = 34;
    expect(f, "list",
           "     NAME            STATE      VCPUS     MEMORY    BALLOON   OVERHEAD  STARTS\n"
           "  1  linux-a         running        2    256 MiB     34 MiB   1234 KiB       3\n"
           "  2  linux-b         stopped   \n");
    f->reply.vm_count = UINT32_MAX; /* root's word, but it stays a bounded one */
    type(f, "list\r");
}

static void stats_of_all_and_of_one(void **state)
{
    struct fixture *f = *state;
    f->reply.vm_count = 1;
    f->reply.vm[0] = (struct control_vm_info){.client = 2};
    for (unsigned i = 0; i < VMM_COUNTERS; i++) {
        f->reply.vm[0].counters[i] = 1ull << (4 * i);
    }
    expect(f, "stats",
           "NAME                     EXITS     INTERRUPTS    ABORTED        BLOCKED\n"
           "linux-a               17895697      268435456 4294967296    68719476736\n"
           "linux-b        \n");
    expect(f, "stats linux-b", "linux-b: nothing counted\n");
    type(f, "stats linux-a");
    f->size = 0;
    type(f, "\r");
    assert_non_null(strstr(f->screen, "linux-a: running\n"));
    assert_non_null(strstr(f->screen, "  exits: hypercall                        256\n"));
    assert_non_null(strstr(f->screen, "  times blocked                   68719476736\n"));
    assert_null(strchr(f->screen, '?'));
}

static void memory_is_shown(void **state)
{
    struct fixture *f = *state;
    f->reply.memory_total_kib = 2048 * 1024;
    f->reply.memory_free_kib = 1000;
    f->reply.slots_used = 77;
    f->reply.asids_used = 5;
    expect(f, "memory",
           "memory                   2 GiB\n"
           "  free                1000 KiB\n"
           "capability slots            77 used\n"
           "address spaces               5 used\n");
}

static void consoles_are_attached_and_followed(void **state)
{
    struct fixture *f = *state;
    expect(f, "console linux-b", "");
    assert_int_equal(f->attached, 3);
    expect(f, "follow", "no VM is followed\n");
    expect(f, "follow linux-b", "");
    expect(f, "follow linux-a", "");
    expect(f, "follow", "followed: linux-a linux-b\n");
    expect(f, "follow linux-a off", "");
    expect(f, "follow", "followed: linux-b\n");
    expect(f, "follow linux-b on", "follow: only 'off' may stand after the name\n");
    assert_true(f->followed[3]);
}

static void the_log_takes_a_number(void **state)
{
    struct fixture *f = *state;
    expect(f, "log", "");
    assert_int_equal(f->log_lines, SHELL_LOG_LINES);
    expect(f, "log 3", "");
    assert_int_equal(f->log_lines, 3);
    expect(f, "log 99999999999999999999",
           "log: \"99999999999999999999\" is not a number of lines\n");
    expect(f, "log -1", "log: \"-1\" is not a number of lines\n");
    expect(f, "log 3x", "log: \"3x\" is not a number of lines\n");
    assert_int_equal(f->log_lines, 3);
}

static void tab_completes_commands_and_names(void **state)
{
    struct fixture *f = *state;
    type(f, "sto\tl\ta\r");
    assert_int_equal(f->asked, CONTROL_VM_STOP);
    assert_int_equal(f->asked_client, 2);
    type(f, "res\tt\tl\tb\t\r");
    assert_int_equal(f->asked, CONTROL_VM_RESTART);
    assert_int_equal(f->asked_client, 3);
    expect(f, "help mem\t", "  memory                     memory and kernel resources\n");
    expect(f, "log l\t", "log: \"l\" is not a number of lines\n"); /* no name belongs there */
    expect(f, "stop linux-a l\t", "usage: stop NAME\n");
    expect(f, "nonsense l\t\x15", "");
    f->size = 0;
    type(f, "\t");
    assert_non_null(strstr(f->screen, "help  list  console  follow  log  "));
}

/* The longest output of any command, with every VM there may be, fits what the console keeps for
 * it. */
static void no_command_writes_too_much(void **state)
{
    struct fixture *f = *state;
    static const char *const lines[] = {"list\r",   "stats\r",     "help\r",
                                        "follow\r", "stop x\r",    "stats v-a-long-name-00\r",
                                        "memory\r", "start \t\t\r"};
    for (unsigned i = 1; i < SERIAL_CLIENT_MAX; i++) {
        f->roster.client[i] = (struct serial_client_info){
            .name = "v-a-long-name-0", .kind = SERIAL_CLIENT_VM, .state = VM_RESTARTING};
        f->reply.vm[i - 1] = (struct control_vm_info){.client = i,
                                                      .memory_mib = UINT32_MAX,
                                                      .overhead_kib = UINT64_MAX,
                                                      .starts = UINT64_MAX};
        memset(f->reply.vm[i - 1].counters, 0xff, sizeof f->reply.vm[i - 1].counters);
        f->followed[i] = true;
    }
    f->reply.vm_count = SERIAL_CLIENT_MAX - 1;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        f->size = 0;
        type(f, lines[i]);
        assert_true(f->size < SHELL_OUTPUT_MAX);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(greets),
        TEST(empty_lines_do_nothing),
        TEST(help_names_every_command),
        TEST(mistakes_get_an_answer_that_helps),
        TEST(requests_reach_root),
        TEST(a_balloon_has_a_size),
        TEST(a_terminal_has_a_size),
        TEST(a_port_is_a_console_but_no_vm),
        TEST(a_service_can_be_restarted),
        TEST(networks_show_what_passed_and_what_did_not),
        TEST(a_cable_is_pulled_and_put_back),
        TEST(disks_show_requests_and_bytes),
        TEST(a_capture_is_started_and_stopped),
        TEST(a_dump_is_a_pcap_file),
        TEST(refusals_are_shown_without_control_characters),
        TEST(the_list_is_aligned),
        TEST(stats_of_all_and_of_one),
        TEST(memory_is_shown),
        TEST(consoles_are_attached_and_followed),
        TEST(the_log_takes_a_number),
        TEST(tab_completes_commands_and_names),
        TEST(no_command_writes_too_much),
    };
    return cmocka_run_group_tests_name("shell", tests, NULL, NULL);
}
