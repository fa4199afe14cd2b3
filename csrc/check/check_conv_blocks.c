/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/blocks.h"

static void check_transpose(
    fc_transpose_fn *run, const char *slot, size_t element, const char *isa, size_t rows, size_t length, size_t gap) {
    const size_t pitch = rows + gap;
    const void *from[64];
    check_buffer src[64], dst = check_alloc(((length - 1) * pitch + rows) * element, element),
                          want = check_alloc(dst.bytes, 0);
    check_case(slot, isa, "rows %zu length %zu pitch %zu", rows, length, pitch);
    for (size_t i = 0; i < rows; i++) {
        src[i] = check_alloc(length * element, i % 5 * element);
        check_fill_bytes(src[i].data, src[i].bytes);
        from[i] = src[i].data;
    }
    run(dst.data, pitch, from, rows, length);
    fc_ref_transpose(element, want.data, pitch, from, rows, length);
    check_same_bytes(dst.data, want.data, dst.bytes);
    check_guards(&dst);
    for (size_t i = 0; i < rows; i++)
        check_free(&src[i]);
    check_free(&dst);
    check_free(&want);
}

static void check_copy_rows(const fc_kernels *kernels, const char *isa, size_t rows, size_t bytes, size_t gap) {
    const size_t pitch = bytes + gap;
    ptrdiff_t offsets[64];
    check_buffer src = check_alloc(bytes * 3, 2), dst = check_alloc((rows - 1) * pitch + bytes, 2),
                 want = check_alloc(dst.bytes, 0);
    check_case("copy_rows", isa, "rows %zu bytes %zu pitch %zu", rows, bytes, pitch);
    check_fill_bytes(src.data, src.bytes);
    for (size_t r = 0; r < rows; r++) {
        offsets[r] = (ptrdiff_t)check_random_below(bytes * 2 + 1);
        memcpy(want.data + r * pitch, src.data + offsets[r], bytes);
    }
    kernels->copy_rows(dst.data, pitch, src.data, offsets, rows, bytes);
    check_same_bytes(dst.data, want.data, dst.bytes);
    check_guards(&dst);
    check_free(&src);
    check_free(&dst);
    check_free(&want);
}

