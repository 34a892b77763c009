// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/capture.h"

static int run(const struct options *options)
{
    struct bytes text;
    struct capture_scan scan = {.network = options->network};
    if (options->output == NULL) {
        tool_fail(TOOL_USAGE, "-o FILE is missing");
    }
    if (!file_read(options->input, &text)) {
        tool_fail(TOOL_WRONG_INPUT, "%s: %s", options->input, strerror(errno));
    }
    capture_scan(&scan, (const char *)text.data, text.size);
    bytes_free(&text);
    if (scan.state != CAPTURE_WHOLE) {
        tool_fail(TOOL_WRONG_INPUT, "%s: %s", options->input, capture_state_text(scan.state));
    }
    if (!file_write(options->output, scan.file.data, scan.file.size)) {
        tool_fail(TOOL_WRONG_ENVIRONMENT, "%s: %s", options->output, strerror(errno));
    }
    printf("%s: %zu bytes\n", options->output, scan.file.size);
    capture_scan_end(&scan);
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
        "for Wireshark and tcpdump; `bulkhead run --capture FILE` does that while it runs. Lines "
        "of the system log between those of the dump do not "
        "matter.",
    .options = options_table,
    .run = run,
};
