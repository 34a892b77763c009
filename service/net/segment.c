// SPDX-License-Identifier: BSD-2-Clause
#include "service/net/segment.h"

#include <string.h>

#include "service/net/checksum.h"

enum {
    TYPE_IP4 = 0x0800,
    TYPE_IP6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    TYPE_SERVICE_VLAN = 0x88a8,
    PROTOCOL_TCP = 6,
    IP4_BYTES = 20,
    IP6_BYTES = 40,
    TCP_BYTES = 20,
    /* RFC 9293, 3.1: offsets in the header, and flags. */
    TCP_SEQUENCE = 4,
    TCP_OFFSET = 12,
    TCP_FLAGS = 13,
    TCP_CHECKSUM = 16,
    TCP_FIN = 0x01,
    TCP_PSH = 0x08,
    TCP_CWR = 0x80,
};

static uint32_t get_16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static void put_16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get_32(const uint8_t *at)
{
    return get_16(at) << 16 | get_16(at + 2);
}

static void put_32(uint8_t *at, uint32_t value)
{
    put_16(at, value >> 16);
    put_16(at + 2, value & 0xffff);
}

/* Where the IP header begins; the type before it tells which. 0: there is none. */
static uint32_t find_ip(const uint8_t *frame, uint32_t length, bool *is_ip6)
{
    uint32_t at = NET_ETHERNET_BYTES - 2;
    for (unsigned tags = 0; tags <= 2 && at + 2 <= length; tags++, at += NET_VLAN_BYTES) {
        uint32_t type = get_16(frame + at);
        if (type == TYPE_IP4 || type == TYPE_IP6) {
            *is_ip6 = type == TYPE_IP6;
            return at + 2;
        }
        if (type != TYPE_VLAN && type != TYPE_SERVICE_VLAN) {
            return 0;
        }
    }
    return 0;
}

/* The TCP header is where csum_start says; the IP header must agree. */
static bool ip_agrees(const struct segment *s)
{
    const uint8_t *ip = s->frame + s->ip;
    if (s->is_ip6) {
        return s->tcp >= s->ip + IP6_BYTES && ip[0] >> 4 == 6;
    }
    return s->tcp >= s->ip + IP4_BYTES && ip[0] >> 4 == 4 && s->tcp == s->ip + (ip[0] & 15u) * 4 &&
           ip[9] == PROTOCOL_TCP;
}

bool segment_begin(struct segment *segment, const struct net_head *head, const uint8_t *frame,
                   uint32_t frame_max)
{
    *segment = (struct segment){
        .frame = frame,
        .length = head->length,
        .tcp = head->csum_start,
        .size = head->gso_size,
    };
    struct segment *s = segment;
    s->ip = find_ip(frame, s->length, &s->is_ip6);
    if (s->ip == 0 || s->is_ip6 != (head->gso_type == NET_GSO_TCP6) ||
        head->csum_offset != TCP_CHECKSUM || s->tcp + TCP_BYTES > s->length || !ip_agrees(s)) {
        return false;
    }
    uint32_t tcp_bytes = (frame[s->tcp + TCP_OFFSET] >> 4) * 4u;
    s->header_bytes = s->tcp + tcp_bytes;
    s->next = s->header_bytes;
    return tcp_bytes >= TCP_BYTES && s->header_bytes < s->length &&
           s->header_bytes <= SEGMENT_HEADERS_MAX && s->header_bytes + s->size <= frame_max;
}

/* The header's checksum, length and identification (RFC 791, 3.1; RFC 8200, 3). */
static void fix_ip(const struct segment *s, uint8_t *ip, uint32_t ip_bytes)
{
    if (s->is_ip6) {
        put_16(ip + 4, ip_bytes - IP6_BYTES);
        return;
    }
    put_16(ip + 2, ip_bytes);
    put_16(ip + 4, (get_16(ip + 4) + s->number) & 0xffff);
    put_16(ip + 10, 0);
    uint16_t sum = checksum_finish(checksum_add(0, ip, s->tcp - s->ip));
    memcpy(ip + 10, &sum, sizeof sum);
}

/* Sequence number, flags that belong to the first or the last one, checksum. */
static void fix_tcp(const struct segment *s, uint8_t *to, uint32_t length, bool last)
{
    uint8_t *tcp = to + s->tcp;
    const uint8_t *ip = to + s->ip;
    uint8_t tail[4] = {0, PROTOCOL_TCP, 0, 0}; /* of the pseudo header */
    put_32(tcp + TCP_SEQUENCE, get_32(tcp + TCP_SEQUENCE) + (s->next - s->header_bytes));
    if (!last) {
        tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    }
    if (s->number != 0) {
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    }
    put_16(tcp + TCP_CHECKSUM, 0);
    put_16(tail + 2, length - s->tcp);
    uint64_t sum = checksum_add(0, tail, sizeof tail);
    sum = s->is_ip6 ? checksum_add(sum, ip + 8, 32) : checksum_add(sum, ip + 12, 8);
    uint16_t value = checksum_finish(checksum_add(sum, tcp, length - s->tcp));
    memcpy(tcp + TCP_CHECKSUM, &value, sizeof value);
}

uint32_t segment_next(struct segment *s, uint8_t *to)
{
    if (s->next >= s->length) {
        return 0;
    }
    uint32_t left = s->length - s->next;
    uint32_t size = left < s->size ? left : s->size;
    uint32_t length = s->header_bytes + size;
    memcpy(to, s->frame, s->header_bytes);
    memcpy(to + s->header_bytes, s->frame + s->next, size);
    fix_ip(s, to + s->ip, length - s->ip);
    fix_tcp(s, to, length, size == left);
    s->next += size;
    s->number++;
    return length;
}
