/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Puts the guest's machine together as the description says: devices on the bus, files and the
 * device tree in memory. False: a log line has said why, naming the node and the property or the
 * file.
 */
_Bool machine_build(void);
