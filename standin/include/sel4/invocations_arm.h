/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Methods of AArch64's own objects: address spaces, frames and virtual CPUs. See invocations.h. */

#include <sel4/invocations.h>

struct seL4_ARM_Page_GetAddress {
    int error;
    seL4_Word paddr;
};
typedef struct seL4_ARM_Page_GetAddress seL4_ARM_Page_GetAddress_t;

struct seL4_ARM_VCPU_ReadRegs {
    int error;
    seL4_Word value;
};
typedef struct seL4_ARM_VCPU_ReadRegs seL4_ARM_VCPU_ReadRegs_t;

static inline seL4_Error seL4_ARM_VSpace_Clean_Data(seL4_ARM_VSpace _service, seL4_Word start,
                                                    seL4_Word end)
{
    seL4_Word mr[4] = {start, end};
    return sel4_invoke(_service, ARMVSpaceClean_Data, 0, 2, mr);
}

static inline seL4_Error seL4_ARM_VSpace_Invalidate_Data(seL4_ARM_VSpace _service, seL4_Word start,
                                                         seL4_Word end)
{
    seL4_Word mr[4] = {start, end};
    return sel4_invoke(_service, ARMVSpaceInvalidate_Data, 0, 2, mr);
}

static inline seL4_Error seL4_ARM_VSpace_CleanInvalidate_Data(seL4_ARM_VSpace _service,
                                                              seL4_Word start, seL4_Word end)
{
    seL4_Word mr[4] = {start, end};
    return sel4_invoke(_service, ARMVSpaceCleanInvalidate_Data, 0, 2, mr);
}

static inline seL4_Error seL4_ARM_VSpace_Unify_Instruction(seL4_ARM_VSpace _service,
                                                           seL4_Word start, seL4_Word end)
{
    seL4_Word mr[4] = {start, end};
    return sel4_invoke(_service, ARMVSpaceUnify_Instruction, 0, 2, mr);
}

static inline seL4_Error seL4_ARM_PageTable_Map(seL4_ARM_PageTable _service, seL4_CPtr vspace,
                                                seL4_Word vaddr, seL4_ARM_VMAttributes attr)
{
    seL4_SetCap(0, vspace);
    seL4_Word mr[4] = {vaddr, (seL4_Word)attr};
    return sel4_invoke(_service, ARMPageTableMap, 1, 2, mr);
}

static inline seL4_Error seL4_ARM_PageTable_Unmap(seL4_ARM_PageTable _service)
{
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, ARMPageTableUnmap, 0, 0, mr);
}

static inline seL4_Error seL4_ARM_Page_Map(seL4_ARM_Page _service, seL4_CPtr vspace,
                                           seL4_Word vaddr, seL4_CapRights_t rights,
                                           seL4_ARM_VMAttributes attr)
{
    seL4_SetCap(0, vspace);
    seL4_Word mr[4] = {vaddr, rights.words[0], (seL4_Word)attr};
    return sel4_invoke(_service, ARMPageMap, 1, 3, mr);
}

static inline seL4_Error seL4_ARM_Page_Unmap(seL4_ARM_Page _service)
{
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, ARMPageUnmap, 0, 0, mr);
}

static inline seL4_Error seL4_ARM_Page_Clean_Data(seL4_ARM_Page _service, seL4_Word start_offset,
                                                  seL4_Word end_offset)
{
    seL4_Word mr[4] = {start_offset, end_offset};
    return sel4_invoke(_service, ARMPageClean_Data, 0, 2, mr);
}

static inline seL4_Error seL4_ARM_Page_Invalidate_Data(seL4_ARM_Page _service,
                                                       seL4_Word start_offset, seL4_Word end_offset)
{
    seL4_Word mr[4] = {start_offset, end_offset};
    return sel4_invoke(_service, ARMPageInvalidate_Data, 0, 2, mr);
}

