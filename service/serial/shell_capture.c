// SPDX-License-Identifier: BSD-2-Clause
/*
 * The shell's `capture`: frames of a network, as a pcap file in base64, which a terminal passes. It
 * is long, so it comes piece by piece, as the screen takes it.
 */
#include <string.h>

#include "lib/base64.h"
#include "lib/crc.h"
#include "lib/format.h"
#include "service/serial/roster.h"
#include "service/serial/shell.h"

enum { LINES_AT_ONCE = 4 };

/* The network that a word names in root's last reply; NET_NETWORK_MAX: none, which has been said.
 */
static unsigned find(struct shell *shell, const char *name)
{
    const struct control_reply *reply = shell->port.reply;
    for (unsigned i = 0; i < reply->capture_count && i < NET_NETWORK_MAX; i++) {
        char known[ROSTER_TEXT_MAX];
        if (strcmp(roster_text(reply->capture[i].network, known), name) == 0) {
            return i;
        }
    }
    shell_print(shell, "capture: no network is called \"%s\"; 'capture' lists them\n", name);
    return NET_NETWORK_MAX;
}

static void list(struct shell *shell)
{
    const struct control_reply *reply = shell->port.reply;
    if (reply->capture_count == 0) {
        shell_print(shell, "the system has no network\n");
        return;
    }
    shell_print(shell, "%-15s %-8s %10s\n", "NETWORK", "CAPTURE", "MEMORY");
    for (unsigned i = 0; i < reply->capture_count && i < NET_NETWORK_MAX; i++) {
        const struct control_capture_info *info = &reply->capture[i];
        char name[ROSTER_TEXT_MAX], memory[24] = "-";
        if (info->memory_mib != 0) {
            format(memory, sizeof memory, "%u MiB", info->memory_mib);
        }
        shell_print(shell, "%-15s %-8s %10s\n", roster_text(info->network, name),
                    info->memory_mib == 0 ? "-"
                    : info->on            ? "on"
                                          : "off",
                    memory);
    }
}

/* ---- the dump ----------------------------------------------------------------------------------
 */

bool shell_is_busy(const struct shell *shell)
{
    return shell->dump.shared != NULL;
}

static void end_dump(struct shell *shell, const char *how)
{
    shell_print(shell, "-----END PCAP %s: %s-----\n", shell->dump.network, how);
    shell->dump.shared = NULL;
    editor_release(&shell->editor);
}

/* The next record into `bytes`. False: that was the last one. */
static bool fill(struct shell_dump *dump)
{
    if (dump->position >= dump->last) {
        return false;
    }
    memmove(dump->bytes, dump->bytes + dump->begin, dump->end - dump->begin);
    dump->end -= dump->begin;
    dump->begin = 0;
    size_t got = capture_read(dump->shared, dump->memory_bytes, &dump->position,
                              dump->bytes + dump->end, sizeof dump->bytes - dump->end);
    dump->end += (uint32_t)got;
    return got != 0;
}

static void write_line(struct shell *shell, uint32_t size)
{
    struct shell_dump *dump = &shell->dump;
    char line[BASE64_LINE_MAX + 1];
    size_t length = base64_encode(line, dump->bytes + dump->begin, size);
    line[length] = '\n';
    dump->crc = crc_update(dump->crc, dump->bytes + dump->begin, size);
    dump->written += size;
    dump->begin += size;
    shell->port.write(shell->port.ctx, line, length + 1);
}

void shell_continue(struct shell *shell)
{
    struct shell_dump *dump = &shell->dump;
    for (unsigned i = 0; i < LINES_AT_ONCE; i++) {
        while (dump->end - dump->begin < BASE64_LINE_BYTES && fill(dump)) {
        }
        uint32_t left = dump->end - dump->begin;
        if (left == 0) {
            char how[48];
            format(how, sizeof how, "%llu bytes, crc %08x", (unsigned long long)dump->written,
                   dump->crc);
            end_dump(shell, how);
            return;
        }
        write_line(shell, left < BASE64_LINE_BYTES ? left : BASE64_LINE_BYTES);
    }
}

void shell_interrupt(struct shell *shell)
{
    end_dump(shell, "interrupted");
}

static void begin_dump(struct shell *shell, unsigned network)
{
    struct shell_dump *dump = &shell->dump;
    uint64_t memory_bytes;
    const struct capture_shared *shared =
        shell->port.captured(shell->port.ctx, network, &memory_bytes);
    if (shared == NULL || memory_bytes < sizeof *shared) {
        shell_print(shell, "capture: there is nothing yet\n");
        return;
    }
    *dump = (struct shell_dump){
        .shared = shared,
        .memory_bytes = memory_bytes,
        .position = shell->capture_begin[network],
        .last = atomic_load(&shared->written), /* what comes later is the next dump's */
        .end = CAPTURE_FILE_HEADER_BYTES,
    };
    if (dump->position > dump->last) {
        dump->position = 0; /* a new service has begun anew */
    }
    roster_text(shell->port.reply->capture[network].network, dump->network);
    capture_file_header(shared, dump->bytes);
    shell_print(shell, "-----BEGIN PCAP %s-----\n", dump->network);
    editor_hold(&shell->editor);
}

/* ---- the command -------------------------------------------------------------------------------
 */

/* What was kept before is the dump's before: a new one begins here. */
static void mark(struct shell *shell, unsigned network)
{
    uint64_t memory_bytes;
    const struct capture_shared *shared =
        shell->port.captured(shell->port.ctx, network, &memory_bytes);
    shell->capture_begin[network] =
        shared != NULL && memory_bytes >= sizeof *shared ? atomic_load(&shared->written) : 0;
}

static void turn(struct shell *shell, unsigned network, const char *name, bool on)
{
    if (on) {
        mark(shell, network);
    }
    if (!shell_request(shell, CONTROL_CAPTURE_SET, 0, network << 1 | on)) {
        return;
    }
    if (on) {
        shell_print(shell, "capture: %s: started; 'capture dump %s' prints it as a pcap file\n",
                    name, name);
    } else {
        shell_print(shell, "capture: %s: stopped\n", name);
    }
}

void shell_capture(struct shell *shell, const struct shell_words *words)
{
    const char *what = words->count > 1 ? words->word[1] : "";
    bool on = strcmp(what, "start") == 0, off = strcmp(what, "stop") == 0;
    bool dump = strcmp(what, "dump") == 0;
    if (words->count == 2 || (words->count == 3 && !on && !off && !dump)) {
        shell_print(shell, "usage: capture [start|stop|dump NETWORK]\n");
        return;
    }
    if (!shell_request(shell, CONTROL_CAPTURES, 0, 0)) {
        return;
    }
    if (words->count == 1) {
        list(shell);
        return;
    }
    unsigned network = find(shell, words->word[2]);
    if (network == NET_NETWORK_MAX) {
        return;
    }
    if (shell->port.reply->capture[network].memory_mib == 0) {
        shell_print(shell, "capture: %s keeps no frames: its description has no capture-mib\n",
                    words->word[2]);
    } else if (dump) {
        begin_dump(shell, network);
    } else {
        turn(shell, network, words->word[2], on);
    }
}
