/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Object methods: the API reference of the seL4 manual. Each is a call on a capability with the
 * method's label, its capability arguments as extra capabilities and the rest as message words.
 */

#include <sel4/syscalls.h>

struct seL4_TCB_SetFlags {
    int error;
    seL4_Word flags;
};
typedef struct seL4_TCB_SetFlags seL4_TCB_SetFlags_t;

struct seL4_SchedContext_Consumed {
    int error;
    seL4_Time consumed;
};
typedef struct seL4_SchedContext_Consumed seL4_SchedContext_Consumed_t;

struct seL4_SchedContext_YieldTo {
    int error;
    seL4_Time consumed;
};
typedef struct seL4_SchedContext_YieldTo seL4_SchedContext_YieldTo_t;

/* One call. Words 0..3 are in mr (in and out); on error they are put into the IPC buffer. */
static inline seL4_Error sel4_invoke(seL4_CPtr service, seL4_Word label, seL4_Word caps,
                                     seL4_Word length, seL4_Word mr[4])
{
    seL4_MessageInfo_t tag = seL4_MessageInfo_new(label, 0, caps, length);
    tag = seL4_CallWithMRs(service, tag, &mr[0], &mr[1], &mr[2], &mr[3]);
    seL4_Error error = (seL4_Error)seL4_MessageInfo_get_label(tag);
    for (int i = 0; error != seL4_NoError && i < 4; i++) {
        seL4_SetMR(i, mr[i]);
    }
    return error;
}

static inline seL4_Error seL4_Untyped_Retype(seL4_Untyped _service, seL4_Word type,
                                             seL4_Word size_bits, seL4_CNode root,
                                             seL4_Word node_index, seL4_Word node_depth,
                                             seL4_Word node_offset, seL4_Word num_objects)
{
    seL4_SetCap(0, root);
    seL4_SetMR(4, node_offset);
    seL4_SetMR(5, num_objects);
    seL4_Word mr[4] = {type, size_bits, node_index, node_depth};
    return sel4_invoke(_service, UntypedRetype, 1, 6, mr);
}

static inline seL4_Error seL4_TCB_ReadRegisters(seL4_TCB _service, seL4_Bool suspend_source,
                                                seL4_Uint8 arch_flags, seL4_Word count,
                                                seL4_UserContext *regs)
{
    seL4_Word mr[4] = {(seL4_Word)(suspend_source & 1) | ((seL4_Word)arch_flags << 8), count};
    seL4_Error error = sel4_invoke(_service, TCBReadRegisters, 0, 2, mr);
    seL4_Word *words = (seL4_Word *)regs;
    for (seL4_Word i = 0; i < 4; i++) {
        words[i] = mr[i];
    }
    for (seL4_Word i = 4; error == seL4_NoError && i < count; i++) {
        words[i] = seL4_GetMR((int)i);
    }
    return error;
}

static inline seL4_Error seL4_TCB_WriteRegisters(seL4_TCB _service, seL4_Bool resume_target,
                                                 seL4_Uint8 arch_flags, seL4_Word count,
                                                 seL4_UserContext *regs)
{
    const seL4_Word *words = (const seL4_Word *)regs;
    seL4_Word mr[4] = {(seL4_Word)(resume_target & 1) | ((seL4_Word)arch_flags << 8), count,
                       words[0], words[1]};
    for (seL4_Word i = 2; i < count; i++) {
        seL4_SetMR((int)i + 2, words[i]);
    }
    return sel4_invoke(_service, TCBWriteRegisters, 0, 38, mr);
}

static inline seL4_Error seL4_TCB_CopyRegisters(seL4_TCB _service, seL4_TCB source,
                                                seL4_Bool suspend_source, seL4_Bool resume_target,
                                                seL4_Bool transfer_frame,
                                                seL4_Bool transfer_integer, seL4_Uint8 arch_flags)
{
    seL4_SetCap(0, source);
    seL4_Word mr[4] = {(seL4_Word)(suspend_source & 1) | (seL4_Word)(resume_target & 1) << 1 |
                       (seL4_Word)(transfer_frame & 1) << 2 |
                       (seL4_Word)(transfer_integer & 1) << 3 | (seL4_Word)arch_flags << 8};
    return sel4_invoke(_service, TCBCopyRegisters, 1, 1, mr);
}