static inline seL4_Error seL4_ARM_Page_CleanInvalidate_Data(seL4_ARM_Page _service,
                                                            seL4_Word start_offset,
                                                            seL4_Word end_offset)
{
    seL4_Word mr[4] = {start_offset, end_offset};
    return sel4_invoke(_service, ARMPageCleanInvalidate_Data, 0, 2, mr);
}

static inline seL4_Error seL4_ARM_Page_Unify_Instruction(seL4_ARM_Page _service,
                                                         seL4_Word start_offset,
                                                         seL4_Word end_offset)
{
    seL4_Word mr[4] = {start_offset, end_offset};
    return sel4_invoke(_service, ARMPageUnify_Instruction, 0, 2, mr);
}

static inline seL4_ARM_Page_GetAddress_t seL4_ARM_Page_GetAddress(seL4_ARM_Page _service)
{
    seL4_Word mr[4] = {0};
    seL4_ARM_Page_GetAddress_t result = {
        .error = (int)sel4_invoke(_service, ARMPageGetAddress, 0, 0, mr)};
    result.paddr = result.error == seL4_NoError ? mr[0] : 0;
    return result;
}

static inline seL4_Error seL4_ARM_ASIDControl_MakePool(seL4_ARM_ASIDControl _service,
                                                       seL4_Untyped untyped, seL4_CNode root,
                                                       seL4_Word index, seL4_Uint8 depth)
{
    seL4_SetCap(0, untyped);
    seL4_SetCap(1, root);
    seL4_Word mr[4] = {index, depth};
    return sel4_invoke(_service, ARMASIDControlMakePool, 2, 2, mr);
}

static inline seL4_Error seL4_ARM_ASIDPool_Assign(seL4_ARM_ASIDPool _service, seL4_CPtr vspace)
{
    seL4_SetCap(0, vspace);
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, ARMASIDPoolAssign, 1, 0, mr);
}

static inline seL4_Error seL4_ARM_VCPU_SetTCB(seL4_ARM_VCPU _service, seL4_TCB tcb)
{
    seL4_SetCap(0, tcb);
    seL4_Word mr[4] = {0};
    return sel4_invoke(_service, ARMVCPUSetTCB, 1, 0, mr);
}

static inline seL4_Error seL4_ARM_VCPU_InjectIRQ(seL4_ARM_VCPU _service, seL4_Uint16 virq,
                                                 seL4_Uint8 priority, seL4_Uint8 group,
                                                 seL4_Uint8 index)
{
    seL4_Word mr[4] = {virq | ((seL4_Word)priority << 16) | ((seL4_Word)group << 24) |
                       ((seL4_Word)index << 32)};
    return sel4_invoke(_service, ARMVCPUInjectIRQ, 0, 1, mr);
}

static inline seL4_ARM_VCPU_ReadRegs_t seL4_ARM_VCPU_ReadRegs(seL4_ARM_VCPU _service,
                                                              seL4_VCPUReg field)
{
    seL4_Word mr[4] = {(seL4_Word)field};
    seL4_ARM_VCPU_ReadRegs_t result = {.error =
                                           (int)sel4_invoke(_service, ARMVCPUReadReg, 0, 1, mr)};
    result.value = result.error == seL4_NoError ? mr[0] : 0;
    return result;
}

static inline seL4_Error seL4_ARM_VCPU_WriteRegs(seL4_ARM_VCPU _service, seL4_VCPUReg field,
                                                 seL4_Word value)
{
    seL4_Word mr[4] = {(seL4_Word)field, value};
    return sel4_invoke(_service, ARMVCPUWriteReg, 0, 2, mr);
}

static inline seL4_Error seL4_ARM_VCPU_AckVPPI(seL4_ARM_VCPU _service, seL4_Word irq)
{
    seL4_Word mr[4] = {irq};
    return sel4_invoke(_service, ARMVCPUAckVPPI, 0, 1, mr);
}
