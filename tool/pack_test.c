// SPDX-License-Identifier: BSD-2-Clause
#include "tool/pack.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/range.h"

enum { CODE_BYTES = 0x600, DATA_VADDR = 0x1000, DATA_BYTES = 16, MEMORY_BYTES = 0x2345 };

/* What boot.elf is: an Image header and code at 0, data and zeroed memory behind it. */
struct loader {
    Elf64_Ehdr header;
    Elf64_Phdr segments[2];
    uint8_t code[CODE_BYTES];
    uint8_t data[DATA_BYTES];
};

static struct loader make_loader(void)
{
    struct loader loader = {
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                               EV_CURRENT},
                   .e_type = ET_DYN,
                   .e_machine = EM_AARCH64,
                   .e_phoff = offsetof(struct loader, segments),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 2},
        .segments = {{.p_type = PT_LOAD,
                      .p_flags = PF_R | PF_X,
                      .p_offset = offsetof(struct loader, code),
                      .p_filesz = CODE_BYTES,
                      .p_memsz = CODE_BYTES},
                   {.p_type = PT_LOAD,
                      .p_flags = PF_R | PF_W,
                      .p_vaddr = DATA_VADDR,
                      .p_offset = offsetof(struct loader, data),
                      .p_filesz = DATA_BYTES,
                      .p_memsz = MEMORY_BYTES}},
    };
    memset(loader.code, 0xc0, CODE_BYTES);
    memset(loader.data, 0xda, DATA_BYTES);
    memcpy(loader.code + 56, "ARM\x64", 4);
    return loader;
}

static const struct image_machine machine = {
    .core_count = 1, .memory_count = 1, .memory = {{0x60000000, 0x1000}}, .board = "b"};

static char *pack(const struct pack_file *files, unsigned count, const struct loader *loader,
                  struct bytes *out)
{
    *out = (struct bytes){.data = NULL};
    return pack_image(
        &(struct pack){(const uint8_t *)loader, sizeof *loader, machine, files, count}, out);
}

static void whole_image(void **state)
{
    (void)state;
    uint8_t kernel[5000], guest[100];
    memset(kernel, 'k', sizeof kernel);
    memset(guest, 'g', sizeof guest);
    /* Guests' files are named first and still come last. */
    const struct pack_file files[] = {
        {IMAGE_GUEST,   "initrd",  guest,  sizeof guest },
        {IMAGE_KERNEL,  "kernel",  kernel, sizeof kernel},
        {IMAGE_GUEST,   "vmlinuz", guest,  sizeof guest },
        {IMAGE_PROGRAM, "vmm",     kernel, 10           },
    };
    struct loader loader = make_loader();
    struct bytes bytes;
    struct image image;
    assert_null(pack(files, 4, &loader, &bytes));
    assert_int_equal(image_open(&image, bytes.data, bytes.size), IMAGE_OK);
    assert_int_equal(image.header->size_bytes, bytes.size);
    assert_true(image_has_end(&image));
    assert_int_equal(image.file_count, 5);
    for (unsigned i = 0; i < image.file_count; i++) {
        assert_int_equal(image_check_file(&image, &image.files[i], crc_update), IMAGE_OK);
    }
    const struct image_file *file = image_find(&image, IMAGE_GUEST, "vmlinuz");
    assert_non_null(file);
    assert_int_equal(file->offset, 2 * IMAGE_GUEST_ALIGN_BYTES);
    assert_memory_equal(bytes.data + file->offset, guest, sizeof guest);
    assert_true(image_find_type(&image, IMAGE_KERNEL)->offset < IMAGE_GUEST_ALIGN_BYTES);
    bytes_free(&bytes);
}

static void loader_lies_as_linked(void **state)
{
    (void)state;
    const struct pack_file files[] = {
        {IMAGE_KERNEL, "kernel", (const uint8_t *)"k", 1}
    };
    struct loader loader = make_loader();
    struct bytes bytes;
    struct image image;
    assert_null(pack(files, 1, &loader, &bytes));
    assert_int_equal(image_open(&image, bytes.data, bytes.size), IMAGE_OK);
    assert_memory_equal(bytes.data + 56, "ARM\x64", 4);
    uint64_t image_size;
    memcpy(&image_size, bytes.data + 16, sizeof image_size);
    assert_int_equal(image_size, bytes.size);
    assert_int_equal(bytes.data[DATA_VADDR], 0xda);
    for (unsigned i = DATA_VADDR + DATA_BYTES; i < DATA_VADDR + MEMORY_BYTES; i++) {
        assert_int_equal(bytes.data[i], 0);
    }
    assert_true(image.header->table_offset >= DATA_VADDR + MEMORY_BYTES);
    const struct image_file *code = image_find_type(&image, IMAGE_LOADER);
    assert_int_equal(code->offset + code->size_bytes, CODE_BYTES);
    bytes_free(&bytes);
}

static void expect_refusal(const struct pack_file *files, unsigned count,
                           const struct loader *loader, const char *text)
{
    struct bytes bytes;
    char *error = pack(files, count, loader, &bytes);
    assert_non_null(error);
    assert_non_null(strstr(error, text));
    free(error);
}

static void wrong_files(void **state)
{
    (void)state;
    struct loader loader = make_loader();
    const uint8_t *data = (const uint8_t *)"k";
    char name[IMAGE_NAME_MAX + 1];
    memset(name, 'n', IMAGE_NAME_MAX);
    name[IMAGE_NAME_MAX] = '\0';
    expect_refusal(
        (const struct pack_file[]){
            {IMAGE_GUEST, name, data, 1}
    },
        1, &loader, "longer than 95");
    expect_refusal(
        (const struct pack_file[]){
            {IMAGE_GUEST, "a", data, 0}
    },
        1, &loader, "is empty");
    const struct pack_file same[] = {
        {IMAGE_GUEST, "a", data, 1},
        {IMAGE_GUEST, "a", data, 1}
    };
    expect_refusal(same, 2, &loader, "makes no sense");
    struct pack_file many[IMAGE_FILES_MAX];
    for (unsigned i = 0; i < IMAGE_FILES_MAX; i++) {
        many[i] = same[0];
    }
    expect_refusal(many, IMAGE_FILES_MAX, &loader, "more than an image can hold");
}

static void wrong_loader(void **state)
{
    (void)state;
    const struct pack_file files[] = {
        {IMAGE_KERNEL, "kernel", (const uint8_t *)"k", 1}
    };
    struct loader loader = make_loader();
    loader.header.e_machine = EM_X86_64;
    expect_refusal(files, 1, &loader, "the loader is not an AArch64 ELF file");
    loader = make_loader();
    loader.code[56] = 'X';
    expect_refusal(files, 1, &loader, "does not begin with an arm64 Image header");
    loader = make_loader();
    loader.segments[1].p_memsz = 2 << 20;
    expect_refusal(files, 1, &loader, "too large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_image),
        cmocka_unit_test(loader_lies_as_linked),
        cmocka_unit_test(wrong_files),
        cmocka_unit_test(wrong_loader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
