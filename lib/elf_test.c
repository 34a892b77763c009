// SPDX-License-Identifier: BSD-2-Clause
#include "lib/elf.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A good program of two segments; each test breaks one thing of it. Host's <elf.h> is the second
 * opinion. */
struct program {
    Elf64_Ehdr header;
    Elf64_Phdr segments[3];
    uint8_t code[64];
    uint8_t data[32];
};

static struct program good(void)
{
    struct program p = {
        .header =
            {
                     .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                            EV_CURRENT},
                     .e_type = ET_EXEC,
                     .e_machine = EM_AARCH64,
                     .e_version = EV_CURRENT,
                     .e_entry = 0x400010,
                     .e_phoff = offsetof(struct program, segments),
                     .e_ehsize = sizeof(Elf64_Ehdr),
                     .e_phentsize = sizeof(Elf64_Phdr),
                     .e_phnum = 3,
                     },
        .segments =
            {
                     {.p_type = PT_LOAD,
                 .p_flags = PF_R | PF_X,
                 .p_vaddr = 0x400000,
                 .p_paddr = 0x60000000,
                 .p_offset = offsetof(struct program, code),
                 .p_filesz = 64,
                 .p_memsz = 64},
                     {.p_type = PT_GNU_STACK},
                     {.p_type = PT_LOAD,
                 .p_flags = PF_R | PF_W,
                 .p_vaddr = 0x402000,
                 .p_paddr = 0x60002000,
                 .p_offset = offsetof(struct program, data),
                 .p_filesz = 32,
                 .p_memsz = 0x1000},
                     },
    };
    memset(p.code, 0xc0, sizeof p.code);
    memset(p.data, 0xda, sizeof p.data);
    return p;
}

/* Checks a copy on the heap of exactly this size, so that a read past it is seen. */
static enum elf_error check(const struct program *p, size_t size)
{
    struct elf elf;
    uint8_t *copy = malloc(size != 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, p, size);
    enum elf_error error = elf_check(&elf, copy, size);
    free(copy);
    return error;
}

static void good_program(void **state)
{
    (void)state;
    struct program p = good();
    struct elf elf;
    assert_int_equal(elf_check(&elf, &p, sizeof p), ELF_OK);
    assert_int_equal(elf.entry, 0x400010);
    assert_int_equal(elf.span.base, 0x400000);
    assert_int_equal(elf.span.size_bytes, 0x3000);

    struct elf_segment segment;
    unsigned cursor = 0;
    assert_true(elf_segment_next(&elf, &cursor, &segment));
    assert_ptr_equal(segment.data, p.code);
    assert_int_equal(segment.vaddr, 0x400000);
    assert_int_equal(segment.paddr, 0x60000000);
    assert_true(segment.readable && segment.executable && !segment.writable);
    assert_true(elf_segment_next(&elf, &cursor, &segment));
    assert_ptr_equal(segment.data, p.data);
    assert_int_equal(segment.file_bytes, 32);
    assert_int_equal(segment.memory_bytes, 0x1000);
    assert_true(segment.readable && segment.writable && !segment.executable);
    assert_false(elf_segment_next(&elf, &cursor, &segment));
}

static void empty_segments_are_skipped(void **state)
{
    (void)state;
    struct program p = good();
    p.segments[2].p_filesz = p.segments[2].p_memsz = 0;
    p.segments[2].p_vaddr = UINT64_MAX;
    struct elf elf;
    struct elf_segment segment;
    unsigned cursor = 0;
    assert_int_equal(elf_check(&elf, &p, sizeof p), ELF_OK);
    assert_true(elf_segment_next(&elf, &cursor, &segment));
    assert_false(elf_segment_next(&elf, &cursor, &segment));
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct program p = good();
    for (size_t size = 0; size < sizeof p; size++) {
        assert_int_not_equal(check(&p, size), ELF_OK);
    }
    assert_int_equal(check(&p, sizeof p), ELF_OK);
}

static void wrong_file_header(void **state)
{
    (void)state;
    struct program p = good();
    p.header.e_ident[0] = 'E';
    assert_int_equal(check(&p, sizeof p), ELF_NO_MAGIC);
    p = good();
    p.header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(check(&p, sizeof p), ELF_WRONG_CLASS);
    p = good();
    p.header.e_ident[EI_DATA] = ELFDATA2MSB;
    assert_int_equal(check(&p, sizeof p), ELF_WRONG_CLASS);
    p = good();
    p.header.e_machine = EM_X86_64;
    assert_int_equal(check(&p, sizeof p), ELF_WRONG_MACHINE);
    p = good();
    p.header.e_type = ET_REL;
    assert_int_equal(check(&p, sizeof p), ELF_WRONG_TYPE);
}

