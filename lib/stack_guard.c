// SPDX-License-Identifier: BSD-2-Clause
/*
 * Debian's libfdt is compiled with stack protectors, which want these two. Our own code is not: the
 * guard is a constant, since nothing here has a source of randomness before libfdt runs.
 */
#include <stdint.h>

#include "lib/check.h"

extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard = 0x595e9fbd94fda766; /* has a zero byte nowhere and is no address */

_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
    check_failed(__FILE__, __LINE__);
}
