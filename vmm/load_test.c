// SPDX-License-Identifier: BSD-2-Clause
#include "vmm/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>

#define MIB      0x100000ull
#define BASE     0x40000000ull
#define DTB_ROOM 0x10000ull

/* Everything one test needs: memory, files that it may edit, and what came out. */
struct bench {
    struct load_request request;
    struct load_plan plan;
    struct load_failure failure;
    uint8_t kernel[0x1000];
    uint8_t initrd[0x3000];
};

static void put(void *to, uint64_t value, size_t size)
{
    memcpy(to, &value, size);
}

static void make_image(struct bench *b, uint64_t text_offset, uint64_t image_size)
{
    memset(b->kernel, 0xa5, sizeof b->kernel);
    put(b->kernel + 8, text_offset, 8);
    put(b->kernel + 16, image_size, 8);
    put(b->kernel + 24, 0xa, 8);
    put(b->kernel + 56, 0x644d5241, 4);
}

struct segment {
    uint64_t vaddr, paddr, file_bytes, memory_bytes;
};

/* Segments' bytes lie at 0x200 * (index + 1) of the file. */
static void make_elf(struct bench *b, uint64_t entry, const struct segment *segments, unsigned n)
{
    Elf64_Ehdr header = {
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_AARCH64,
        .e_version = EV_CURRENT,
        .e_entry = entry,
        .e_phoff = sizeof header,
        .e_ehsize = sizeof header,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = (uint16_t)n,
    };
    memset(b->kernel, 0x5a, sizeof b->kernel);
    memcpy(b->kernel, &header, sizeof header);
    for (unsigned i = 0; i < n; i++) {
        Elf64_Phdr load = {
            .p_type = PT_LOAD,
            .p_flags = PF_R | PF_X,
            .p_offset = 0x200 * (i + 1),
            .p_vaddr = segments[i].vaddr,
            .p_paddr = segments[i].paddr,
            .p_filesz = segments[i].file_bytes,
            .p_memsz = segments[i].memory_bytes,
        };
        memcpy(b->kernel + sizeof header + i * sizeof load, &load, sizeof load);
    }
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    b->request = (struct load_request){
        .ram = {BASE,       16 * MIB        },
        .kernel = { "Image", b->kernel, sizeof b->kernel},
        .initrd = { "root.cpio", b->initrd, sizeof b->initrd},
        .dtb_size_bytes = DTB_ROOM,
    };
    memset(b->initrd, 0x77, sizeof b->initrd);
    make_image(b, 0, 0x8000);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void expect_placed(struct bench *b)
{
    bool placed = load_place(&b->request, &b->plan, &b->failure);
    if (!placed) {
        fail_msg("refused: %s", b->failure.text);
    }
    const struct load_plan *p = &b->plan;
    struct range ram = b->request.ram;
    assert_true(range_contains(ram, p->kernel.base, p->kernel.size_bytes));
    assert_true(range_contains(ram, p->dtb.base, p->dtb.size_bytes));
    assert_int_equal(p->dtb.size_bytes, b->request.dtb_size_bytes);
    assert_false(range_overlaps(p->kernel, p->dtb));
    assert_true(is_aligned(p->dtb.base, 8));
    /* Before Linux 4.2 it could not cross a 2 MiB boundary. */
    assert_int_equal(p->dtb.base / (2 * MIB), range_last(p->dtb) / (2 * MIB));
    assert_int_equal(p->initrd.size_bytes, b->request.initrd.size_bytes);
    assert_true(range_contains(p->kernel, p->entry.value, 4));
    if (p->initrd.size_bytes != 0) {
        assert_true(range_contains(ram, p->initrd.base, p->initrd.size_bytes));
        assert_true(is_aligned(p->initrd.base, 0x10000)); /* the largest page of a kernel */
        assert_false(range_overlaps(p->kernel, p->initrd));
        assert_false(range_overlaps(p->dtb, p->initrd));
        uint64_t window = align_down(p->kernel.base, 1024 * MIB);
        assert_true(range_contains((struct range){window, 32 * 1024 * MIB}, p->initrd.base,
                                   p->initrd.size_bytes));
    }
}

static void expect_refused(struct bench *b, const char *text)
{
    assert_false(load_place(&b->request, &b->plan, &b->failure));
    assert_string_equal(b->failure.text, text);
}

static void an_image_goes_to_text_offset(void **state)
{
    struct bench *b = *state;
    make_image(b, 0, 0x8000);
    expect_placed(b);
    assert_int_equal(b->plan.kernel.base, BASE);
    assert_int_equal(b->plan.kernel.size_bytes, 0x8000);
    assert_int_equal(b->plan.entry.value, BASE);
    make_image(b, 0x80000, 0x8000);
    expect_placed(b);
    assert_int_equal(b->plan.entry.value, BASE + 0x80000);
}

/* booting.rst: "Where image_size is zero, text_offset can be assumed to be 0x80000." */
static void an_old_image_has_no_size(void **state)
{
    struct bench *b = *state;
    make_image(b, 0x0000080000000000 /* big-endian 0x80000 */, 0);
    expect_placed(b);
    assert_int_equal(b->plan.kernel.base, BASE + 0x80000);
    assert_int_equal(b->plan.kernel.size_bytes, sizeof b->kernel);
}

static void what_is_appended_to_an_image_has_room(void **state)
{
    struct bench *b = *state;
    make_image(b, 0, 0x100);
    expect_placed(b);
    assert_int_equal(b->plan.kernel.size_bytes, sizeof b->kernel);
}

static void the_bss_of_an_image_is_kept_free(void **state)
{
    struct bench *b = *state;
    make_image(b, 0, 16 * MIB - DTB_ROOM - 0x10000);
    expect_placed(b);
    assert_int_equal(b->plan.initrd.base, BASE + 16 * MIB - DTB_ROOM - 0x10000);
    make_image(b, 0, 16 * MIB - DTB_ROOM - 0x10000 + 1);
    expect_refused(b, "initrd 'root.cpio' (0x3000 bytes) and the device tree would overlap kernel "
                      "'Image' at 0x40000000-0x40fe0000, memory is 0x40000000-0x40ffffff: give the "
                      "VM at least 18 MiB");
    b->request.ram.size_bytes = 18 * MIB;
    expect_placed(b);
}

static void a_kernel_that_leaves_no_room_for_the_device_tree(void **state)
{
    struct bench *b = *state;
    b->request.initrd = (struct load_file){0};
    make_image(b, 0, 16 * MIB - DTB_ROOM);
    expect_placed(b);
    make_image(b, 0, 16 * MIB - DTB_ROOM + 1);
    expect_refused(b,
                   "the device tree would overlap kernel 'Image' at 0x40000000-0x40ff0000, memory "
                   "is 0x40000000-0x40ffffff: give the VM at least 18 MiB");
}

static void a_kernel_larger_than_memory(void **state)
{
    struct bench *b = *state;
    make_image(b, 0x80000, 40 * MIB);
    expect_refused(b,
                   "kernel 'Image' needs 0x40080000-0x4287ffff, memory is 0x40000000-0x40ffffff: "
                   "give the VM at least 42 MiB");
}

static void damaged_image_headers(void **state)
{
    struct bench *b = *state;
    static const struct {
        uint64_t text_offset, image_size;
    } wraps[] = {
        {0,                     UINT64_MAX},
        {UINT64_MAX,            0x8000    },
        {UINT64_MAX - 0xfff,    0x8000    },
        {UINT64_MAX - BASE + 1, 0x8000    },
        {1ull << 47,            1ull << 47},
        {1ull << 63,            1ull << 63},
    };
    for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++) {
        make_image(b, wraps[i].text_offset, wraps[i].image_size);
        assert_false(load_place(&b->request, &b->plan, &b->failure));
        assert_non_null(strstr(b->failure.text, "kernel 'Image': damaged Image header"));
        assert_non_null(strstr(b->failure.text, "48 address bits"));
    }
    make_image(b, 0x80002, 0x8000);
    expect_refused(b,
                   "kernel 'Image': damaged Image header: text_offset 0x80002 is not the address "
                   "of an instruction");
}