#define CHECK_TYPED(T, F, LANES_AT_MOST)                                                                       \
    static void check_bias_##F(const fc_kernels *kernels, const char *isa, size_t rows, size_t gap) {          \
        const size_t cols = 2 * LANES_AT_MOST, pitch = cols + gap;                                             \
        check_buffer tile = check_alloc(((rows - 1) * pitch + cols) * sizeof(T), sizeof(T)),                   \
                     want = check_alloc(tile.bytes, 0);                                                        \
        T bias[2 * LANES_AT_MOST];                                                                             \
        check_fill_##F(bias, cols);                                                                            \
        for (int by_row = 0; by_row < 2; by_row++) {                                                           \
            check_case(by_row ? "bias_rows_" #F : "bias_cols_" #F, isa, "rows %zu pitch %zu", rows, pitch);    \
            check_fill_##F((T *)tile.data, tile.bytes / sizeof(T));                                            \
            memcpy(want.data, tile.data, tile.bytes);                                                          \
            (by_row ? kernels->bias_rows_##F : kernels->bias_cols_##F)(tile.data, pitch, rows, cols, bias);    \
            for (size_t r = 0; r < rows; r++)                                                                  \
                for (size_t j = 0; j < cols; j++)                                                              \
                    ((T *)want.data)[r * pitch + j] += bias[by_row ? r : j];                                   \
            check_same_bytes(tile.data, want.data, tile.bytes);                                                \
            check_guards(&tile);                                                                               \
        }                                                                                                      \
        check_free(&tile);                                                                                     \
        check_free(&want);                                                                                     \
    }                                                                                                          \
    static void check_accumulate_##F(const fc_kernels *kernels, const char *isa, size_t n) {                   \
        check_buffer x = check_alloc(n * sizeof(T), 0), sum = check_alloc(n * sizeof(double), 8),              \
                     want = check_alloc(sum.bytes, 0);                                                         \
        check_case("accumulate_" #F, isa, "n %zu", n);                                                         \
        check_fill_##F((T *)x.data, n);                                                                        \
        check_fill_f64((double *)sum.data, n);                                                                 \
        for (size_t i = 0; i < n; i++)                                                                         \
            ((double *)want.data)[i] = ((double *)sum.data)[i] + (double)((T *)x.data)[i];                     \
        kernels->accumulate_##F(x.data, (double *)sum.data, n);                                                \
        check_same_bytes(sum.data, want.data, sum.bytes);                                                      \
        check_guards(&sum);                                                                                    \
        check_free(&x);                                                                                        \
        check_free(&sum);                                                                                      \
        check_free(&want);                                                                                     \
    }                                                                                                          \
    static void check_axpy_##F(const fc_kernels *kernels, const char *isa, size_t n, size_t step) {            \
        check_buffer x = check_alloc((n ? (n - 1) * step + 1 : 0) * sizeof(T), sizeof(T));                     \
        check_buffer y = check_alloc(n * sizeof(T), sizeof(T)), want = check_alloc(y.bytes, 0);                \
        T w;                                                                                                   \
        check_case("axpy_" #F, isa, "n %zu step %zu", n, step);                                                \
        check_fill_##F(&w, 1);                                                                                 \
        check_fill_##F((T *)x.data, x.bytes / sizeof(T));                                                      \
        check_fill_##F((T *)y.data, n);                                                                        \
        for (size_t i = 0; i < n; i++)                                                                         \
            ((T *)want.data)[i] = (T)((double)((T *)y.data)[i] + (double)w * (double)((T *)x.data)[i * step]); \
        kernels->axpy_##F(n, &w, x.data, step, y.data);                                                        \
        check_close_##F((T *)y.data, (T *)want.data, n, sizeof(T) == 4 ? 0x1p-22 : 0x1p-51, 1);                \
        check_guards(&y);                                                                                      \
        check_free(&x);                                                                                        \
        check_free(&y);                                                                                        \
        check_free(&want);                                                                                     \
    }
CHECK_TYPED(float, f32, 16)
CHECK_TYPED(double, f64, 8)

static void check_widen(
    fc_convert_fn *run, const char *slot, float (*reference)(uint16_t), const char *isa, size_t n, uint16_t first) {
    check_buffer src = check_alloc(n * 2, 2), dst = check_alloc(n * 4, 4), want = check_alloc(n * 4, 0);
    check_case(slot, isa, "n %zu from %u", n, first);
    for (size_t i = 0; i < n; i++) {
        ((uint16_t *)src.data)[i] = (uint16_t)(first + i);
        ((float *)want.data)[i] = reference((uint16_t)(first + i));
    }
    run(src.data, dst.data, n);
    check_close_f32((float *)dst.data, (float *)want.data, n, 0, 0);
    check_guards(&dst);
    check_free(&src);
    check_free(&dst);
    check_free(&want);
}

static void check_narrow(fc_convert_fn *run, const char *slot, uint16_t (*reference)(float), float (*back)(uint16_t),
    const char *isa, size_t n) {
    check_buffer src = check_alloc(n * 4, 4), dst = check_alloc(n * 2, 2);
    check_case(slot, isa, "n %zu", n);
    float *x = (float *)src.data;
    check_fill_f32_extremes(x, n);
    for (size_t i = 0; i < n; i += 3) /* exact ties and their neighbours in bits */
        x[i] = 0.5f * (back((uint16_t)(i * 7)) + back((uint16_t)(i * 7 + 1)));
    run(src.data, dst.data, n);
    for (size_t i = 0; i < n; i++) {
        uint16_t got = ((uint16_t *)dst.data)[i];
        check_true(isnan(x[i]) ? isnan(back(got)) : got == reference(x[i]), "not the nearest half, or NaN lost");
    }
    check_guards(&dst);
    check_free(&src);
    check_free(&dst);
}

static void check_halves(const fc_kernels *kernels, const char *isa) {
    static const size_t counts[] = {0, 1, 3, 15, 16, 17, 33};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check_widen(kernels->widen_f16, "widen_f16", fc_ref_from_f16, isa, counts[i], 0x3c00);
        check_widen(kernels->widen_bf16, "widen_bf16", fc_ref_from_bf16, isa, counts[i], 0x3f80);
        check_narrow(kernels->narrow_f16, "narrow_f16", fc_ref_to_f16, fc_ref_from_f16, isa, counts[i]);
        check_narrow(kernels->narrow_bf16, "narrow_bf16", fc_ref_to_bf16, fc_ref_from_bf16, isa, counts[i]);
    }
    check_widen(kernels->widen_f16, "widen_f16", fc_ref_from_f16, isa, 65536, 0);
    check_widen(kernels->widen_bf16, "widen_bf16", fc_ref_from_bf16, isa, 65536, 0);
    check_narrow(kernels->narrow_f16, "narrow_f16", fc_ref_to_f16, fc_ref_from_f16, isa, 30000);
    check_narrow(kernels->narrow_bf16, "narrow_bf16", fc_ref_to_bf16, fc_ref_from_bf16, isa, 30000);
}

void check_conv_blocks(const fc_kernels *kernels, const char *isa) {
    static const size_t sizes[] = {1, 2, 3, 4, 5, 6, 13, 14, 16, 31, 33, 64};
    const size_t count = sizeof sizes / sizeof *sizes;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            check_transpose(kernels->transpose_b8, "transpose_b8", 1, isa, sizes[i], sizes[j], j % 3);
            check_transpose(kernels->transpose_b16, "transpose_b16", 2, isa, sizes[i], sizes[j], j % 3);
            check_transpose(kernels->transpose_b32, "transpose_b32", 4, isa, sizes[i], sizes[j], j % 3);
            check_transpose(kernels->transpose_b64, "transpose_b64", 8, isa, sizes[i], sizes[j], j % 3);
            check_copy_rows(kernels, isa, sizes[i], 2 * sizes[j], j % 3);
        }
        check_accumulate_f32(kernels, isa, sizes[i]);
        check_accumulate_f64(kernels, isa, sizes[i]);
        for (size_t step = 1; step < 4; step++) {
            check_axpy_f32(kernels, isa, sizes[i], step);
            check_axpy_f64(kernels, isa, sizes[i], step);
        }
        if (sizes[i] <= FC_MAX_TILE_ROWS) {
            check_bias_f32(kernels, isa, sizes[i], i % 3);
            check_bias_f64(kernels, isa, sizes[i], i % 3);
        }
    }
    check_halves(kernels, isa);
}
