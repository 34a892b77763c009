// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/load.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "lib/check.h"
#include "lib/format.h"

#define SZ_4K   0x1000ull
#define SZ_64K  0x10000ull
#define SZ_2M   0x200000ull
#define SZ_512M 0x20000000ull
#define SZ_1G   0x40000000ull
#define SZ_32G  0x800000000ull

#define ADDRESS_LIMIT (1ull << 48)

static const struct load_format *const formats[] = {
    &load_image,
    &load_elf,
};

bool load_refuse(struct load_failure *failure, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format_va(failure->text, sizeof failure->text, fmt, args);
    va_end(args);
    return false;
}

uint64_t load_needed_mib(struct range ram, uint64_t end)
{
    return align_up(end - ram.base, SZ_2M) >> 20;
}

/* Files that people take for a kernel. What they should do about it ends the sentence. */
static const struct {
    uint8_t offset, length;
    char magic[8];
    const char *is;
} not_kernels[] = {
    {0x00, 2, "\x1f\x8b",         "is compressed with gzip: unpack it when the system image is built"},
    {0x00, 4, "\x28\xb5\x2f\xfd", "is compressed with zstd: unpack it with `zstd -d`"                },
    {0x00, 6,
     "\xfd"
     "7zXZ",                      "is compressed with xz: unpack it with `unxz`"                     },
    {0x00, 4, "\x04\x22\x4d\x18", "is compressed with lz4: unpack it with `lz4 -d`"                  },
    {0x00, 4, "\x02\x21\x4c\x18", "is compressed with lz4: unpack it with `lz4 -d`"                  },
    {0x00, 3, "BZh",              "is compressed with bzip2: unpack it with `bunzip2`"               },
    {0x04, 4, "zimg",             "is an EFI zboot image: use the Image that is packed in it"        },
    {0x24, 4, "\x18\x28\x6f\x01", "is a 32-bit Arm zImage: guests are 64-bit"                        },
    {0x00, 4, "\x27\x05\x19\x56", "is a U-Boot uImage: use the Image that it was made from"          },
    {0x00, 4, "\xd0\x0d\xfe\xed", "is a device tree or FIT image: use the Image itself"              },
};

static bool refuse_unknown(const struct load_file *file, struct load_failure *failure)
{
    for (size_t i = 0; i < sizeof not_kernels / sizeof not_kernels[0]; i++) {
        size_t end = (size_t)not_kernels[i].offset + not_kernels[i].length;
        if (file->size_bytes >= end && memcmp(file->bytes + not_kernels[i].offset,
                                              not_kernels[i].magic, not_kernels[i].length) == 0) {
            return load_refuse(failure, "kernel '%s' %s", file->name, not_kernels[i].is);
        }
    }
    return load_refuse(
        failure,
        "kernel '%s' (%lu bytes) is neither an arm64 Image (no \"ARM\\x64\" at 0x38) "
        "nor an ELF file",
        file->name, file->size_bytes);
}

static bool place_kernel(const struct load_request *request, struct load_plan *plan,
                         struct load_failure *failure)
{
    const struct load_file *file = &request->kernel;
    if (file->size_bytes == 0) {
        return load_refuse(failure, "kernel '%s' is empty", file->name);
    }
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (formats[i]->recognise(file)) {
            plan->format = formats[i];
            return formats[i]->place(file, request->ram, plan, failure);
        }
    }
    return refuse_unknown(file, failure);
}

/* The highest place inside window, at a multiple of alignment, that is clear of both taken ranges.
 */
static bool find_place(struct range window, struct range taken_a, struct range taken_b,
                       uint64_t size_bytes, uint64_t alignment, struct range *found)
{
    uint64_t end = window.base + window.size_bytes;
    while (end > window.base && end - window.base >= size_bytes) {
        struct range r = {align_down(end - size_bytes, alignment), size_bytes};
        if (r.base < window.base) {
            return false;
        }
        bool hits_a = range_overlaps(r, taken_a), hits_b = range_overlaps(r, taken_b);
        if (!hits_a && !hits_b) {
            *found = r;
            return true;
        }
        end = hits_a ? taken_a.base : taken_b.base;
    }
    return false;
}