static void wrong_header_table(void **state)
{
    (void)state;
    struct program p = good();
    p.header.e_phentsize = 55;
    assert_int_equal(check(&p, sizeof p), ELF_HEADERS_OUTSIDE);
    p = good();
    p.header.e_phnum = 0;
    assert_int_equal(check(&p, sizeof p), ELF_HEADERS_OUTSIDE);
    p = good();
    p.header.e_phnum = 0xffff;
    assert_int_equal(check(&p, sizeof p), ELF_HEADERS_OUTSIDE);
    p = good();
    p.header.e_phoff = UINT64_MAX - 8;
    assert_int_equal(check(&p, sizeof p), ELF_HEADERS_OUTSIDE);
    p = good();
    p.segments[1].p_type = PT_INTERP;
    assert_int_equal(check(&p, sizeof p), ELF_NEEDS_INTERPRETER);
}

static void wrong_segment(void **state)
{
    (void)state;
    struct program p = good();
    p.segments[0].p_filesz = 65;
    assert_int_equal(check(&p, sizeof p), ELF_SEGMENT_SIZE);
    p = good();
    p.segments[2].p_offset = sizeof p - 31;
    assert_int_equal(check(&p, sizeof p), ELF_SEGMENT_OUTSIDE);
    p = good();
    p.segments[2].p_offset = UINT64_MAX - 15;
    assert_int_equal(check(&p, sizeof p), ELF_SEGMENT_OUTSIDE);
    p = good();
    p.segments[2].p_vaddr = UINT64_MAX - 0xfff;
    assert_int_equal(check(&p, sizeof p), ELF_SEGMENT_WRAPS);
    p = good();
    p.segments[2].p_paddr = UINT64_MAX - 0xff;
    assert_int_equal(check(&p, sizeof p), ELF_SEGMENT_WRAPS);
    p = good();
    p.segments[2].p_vaddr = 0x40003f;
    assert_int_equal(check(&p, sizeof p), ELF_SEGMENT_ORDER);
    p = good();
    p.segments[2].p_vaddr = 0x300000;
    assert_int_equal(check(&p, sizeof p), ELF_SEGMENT_ORDER);
    p = good();
    p.segments[0].p_type = p.segments[2].p_type = PT_NULL;
    assert_int_equal(check(&p, sizeof p), ELF_NO_SEGMENT);
}

static void wrong_entry(void **state)
{
    (void)state;
    struct program p = good();
    p.header.e_entry = 0x402000; /* a segment, but not an executable one */
    assert_int_equal(check(&p, sizeof p), ELF_ENTRY_OUTSIDE);
    p.header.e_entry = 0x40003e; /* its instruction would end outside */
    assert_int_equal(check(&p, sizeof p), ELF_ENTRY_OUTSIDE);
    p.header.e_entry = 0x40003c;
    assert_int_equal(check(&p, sizeof p), ELF_OK);
}

static void too_many_segments(void **state)
{
    (void)state;
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr segments[ELF_SEGMENTS_MAX + 1];
    } p = {.header = good().header};
    p.header.e_phoff = sizeof p.header;
    for (unsigned i = 0; i <= ELF_SEGMENTS_MAX; i++) {
        p.segments[i] = (Elf64_Phdr){.p_type = PT_LOAD,
                                     .p_flags = PF_X,
                                     .p_memsz = 0x1000,
                                     .p_vaddr = 0x400000 + i * 0x1000};
    }
    struct elf elf;
    p.header.e_phnum = ELF_SEGMENTS_MAX;
    assert_int_equal(elf_check(&elf, &p, sizeof p), ELF_OK);
    p.header.e_phnum = ELF_SEGMENTS_MAX + 1;
    assert_int_equal(elf_check(&elf, &p, sizeof p), ELF_NO_SEGMENT);
}

static void every_error_has_its_text(void **state)
{
    (void)state;
    for (int i = ELF_OK; i <= ELF_ENTRY_OUTSIDE; i++) {
        for (int j = i + 1; j <= ELF_ENTRY_OUTSIDE + 1; j++) {
            assert_string_not_equal(elf_error_text((enum elf_error)i),
                                    elf_error_text((enum elf_error)j));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_program),
        cmocka_unit_test(empty_segments_are_skipped),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(wrong_file_header),
        cmocka_unit_test(wrong_header_table),
        cmocka_unit_test(wrong_segment),
        cmocka_unit_test(wrong_entry),
        cmocka_unit_test(too_many_segments),
        cmocka_unit_test(every_error_has_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
