/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <sel4/sel4.h>

#include "link/control.h"

/*
 * What the operator asks of root, by the serial service: a label of link/control.h with a client's
 * number and an argument. What is to be said beside the result is in the reply's page.
 */
enum control_result operator_request(seL4_Word label, seL4_Word number, seL4_Word argument);
