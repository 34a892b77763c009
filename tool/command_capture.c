// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/capture.h"

static int run(const struct options *options)
{
    struct bytes text, file;
    const char *network = options->network;
    if (options->output == NULL) {
        tool_fail(TOOL_USAGE, "-o FILE is missing");
    }
    if (!file_read(options->input, &text)) {
        tool_fail(TOOL_WRONG_INPUT, "%s: %s", options->input, strerror(errno));
    }
    enum capture_state state = capture_find((const char *)text.data, text.size, network, &file);
    static const char *const wrong[] = {
        [CAPTURE_NONE] = "has no capture of this network: `capture dump NETWORK` in the operator's "
                         "shell prints one",
        [CAPTURE_CUT] = "the capture has no end",
        [CAPTURE_DAMAGED] = "the capture is damaged: its length or checksum is another one",
    };
    bytes_free(&text);
    if (state != CAPTURE_WHOLE) {
        tool_fail(TOOL_WRONG_INPUT, "%s: %s", options->input, wrong[state]);
    }
    if (!file_write(options->output, file.data, file.size)) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "%s: %s", options->output, strerror(errno));
    }
    printf("%s: %zu bytes\n", options->output, file.size);
    bytes_free(&file);
    return TOOL_OK;
}

#define field(name) offsetof(struct options, name)
static const struct command_option options_table[] = {
    {'o',            "output", "FILE", "where to put the pcap file", field(output), false},
    {'n',        "network", "NAME", "the network (the one that was printed last)", field(network), false},
    {.name = NULL},
};

const struct command command_capture = {
    .name = "capture",
    .summary = "Take a pcap file out of what a console said",
    .usage = "[OPTION...] -o FILE LOG",
    .detail =
        "In the operator's shell, `capture start NETWORK` keeps the frames of a network whose "
        "node\n"
        "in the description has capture-mib, and `capture dump NETWORK` prints them, in base64.\n"
        "LOG is what the console said, as `bulkhead run IMAGE | tee LOG` keeps it; the file is "
        "one\n"
        "for Wireshark and tcpdump. Lines of the system log between those of the dump do not "
        "matter.",
    .options = options_table,
    .run = run,
};
