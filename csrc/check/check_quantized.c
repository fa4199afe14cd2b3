/* SPDX-License-Identifier: MIT */
/* Bytes from sums and floats, and back, against kernels/ref, to the last bit: ties, saturation, NaN and infinities. */
#include <math.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/quantized.h"

enum { CASES = 200, MOST_CELLS = 9 };

static void fill_sums(unsigned char *to, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const int32_t small = (int32_t)check_random_below(4001) - 2000, any = (int32_t)check_random();
        memcpy(to + 4 * i, check_random_below(5) ? &small : &any, 4);
    }
}

static void check_requantize(const fc_kernels *k, const char *isa) {
    const size_t rows = 1 + check_random_below(5), cols = check_random_below(70), pitch = cols + check_random_below(9),
                 y_pitch = cols + check_random_below(2) * check_random_below(9);
    check_buffer sums = check_alloc(4 * ((rows - 1) * pitch + cols), 0), factors = check_alloc(4 * cols, 4),
                 got = check_alloc((rows - 1) * y_pitch + cols, check_random_below(8)),
                 want = check_alloc(got.bytes, 0);
    check_case("requantize", isa, "%zu x %zu pitch %zu, %zu", rows, cols, pitch, y_pitch);
    fill_sums(sums.data, (rows - 1) * pitch + cols);
    for (size_t j = 0; j < cols; j++) {
        const float factor = check_random_below(2) ? 0.125f : (float)fabs(check_random_unit());
        memcpy(factors.data + 4 * j, &factor, 4);
    }
    check_fill_bytes(got.data, got.bytes);
    memcpy(want.data, got.data, got.bytes);
    const int zero = (int)check_random_below(256);
    fc_requantize_block b = {.rows = rows,
        .cols = cols,
        .pitch = pitch,
        .y_pitch = y_pitch,
        .sums = (int32_t *)sums.data,
        .factors = (float *)factors.data,
        .low = (float)(check_random_below(2) ? 0 : -zero),
        .high = (float)(255 - zero),
        .zero = zero,
        .y = got.data};
    k->requantize(&b);
    b.y = want.data;
    fc_ref_requantize(&b);
    check_same_bytes(got.data, want.data, got.bytes);
    check_guards(&got);
    check_free(&sums);
    check_free(&factors);
    check_free(&got);
    check_free(&want);
}

static fc_byte_scale draw_scale(void) {
    return (fc_byte_scale){check_random_below(2) ? 0.25f : (float)fabs(check_random_unit()) + 0.01f,
        (int)check_random_below(256), (int)check_random_below(2)};
}

static void check_floats(const fc_kernels *k, const char *isa) {
    const size_t n = check_random_below(150), shift = check_random_below(8);
    const fc_byte_scale s = draw_scale();
    check_buffer x = check_alloc(4 * n, shift), got = check_alloc(n, shift), want = check_alloc(n, 0),
                 back = check_alloc(4 * n, shift), back_want = check_alloc(4 * n, 0);
    check_case("quantize", isa, "%zu", n);
    check_fill_f32_extremes((float *)back_want.data, n); /* x may lie at an odd address */
    memcpy(x.data, back_want.data, x.bytes);
    for (size_t i = 0; i < n; i += 2) {
        const float tie = ((float)check_random_below(300) - 150.5f) * s.scale;
        memcpy(x.data + 4 * i, &tie, 4);
    }
    k->quantize(n, s.scale, (float)-s.zero, (float)(255 - s.zero), s.zero, x.data, got.data);
    fc_ref_quantize(n, s.scale, (float)-s.zero, (float)(255 - s.zero), s.zero, x.data, want.data);
    check_same_bytes(got.data, want.data, n);
    check_guards(&got);
    check_case("dequantize", isa, "%zu", n);
    k->dequantize(n, &s, got.data, back.data);
    fc_ref_dequantize(n, &s, got.data, back_want.data);
    check_same_bytes(back.data, back_want.data, back.bytes);
    check_guards(&back);
    check_free(&x);
    check_free(&got);
    check_free(&want);
    check_free(&back);
    check_free(&back_want);
}

static void check_add(const fc_kernels *k, const char *isa) {
    const size_t n = check_random_below(150);
    const int zero = (int)check_random_below(256);
    const fc_add_bytes_block s = {.a = draw_scale(),
        .b = draw_scale(),
        .scale = draw_scale().scale,
        .low = (float)-zero,
        .high = (float)(255 - zero),
        .zero = zero};
    check_buffer a = check_alloc(n, check_random_below(8)), b = check_alloc(n, check_random_below(8)),
                 got = check_alloc(n, check_random_below(8)), want = check_alloc(n, 0);
    check_case("add_bytes", isa, "%zu", n);
    check_fill_bytes(a.data, n);
    check_fill_bytes(b.data, n);
    k->add_bytes(n, &s, a.data, b.data, got.data);
    fc_ref_add_bytes(n, &s, a.data, b.data, want.data);
    check_same_bytes(got.data, want.data, n);
    check_guards(&got);
    check_free(&a);
    check_free(&b);
    check_free(&got);
    check_free(&want);
}

static void check_most(const char *slot, const char *isa, fc_most_fn *run, fc_most_fn *reference) {
    const size_t n = check_random_below(150), count = 1 + check_random_below(MOST_CELLS);
    check_buffer x = check_alloc(n + MOST_CELLS, check_random_below(8)), got = check_alloc(n, check_random_below(8)),
                 want = check_alloc(n, 0);
    const void *rows[MOST_CELLS];
    check_case(slot, isa, "%zu of %zu", n, count);
    check_fill_bytes(x.data, x.bytes);
    for (size_t t = 0; t < count; t++)
        rows[t] = x.data + check_random_below(MOST_CELLS);
    run(count, rows, n, got.data);
    reference(count, rows, n, want.data);
    check_same_bytes(got.data, want.data, n);
    check_guards(&got);
    check_free(&x);
    check_free(&got);
    check_free(&want);
}

void check_quantized(const fc_kernels *kernels, const char *isa) {
    for (int i = 0; i < CASES; i++) {
        check_requantize(kernels, isa);
        check_floats(kernels, isa);
        check_add(kernels, isa);
        check_most("most_u8", isa, kernels->most_u8, fc_ref_most_u8);
        check_most("most_i8", isa, kernels->most_i8, fc_ref_most_i8);
    }
}
