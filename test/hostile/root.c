// SPDX-License-Identifier: BSD-2-Clause
/*
 * A root task that gives a small world of objects to hostile threads, lets them make random system
 * calls on them, and takes the world back; some rounds of that. The kernel must survive, the memory
 * next to that world must be untouched, and all of the world must come back each time.
 */
#include <sel4/sel4.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/check.h"
#include "lib/format.h"
#include "lib/thread.h"
#include "test/hostile/hostile.h"

enum {
    PAGE = 4096,
    WORLD_BITS = 23,
    CANARY_BITS = 16,
    DEVICE_BITS_MAX = 47,
    ROUNDS = 40,
    CALLS = 2500, /* of a thread in a round */
    STALLS_MAX = 400,
    PRIO_ROOT = 50,
    PRIO_HOSTILE = 100,
    PRIO_VICTIM = 40,
    IRQ_UNUSED = 140,
    TEXT_MAX = 200,
};

#define UART_PADDR   0x09000000ul
#define UART_VADDR   0x20000000ul
#define RTC_PADDR    0x09010000ul
#define CANARY_VADDR 0x21000000ul
#define STATE_VADDR  0x22000000ul

_Noreturn void root_main(const seL4_BootInfo *info);

static const seL4_BootInfo *boot;
static volatile uint32_t *uart;
static seL4_CPtr memory, next_slot, irq, rtc;
static seL4_CPtr world; /* all that a round needs comes from here */
static unsigned threads;

static struct {
    seL4_CPtr tcb;
    struct hostile_state *state;
    uint64_t seen;
    unsigned stalls;
} hostile[HOSTILE_MAX];

static uint64_t digest, total_calls, total_answers[seL4_NumErrors + 1], total_kinds[HOSTILE_KINDS];

