// SPDX-License-Identifier: BSD-2-Clause
#include "root/operator.h"

#include "lib/format.h"
#include "lib/log.h"
#include "root/layout.h"
#include "root/life.h"
#include "root/port.h"
#include "root/reason.h"
#include "root/service.h"

static struct control_reply *const reply_page = (struct control_reply *)ROOT_REPLY_VADDR;

static enum control_result refuse(const char *name, const char *text)
{
    format(reply_page->text, sizeof reply_page->text, "%s %s", name, text);
    return CONTROL_ERROR;
}

static enum control_result operator_made(bool made)
{
    if (!made) {
        format(reply_page->text, sizeof reply_page->text, "%s", reason());
    }
    return made ? CONTROL_OK : CONTROL_ERROR;
}

static enum control_result operator_start(struct vm *vm, seL4_Word unused)
{
    (void)unused;
    if (vm_has_compartment(vm)) {
        return refuse(life_name(vm), "runs already");
    }
    vm->failures = 0;
    return operator_made(life_start(vm));
}

static enum control_result operator_stop(struct vm *vm, seL4_Word unused)
{
    (void)unused;
    if (!vm_has_compartment(vm) && vm->state != VM_RESTARTING) {
        return refuse(life_name(vm), "does not run");
    }
    log_info("%s: stopped by the operator", life_name(vm));
    life_stop(vm);
    return CONTROL_OK;
}

static enum control_result operator_restart(struct vm *vm, seL4_Word unused)
{
    (void)unused;
    log_info("%s: restarted by the operator", life_name(vm));
    life_stop(vm);
    return operator_made(life_start(vm));
}

static enum control_result operator_pause(struct vm *vm, seL4_Word unused)
{
    (void)unused;
    if (vm->state != VM_RUNNING) {
        return refuse(life_name(vm), "does not run");
    }
    vm_pause(vm, true);
    life_set_state(vm, VM_PAUSED);
    return CONTROL_OK;
}

static enum control_result operator_resume(struct vm *vm, seL4_Word unused)
{
    (void)unused;
    if (vm->state != VM_PAUSED) {
        return refuse(life_name(vm), "is not paused");
    }
    vm_pause(vm, false);
    life_set_state(vm, VM_RUNNING);
    return CONTROL_OK;
}

static enum control_result operator_balloon(struct vm *vm, seL4_Word mib)
{
    if (description_device_count(vm->description.tree, vm->description.node, "virtio-balloon") ==
        0) {
        return refuse(life_name(vm), "has no virtio-balloon");
    }
    if (mib >= vm->description.memory_mib) {
        return refuse(life_name(vm), "does not have that much memory");
    }
    vm->balloon_mib = (uint32_t)mib;
    if (vm_has_compartment(vm)) {
        seL4_Signal(vm->balloon_signal);
    }
    return CONTROL_OK;
}

static enum control_result operator_list(struct vm *no_vm, seL4_Word unused)
{
    (void)no_vm, (void)unused;
    const struct vm *vm;
    uint32_t count = 0;
    for (; (vm = life_vm(CLIENT_VM + count)) != NULL; count++) {
        struct control_vm_info *info = &reply_page->vm[count];
        const uint64_t *counters = vm_counters(vm);
        uint64_t gone = (uint64_t)vm->ram.gone * RAM_FRAME_BYTES;
        uint64_t ram = ((uint64_t)vm->description.memory_mib << 20) - gone;
        uint64_t bytes = vm->arena.bytes + vm->ram_arena.bytes;
        *info = (struct control_vm_info){
            .client = vm->number,
            .state = vm->state,
            .vcpu_count = vm->description.vcpu_count,
            .memory_mib = vm->description.memory_mib,
            .balloon_mib = (uint32_t)(gone >> 20),
            .target_mib = vm->balloon_mib,
            .starts = vm->starts,
            .overhead_kib = bytes > ram ? (bytes - ram) / 1024 : 0,
        };
        for (unsigned c = 0; counters != NULL && c < VCPU_MAX * VMM_COUNTERS; c++) {
            info->counters[c % VMM_COUNTERS] += counters[c];
        }
    }
    reply_page->vm_count = count;
    return CONTROL_OK;
}

static enum control_result operator_memory(struct vm *no_vm, seL4_Word unused)
{
    (void)no_vm, (void)unused;
    struct memory_counts counts;
    memory_counts(&counts);
    reply_page->memory_total_kib = counts.total_bytes / 1024;
    reply_page->memory_free_kib = counts.free_bytes / 1024;
    reply_page->slots_used = counts.slots_used;
    reply_page->asids_used = counts.asids_used;
    return CONTROL_OK;
}

static enum control_result operator_ports(struct vm *no_vm, seL4_Word class)
{
    (void)no_vm;
    port_report(class == CONTROL_PORTS_DISK ? CONTROL_PORTS_DISK : CONTROL_PORTS_NET, reply_page);
    return CONTROL_OK;
}

/* The timer and the serial service are not: the latter waits for the answer to this. */
static enum control_result operator_restart_service(struct vm *no_vm, seL4_Word number)
{
    (void)no_vm;
    if (number < CLIENT_BLOCK || number >= CLIENT_VM) {
        return refuse(service_name((uint32_t)number), "is no device service");
    }
    if (!life_service_restart((uint32_t)number)) {
        return operator_made(false);
    }
    log_info("%s: restarted by the operator", service_name((uint32_t)number));
    return CONTROL_OK;
}

static enum control_result operator_captures(struct vm *no_vm, seL4_Word unused)
{
    (void)no_vm, (void)unused;
    port_captures(reply_page);
    return CONTROL_OK;
}

static enum control_result operator_capture(struct vm *no_vm, seL4_Word what)
{
    (void)no_vm;
    return port_capture((uint32_t)(what >> 1), (what & 1) != 0)
               ? CONTROL_OK
               : refuse("this network", "keeps no frames");
}

static enum control_result operator_link(struct vm *no_vm, seL4_Word what)
{
    (void)no_vm;
    return port_link((uint32_t)(what >> 1), (what & 1) != 0)
               ? CONTROL_OK
               : refuse("there is", "no such network port");
}

static const struct {
    seL4_Word label;
    bool needs_vm;
    enum control_result (*act)(struct vm *vm, seL4_Word argument);
} requests[] = {
    {CONTROL_VM_START,        true,  operator_start          },
    {CONTROL_VM_STOP,         true,  operator_stop           },
    {CONTROL_VM_RESTART,      true,  operator_restart        },
    {CONTROL_VM_PAUSE,        true,  operator_pause          },
    {CONTROL_VM_RESUME,       true,  operator_resume         },
    {CONTROL_VM_LIST,         false, operator_list           },
    {CONTROL_MEMORY,          false, operator_memory         },
    {CONTROL_VM_BALLOON,      true,  operator_balloon        },
    {CONTROL_PORTS,           false, operator_ports          },
    {CONTROL_SERVICE_RESTART, false, operator_restart_service},
    {CONTROL_CAPTURES,        false, operator_captures       },
    {CONTROL_CAPTURE_SET,     false, operator_capture        },
    {CONTROL_LINK_SET,        false, operator_link           },
};

enum control_result operator_request(seL4_Word label, seL4_Word number, seL4_Word argument)
{
    reply_page->text[0] = '\0';
    for (unsigned i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (requests[i].label == label) {
            struct vm *vm = life_vm(number);
            if (requests[i].needs_vm && vm == NULL) {
                return refuse("there is", "no such VM");
            }
            return requests[i].act(vm, argument);
        }
    }
    return refuse("root knows", "no such request");
}
