// SPDX-License-Identifier: BSD-2-Clause

/*
 * Plays "System Bootstrapping" of the seL4 manual: from the loader's arguments to the initial
 * thread with all memory and all capabilities. boot_memory.c has the memory.
 */

#include "standin/boot.h"
#include "standin/console.h"
#include "standin/cspace.h"
#include "standin/fdt.h"
#include "standin/inject.h"
#include "standin/irq.h"
#include "standin/memory.h"
#include "standin/refill.h"
#include "standin/sched.h"
#include "standin/trap.h"
#include "standin/vcpu.h"
#include "standin/vspace.h"

#define ROOT_BITS     CONFIG_ROOT_CNODE_SIZE_BITS
#define ROOT_ASID     1u
#define ROOT_SLICE_US (CONFIG_BOOT_THREAD_TIME_SLICE * 1000ull)
#define PAGE          BIT(seL4_PageBits)

/* In .data, not .bss, which the first core clears while the others wait. */
uint32_t boot_release __attribute__((section(".data"))) = 0;

static uint32_t cores_ready;

/* The initial thread's world while it is built. */
static struct {
    struct slot *cnode;
    seL4_SlotPos next;
    uint64_t vspace;
    seL4_BootInfo *info;
} root;

static struct slot *root_slot(seL4_SlotPos i)
{
    return &root.cnode[i];
}

static void put_cap(seL4_SlotPos i, struct cap cap)
{
    cap.flags |= CAP_ORIGINAL;
    root_slot(i)->cap = cap;
}

seL4_SlotPos boot_add_cap(struct cap cap)
{
    if (root.next >= BIT(ROOT_BITS)) {
        cpu_panic("no slot left for the initial thread's capabilities", root.next);
    }
    put_cap(root.next, cap);
    return root.next++;
}

/* Makes the page tables for an address and tells where its page goes. */
static uint64_t *page_entry(uint64_t address)
{
    struct mapping mapping = vspace_walk(root.vspace, address);
    while (mapping.bits > seL4_PageBits) {
        uint64_t table = boot_allocate(seL4_PageTableBits);
        *mapping.entry = mapping_make_table(table);
        struct cap cap = cap_make(CAP_PAGE_TABLE, table, 0,
                                  (uint64_t)ROOT_ASID << 48 | (address & ~MASK(mapping.bits)));
        cap.flags = CAP_MAPPED;
        boot_add_cap(cap);
        mapping = vspace_walk(root.vspace, address);
    }
    return mapping.entry;
}

static struct cap map_page(uint64_t page, uint64_t address, uint64_t attributes)
{
    struct cap cap = cap_make(CAP_FRAME, page, seL4_PageBits, (uint64_t)ROOT_ASID << 48 | address);
    cap.rights = RIGHT_READ | RIGHT_WRITE;
    *page_entry(address) = mapping_make(cap, cap.rights, attributes);
    return cap;
}

static seL4_SlotRegion map_pages(uint64_t start, uint64_t end, uint64_t address,
                                 uint64_t attributes)
{
    seL4_SlotRegion region = {.start = root.next};
    for (uint64_t page = start; page < end; page += PAGE, address += PAGE) {
        boot_add_cap(map_page(page, address, attributes));
    }
    region.end = root.next;
    return region;
}

static void create_cnode(void)
{
    uint64_t address = boot_allocate(ROOT_BITS + seL4_SlotBits);
    root.cnode = (struct slot *)address;
    root.next = seL4_NumInitialCaps;
    put_cap(seL4_CapInitThreadCNode,
            cap_make(CAP_CNODE, address, ROOT_BITS, seL4_WordBits - ROOT_BITS));
    put_cap(seL4_CapIRQControl, cap_make(CAP_IRQ_CONTROL, 0, 0, 0));
    put_cap(seL4_CapASIDControl, cap_make(CAP_ASID_CONTROL, 0, 0, 0));
}

static void create_vspace(void)
{
    root.vspace = boot_allocate(seL4_VSpaceBits);
    uint64_t empty = boot_allocate(seL4_VSpaceBits);
    uint64_t pool = boot_allocate(seL4_ASIDPoolBits);
    struct asid_entry *entries = (struct asid_entry *)pool;
    entries[ROOT_ASID].vspace = (uint32_t)root.vspace;
    asid_init(entries, empty);
    struct cap cap = cap_make(CAP_VSPACE, root.vspace, 0, ROOT_ASID);
    cap.flags = CAP_MAPPED;
    put_cap(seL4_CapInitThreadVSpace, cap);
    put_cap(seL4_CapInitThreadASIDPool, cap_make(CAP_ASID_POOL, pool, 0, 0));
}

/* The device tree behind a header, as seL4 hands it over. Returns the length of both. */
static uint64_t copy_fdt(uint64_t area, const struct boot_args *args)
{
    seL4_BootInfoHeader *header = (seL4_BootInfoHeader *)area;
    header->id = SEL4_BOOTINFO_HEADER_FDT;
    header->len = sizeof *header + args->fdt_size;
    memory_copy(header + 1, (const void *)args->fdt_start, args->fdt_size);
    return header->len;
}

/* All page tables first, so that their capabilities are in one region. */
static void create_tables(uint64_t start, uint64_t end)
{
    seL4_SlotPos first = root.next;
    for (uint64_t address = start; address < end; address += PAGE) {
        page_entry(address);
    }
    root.info->userImagePaging = (seL4_SlotRegion){first, root.next};
}

