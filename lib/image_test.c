// SPDX-License-Identifier: BSD-2-Clause
#include "lib/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/range.h"

enum {
    TABLE = 0x1000,
    FILES = 0x2000,
    GUESTS = IMAGE_GUEST_ALIGN_BYTES,
    SIZE = GUESTS + 2 * IMAGE_GUEST_ALIGN_BYTES + IMAGE_MAGIC_BYTES,
    FILE_COUNT = 5,
};

static uint8_t *bytes; /* the image of the running test */
static struct image_header *header;
static struct image_file *files;

static void add(unsigned index, enum image_type type, const char *name, uint64_t offset,
                uint64_t size)
{
    struct image_file *file = &files[index];
    *file = (struct image_file){.type = type, .offset = offset, .size_bytes = size};
    strncpy(file->name, name, sizeof file->name - 1);
    memset(bytes + offset, (int)index + 1, size);
    file->crc = crc_update(0, bytes + offset, size);
}

static void seal(void)
{
    header->crc = image_header_crc(header, files);
}

static int set_up(void **state)
{
    (void)state;
    bytes = aligned_alloc(4096, align_up(SIZE, 4096));
    assert_non_null(bytes);
    memset(bytes, 0, SIZE);
    header = (void *)(bytes + IMAGE_HEADER_OFFSET);
    files = (void *)(bytes + TABLE);
    memcpy(header->magic, IMAGE_MAGIC, IMAGE_MAGIC_BYTES);
    header->version = IMAGE_VERSION;
    header->header_bytes = sizeof *header;
    header->size_bytes = SIZE;
    header->table_offset = TABLE;
    header->file_count = FILE_COUNT;
    header->machine = (struct image_machine){
        .core_count = 1, .memory_count = 1, .memory = {{0x60000000, 0x60000000}}, .board = "b"};
    add(0, IMAGE_LOADER, "loader", 0x800, 0x100);
    add(1, IMAGE_KERNEL, "kernel", FILES, 5000);
    add(2, IMAGE_PROGRAM, "vmm", FILES + 0x2000, 100);
    add(3, IMAGE_GUEST, "vmm", GUESTS, 10);
    add(4, IMAGE_GUEST, "vmlinuz", GUESTS + IMAGE_GUEST_ALIGN_BYTES, IMAGE_GUEST_ALIGN_BYTES);
    memcpy(bytes + SIZE - IMAGE_MAGIC_BYTES, IMAGE_END_MAGIC, IMAGE_MAGIC_BYTES);
    seal();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

static enum image_error open_sealed(void)
{
    struct image image;
    seal();
    return image_open(&image, bytes, SIZE);
}

static void good_image(void **state)
{
    (void)state;
    struct image image;
    assert_int_equal(image_open(&image, bytes, SIZE), IMAGE_OK);
    assert_true(image_has_end(&image));
    for (unsigned i = 0; i < image.file_count; i++) {
        assert_int_equal(image_check_file(&image, &image.files[i], crc_update), IMAGE_OK);
    }
    assert_ptr_equal(image_find(&image, IMAGE_PROGRAM, "vmm"), &files[2]);
    assert_ptr_equal(image_find(&image, IMAGE_GUEST, "vmm"), &files[3]);
    assert_null(image_find(&image, IMAGE_GUEST, "kernel"));
    assert_ptr_equal(image_find_type(&image, IMAGE_KERNEL), &files[1]);
    assert_null(image_find_type(&image, IMAGE_ROOT));
}

static void only_header_and_table_need_be_readable(void **state)
{
    (void)state;
    size_t readable = TABLE + FILE_COUNT * sizeof(struct image_file);
    uint8_t *part = aligned_alloc(8, readable);
    assert_non_null(part);
    memcpy(part, bytes, readable);
    struct image image;
    assert_int_equal(image_open(&image, part, readable), IMAGE_OK);
    assert_int_equal(image_open(&image, part, readable - 1), IMAGE_TRUNCATED);
    assert_int_equal(image_open(&image, part, IMAGE_HEADER_OFFSET + 8), IMAGE_NO_MAGIC);
    free(part);
}

static void damage_is_found(void **state)
{
    (void)state;
    struct image image;
    for (size_t i = IMAGE_HEADER_OFFSET; i < IMAGE_HEADER_OFFSET + sizeof *header; i++) {
        bytes[i] ^= 0x10;
        assert_int_not_equal(image_open(&image, bytes, SIZE), IMAGE_OK);
        bytes[i] ^= 0x10;
    }
    for (size_t i = TABLE; i < TABLE + FILE_COUNT * sizeof *files; i++) {
        bytes[i] ^= 0x10;
        assert_int_equal(image_open(&image, bytes, SIZE), IMAGE_HEADER_DAMAGED);
        bytes[i] ^= 0x10;
    }
    assert_int_equal(image_open(&image, bytes, SIZE), IMAGE_OK);
    bytes[FILES + 4999] ^= 1;
    assert_int_equal(image_check_file(&image, &image.files[1], crc_update), IMAGE_FILE_DAMAGED);
    assert_int_equal(image_check_file(&image, &image.files[2], crc_update), IMAGE_OK);
    bytes[SIZE - 1] = 0;
    assert_false(image_has_end(&image));
}

static void another_format_is_refused(void **state)
{
    (void)state;
    header->version = IMAGE_VERSION + 1;
    assert_int_equal(open_sealed(), IMAGE_WRONG_VERSION);
    header->version = IMAGE_VERSION;
    header->header_bytes++;
    assert_int_equal(open_sealed(), IMAGE_WRONG_VERSION);
    memcpy(header->magic, "bulkhead", IMAGE_MAGIC_BYTES);
    assert_int_equal(open_sealed(), IMAGE_NO_MAGIC);
}

/* One field of the header set to a value that its checksum fits and that is still wrong. */
#define refuse_header(field, value)                                                                \
    do {                                                                                           \
        struct image_header saved = *header;                                                       \
        header->field = value;                                                                     \
        struct image image;                                                                        \
        header->crc = header->file_count <= FILE_COUNT ? image_header_crc(header, files) : 0;      \
        assert_int_not_equal(image_open(&image, bytes, SIZE), IMAGE_OK);                           \
        *header = saved;                                                                           \
    } while (0)

static void header_that_makes_no_sense(void **state)
{
    (void)state;
    refuse_header(file_count, IMAGE_FILES_MAX + 1);
    refuse_header(file_count, UINT32_MAX);
    refuse_header(table_offset, 0);
    refuse_header(table_offset, TABLE + 8);
    refuse_header(table_offset, 0xfffff000);
    refuse_header(size_bytes, 0);
    refuse_header(size_bytes, SIZE - 1);
    refuse_header(machine.core_count, 0);
    refuse_header(machine.memory_count, 0);
    refuse_header(machine.memory_count, IMAGE_MEMORY_MAX + 1);
    refuse_header(machine.memory[0].size_bytes, 0);
    refuse_header(machine.memory[0].size_bytes, UINT64_MAX - 0x5fffffff);
    memset(header->machine.board, 'x', sizeof header->machine.board);
    assert_int_equal(open_sealed(), IMAGE_HEADER_WRONG);
}

#define refuse_file(index, field, value)                                                           \
    do {                                                                                           \
        struct image_file saved = files[index];                                                    \
        files[index].field = value;                                                                \
        assert_int_equal(open_sealed(), IMAGE_HEADER_WRONG);                                       \
        files[index] = saved;                                                                      \
    } while (0)

static void file_that_makes_no_sense(void **state)
{
    (void)state;
    refuse_file(1, type, 0);
    refuse_file(1, type, IMAGE_TYPE_COUNT);
    refuse_file(1, name[0], '\0');
    refuse_file(1, size_bytes, 0);
    refuse_file(1, size_bytes, UINT64_MAX);
    refuse_file(1, size_bytes, 0x2001); /* reaches into the next one */
    refuse_file(1, offset, FILES + 4);  /* not on a page */
    refuse_file(1, offset, TABLE);      /* over the table */
    refuse_file(1, offset, UINT64_MAX - 4095);
    refuse_file(0, offset, IMAGE_HEADER_OFFSET);             /* the loader over the header */
    refuse_file(0, size_bytes, 0x801);                       /* the loader into the table */
    refuse_file(3, offset, GUESTS - 4096);                   /* a guest's file not on 2 MiB */
    refuse_file(4, offset, GUESTS);                          /* two guest files in one large page */
    refuse_file(4, size_bytes, IMAGE_GUEST_ALIGN_BYTES + 1); /* over the end magic's page */
    refuse_file(3, type, IMAGE_PROGRAM);                     /* a second program "vmm" */
    memset(files[1].name, 'x', sizeof files[1].name);
    assert_int_equal(open_sealed(), IMAGE_HEADER_WRONG);
}

static void names_of_types_and_errors(void **state)
{
    (void)state;
    for (unsigned type = IMAGE_LOADER; type < IMAGE_TYPE_COUNT; type++) {
        assert_string_not_equal(image_type_name((enum image_type)type), "unknown");
    }
    assert_string_equal(image_type_name((enum image_type)0), "unknown");
    for (int i = IMAGE_OK; i <= IMAGE_FILE_DAMAGED; i++) {
        for (int j = i + 1; j <= IMAGE_FILE_DAMAGED + 1; j++) {
            assert_string_not_equal(image_error_text((enum image_error)i),
                                    image_error_text((enum image_error)j));
        }
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(good_image),
        test(only_header_and_table_need_be_readable),
        test(damage_is_found),
        test(another_format_is_refused),
        test(header_that_makes_no_sense),
        test(file_that_makes_no_sense),
        test(names_of_types_and_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