static void an_initrd_larger_than_memory(void **state)
{
    struct bench *b = *state;
    b->request.initrd.size_bytes = 64 * MIB; /* placing looks at no byte of it */
    expect_refused(b,
                   "initrd 'root.cpio' (0x4000000 bytes) and the device tree would overlap kernel "
                   "'Image' at 0x40000000-0x40007fff, memory is 0x40000000-0x40ffffff: give the "
                   "VM at least 66 MiB");
    b->request.initrd.size_bytes = UINT64_MAX;
    expect_refused(b, "initrd 'root.cpio' is larger than any memory");
    b->request.initrd.size_bytes = UINT64_MAX - 0xffff;
    expect_refused(b, "initrd 'root.cpio' is larger than any memory");
}

/* What a message tells to do must work, and must not be more than is needed. */
static void the_memory_asked_for_is_enough_and_not_too_much(void **state)
{
    struct bench *b = *state;
    static const uint64_t sizes[] = {1,           0xffff,   0x10000,  0x10001,          MIB,
                                     2 * MIB - 1, 15 * MIB, 16 * MIB, 100 * MIB + 4096, 700 * MIB,
                                     3000 * MIB};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            make_image(b, 0, sizes[k] < 0x1000 ? 0x1000 : sizes[k]);
            b->request.initrd.size_bytes = sizes[i];
            b->request.ram.size_bytes = 2 * MIB;
            for (unsigned tries = 0; !load_place(&b->request, &b->plan, &b->failure); tries++) {
                assert_true(tries < 2);
                const char *mib = strstr(b->failure.text, "at least ");
                assert_non_null(mib);
                b->request.ram.size_bytes = strtoull(mib + 9, NULL, 10) * MIB;
            }
            expect_placed(b);
            if (b->request.ram.size_bytes > 2 * MIB) {
                b->request.ram.size_bytes -= 2 * MIB;
                assert_false(load_place(&b->request, &b->plan, &b->failure));
            }
        }
    }
}

