// SPDX-License-Identifier: BSD-2-Clause
#include "service/vsock/host.h"

#include <string.h>

#include "lib/format.h"

typedef size_t answer_fn(const struct host_facts *facts, char *answer);

static size_t say_name(const struct host_facts *facts, char *answer)
{
    return format(answer, HOST_ANSWER_MAX, "ok %.15s\n", facts->name);
}

static size_t say_cid(const struct host_facts *facts, char *answer)
{
    return format(answer, HOST_ANSWER_MAX, "ok %lu\n", (unsigned long)facts->cid);
}

static size_t say_state(const struct host_facts *facts, char *answer)
{
    (void)facts;
    return format(answer, HOST_ANSWER_MAX, "ok running\n");
}

static size_t say_starts(const struct host_facts *facts, char *answer)
{
    return format(answer, HOST_ANSWER_MAX, "ok %u\n", facts->starts);
}

static size_t say_uptime(const struct host_facts *facts, char *answer)
{
    return format(answer, HOST_ANSWER_MAX, "ok %lu\n", (unsigned long)facts->uptime_s);
}

static size_t say_version(const struct host_facts *facts, char *answer)
{
    (void)facts;
    return format(answer, HOST_ANSWER_MAX, "ok %u\n", HOST_VERSION);
}

static size_t say_help(const struct host_facts *facts, char *answer)
{
    (void)facts;
    return format(answer, HOST_ANSWER_MAX, "ok name cid state starts uptime version help\n");
}

static const struct {
    const char *word;
    answer_fn *say;
} words[] = {
    {"name",    say_name   },
    {"cid",     say_cid    },
    {"state",   say_state  },
    {"starts",  say_starts },
    {"uptime",  say_uptime },
    {"version", say_version},
    {"help",    say_help   },
};

static size_t answer_line(const struct host *host, const struct host_facts *facts, char *answer)
{
    if (host->length > HOST_LINE_MAX) {
        return format(answer, HOST_ANSWER_MAX, "error longer than %d characters\n", HOST_LINE_MAX);
    }
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].word) == host->length &&
            memcmp(words[i].word, host->line, host->length) == 0) {
            return words[i].say(facts, answer);
        }
    }
    return format(answer, HOST_ANSWER_MAX, "error no such word, try help\n");
}

uint32_t host_take(struct host *host, uint8_t byte, const struct host_facts *facts,
                   char answer[HOST_ANSWER_MAX])
{
    if (byte != '\n') {
        if (host->length <= HOST_LINE_MAX) {
            host->line[host->length++] = (char)byte;
        }
        return 0;
    }
    if (host->length != 0 && host->length <= HOST_LINE_MAX &&
        host->line[host->length - 1] == '\r') {
        host->length--;
    }
    size_t length = host->length == 0 ? 0 : answer_line(host, facts, answer);
    host->length = 0;
    return (uint32_t)length;
}
