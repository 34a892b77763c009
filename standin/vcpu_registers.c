// SPDX-License-Identifier: BSD-2-Clause

/* The registers of a VCPU object by number: seL4_ARM_VCPU_ReadRegs in the seL4 manual. */

#include "standin/vcpu.h"

#define EACH_REGISTER(do_register)                                                                 \
    do_register(SCTLR, sctlr_el1) do_register(CPACR, cpacr_el1) do_register(TTBR0, ttbr0_el1)      \
        do_register(TTBR1, ttbr1_el1) do_register(TCR, tcr_el1) do_register(MAIR, mair_el1)        \
            do_register(AMAIR, amair_el1) do_register(CIDR, contextidr_el1)                        \
                do_register(ACTLR, actlr_el1) do_register(AFSR0, afsr0_el1)                        \
                    do_register(AFSR1, afsr1_el1) do_register(ESR, esr_el1)                        \
                        do_register(FAR, far_el1) do_register(PAR, par_el1)                        \
                            do_register(VBAR, vbar_el1) do_register(TPIDR_EL1, tpidr_el1)          \
                                do_register(VMPIDR_EL2, vmpidr_el2) do_register(SP_EL1, sp_el1)    \
                                    do_register(ELR_EL1, elr_el1) do_register(SPSR_EL1, spsr_el1)  \
                                        do_register(CNTV_CTL, cntv_ctl_el0)                        \
                                            do_register(CNTV_CVAL, cntv_cval_el0)                  \
                                                do_register(CNTVOFF, cntvoff_el2)                  \
                                                    do_register(CNTKCTL_EL1, cntkctl_el1)

uint64_t vcpu_register_read(uint64_t field)
{
    switch (field) {
#define READ_REGISTER(number, name)                                                                \
    case seL4_VCPUReg_##number:                                                                    \
        return read_reg(name);
        EACH_REGISTER(READ_REGISTER)
    default:
        return 0;
    }
}

void vcpu_register_write(uint64_t field, uint64_t value)
{
    switch (field) {
#define WRITE_REGISTER(number, name)                                                               \
    case seL4_VCPUReg_##number:                                                                    \
        write_reg(name, value);                                                                    \
        break;
        EACH_REGISTER(WRITE_REGISTER)
    default:
        break;
    }
}
