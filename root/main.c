// SPDX-License-Identifier: BSD-2-Clause
#include <sel4/sel4.h>
#include <string.h>

#include "lib/aarch64/cpu.h"
#include "lib/check.h"
#include "lib/log.h"
#include "lib/thread.h"
#include "link/ring.h"
#include "root/board.h"
#include "root/clock.h"
#include "root/control.h"
#include "root/files.h"
#include "root/layout.h"
#include "root/life.h"
#include "root/port.h"
#include "root/process.h"
#include "root/reason.h"
#include "root/service.h"
#include "root/uart.h"
#include "root/vm.h"

enum { ROOT_SLOTS = 4096, ROOT_INDEX = 3 };

struct root root;

void root_main(const seL4_BootInfo *info);

static struct board board;
static struct ring log_ring;

_Noreturn static void stop(const char *why)
{
    log_error("root: %s", why);
    log_error("root: the system cannot start");
    for (;;) {
        seL4_Yield();
    }
}

/* Once the serial service runs, root's lines go the way of everybody's. */
static void log_to_service(enum log_level level, const char *line, size_t length)
{
    char buffer[LOG_LINE_MAX + 2];
    bool signal = false;
    buffer[0] = (char)('0' + (int)level);
    memcpy(buffer + 1, line, length);
    buffer[length + 1] = '\n';
    if (ring_space(&log_ring) >= length + 2) {
        ring_write(&log_ring, buffer, (uint32_t)length + 2, &signal);
    }
    if (signal) {
        service_root_signal();
    }
}

void root_move(unsigned core)
{
    enum { TURN_US = 100000 };
    CHECK(seL4_SchedControl_ConfigureFlags(root.info->schedcontrol.start + core,
                                           seL4_CapInitThreadSC, TURN_US, TURN_US, 0, 0,
                                           0) == seL4_NoError);
}

static seL4_CPtr make_control(void)
{
    root.control = arena_object(&root.arena, seL4_EndpointObject, 0);
    root.notification = arena_object(&root.arena, seL4_NotificationObject, 0);
    seL4_CPtr reply = arena_object(&root.arena, seL4_ReplyObject, 0);
    if (root.control == 0 || root.notification == 0 || reply == 0) {
        stop(reason());
    }
    CHECK(seL4_TCB_BindNotification(seL4_CapInitThreadTCB, root.notification) == seL4_NoError);
    return reply;
}

void root_main(const seL4_BootInfo *info)
{
    char text[240];

    /* 1. This thread, and all memory. */
    thread_begin((uintptr_t)info->ipcBuffer);
    log_open(uart_log, LOG_INFO);
    root.info = info;
    memory_init(info);
    CHECK(arena_open(&root.arena, "root", ROOT_INDEX, ROOT_SLOTS, ARENA_CHUNK_BITS));
    space_open_root(&root.space, &root.arena);
    CHECK(space_open_window(&root.space));
    root_move(0);

    /* 2. The machine, and a voice. */
    if (!board_read(&board, info) || !uart_open(&board, &root.space)) {
        stop(reason());
    }
    clock_open(&board);

    /* 3. The boot image and the description in it. */
    uint64_t tree_bytes;
    if (!files_open(board.tree, &root.space)) {
        stop(reason());
    }
    const void *tree = files_description(&tree_bytes);
    if (tree == NULL) {
        stop("the boot image has no description");
    }
    if (!life_init(&board, tree, tree_bytes, text, sizeof text)) {
        stop(text);
    }

    /* 4. Services, then VMs. */
    seL4_CPtr reply = make_control();
    if (!vm_init(&board) || !service_init(&board, life_client_count())) {
        stop(reason());
    }
    service_open_root_log(&log_ring);
    log_open(log_to_service, LOG_DEBUG);
    port_init(&board, tree);
    life_start_all(tree);
    control_run(reply);
}
