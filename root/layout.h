/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Root's own address space, above its image, which is linked at 0x400000. */
#define ROOT_UART_VADDR   0x10010000ull /* the board's UART, until the serial service has it */
#define ROOT_RTC_VADDR    0x10018000ull /* the board's clock */
#define ROOT_ROSTER_VADDR 0x10020000ull /* serial roster, writable */
#define ROOT_TIMERS_VADDR 0x10030000ull /* timer roster, writable */
#define ROOT_REPLY_VADDR  0x10040000ull /* two pages: replies to the shell */
#define ROOT_STATS_VADDR  0x10080000ull /* a page for each client: its VMM's counters, read-only */
#define ROOT_RAM_VADDR    0x100c0000ull /* a page for each client: the blocks of its VM's RAM */
/* 2 MiB, one page table of its own: where root writes pages before it gives them away. */
#define ROOT_WINDOW_VADDR 0x18000000ull
#define ROOT_LINKS_VADDR  0x11000000ull /* serial links of all clients */
#define ROOT_TLINKS_VADDR 0x12000000ull /* timer links of all clients */
#define ROOT_VIRTIO_VADDR                                                                          \
    0x10100000ull /* registers of the board's virtio-mmio devices, at start                        \
                   */
/* A roster and a page of counters for each device service. */
#define ROOT_PORT_ROSTERS_VADDR 0x10110000ull
#define ROOT_GUESTS_VADDR       0x10140000ull /* of each VM with zero copy: what its service is told */
#define ROOT_PORTS_VADDR        0x40000000ull /* links of the device services' ports, 2 MiB each */
#define ROOT_FILES_VADDR        0x1000000000ull /* the boot image, 2 MiB pages, read-only */
