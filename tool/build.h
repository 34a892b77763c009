/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "tool/tool.h"

/*
 * Checks options->input with options->kernel and packs it with options->programs into *image. What
 * is wrong is printed. Returns the exit status; TOOL_OK: *image is to be freed with bytes_free.
 */
int build_image(const struct options *options, struct bytes *image);
