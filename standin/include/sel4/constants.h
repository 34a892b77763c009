/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Constants of the API: the API reference of the seL4 manual, for AArch64 with MCS and EL2. */

#include <sel4/config.h>

enum { seL4_InvalidPrio = -1, seL4_MinPrio = 0, seL4_MaxPrio = CONFIG_NUM_PRIORITIES - 1 };

enum { seL4_MsgLengthBits = 7, seL4_MsgExtraCapBits = 2, seL4_MsgMaxLength = 120 };
#define seL4_MsgMaxExtraCaps      3
#define seL4_FastMessageRegisters 4
#define seL4_IPCBufferSizeBits    10
#define seL4_NilData              0

/* Objects: sizes are 2^n bytes. */
#define seL4_WordBits              64
#define seL4_WordSizeBits          3
#define seL4_PageBits              12
#define seL4_LargePageBits         21
#define seL4_HugePageBits          30
#define seL4_SlotBits              5
#define seL4_TCBBits               11
#define seL4_EndpointBits          4
#define seL4_NotificationBits      6
#define seL4_ReplyBits             5
#define seL4_MinSchedContextBits   7
#define seL4_CoreSchedContextBytes 128
#define seL4_RefillSizeBytes       16
#define seL4_PageTableBits         12
#define seL4_PageTableIndexBits    9
#define seL4_VSpaceBits            13
#define seL4_VSpaceIndexBits       10
#define seL4_NumASIDPoolsBits      7
#define seL4_ASIDPoolBits          12
#define seL4_ASIDPoolIndexBits     9
#define seL4_ARM_VCPUBits          12
#define seL4_VCPUBits              12
#define seL4_MinUntypedBits        4
#define seL4_MaxUntypedBits        47
#define seL4_GuardSizeBits         6
#define seL4_GuardBits             58
#define seL4_BadgeBits             64
#define seL4_UserTop               0x000000fffffffffful
#define seL4_UserVSpaceTop         seL4_UserTop

#define seL4_UntypedRetypeMaxObjects CONFIG_RETYPE_FAN_OUT_LIMIT

typedef enum {
    seL4_UntypedObject,
    seL4_TCBObject,
    seL4_EndpointObject,
    seL4_NotificationObject,
    seL4_CapTableObject,
    seL4_SchedContextObject,
    seL4_ReplyObject,
    seL4_NonArchObjectTypeCount,
} seL4_ObjectType;

enum {
    seL4_ARM_HugePageObject = seL4_NonArchObjectTypeCount,
    seL4_ARM_VSpaceObject,
    seL4_ModeObjectTypeCount,
    seL4_ARM_SmallPageObject = seL4_ModeObjectTypeCount,
    seL4_ARM_LargePageObject,
    seL4_ARM_PageTableObject,
    seL4_ARM_VCPUObject,
    seL4_ObjectTypeCount,
};

typedef enum {
    seL4_ARM_PageCacheable = 1,
    seL4_ARM_ParityEnabled = 2,
    seL4_ARM_Default_VMAttributes = 3,
    seL4_ARM_ExecuteNever = 4,
} seL4_ARM_VMAttributes;

typedef enum {
    seL4_NoError,
    seL4_InvalidArgument,
    seL4_InvalidCapability,
    seL4_IllegalOperation,
    seL4_RangeError,
    seL4_AlignmentError,
    seL4_FailedLookup,
    seL4_TruncatedMessage,
    seL4_DeleteFirst,
    seL4_RevokeFirst,
    seL4_NotEnoughMemory,
    seL4_NumErrors,
} seL4_Error;

typedef enum {
    seL4_NoFailure,
    seL4_InvalidRoot,
    seL4_MissingCapability,
    seL4_DepthMismatch,
    seL4_GuardMismatch,
} seL4_LookupFailureType;

typedef enum {
    seL4_TCBFlag_NoFlag = 0,
    seL4_TCBFlag_fpuDisabled = 1,
    seL4_TCBFlag_MASK = 1,
} seL4_TCBFlag;

typedef enum {
    seL4_SchedContext_NoFlag = 0,
    seL4_SchedContext_Sporadic = 1,
} seL4_SchedContextFlag;

/* Registers of a VCPU object, for seL4_ARM_VCPU_ReadRegs and WriteRegs. */
typedef enum {
    seL4_VCPUReg_SCTLR,
    seL4_VCPUReg_CPACR,
    seL4_VCPUReg_TTBR0,
    seL4_VCPUReg_TTBR1,
    seL4_VCPUReg_TCR,
    seL4_VCPUReg_MAIR,
    seL4_VCPUReg_AMAIR,
    seL4_VCPUReg_CIDR,
    seL4_VCPUReg_ACTLR,
    seL4_VCPUReg_AFSR0,
    seL4_VCPUReg_AFSR1,
    seL4_VCPUReg_ESR,
    seL4_VCPUReg_FAR,
    seL4_VCPUReg_PAR,
    seL4_VCPUReg_VBAR,
    seL4_VCPUReg_TPIDR_EL1,
    seL4_VCPUReg_VMPIDR_EL2,
    seL4_VCPUReg_SP_EL1,
    seL4_VCPUReg_ELR_EL1,
    seL4_VCPUReg_SPSR_EL1,
    seL4_VCPUReg_CNTV_CTL,
    seL4_VCPUReg_CNTV_CVAL,
    seL4_VCPUReg_CNTVOFF,
    seL4_VCPUReg_CNTKCTL_EL1,
    seL4_VCPUReg_Num,
} seL4_VCPUReg;

static inline unsigned long seL4_MaxExtraRefills(unsigned long size)
{
    return ((1ul << size) - seL4_CoreSchedContextBytes) / seL4_RefillSizeBytes;
}