static inline seL4_Error seL4_TCB_Configure(seL4_TCB _service, seL4_CNode cspace_root,
                                            seL4_Word cspace_root_data, seL4_CPtr vspace_root,
                                            seL4_Word vspace_root_data, seL4_Word buffer,
                                            seL4_CPtr bufferFrame)
{
    seL4_SetCap(0, cspace_root);
    seL4_SetCap(1, vspace_root);
    seL4_SetCap(2, bufferFrame);
    seL4_Word mr[4] = {cspace_root_data, vspace_root_data, buffer};
    return sel4_invoke(_service, TCBConfigure, 3, 3, mr);
}

static inline seL4_Error seL4_TCB_SetPriority(seL4_TCB _service, seL4_TCB authority,
                                              seL4_Word priority)
{
    seL4_SetCap(0, authority);
    seL4_Word mr[4] = {priority};
    return sel4_invoke(_service, TCBSetPriority, 1, 1, mr);
}

static inline seL4_Error seL4_TCB_SetMCPriority(seL4_TCB _service, seL4_TCB authority,
                                                seL4_Word mcp)
{
    seL4_SetCap(0, authority);
    seL4_Word mr[4] = {mcp};
    return sel4_invoke(_service, TCBSetMCPriority, 1, 1, mr);
}

static inline seL4_Error seL4_TCB_SetSchedParams(seL4_TCB _service, seL4_TCB authority,
                                                 seL4_Word mcp, seL4_Word priority,
                                                 seL4_CPtr sched_context, seL4_CPtr fault_ep)
{
    seL4_SetCap(0, authority);
    seL4_SetCap(1, sched_context);
    seL4_SetCap(2, fault_ep);
    seL4_Word mr[4] = {mcp, priority};
    return sel4_invoke(_service, TCBSetSchedParams, 3, 2, mr);
}

static inline seL4_Error seL4_TCB_SetTimeoutEndpoint(seL4_TCB _service, seL4_CPtr timeout_fault_ep)
{
    seL4_SetCap(0, timeout_fault_ep);
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, TCBSetTimeoutEndpoint, 1, 0, mr);
}

static inline seL4_Error seL4_TCB_SetIPCBuffer(seL4_TCB _service, seL4_Word buffer,
                                               seL4_CPtr bufferFrame)
{
    seL4_SetCap(0, bufferFrame);
    seL4_Word mr[4] = {buffer};
    return sel4_invoke(_service, TCBSetIPCBuffer, 1, 1, mr);
}

static inline seL4_Error seL4_TCB_SetSpace(seL4_TCB _service, seL4_CPtr fault_ep,
                                           seL4_CNode cspace_root, seL4_Word cspace_root_data,
                                           seL4_CPtr vspace_root, seL4_Word vspace_root_data)
{
    seL4_SetCap(0, fault_ep);
    seL4_SetCap(1, cspace_root);
    seL4_SetCap(2, vspace_root);
    seL4_Word mr[4] = {cspace_root_data, vspace_root_data};
    return sel4_invoke(_service, TCBSetSpace, 3, 2, mr);
}

static inline seL4_Error seL4_TCB_Suspend(seL4_TCB _service)
{
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, TCBSuspend, 0, 0, mr);
}

static inline seL4_Error seL4_TCB_Resume(seL4_TCB _service)
{
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, TCBResume, 0, 0, mr);
}

static inline seL4_Error seL4_TCB_BindNotification(seL4_TCB _service, seL4_CPtr notification)
{
    seL4_SetCap(0, notification);
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, TCBBindNotification, 1, 0, mr);
}

static inline seL4_Error seL4_TCB_UnbindNotification(seL4_TCB _service)
{
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, TCBUnbindNotification, 0, 0, mr);
}

static inline seL4_Error seL4_TCB_SetTLSBase(seL4_TCB _service, seL4_Word tls_base)
{
    seL4_Word mr[4] = {tls_base};
    return sel4_invoke(_service, TCBSetTLSBase, 0, 1, mr);
}