static bool place_rest(const struct load_request *request, struct range window,
                       struct load_plan *plan)
{
    const struct range none = {0};
    return find_place(window, plan->kernel, none, request->dtb_size_bytes, SZ_4K, &plan->dtb) &&
           (request->initrd.size_bytes == 0 ||
            find_place(window, plan->kernel, plan->dtb, request->initrd.size_bytes, SZ_64K,
                       &plan->initrd));
}

/* Memory from the kernel's 1 GiB boundary on, up to `reach` above its `alignment` boundary. */
static struct range window_around(struct range kernel, struct range ram, uint64_t alignment,
                                  uint64_t reach)
{
    uint64_t lowest = align_down(kernel.base, SZ_1G);
    uint64_t highest = align_down(kernel.base, alignment) + reach;
    uint64_t ram_end = ram.base + ram.size_bytes;
    uint64_t base = lowest > ram.base ? lowest : ram.base;
    return (struct range){base, (highest < ram_end ? highest : ram_end) - base};
}

static bool refuse_rest(const struct load_request *request, const struct load_plan *plan,
                        struct load_failure *failure)
{
    struct range ram = request->ram;
    uint64_t end = align_up(plan->kernel.base + plan->kernel.size_bytes, SZ_64K) +
                   align_up(request->initrd.size_bytes, SZ_64K) +
                   align_up(request->dtb_size_bytes, SZ_64K);
    bool has_initrd = request->initrd.size_bytes != 0;
    char what[128];
    format(what, sizeof what, has_initrd ? "initrd '%s' (0x%lx bytes) and the" : "the",
           request->initrd.name, request->initrd.size_bytes);
    if (end <= ram.base + ram.size_bytes) {
        return load_refuse(failure,
                           "%s device tree do not fit within 32 GiB of kernel '%s' at 0x%lx-0x%lx",
                           what, request->kernel.name, plan->kernel.base, range_last(plan->kernel));
    }
    return load_refuse(failure,
                       "%s device tree would overlap kernel '%s' at 0x%lx-0x%lx, memory is "
                       "0x%lx-0x%lx: give the VM at least %lu MiB",
                       what, request->kernel.name, plan->kernel.base, range_last(plan->kernel),
                       ram.base, range_last(ram), load_needed_mib(ram, end));
}

bool load_place(const struct load_request *request, struct load_plan *plan,
                struct load_failure *failure)
{
    struct range ram = request->ram;
    CHECK(is_aligned(ram.base | ram.size_bytes, SZ_2M) && ram.size_bytes != 0);
    CHECK(range_contains((struct range){0, ADDRESS_LIMIT}, ram.base, ram.size_bytes));
    CHECK(request->dtb_size_bytes != 0 && request->dtb_size_bytes <= SZ_2M);

    *plan = (struct load_plan){0};
    if (!place_kernel(request, plan, failure)) {
        return false;
    }
    if (request->initrd.size_bytes > ADDRESS_LIMIT) {
        return load_refuse(failure, "initrd '%s' is larger than any memory", request->initrd.name);
    }
    /*
     * At the top, so that a kernel which uses more than it says has all the room there is. A device
     * tree beyond 512 MiB is out of reach for kernels before 4.2; an initrd must share a 32 GiB
     * window with the kernel (booting.rst, sections 2 and 4).
     */
    if (place_rest(request, window_around(plan->kernel, ram, SZ_2M, SZ_512M), plan) ||
        place_rest(request, window_around(plan->kernel, ram, SZ_1G, SZ_32G), plan)) {
        return true;
    }
    return refuse_rest(request, plan, failure);
}

void load_fill(const struct ram *ram, struct range place, const uint8_t *bytes, uint64_t size_bytes)
{
    uint8_t *to = ram_span(ram, (gpa_t){place.base}, place.size_bytes);
    CHECK(to != NULL && size_bytes <= place.size_bytes);
    memcpy(to, bytes, size_bytes);
    memset(to + size_bytes, 0, place.size_bytes - size_bytes);
}

void load_copy(const struct load_request *request, const struct load_plan *plan,
               const struct ram *ram)
{
    plan->format->copy(&request->kernel, plan, ram);
    if (plan->initrd.size_bytes != 0) {
        load_fill(ram, plan->initrd, request->initrd.bytes, request->initrd.size_bytes);
    }
}