static void create_space(const struct boot_args *args)
{
    uint64_t start = args->image_start - args->offset;
    uint64_t buffer = args->image_end - args->offset;
    uint64_t extra_size = args->fdt_size > 0 ? sizeof(seL4_BootInfoHeader) + args->fdt_size : 0;
    uint64_t extra_pages = (extra_size + PAGE - 1) & ~(PAGE - 1);
    uint64_t extra = extra_pages > 0 ? boot_allocate_pages(extra_pages) : 0;
    uint64_t info = boot_allocate(seL4_BootInfoFrameBits);
    root.info = (seL4_BootInfo *)info;
    root.info->numNodes = CPUS;
    root.info->ipcBuffer = (seL4_IPCBuffer *)buffer;
    root.info->initThreadCNodeSizeBits = ROOT_BITS;
    root.info->extraLen = extra_size;
    create_tables(start, buffer + 2 * PAGE + extra_pages);

    const uint64_t data = seL4_ARM_Default_VMAttributes | seL4_ARM_ExecuteNever;
    put_cap(seL4_CapBootInfoFrame, map_page(info, buffer + PAGE, data));
    if (extra_size > 0) {
        copy_fdt(extra, args);
        root.info->extraBIPages = map_pages(extra, extra + extra_pages, buffer + 2 * PAGE, data);
    }
    root.info->schedcontrol.start = root.next;
    for (uint64_t core = 0; core < CPUS; core++) {
        boot_add_cap(cap_make(CAP_SCHED_CONTROL, 0, 0, core));
    }
    root.info->schedcontrol.end = root.next;
    put_cap(seL4_CapInitThreadIPCBuffer, map_page(boot_allocate(seL4_PageBits), buffer, data));
    root.info->userImageFrames =
        map_pages(args->image_start, args->image_end, start, seL4_ARM_Default_VMAttributes);
}

static void copy_cap(struct tcb *tcb, unsigned index, seL4_SlotPos from)
{
    struct cap cap;
    cap_derive(root_slot(from), root_slot(from)->cap, &cap);
    slot_insert_copy(root_slot(from), &tcb->slots[index], cap);
}

static struct tcb *create_thread(const struct boot_args *args)
{
    struct tcb *tcb = (struct tcb *)boot_allocate(seL4_TCBBits);
    struct sched_context *sc = (struct sched_context *)boot_allocate(seL4_MinSchedContextBits);
    copy_cap(tcb, TCB_CSPACE, seL4_CapInitThreadCNode);
    copy_cap(tcb, TCB_VSPACE, seL4_CapInitThreadVSpace);
    copy_cap(tcb, TCB_BUFFER, seL4_CapInitThreadIPCBuffer);
    tcb->ipc_buffer = (uint64_t)root.info->ipcBuffer;
    tcb->regs[0] = tcb->ipc_buffer + PAGE;
    tcb->regs[REG_PC] = args->entry;
    tcb->regs[REG_FAULT_PC] = args->entry;
    tcb->regs[REG_SPSR] = PSTATE_USER;
    tcb->priority = seL4_MaxPrio;
    tcb->mcp = seL4_MaxPrio;
    tcb->state = THREAD_RUNNING;
    refill_init(sc, 2, ticks_from_us(ROOT_SLICE_US), 0, this_cpu()->now);
    sc->tcb = tcb;
    tcb->sc = sc;
    put_cap(seL4_CapInitThreadTCB, cap_make(CAP_TCB, (uint64_t)tcb, 0, 0));
    put_cap(seL4_CapInitThreadSC,
            cap_make(CAP_SCHED_CONTEXT, (uint64_t)sc, seL4_MinSchedContextBits, 0));
    return tcb;
}

static void init_core(uint32_t id, uint64_t stack_top)
{
    struct cpu *cpu = &cpus[id];
    cpu->id = id;
    cpu->stack_top = stack_top;
    write_reg(tpidr_el2, (uint64_t)cpu);
    vcpu_init_core();
    if (id == 0) {
        gic_init();
    }
    gic_init_core();
    irq_init_core();
    cpu->now = timer_now();
}

_Noreturn void boot_secondary(uint64_t id, uint64_t stack_top)
{
    init_core((uint32_t)id, stack_top);
    __atomic_fetch_add(&cores_ready, 1, __ATOMIC_RELEASE);
    cpu_lock();
    trap_leave();
}

_Noreturn void boot_primary(uint64_t image_start, uint64_t image_end, uint64_t offset,
                            uint64_t entry, uint64_t fdt_start, uint64_t fdt_size)
{
    struct boot_args args = {image_start, image_end, offset, entry, fdt_start, fdt_size};
    init_core(0, (uint64_t)boot_stacks + BOOT_STACK);
    console_print("\n*** STAND-IN KERNEL with seL4's API: unverified, for development and tests, "
                  "NEVER FOR PRODUCTION ***\n*** %s, %u core(s) ***\n",
                  GIC_NAME, (unsigned)CPUS);
    if (fdt_size > 0) {
        inject_init(fdt_bootargs((const void *)fdt_start, fdt_size));
    }
    boot_reserve(&args);
    create_cnode();
    create_vspace();
    create_space(&args);
    struct tcb *tcb = create_thread(&args);
    irq_slots = (struct slot *)boot_allocate_pages((IRQ_COUNT + 1) * sizeof(struct slot));
    slot_spare = &irq_slots[IRQ_COUNT];
    boot_create_untyped(root.info, root.next);
    root.info->empty = (seL4_SlotRegion){root.next, BIT(ROOT_BITS)};

    boot_release = 1;
    dsb();
    __asm__ volatile("sev");
    while (__atomic_load_n(&cores_ready, __ATOMIC_ACQUIRE) != CPUS - 1) {
        cpu_pause();
    }
    cpu_lock();
    this_cpu()->now = timer_now();
    sched_wake(tcb);
    trap_leave();
}