static inline seL4_TCB_SetFlags_t seL4_TCB_SetFlags(seL4_TCB _service, seL4_Word clear,
                                                    seL4_Word set)
{
    seL4_Word mr[4] = {clear, set};
    seL4_TCB_SetFlags_t result = {.error = (int)sel4_invoke(_service, TCBSetFlags, 0, 2, mr)};
    result.flags = result.error == seL4_NoError ? mr[0] : 0;
    return result;
}

static inline seL4_Error seL4_CNode_Revoke(seL4_CNode _service, seL4_Word index, seL4_Uint8 depth)
{
    seL4_Word mr[4] = {index, depth};
    return sel4_invoke(_service, CNodeRevoke, 0, 2, mr);
}

static inline seL4_Error seL4_CNode_Delete(seL4_CNode _service, seL4_Word index, seL4_Uint8 depth)
{
    seL4_Word mr[4] = {index, depth};
    return sel4_invoke(_service, CNodeDelete, 0, 2, mr);
}

static inline seL4_Error seL4_CNode_CancelBadgedSends(seL4_CNode _service, seL4_Word index,
                                                      seL4_Uint8 depth)
{
    seL4_Word mr[4] = {index, depth};
    return sel4_invoke(_service, CNodeCancelBadgedSends, 0, 2, mr);
}

static inline seL4_Error seL4_CNode_Copy(seL4_CNode _service, seL4_Word dest_index,
                                         seL4_Uint8 dest_depth, seL4_CNode src_root,
                                         seL4_Word src_index, seL4_Uint8 src_depth,
                                         seL4_CapRights_t rights)
{
    seL4_SetCap(0, src_root);
    seL4_SetMR(4, rights.words[0]);
    seL4_Word mr[4] = {dest_index, dest_depth, src_index, src_depth};
    return sel4_invoke(_service, CNodeCopy, 1, 5, mr);
}

static inline seL4_Error seL4_CNode_Mint(seL4_CNode _service, seL4_Word dest_index,
                                         seL4_Uint8 dest_depth, seL4_CNode src_root,
                                         seL4_Word src_index, seL4_Uint8 src_depth,
                                         seL4_CapRights_t rights, seL4_Word badge)
{
    seL4_SetCap(0, src_root);
    seL4_SetMR(4, rights.words[0]);
    seL4_SetMR(5, badge);
    seL4_Word mr[4] = {dest_index, dest_depth, src_index, src_depth};
    return sel4_invoke(_service, CNodeMint, 1, 6, mr);
}

static inline seL4_Error seL4_CNode_Move(seL4_CNode _service, seL4_Word dest_index,
                                         seL4_Uint8 dest_depth, seL4_CNode src_root,
                                         seL4_Word src_index, seL4_Uint8 src_depth)
{
    seL4_SetCap(0, src_root);
    seL4_Word mr[4] = {dest_index, dest_depth, src_index, src_depth};
    return sel4_invoke(_service, CNodeMove, 1, 4, mr);
}

static inline seL4_Error seL4_CNode_Mutate(seL4_CNode _service, seL4_Word dest_index,
                                           seL4_Uint8 dest_depth, seL4_CNode src_root,
                                           seL4_Word src_index, seL4_Uint8 src_depth,
                                           seL4_Word badge)
{
    seL4_SetCap(0, src_root);
    seL4_SetMR(4, badge);
    seL4_Word mr[4] = {dest_index, dest_depth, src_index, src_depth};
    return sel4_invoke(_service, CNodeMutate, 1, 5, mr);
}

static inline seL4_Error seL4_CNode_Rotate(seL4_CNode _service, seL4_Word dest_index,
                                           seL4_Uint8 dest_depth, seL4_Word dest_badge,
                                           seL4_CNode pivot_root, seL4_Word pivot_index,
                                           seL4_Uint8 pivot_depth, seL4_Word pivot_badge,
                                           seL4_CNode src_root, seL4_Word src_index,
                                           seL4_Uint8 src_depth)
{
    seL4_SetCap(0, pivot_root);
    seL4_SetCap(1, src_root);
    seL4_SetMR(4, pivot_depth);
    seL4_SetMR(5, pivot_badge);
    seL4_SetMR(6, src_index);
    seL4_SetMR(7, src_depth);
    seL4_Word mr[4] = {dest_index, dest_depth, dest_badge, pivot_index};
    return sel4_invoke(_service, CNodeRotate, 2, 8, mr);
}