static void much_memory_keeps_both_near_the_kernel(void **state)
{
    struct bench *b = *state;
    b->request.ram.size_bytes = 64 * 1024 * MIB;
    expect_placed(b);
    assert_int_equal(range_last(b->plan.dtb), BASE + 512 * MIB - 1);
    b->request.initrd.size_bytes = 600 * MIB;
    expect_placed(b);
    assert_int_equal(range_last(b->plan.dtb), BASE + 32 * 1024 * MIB - 1);
    b->request.initrd.size_bytes = 33 * 1024 * MIB;
    expect_refused(b,
                   "initrd 'root.cpio' (0x840000000 bytes) and the device tree do not fit within "
                   "32 GiB of kernel 'Image' at 0x40000000-0x40007fff");
}

static void files_that_are_no_kernel(void **state)
{
    struct bench *b = *state;
    static const struct {
        size_t offset;
        const char *magic, *says;
    } files[] = {
        {0,    "\x1f\x8b\x08",     "kernel 'Image' is compressed with gzip: "      },
        {0,    "\x28\xb5\x2f\xfd", "kernel 'Image' is compressed with zstd: "      },
        {0,
         "\xfd"
         "7zXZ",                   "kernel 'Image' is compressed with xz: "        },
        {0,    "\x04\x22\x4d\x18", "kernel 'Image' is compressed with lz4: "       },
        {0,    "\x02\x21\x4c\x18", "kernel 'Image' is compressed with lz4: "       },
        {0,    "BZh9",             "kernel 'Image' is compressed with bzip2: "     },
        {4,    "zimg",             "kernel 'Image' is an EFI zboot image: "        },
        {0x24, "\x18\x28\x6f\x01", "kernel 'Image' is a 32-bit Arm zImage: "       },
        {0,    "\x27\x05\x19\x56", "kernel 'Image' is a U-Boot uImage: "           },
        {0,    "\xd0\x0d\xfe\xed", "kernel 'Image' is a device tree or FIT image: "},
        {0,    "#!/bin/sh",
         "kernel 'Image' (4096 bytes) is neither an arm64 Image (no \"ARM\\x64\" at "
         "0x38) nor an ELF file"                                                   },
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        memset(b->kernel, 0, sizeof b->kernel);
        memcpy(b->kernel + files[i].offset, files[i].magic, strlen(files[i].magic));
        assert_false(load_place(&b->request, &b->plan, &b->failure));
        assert_memory_equal(b->failure.text, files[i].says, strlen(files[i].says));
    }
}

/* The file is copied to the heap at its exact size: the sanitizer sees a step over its end. */
static void short_files(void **state)
{
    struct bench *b = *state;
    b->request.kernel.size_bytes = 0;
    expect_refused(b, "kernel 'Image' is empty");
    for (size_t size = 1; size < 64; size++) {
        uint8_t *file = malloc(size);
        memcpy(file, b->kernel, size);
        b->request.kernel.bytes = file;
        b->request.kernel.size_bytes = size;
        assert_false(load_place(&b->request, &b->plan, &b->failure));
        assert_non_null(strstr(b->failure.text, "neither an arm64 Image"));
        free(file);
    }
}

