/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include "link/serial.h"

/* Questions about the roster page (link/serial.h), which root may change at any time. */

enum { ROSTER_NAME_MAX = sizeof((struct serial_client_info){0}.name) };

/* Texts of 16 bytes that root has from a description: shown without what a terminal might act on.
 */
enum { ROSTER_TEXT_MAX = 16 };
const char *roster_text(const char text[ROSTER_TEXT_MAX], char out[ROSTER_TEXT_MAX]);

/* A client's name, or "?"; printable ASCII without blanks, always terminated. */
const char *roster_name(const struct serial_roster *roster, unsigned client,
                        char name[ROSTER_NAME_MAX]);

bool roster_is_vm(const struct serial_roster *roster, unsigned client);

/* Has it a console: is it a VM, or a further console of one? The next one that has. */
bool roster_has_console(const struct serial_roster *roster, unsigned client);
unsigned roster_next_console(const struct serial_roster *roster, unsigned client);

/* The client with this name that has a console; SERIAL_CLIENT_MAX when there is none. */
unsigned roster_find_console(const struct serial_roster *roster, const char *name);

/* The VM to which a console belongs. */
unsigned roster_owner(const struct serial_roster *roster, unsigned client);

/* The VM with this name; SERIAL_CLIENT_MAX when there is none. */
unsigned roster_find(const struct serial_roster *roster, const char *name);

/* The same for a service. */
unsigned roster_find_service(const struct serial_roster *roster, const char *name);

/* The number-th VM in the order of the clients, counted from 1; SERIAL_CLIENT_MAX when there is
 * none. */
unsigned roster_vm(const struct serial_roster *roster, unsigned number);

/* The VM after this client in that order; SERIAL_CLIENT_MAX when it is the last. */
unsigned roster_next_vm(const struct serial_roster *roster, unsigned client);

const char *roster_state_name(uint32_t state);