static inline seL4_Error seL4_IRQControl_Get(seL4_IRQControl _service, seL4_Word irq,
                                             seL4_CNode root, seL4_Word index, seL4_Uint8 depth)
{
    seL4_SetCap(0, root);
    seL4_Word mr[4] = {irq, index, depth};
    return sel4_invoke(_service, IRQIssueIRQHandler, 1, 3, mr);
}

static inline seL4_Error seL4_IRQControl_GetTrigger(seL4_IRQControl _service, seL4_Word irq,
                                                    seL4_Word trigger, seL4_CNode root,
                                                    seL4_Word index, seL4_Uint8 depth)
{
    seL4_SetCap(0, root);
    seL4_Word mr[4] = {irq, trigger, index, depth};
    return sel4_invoke(_service, ARMIRQIssueIRQHandlerTrigger, 1, 4, mr);
}

#if CONFIG_MAX_NUM_NODES > 1
static inline seL4_Error seL4_IRQControl_GetTriggerCore(seL4_IRQControl _service, seL4_Word irq,
                                                        seL4_Word trigger, seL4_CNode root,
                                                        seL4_Word index, seL4_Uint8 depth,
                                                        seL4_Word target)
{
    seL4_SetCap(0, root);
    seL4_SetMR(4, target);
    seL4_Word mr[4] = {irq, trigger, index, depth};
    return sel4_invoke(_service, ARMIRQIssueIRQHandlerTriggerCore, 1, 5, mr);
}

#endif
static inline seL4_Error seL4_IRQHandler_Ack(seL4_IRQHandler _service)
{
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, IRQAckIRQ, 0, 0, mr);
}

static inline seL4_Error seL4_IRQHandler_SetNotification(seL4_IRQHandler _service,
                                                         seL4_CPtr notification)
{
    seL4_SetCap(0, notification);
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, IRQSetIRQHandler, 1, 0, mr);
}

static inline seL4_Error seL4_IRQHandler_Clear(seL4_IRQHandler _service)
{
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, IRQClearIRQHandler, 0, 0, mr);
}

static inline seL4_Error seL4_SchedControl_ConfigureFlags(seL4_SchedControl _service,
                                                          seL4_SchedContext schedcontext,
                                                          seL4_Time budget, seL4_Time period,
                                                          seL4_Word extra_refills, seL4_Word badge,
                                                          seL4_Word flags)
{
    seL4_SetCap(0, schedcontext);
    seL4_SetMR(4, flags);
    seL4_Word mr[4] = {budget, period, extra_refills, badge};
    return sel4_invoke(_service, SchedControlConfigureFlags, 1, 5, mr);
}

static inline seL4_Error seL4_SchedContext_Bind(seL4_SchedContext _service, seL4_CPtr cap)
{
    seL4_SetCap(0, cap);
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, SchedContextBind, 1, 0, mr);
}

static inline seL4_Error seL4_SchedContext_Unbind(seL4_SchedContext _service)
{
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, SchedContextUnbind, 0, 0, mr);
}

static inline seL4_Error seL4_SchedContext_UnbindObject(seL4_SchedContext _service, seL4_CPtr cap)
{
    seL4_SetCap(0, cap);
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, SchedContextUnbindObject, 1, 0, mr);
}

static inline seL4_SchedContext_Consumed_t seL4_SchedContext_Consumed(seL4_SchedContext _service)
{
    seL4_Word mr[4] = {0};
    seL4_SchedContext_Consumed_t result = {
        .error = (int)sel4_invoke(_service, SchedContextConsumed, 0, 0, mr)};
    result.consumed = result.error == seL4_NoError ? mr[0] : 0;
    return result;
}

static inline seL4_SchedContext_YieldTo_t seL4_SchedContext_YieldTo(seL4_SchedContext _service)
{
    seL4_Word mr[4] = {0};
    seL4_SchedContext_YieldTo_t result = {
        .error = (int)sel4_invoke(_service, SchedContextYieldTo, 0, 0, mr)};
    result.consumed = result.error == seL4_NoError ? mr[0] : 0;
    return result;
}