static void long_names_are_cut_not_overrun(void **state)
{
    struct bench *b = *state;
    char name[1000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    b->request.kernel.name = b->request.initrd.name = name;
    b->request.initrd.size_bytes = 64 * MIB;
    assert_false(load_place(&b->request, &b->plan, &b->failure));
    assert_int_equal(strlen(b->failure.text), sizeof b->failure.text - 1);
}

static void an_elf_is_placed_by_physical_addresses(void **state)
{
    struct bench *b = *state;
    static const struct segment segments[] = {
        {0xffff000000000000, BASE + 0x100000, 0x100, 0x200  },
        {0xffff000000100000, BASE + 0x180000, 0x10,  0x10000},
    };
    make_elf(b, 0xffff000000000040, segments, 2);
    expect_placed(b);
    assert_int_equal(b->plan.entry.value, BASE + 0x100040);
    assert_int_equal(b->plan.kernel.base, BASE + 0x100000);
    assert_int_equal(b->plan.kernel.size_bytes, 0x90000);
}

static void physical_segments_in_any_order(void **state)
{
    struct bench *b = *state;
    static const struct segment segments[] = {
        {0x1000,   BASE + 0x180000, 0x10,  0x10000},
        {0x100000, BASE + 0x100000, 0x100, 0x80000},
    };
    make_elf(b, 0x100000, segments, 2);
    expect_placed(b);
    assert_int_equal(b->plan.kernel.base, BASE + 0x100000);
    assert_int_equal(b->plan.kernel.size_bytes, 0x90000);
}

static void an_elf_at_the_top_has_the_rest_below(void **state)
{
    struct bench *b = *state;
    static const struct segment top = {BASE + 15 * MIB, BASE + 15 * MIB, 0x100, MIB};
    make_elf(b, BASE + 15 * MIB, &top, 1);
    expect_placed(b);
    assert_true(range_last(b->plan.dtb) < BASE + 15 * MIB);
    assert_true(range_last(b->plan.initrd) < BASE + 15 * MIB);
}

static void elf_segments_outside_memory(void **state)
{
    struct bench *b = *state;
    struct segment s = {0x80000, 0x80000, 0x100, 0x100};
    make_elf(b, 0x80000, &s, 1);
    expect_refused(b,
                   "kernel 'Image': segment at physical 0x80000-0x800ff is outside memory, which "
                   "is 0x40000000-0x40ffffff: link it for these addresses");
    s.paddr = BASE - 0x10; /* straddles the base */
    make_elf(b, 0x80000, &s, 1);
    expect_refused(b,
                   "kernel 'Image': segment at physical 0x3ffffff0-0x400000ef is outside memory, "
                   "which is 0x40000000-0x40ffffff: link it for these addresses");
    s.paddr = BASE + 16 * MIB - 0x10; /* straddles the end */
    make_elf(b, 0x80000, &s, 1);
    expect_refused(b,
                   "kernel 'Image' needs 0x40fffff0-0x410000ef, memory is 0x40000000-0x40ffffff: "
                   "give the VM at least 18 MiB or link it lower");
    s.paddr = 0xffff800008000000; /* Linux's vmlinux: physical addresses are virtual ones */
    make_elf(b, 0x80000, &s, 1);
    assert_false(load_place(&b->request, &b->plan, &b->failure));
    assert_non_null(strstr(b->failure.text, "is outside memory"));
    s.paddr = BASE;
    s.memory_bytes = UINT64_MAX - BASE;
    s.vaddr = 0;
    make_elf(b, 0, &s, 1);
    assert_false(load_place(&b->request, &b->plan, &b->failure));
}

static void elf_segments_that_overlap(void **state)
{
    struct bench *b = *state;
    static const struct segment segments[] = {
        {0x1000, BASE,          0x10, 0x10  },
        {0x2000, BASE + 0x2000, 0x10, 0x1000},
        {0x4000, BASE + 0x1ff0, 0x10, 0x11  },
    };
    make_elf(b, 0x1000, segments, 2);
    expect_placed(b);
    make_elf(b, 0x1000, segments, 3);
    expect_refused(b, "kernel 'Image': segments overlap in physical memory: 0x40002000-0x40002fff "
                      "and 0x40001ff0-0x40002000");
}

static void elf_files_that_are_no_program(void **state)
{
    struct bench *b = *state;
    static const struct segment s = {BASE, BASE, 0x100, 0x200};
    make_elf(b, BASE, &s, 1);
    put(b->kernel + offsetof(Elf64_Ehdr, e_machine), EM_X86_64, 2);
    expect_refused(b, "kernel 'Image' is not an AArch64 ELF file");
    make_elf(b, BASE + 0x1000, &s, 1);
    expect_refused(b, "kernel 'Image' has its entry outside its code");
    make_elf(b, BASE + 2, &s, 1);
    expect_refused(b, "kernel 'Image': entry 0x40000002 is not the address of an instruction");
}

/* A part of the kernel's file, and what it fills in memory: beyond the file's bytes with zeroes. */
struct part {
    struct range file, memory;
};

/* Copies into memory of exactly the right size, which a life before has left full of something, and
 * looks at every byte of it. */
static void expect_copied(struct bench *b, const struct part *parts, unsigned n)
{
    uint64_t size = b->request.ram.size_bytes;
    uint8_t *host = malloc(size), *expected = malloc(size);
    struct ram ram = {{BASE}, size, host};
    memset(host, 0xa5, size);
    memset(expected, 0xa5, size);
    expect_placed(b);
    load_copy(&b->request, &b->plan, &ram);
    for (unsigned i = 0; i < n; i++) {
        uint8_t *to = expected + (parts[i].memory.base - BASE);
        memset(to, 0, parts[i].memory.size_bytes);
        memcpy(to, b->kernel + parts[i].file.base, parts[i].file.size_bytes);
    }
    if (b->request.initrd.size_bytes != 0) {
        memcpy(expected + (b->plan.initrd.base - BASE), b->initrd, sizeof b->initrd);
    }
    assert_memory_equal(host, expected, size);
    free(host);
    free(expected);
}

static void an_image_is_copied_its_bss_cleared_and_nothing_else_touched(void **state)
{
    struct bench *b = *state;
    const uint64_t size = sizeof b->kernel + 0x8000;
    const struct part part = {
        {0,             sizeof b->kernel},
        {BASE + 0x1000, size            }
    };
    make_image(b, 0x1000, size);
    expect_copied(b, &part, 1);
    b->request.initrd = (struct load_file){0};
    expect_copied(b, &part, 1);
}

static void elf_segments_are_copied_and_their_bss_cleared(void **state)
{
    struct bench *b = *state;
    static const struct segment segments[] = {
        {0x1000, BASE + 0x300000, 0x100, 0x2000},
        {0x8000, BASE + 0x100010, 0x7,   0x7   },
        {0x9000, BASE + 0x200000, 0,     0x1000},
    };
    static const struct part parts[] = {
        {{0x200, 0x100}, {BASE + 0x300000, 0x2000}},
        {{0x400, 0x7},   {BASE + 0x100010, 0x7}   },
        {{0, 0},         {BASE + 0x200000, 0x1000}},
    };
    make_elf(b, 0x1000, segments, 3);
    expect_copied(b, parts, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_image_goes_to_text_offset),
        TEST(an_old_image_has_no_size),
        TEST(what_is_appended_to_an_image_has_room),
        TEST(the_bss_of_an_image_is_kept_free),
        TEST(a_kernel_that_leaves_no_room_for_the_device_tree),
        TEST(a_kernel_larger_than_memory),
        TEST(damaged_image_headers),
        TEST(an_initrd_larger_than_memory),
        TEST(the_memory_asked_for_is_enough_and_not_too_much),
        TEST(much_memory_keeps_both_near_the_kernel),
        TEST(files_that_are_no_kernel),
        TEST(short_files),
        TEST(long_names_are_cut_not_overrun),
        TEST(an_elf_is_placed_by_physical_addresses),
        TEST(physical_segments_in_any_order),
        TEST(an_elf_at_the_top_has_the_rest_below),
        TEST(elf_segments_outside_memory),
        TEST(elf_segments_that_overlap),
        TEST(elf_files_that_are_no_program),
        TEST(an_image_is_copied_its_bss_cleared_and_nothing_else_touched),
        TEST(elf_segments_are_copied_and_their_bss_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
