// SPDX-License-Identifier: BSD-2-Clause
#include "service/serial/roster.h"

#include <string.h>

const char *roster_text(const char text[ROSTER_TEXT_MAX], char out[ROSTER_TEXT_MAX])
{
    unsigned length = 0;
    for (; length < ROSTER_TEXT_MAX - 1 && text[length] != '\0'; length++) {
        out[length] = text[length] > ' ' && text[length] < 0x7f ? text[length] : '?';
    }
    out[length] = '\0';
    return out;
}

const char *roster_name(const struct serial_roster *roster, unsigned client,
                        char name[ROSTER_NAME_MAX])
{
    unsigned length = 0;
    while (client < SERIAL_CLIENT_MAX && length < ROSTER_NAME_MAX - 1) {
        char c = roster->client[client].name[length];
        if (c == '\0') {
            break;
        }
        name[length++] = c > ' ' && c < 0x7f ? c : '?';
    }
    if (length == 0) {
        name[length++] = '?';
    }
    name[length] = '\0';
    return name;
}

bool roster_is_vm(const struct serial_roster *roster, unsigned client)
{
    return client < SERIAL_CLIENT_MAX && roster->client[client].kind == SERIAL_CLIENT_VM;
}

unsigned roster_next_vm(const struct serial_roster *roster, unsigned client)
{
    while (++client < SERIAL_CLIENT_MAX) {
        if (roster_is_vm(roster, client)) {
            return client;
        }
    }
    return SERIAL_CLIENT_MAX;
}

unsigned roster_find(const struct serial_roster *roster, const char *name)
{
    char known[ROSTER_NAME_MAX];
    unsigned client = roster_next_vm(roster, 0);
    while (client < SERIAL_CLIENT_MAX && strcmp(roster_name(roster, client, known), name) != 0) {
        client = roster_next_vm(roster, client);
    }
    return client;
}

bool roster_has_console(const struct serial_roster *roster, unsigned client)
{
    return roster_is_vm(roster, client) ||
           (client < SERIAL_CLIENT_MAX && roster->client[client].kind == SERIAL_CLIENT_PORT);
}

unsigned roster_next_console(const struct serial_roster *roster, unsigned client)
{
    while (++client < SERIAL_CLIENT_MAX && !roster_has_console(roster, client)) {
    }
    return client < SERIAL_CLIENT_MAX ? client : SERIAL_CLIENT_MAX;
}

unsigned roster_find_console(const struct serial_roster *roster, const char *name)
{
    char known[ROSTER_NAME_MAX];
    unsigned client = roster_next_console(roster, 0);
    while (client < SERIAL_CLIENT_MAX && strcmp(roster_name(roster, client, known), name) != 0) {
        client = roster_next_console(roster, client);
    }
    return client;
}

unsigned roster_owner(const struct serial_roster *roster, unsigned client)
{
    uint32_t owner = client < SERIAL_CLIENT_MAX ? roster->client[client].owner : client;
    return !roster_is_vm(roster, client) && roster_is_vm(roster, owner) ? owner : client;
}

unsigned roster_find_service(const struct serial_roster *roster, const char *name)
{
    char known[ROSTER_NAME_MAX];
    for (unsigned client = 0; client < SERIAL_CLIENT_MAX; client++) {
        if (roster->client[client].kind == SERIAL_CLIENT_SYSTEM &&
            strcmp(roster_name(roster, client, known), name) == 0) {
            return client;
        }
    }
    return SERIAL_CLIENT_MAX;
}

unsigned roster_vm(const struct serial_roster *roster, unsigned number)
{
    unsigned client = number == 0 ? SERIAL_CLIENT_MAX : 0;
    while (client < SERIAL_CLIENT_MAX && number-- != 0) {
        client = roster_next_vm(roster, client);
    }
    return client;
}

const char *roster_state_name(uint32_t state)
{
    static const char *const names[] = {
        [VM_STOPPED] = "stopped", [VM_STARTING] = "starting", [VM_RUNNING] = "running",
        [VM_PAUSED] = "paused",   [VM_FAILED] = "failed",     [VM_RESTARTING] = "restarting",
    };
    return state < sizeof names / sizeof names[0] ? names[state] : "?";
}