static void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void print(const char *fmt, ...)
{
    char line[TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    format_va(line, sizeof line, fmt, args);
    va_end(args);
    for (const char *c = line; uart != NULL && *c != '\0'; c++) {
        while ((uart[6] & 1 << 5) != 0) {
        }
        uart[0] = (uint8_t)*c;
    }
}

_Noreturn void check_failed(const char *file, int line)
{
    print("hostile: %s:%d: CHECK failed\n", file, line);
    for (;;) {
        seL4_TCB_Suspend(seL4_CapInitThreadTCB);
    }
}

#define MUST(call) CHECK((call) == seL4_NoError)

/* ---- objects and mappings
 * ------------------------------------------------------------------------ */

static seL4_CPtr make(seL4_CPtr untyped, seL4_Word type, seL4_Word bits)
{
    MUST(seL4_Untyped_Retype(untyped, type, bits, seL4_CapInitThreadCNode, 0, 0, next_slot, 1));
    return next_slot++;
}

static seL4_CPtr copy(seL4_CPtr from, seL4_CapRights_t rights)
{
    MUST(seL4_CNode_Copy(seL4_CapInitThreadCNode, next_slot, seL4_WordBits, seL4_CapInitThreadCNode,
                         from, seL4_WordBits, rights));
    return next_slot++;
}

static void add_tables(seL4_CPtr vspace, seL4_Word vaddr, seL4_CPtr from)
{
    while (seL4_ARM_PageTable_Map(make(from, seL4_ARM_PageTableObject, 0), vspace, vaddr,
                                  seL4_ARM_Default_VMAttributes) == seL4_NoError) {
    }
}

static void map(seL4_CPtr frame, seL4_CPtr vspace, seL4_Word vaddr, seL4_CapRights_t rights,
                seL4_ARM_VMAttributes attributes, seL4_CPtr from)
{
    seL4_Error error = seL4_ARM_Page_Map(frame, vspace, vaddr, rights, attributes);
    if (error == seL4_FailedLookup) {
        add_tables(vspace, vaddr, from);
        error = seL4_ARM_Page_Map(frame, vspace, vaddr, rights, attributes);
    }
    MUST(error);
}

/* A page of device memory; the addresses of one untyped must be asked for in ascending order. */
static seL4_CPtr device_page(seL4_Word paddr)
{
    static seL4_Word used[CONFIG_MAX_NUM_BOOTINFO_UNTYPED_CAPS];
    for (seL4_Word i = 0; i < boot->untyped.end - boot->untyped.start; i++) {
        const seL4_UntypedDesc *untyped = &boot->untypedList[i];
        if (!untyped->isDevice || paddr - untyped->paddr >= 1ul << untyped->sizeBits) {
            continue;
        }
        for (seL4_Word *at = &used[i]; *at < paddr - untyped->paddr;) {
            unsigned bits = seL4_PageBits;
            while (*at % (2ul << bits) == 0 && *at + (2ul << bits) <= paddr - untyped->paddr) {
                bits++;
            }
            make(boot->untyped.start + i, seL4_UntypedObject, bits);
            *at += 1ul << bits;
        }
        used[i] += PAGE;
        return make(boot->untyped.start + i, seL4_ARM_SmallPageObject, 0);
    }
    CHECK(false);
}

static seL4_CPtr largest_untyped(void)
{
    seL4_Word best = 0;
    seL4_CPtr found = seL4_CapNull;
    for (seL4_Word i = 0; i < boot->untyped.end - boot->untyped.start; i++) {
        if (!boot->untypedList[i].isDevice && boot->untypedList[i].sizeBits > best) {
            best = boot->untypedList[i].sizeBits;
            found = boot->untyped.start + i;
        }
    }
    return found;
}

/* ---- canaries
 * ------------------------------------------------------------------------------------ */

/* Memory before and behind the world, and a word of each page that tells where it belongs. */
static void make_canary(unsigned which)
{
    seL4_Word vaddr = CANARY_VADDR + ((seL4_Word)which << CANARY_BITS);
    for (seL4_Word at = 0; at < 1ul << CANARY_BITS; at += PAGE) {
        map(make(memory, seL4_ARM_SmallPageObject, 0), seL4_CapInitThreadVSpace, vaddr + at,
            seL4_ReadWrite, seL4_ARM_Default_VMAttributes, memory);
    }
    for (seL4_Word at = 0; at < 1ul << CANARY_BITS; at += sizeof(uint64_t)) {
        *(uint64_t *)(vaddr + at) = ~(vaddr + at);
    }
}

static bool canaries_live(void)
{
    for (seL4_Word at = 0; at < 2ul << CANARY_BITS; at += sizeof(uint64_t)) {
        if (*(volatile uint64_t *)(CANARY_VADDR + at) != ~(CANARY_VADDR + at)) {
            return false;
        }
    }
    return true;
}

/* ---- a round
 * ------------------------------------------------------------------------------------- */

static void give(seL4_CPtr cnode, enum hostile_slot slot, seL4_CPtr cap)
{
    MUST(seL4_CNode_Move(cnode, slot, HOSTILE_CNODE_BITS, seL4_CapInitThreadCNode, cap,
                         seL4_WordBits));
}

static seL4_CPtr new_vspace(void)
{
    seL4_CPtr vspace = make(world, seL4_ARM_VSpaceObject, 0);
    MUST(seL4_ARM_ASIDPool_Assign(seL4_CapInitThreadASIDPool, vspace));
    return vspace;
}

/* The process's program is the root task's, at the same addresses, read only. */
static void map_program(seL4_CPtr vspace)
{
    extern const char __executable_start[];
    seL4_Word vaddr = (seL4_Word)__executable_start;
    for (seL4_CPtr frame = boot->userImageFrames.start; frame < boot->userImageFrames.end;
         frame++) {
        map(copy(frame, seL4_CanRead), vspace, vaddr, seL4_CanRead, seL4_ARM_Default_VMAttributes,
            world);
        vaddr += PAGE;
    }
}

static void give_objects(seL4_CPtr cnode, seL4_CPtr vspace)
{
    seL4_CPtr endpoint = make(world, seL4_EndpointObject, 0);
    seL4_CPtr sc = make(world, seL4_SchedContextObject, 8);
    MUST(seL4_SchedControl_ConfigureFlags(boot->schedcontrol.end - 1, sc, 200, 1000, 2, 0, 0));
    seL4_CPtr victim = make(world, seL4_TCBObject, 0);
    MUST(seL4_TCB_Configure(victim, cnode, 0, vspace, 0, 0, seL4_CapNull));
    MUST(seL4_TCB_SetSchedParams(victim, seL4_CapInitThreadTCB, PRIO_VICTIM, PRIO_VICTIM,
                                 seL4_CapNull, seL4_CapNull));
    seL4_CPtr pool_memory = make(world, seL4_UntypedObject, seL4_ASIDPoolBits);
    MUST(seL4_ARM_ASIDControl_MakePool(seL4_CapASIDControl, pool_memory, seL4_CapInitThreadCNode,
                                       next_slot, seL4_WordBits));
    give(cnode, HOSTILE_ASID_POOL, next_slot++);

    MUST(seL4_CNode_Mint(cnode, HOSTILE_BADGED_ENDPOINT, HOSTILE_CNODE_BITS,
                         seL4_CapInitThreadCNode, endpoint, seL4_WordBits, seL4_AllRights, 0x77));
    give(cnode, HOSTILE_ENDPOINT, endpoint);
    give(cnode, HOSTILE_NOTIFICATION, make(world, seL4_NotificationObject, 0));
    give(cnode, HOSTILE_REPLY, make(world, seL4_ReplyObject, 0));
    give(cnode, HOSTILE_SC, sc);
    give(cnode, HOSTILE_VICTIM_TCB, victim);
    give(cnode, HOSTILE_LARGE_FRAME, make(world, seL4_ARM_LargePageObject, 0));
    give(cnode, HOSTILE_UNTYPED, make(world, seL4_UntypedObject, 20));
    give(cnode, HOSTILE_SMALL_UNTYPED, make(world, seL4_UntypedObject, 12));
    give(cnode, HOSTILE_FRAME, make(world, seL4_ARM_SmallPageObject, 0));
    give(cnode, HOSTILE_PAGE_TABLE, make(world, seL4_ARM_PageTableObject, 0));
    give(cnode, HOSTILE_OTHER_VSPACE, new_vspace());
    give(cnode, HOSTILE_VCPU, make(world, seL4_ARM_VCPUObject, 0));
    give(cnode, HOSTILE_VSPACE, copy(vspace, seL4_AllRights));
    give(cnode, HOSTILE_SELF_CNODE, copy(cnode, seL4_AllRights));
    give(cnode, HOSTILE_IRQ, copy(irq, seL4_AllRights));
    give(cnode, HOSTILE_DEVICE_FRAME, copy(rtc, seL4_AllRights));
}

static void start(unsigned i)
{
    seL4_Word pages = HOSTILE_PAGES + i * HOSTILE_STRIDE;
    seL4_UserContext registers = {
        .pc = (seL4_Word)hostile_main,
        .sp = pages + HOSTILE_STACK,
        .x0 = pages,
        .tpidr_el0 = pages + offsetof(struct hostile_state, tls),
    };
    MUST(seL4_TCB_WriteRegisters(hostile[i].tcb, true, 0, sizeof registers / sizeof(seL4_Word),
                                 &registers));
}

static void make_thread(unsigned i, seL4_CPtr cnode, seL4_CPtr vspace, uint64_t seed)
{
    seL4_Word pages = HOSTILE_PAGES + i * HOSTILE_STRIDE;
    seL4_CPtr frame[3];
    for (unsigned page = 0; page < 3; page++) {
        frame[page] = make(world, seL4_ARM_SmallPageObject, 0);
        map(frame[page], vspace, pages + page * PAGE, seL4_ReadWrite, seL4_ARM_Default_VMAttributes,
            world);
    }
    hostile[i].state = (struct hostile_state *)(STATE_VADDR + i * PAGE);
    map(copy(frame[0], seL4_AllRights), seL4_CapInitThreadVSpace, (seL4_Word)hostile[i].state,
        seL4_ReadWrite, seL4_ARM_Default_VMAttributes, memory);
    hostile[i].state->random = seed;
    hostile[i].state->limit = CALLS;
    hostile[i].seen = 0;
    hostile[i].stalls = 0;
    hostile[i].tcb = make(world, seL4_TCBObject, 0);
    seL4_CPtr sc = make(world, seL4_SchedContextObject, seL4_MinSchedContextBits);
    MUST(seL4_SchedControl_ConfigureFlags(boot->schedcontrol.start + i % boot->numNodes, sc, 1000,
                                          1000, 0, 0, 0));
    MUST(seL4_TCB_Configure(hostile[i].tcb, cnode,
                            seL4_CNode_CapData_new(0, seL4_WordBits - HOSTILE_CNODE_BITS).words[0],
                            vspace, 0, pages + HOSTILE_BUFFER, frame[2]));
    MUST(seL4_TCB_SetSchedParams(hostile[i].tcb, seL4_CapInitThreadTCB, PRIO_HOSTILE, PRIO_HOSTILE,
                                 sc, seL4_CapNull));
}

/*
 * The hostile threads are above the root task: on one core it runs only when all of them stopped or
 * wait. On several, one that made no call for a while has stopped. It is then made to go on.
 */
static void watch(void)
{
    bool busy = true;
    while (busy) {
        busy = false;
        for (volatile unsigned wait = 0; wait < 20000; wait++) {
        }
        for (unsigned i = 0; i < threads; i++) {
            uint64_t calls = hostile[i].state->calls;
            if (calls >= CALLS || hostile[i].stalls >= STALLS_MAX) {
                continue;
            }
            busy = true;
            if (calls == hostile[i].seen) {
                hostile[i].stalls++;
                MUST(seL4_TCB_Suspend(hostile[i].tcb));
                start(i);
            }
            hostile[i].seen = calls;
        }
    }
}

static void count(void)
{
    for (unsigned i = 0; i < threads; i++) {
        (void)seL4_TCB_Suspend(hostile[i].tcb);
        total_calls += hostile[i].state->calls;
        digest = digest * 31 + hostile[i].state->digest;
        for (unsigned error = 0; error <= seL4_NumErrors; error++) {
            total_answers[error] += hostile[i].state->answers[error];
        }
        for (unsigned kind = 0; kind < HOSTILE_KINDS; kind++) {
            total_kinds[kind] += hostile[i].state->kinds[kind];
        }
    }
}

static void run_round(unsigned number)
{
    seL4_CPtr first = next_slot;
    seL4_CPtr cnode = make(world, seL4_CapTableObject, HOSTILE_CNODE_BITS);
    seL4_CPtr vspace = new_vspace();
    map_program(vspace);
    add_tables(vspace, HOSTILE_WINDOW, world);
    give_objects(cnode, vspace);
    for (unsigned i = 0; i < threads; i++) {
        make_thread(i, cnode, vspace, (number * HOSTILE_MAX + i + 1) * (uint64_t)HOSTILE_SEED);
    }
    for (unsigned i = 0; i < threads; i++) {
        start(i);
    }
    watch();
    count();

    MUST(seL4_CNode_Revoke(seL4_CapInitThreadCNode, world, seL4_WordBits));
    for (seL4_CPtr slot = first; slot < next_slot; slot++) {
        MUST(seL4_CNode_Delete(seL4_CapInitThreadCNode, slot, seL4_WordBits));
    }
    next_slot = first;
    /* Nothing is left in it: one object can take all of it. */
    MUST(seL4_Untyped_Retype(world, seL4_UntypedObject, WORLD_BITS, seL4_CapInitThreadCNode, 0, 0,
                             next_slot, 1));
    MUST(seL4_CNode_Delete(seL4_CapInitThreadCNode, next_slot, seL4_WordBits));
    CHECK(canaries_live());
}

static void report(void)
{
    static const char *const kinds[HOSTILE_KINDS] = {
        [HOSTILE_SELF_CNODE] = "CNode",
        [HOSTILE_UNTYPED] = "untyped",
        [HOSTILE_ENDPOINT] = "endpoint",
        [HOSTILE_NOTIFICATION] = "notification",
        [HOSTILE_REPLY] = "reply",
        [HOSTILE_SC] = "scheduling context",
        [HOSTILE_FRAME] = "frame",
        [HOSTILE_LARGE_FRAME] = "large frame",
        [HOSTILE_PAGE_TABLE] = "page table",
        [HOSTILE_VSPACE] = "own VSpace",
        [HOSTILE_OTHER_VSPACE] = "other VSpace",
        [HOSTILE_VCPU] = "vCPU",
        [HOSTILE_VICTIM_TCB] = "TCB",
        [HOSTILE_ASID_POOL] = "ASID pool",
        [HOSTILE_IRQ] = "interrupt",
        [HOSTILE_DEVICE_FRAME] = "device frame",
        [HOSTILE_BADGED_ENDPOINT] = "badged endpoint",
        [HOSTILE_SMALL_UNTYPED] = "small untyped",
        [HOSTILE_OTHER_SLOT] = "other slots",
        [HOSTILE_OTHER_SYSCALL] = "other system calls",
    };
    print("hostile: seed 0x%lx, calls of:", (unsigned long)HOSTILE_SEED);
    for (unsigned kind = 1; kind < HOSTILE_KINDS; kind++) {
        print(" %s %lu%s", kinds[kind], (unsigned long)total_kinds[kind],
              kind + 1 < HOSTILE_KINDS ? "," : "\n");
    }
    print("hostile: answers by error, 0 to %u:", seL4_NumErrors - 1);
    for (unsigned error = 0; error < seL4_NumErrors; error++) {
        print(" %lu", (unsigned long)total_answers[error]);
    }
    print("\nhostile: digest 0x%016lx\n", (unsigned long)digest);
}

_Noreturn void root_main(const seL4_BootInfo *info)
{
    boot = info;
    thread_begin((uintptr_t)info->ipcBuffer);
    next_slot = info->empty.start;
    memory = largest_untyped();
    seL4_CPtr uart_frame = device_page(UART_PADDR);
    rtc = device_page(RTC_PADDR);
    map(uart_frame, seL4_CapInitThreadVSpace, UART_VADDR, seL4_ReadWrite, 0, memory);
    uart = (volatile uint32_t *)UART_VADDR;
    MUST(seL4_IRQControl_Get(seL4_CapIRQControl, IRQ_UNUSED, seL4_CapInitThreadCNode, next_slot,
                             seL4_WordBits));
    irq = next_slot++;
    make_canary(0);
    world = make(memory, seL4_UntypedObject, WORLD_BITS);
    make_canary(1);
    threads = info->numNodes < 2             ? 2
              : info->numNodes < HOSTILE_MAX ? (unsigned)info->numNodes
                                             : HOSTILE_MAX;
    MUST(seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, PRIO_ROOT));
    for (unsigned number = 0; number < ROUNDS; number++) {
        run_round(number);
    }
    report();
    print("hostile: %u rounds of %u threads, %lu calls, all memory came back, the rest is "
          "untouched\n",
          ROUNDS, threads, (unsigned long)total_calls);
    for (;;) {
        seL4_TCB_Suspend(seL4_CapInitThreadTCB);
    }
}
