// SPDX-License-Identifier: BSD-2-Clause
/*
 * A guest that resets its machine again and again, and each time leaves its memory in disorder: its
 * own first instructions, its data, its bss, its initrd and its device tree. Each life must find
 * all of them as the first one did. What it remembers is in memory that nothing is loaded to.
 *
 * Prints "lives: wrong WHAT in life N" when something is not as it was and "lives: N lives" after
 * the last one, and powers off.
 */
#include <stdbool.h>
#include <stdint.h>

enum { LIVES = 100, BSS_WORDS = 8192, DATA_WORDS = 4 };

#define UART         0x09000000ull
#define BOOKS        0x40100000ull /* below the image, which is linked to 0x40200000 */
#define BOOKS_MAGIC  0x6c69766573626f6full
#define SYSTEM_OFF   0x84000008u
#define SYSTEM_RESET 0x84000009u
#define FDT_MAGIC    0xd00dfeedu
#define DISORDER     0xa5a5a5a5a5a5a5a5ull

void lives_main(const uint8_t *tree);
_Noreturn void firmware(uint64_t function);
extern volatile uint64_t _start[];
extern const uint8_t __executable_start[], __bss_start[];

static volatile struct books {
    uint64_t magic, lives, image, initrd, initrd_start, initrd_end;
} *const books = (volatile struct books *)BOOKS;

static volatile uint64_t data[DATA_WORDS] = {1, 2, 3, 5};
static volatile uint64_t bss[BSS_WORDS];

static void print(const char *text)
{
    while (*text != '\0') {
        *(volatile uint32_t *)UART = (uint8_t)*text++;
    }
}

static void print_number(uint64_t value)
{
    char text[21];
    unsigned at = sizeof text - 1;
    text[at] = '\0';
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    print(&text[at]);
}

static void expect(bool good, const char *what)
{
    if (!good) {
        print("lives: wrong ");
        print(what);
        print(" in life ");
        print_number(books->lives);
        print("\r\n");
        firmware(SYSTEM_OFF);
    }
}

static uint32_t big_endian(const uint8_t *byte)
{
    return (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
}

static bool same_text(const uint8_t *a, const char *b)
{
    while (*a == (uint8_t)*b && *b != '\0') {
        a++, b++;
    }
    return *a == (uint8_t)*b;
}

/* The first property of this name, of two cells; 0 when there is none. Devicetree Specification,
 * chapter 5: tokens and names of nodes and properties are padded to four bytes. */
static uint64_t property(const uint8_t *tree, const char *name)
{
    enum { BEGIN_NODE = 1, END_NODE, PROPERTY, NOP, OFFSET_STRUCT = 8, OFFSET_STRINGS = 12 };
    const uint8_t *at = tree + big_endian(tree + OFFSET_STRUCT);
    const uint8_t *strings = tree + big_endian(tree + OFFSET_STRINGS);
    for (;;) {
        uint32_t token = big_endian(at);
        at += 4;
        if (token == BEGIN_NODE) {
            while (*at != '\0') {
                at++;
            }
            at += 4 - (uintptr_t)at % 4;
        } else if (token == PROPERTY) {
            uint32_t length = big_endian(at);
            if (same_text(strings + big_endian(at + 4), name)) {
                return (uint64_t)big_endian(at + 8) << 32 | big_endian(at + 12);
            }
            at += 8 + (length + 3) / 4 * 4;
        } else if (token != END_NODE && token != NOP) {
            return 0;
        }
    }
}

static uint64_t sum(uint64_t from, uint64_t end)
{
    uint64_t result = 0;
    for (uint64_t at = from; at < end; at += 4) {
        result = (result << 1 | result >> 63) ^ *(volatile uint32_t *)at;
    }
    return result;
}

static void scribble(uint64_t from, uint64_t end)
{
    for (uint64_t at = from; at < end; at += sizeof(uint64_t)) {
        *(volatile uint64_t *)at = DISORDER;
    }
}

static void check(const uint8_t *tree, uint64_t image)
{
    expect(big_endian(tree) == FDT_MAGIC, "device tree");
    uint64_t start = property(tree, "linux,initrd-start"), end = property(tree, "linux,initrd-end");
    uint64_t initrd = sum(start, end);
    if (books->magic != BOOKS_MAGIC) {
        expect(books->magic == 0 && books->lives == 0, "memory");
        *books = (struct books){BOOKS_MAGIC, 0, image, initrd, start, end};
    }
    books->lives++;
    expect(image == books->image, "image");
    expect(start == books->initrd_start && end == books->initrd_end && start < end,
           "place of initrd");
    expect(initrd == books->initrd, "initrd");
    for (unsigned i = 0; i < BSS_WORDS; i++) {
        expect(bss[i] == 0, "bss");
    }
}

void lives_main(const uint8_t *tree)
{
    check(tree, sum((uint64_t)__executable_start, (uint64_t)__bss_start & ~3ull));
    if (books->lives == LIVES) {
        print("lives: ");
        print_number(LIVES);
        print(" lives\r\n");
        firmware(SYSTEM_OFF);
    }
    scribble((uint64_t)_start, (uint64_t)(_start + 1));
    scribble((uint64_t)data, (uint64_t)(data + DATA_WORDS));
    scribble((uint64_t)bss, (uint64_t)(bss + BSS_WORDS));
    scribble(books->initrd_start, books->initrd_end & ~7ull);
    scribble((uint64_t)tree, (uint64_t)tree + 4096);
    firmware(SYSTEM_RESET);
}
