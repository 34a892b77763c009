// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/net/checksum.h"

enum { MTU_FRAME = 1514, PAYLOAD = 4000, MSS = 1448 };

struct packet {
    struct net_head head;
    uint32_t ip, tcp, payload; /* where they begin */
    uint8_t *bytes;            /* of exactly head.length */
};

/* A TCP frame with timestamps (12 bytes of options), with or without a VLAN tag. */
static void make(struct packet *p, bool is_ip6, bool tagged, uint32_t payload)
{
    p->ip = tagged ? 18 : 14;
    p->tcp = p->ip + (is_ip6 ? 40 : 20);
    p->payload = p->tcp + 32;
    uint32_t length = p->payload + payload;
    p->bytes = calloc(1, length);
    p->head = (struct net_head){
        .length = length,
        .flags = NET_NEEDS_CSUM,
        .gso_type = is_ip6 ? NET_GSO_TCP6 : NET_GSO_TCP4,
        .gso_size = is_ip6 ? MSS - 20 : MSS, /* its header is longer */
        .csum_start = (uint16_t)p->tcp,
        .csum_offset = 16,
    };
    uint8_t *b = p->bytes;
    memcpy(b, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
    memcpy(b + p->ip - 2, is_ip6 ? "\x86\xdd" : "\x08\x00", 2);
    if (tagged) {
        memcpy(b + 12, "\x81\x00\x00\x07", 4);
    }
    uint8_t *ip = b + p->ip;
    if (is_ip6) {
        ip[0] = 0x60;
        ip[6] = 6;
        memset(ip + 8, 0xfe, 32);
    } else {
        memcpy(ip, "\x45\0\xff\xff\x12\xff\x40\0\x40\6\0\0\x0a\0\0\1\x0a\0\0\2", 20);
    }
    uint8_t *tcp = b + p->tcp;
    memcpy(tcp, "\x12\x34\0\x50\xff\xff\xff\0\0\0\0\1\x80\x99\1\0\0\0\0\0",
           20); /* CWR ACK PSH FIN */
    for (uint32_t i = 0; i < payload; i++) {
        b[p->payload + i] = (uint8_t)(i * 7 + (i >> 8));
    }
}

static uint32_t word(const uint8_t *at, unsigned size)
{
    uint32_t value = 0;
    while (size-- != 0) {
        value = value << 8 | *at++;
    }
    return value;
}

static bool checksums_right(const struct packet *p, const uint8_t *frame, uint32_t length)
{
    bool is_ip6 = p->head.gso_type == NET_GSO_TCP6;
    uint8_t tail[4] = {0, 6, (uint8_t)((length - p->tcp) >> 8), (uint8_t)(length - p->tcp)};
    uint64_t sum = checksum_add(0, tail, 4);
    sum = is_ip6 ? checksum_add(sum, frame + p->ip + 8, 32)
                 : checksum_add(sum, frame + p->ip + 12, 8);
    sum = checksum_add(sum, frame + p->tcp, length - p->tcp);
    /* Over a right field, all is 0, which checksum_finish calls 0xffff. */
    return checksum_finish(sum) == 0xffff &&
           (is_ip6 || checksum_finish(checksum_add(0, frame + p->ip, 20)) == 0xffff);
}

static void check_segments(const struct packet *p)
{
    struct segment s;
    uint8_t to[MTU_FRAME + 4];
    uint32_t length, done = 0, number = 0, payload = p->head.length - p->payload;
    assert_true(segment_begin(&s, &p->head, p->bytes, MTU_FRAME + 4));
    while ((length = segment_next(&s, to)) != 0) {
        uint32_t size = length - p->payload;
        bool last = done + size == payload;
        assert_true(size == p->head.gso_size || last);
        assert_memory_equal(to, p->bytes, p->ip);
        assert_memory_equal(to + p->payload, p->bytes + p->payload + done, size);
        assert_int_equal(word(to + p->tcp + 4, 4), 0xffffff00u + done);
        assert_int_equal(to[p->tcp + 13], 0x10 | (last ? 0x09 : 0) | (number == 0 ? 0x80 : 0));
        if (p->head.gso_type == NET_GSO_TCP6) {
            assert_int_equal(word(to + p->ip + 4, 2), length - p->ip - 40);
        } else {
            assert_int_equal(word(to + p->ip + 2, 2), length - p->ip);
            assert_int_equal(word(to + p->ip + 4, 2), 0x12ff + number);
        }
        assert_true(checksums_right(p, to, length));
        done += size;
        number++;
    }
    assert_int_equal(done, payload);
    assert_int_equal(number, (payload + p->head.gso_size - 1) / p->head.gso_size);
}

static void segments_are_what_the_sender_would_have_sent(void **state)
{
    (void)state;
    static const uint32_t payloads[] = {1, MSS, MSS + 1, PAYLOAD, 60000};
    for (unsigned i = 0; i < 20; i++) {
        struct packet p;
        make(&p, i & 1, i >> 1 & 1, payloads[i / 4]);
        check_segments(&p);
        free(p.bytes);
    }
}

static void expect_refused(void (*change)(struct packet *p), bool is_ip6)
{
    struct packet p;
    struct segment s;
    make(&p, is_ip6, false, PAYLOAD);
    change(&p);
    assert_false(segment_begin(&s, &p.head, p.bytes, MTU_FRAME));
    free(p.bytes);
}

static void not_ip(struct packet *p)
{
    p->bytes[12] = 0x12;
}

static void only_tags(struct packet *p)
{
    for (unsigned i = 12; i < 40; i += 4) {
        memcpy(p->bytes + i, "\x81\x00", 2);
    }
}

static void other_ip(struct packet *p)
{
    p->head.gso_type = p->head.gso_type == NET_GSO_TCP4 ? NET_GSO_TCP6 : NET_GSO_TCP4;
}

static void wrong_version(struct packet *p)
{
    p->bytes[14] ^= 0x20;
}

static void short_tcp(struct packet *p)
{
    p->bytes[p->tcp + 12] = 0x40;
}

static void long_tcp(struct packet *p)
{
    p->head.length = p->payload; /* nothing behind the headers */
}

static void late_tcp(struct packet *p)
{
    p->head.csum_start = (uint16_t)(p->head.length - 18);
}

static void early_tcp(struct packet *p)
{
    p->head.csum_start = 14;
}

static void other_field(struct packet *p)
{
    p->head.csum_offset = 6;
}

static void long_segments(struct packet *p)
{
    p->head.gso_size = MSS + 1;
}

static void what_is_no_tcp_frame_is_refused(void **state)
{
    (void)state;
    void (*const changes[])(struct packet *) = {not_ip,      only_tags,    other_ip, wrong_version,
                                                short_tcp,   long_tcp,     late_tcp, early_tcp,
                                                other_field, long_segments};
    for (unsigned i = 0; i < 2 * sizeof changes / sizeof changes[0]; i++) {
        expect_refused(changes[i / 2], i & 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_what_the_sender_would_have_sent),
        cmocka_unit_test(what_is_no_tcp_frame_is_refused),
    };
    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
