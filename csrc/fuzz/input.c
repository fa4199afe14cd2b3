/* SPDX-License-Identifier: MIT */
/* Numbers and buffers out of bytes. */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

static const ptrdiff_t extremes[] = {
    PTRDIFF_MAX,
    PTRDIFF_MAX - 1,
    PTRDIFF_MAX / 2,
    PTRDIFF_MAX / 2 + 1,
    PTRDIFF_MAX / 4,
    PTRDIFF_MAX / 8 + 1,
    (ptrdiff_t)1 << 46,
    (ptrdiff_t)1 << 32,
    (ptrdiff_t)1 << 31,
    ((ptrdiff_t)1 << 31) - 1,
    1 << 16,
    1000,
    -1,
    PTRDIFF_MIN,
    -((ptrdiff_t)1 << 31),
    0,
};

volatile int fuzz_allocates;
static struct {
    uint8_t *base[64];
    size_t bytes[64], count;
    int out_of_memory;
} buffers;

unsigned fuzz_byte(fuzz_input *input) { return input->size ? (input->size--, *input->data++) : 0; }
unsigned fuzz_below(fuzz_input *input, unsigned n) { return fuzz_byte(input) % n; }

static ptrdiff_t number(fuzz_input *input, unsigned least, unsigned most, unsigned usual) {
    const unsigned byte = fuzz_byte(input);
    if (byte >= usual)
        return extremes[fuzz_below(input, sizeof extremes / sizeof *extremes)];
    return (ptrdiff_t)(least + byte % (most - least + 1));
}

ptrdiff_t fuzz_size(fuzz_input *input, unsigned most) { return number(input, 0, most, 252); }
ptrdiff_t fuzz_step(fuzz_input *input, unsigned least, unsigned most) { return number(input, least, most, 240); }

fc_dtype fuzz_float(fuzz_input *input) {
    static const fc_dtype floats[] = {FC_F32, FC_F64, FC_F16, FC_BF16, FC_F32, FC_F32, FC_F32, FC_C64};
    return floats[fuzz_below(input, 8)];
}

size_t fuzz_bytes(fc_dtype dtype, ptrdiff_t a, ptrdiff_t b, ptrdiff_t c, ptrdiff_t d) {
    const ptrdiff_t sizes[] = {a, b, c, d};
    size_t bytes = fc_dtype_size(dtype);
    for (size_t i = 0; i < 4; i++)
        if (sizes[i] < 0 || __builtin_mul_overflow(bytes, (size_t)sizes[i], &bytes))
            return SIZE_MAX;
    return bytes <= MOST_BYTES ? bytes : SIZE_MAX;
}

int fuzz_is_quick(ptrdiff_t a, ptrdiff_t b, ptrdiff_t c, ptrdiff_t d, ptrdiff_t e, ptrdiff_t f) {
    const ptrdiff_t sizes[] = {a, b, c, d, e, f};
    double work = 1;
    for (size_t i = 0; i < 6; i++)
        work *= (double)sizes[i];
    return work <= MOST_WORK;
}

/* Small numbers in every float format and in integers, and now and then all bits set, which are NaN. */
static void fill(uint8_t *data, size_t bytes, uint32_t seed) {
    for (size_t i = 0; i < bytes; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = seed >> 28 ? (uint8_t)(seed >> 24 & 0x3f) : 0xff;
    }
}

void *fuzz_buffer(fuzz_input *input, size_t bytes) {
    const size_t shift = fuzz_byte(input) % 4 == 3, exact = bytes == SIZE_MAX ? 1 : bytes;
    fuzz_require(buffers.count < sizeof buffers.base / sizeof *buffers.base, "few buffers");
    fuzz_allocates = 1;
    uint8_t *base = malloc(exact + shift);
    fuzz_allocates = 0;
    fuzz_require(base != NULL, "memory for a small buffer");
    fill(base, exact + shift, fuzz_byte(input));
    buffers.bytes[buffers.count] = exact + shift;
    buffers.base[buffers.count++] = base;
    return base + shift;
}

uint64_t fuzz_free_all(void) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < buffers.count; i++)
        for (size_t j = 0; j < buffers.bytes[i]; j++)
            hash = (hash ^ buffers.base[i][j]) * 1099511628211u;
    while (buffers.count)
        free(buffers.base[--buffers.count]);
    return hash;
}

fc_status fuzz_status(fc_status status) {
    buffers.out_of_memory |= status == FC_OUT_OF_MEMORY;
    return status;
}

int fuzz_ran_out_of_memory(void) {
    const int did = buffers.out_of_memory;
    buffers.out_of_memory = 0;
    return did;
}

void fuzz_require_alike(fc_status planned, fc_status done, const char *property) {
    fuzz_require(planned == FC_OUT_OF_MEMORY || done == FC_OUT_OF_MEMORY || !planned == !done, property);
}

void fuzz_require(int holds, const char *property) {
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", property);
    abort();
}

static fuzz_operation *const operations[] = {
    fuzz_conv2d,
    fuzz_prepared,
    fuzz_conv2d_pool2d,
    fuzz_conv2d_gradients,
    fuzz_pool2d,
    fuzz_convolve2d,
    fuzz_filter2d,
    fuzz_sep_filter2d,
    fuzz_dense,
    fuzz_activation,
    fuzz_softmax,
    fuzz_norm,
};

void fuzz_run(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    fc_set_precision((fc_precision)fuzz_below(&input, 3));
    operations[fuzz_below(&input, sizeof operations / sizeof *operations)](&input);
}
