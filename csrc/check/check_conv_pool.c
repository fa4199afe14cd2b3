/* SPDX-License-Identifier: MIT */
/* Convolutions pooled in registers against kernels/ref: any number of windows and channels, gaps that keep their
 * bytes. */
#include <math.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/conv_pool.h"

typedef struct conv_pool_case {
    size_t taps, length, windows, outs, gap;
    ptrdiff_t col, tap_row;
    int has_bias, relu, special;
} conv_pool_case;

#define CHECK_CONV_POOL(T, F, EPSILON)                                                                             \
    static void check_case_##F(fc_conv_pool_fn *run, const char *isa, const conv_pool_case *x) {                   \
        const size_t shift = sizeof(T) * (x->gap % 3), k = x->taps * x->length, pitch = x->outs + 16 + x->gap;     \
        const ptrdiff_t tap = (ptrdiff_t)x->length + (ptrdiff_t)(2 * x->windows) * x->col, row = x->tap_row * tap; \
        check_case("conv_pool_" #F, isa,                                                                           \
            "%zu runs of %zu, %zu windows, %zu outs, gap %zu, column %zd, bias %d relu %d", x->taps, x->length,    \
            x->windows, x->outs, x->gap, x->col, x->has_bias, x->relu);                                            \
        check_buffer cells = check_alloc((size_t)(row + (ptrdiff_t)x->taps * tap) * sizeof(T), shift),             \
                     w = check_alloc(k * pitch * sizeof(T), shift), bias = check_alloc(pitch * sizeof(T), shift);  \
        check_buffer y = check_alloc(((x->windows - 1) * (x->outs + x->gap) + x->outs) * sizeof(T), shift),        \
                     want = check_alloc(y.bytes, 0);                                                               \
        check_fill_##F((T *)cells.data, cells.bytes / sizeof(T));                                                  \
        check_fill_##F((T *)w.data, w.bytes / sizeof(T));                                                          \
        check_fill_##F((T *)bias.data, bias.bytes / sizeof(T));                                                    \
        check_fill_##F((T *)y.data, y.bytes / sizeof(T));                                                          \
        if (x->special)                                                                                            \
            ((T *)cells.data)[check_random_below(cells.bytes / sizeof(T))] = x->special > 1 ? INFINITY : NAN;      \
        memcpy(want.data, y.data, y.bytes);                                                                        \
        fc_conv_pool block = {.taps = x->taps,                                                                     \
            .length = x->length,                                                                                   \
            .x = cells.data,                                                                                       \
            .x_row = row,                                                                                          \
            .x_col = x->col,                                                                                       \
            .x_tap = tap,                                                                                          \
            .w = w.data,                                                                                           \
            .w_pitch = pitch,                                                                                      \
            .bias = x->has_bias ? bias.data : NULL,                                                                \
            .windows = x->windows,                                                                                 \
            .outs = x->outs,                                                                                       \
            .y = y.data,                                                                                           \
            .y_pitch = (ptrdiff_t)(x->outs + x->gap),                                                              \
            .relu = x->relu};                                                                                      \
        run(&block);                                                                                               \
        block.y = want.data;                                                                                       \
        fc_ref_conv_pool_##F(&block);                                                                              \
        check_close_##F((T *)y.data, (T *)want.data, y.bytes / sizeof(T), EPSILON, 2 * ((double)k + 5));           \
        check_guards(&y);                                                                                          \
        check_free(&cells);                                                                                        \
        check_free(&w);                                                                                            \
        check_free(&bias);                                                                                         \
        check_free(&y);                                                                                            \
        check_free(&want);                                                                                         \
    }
CHECK_CONV_POOL(float, f32, 0x1p-24)
CHECK_CONV_POOL(double, f64, 0x1p-53)

void check_conv_pool(const fc_kernels *kernels, const char *isa) {
    static const size_t outs[] = {1, 3, 4, 6, 8, 15, 16, 17, 24, 32, 33, 70}, lengths[] = {1, 3, 5, 9, 30, 100};
    enum { CASES = 120 };
    for (size_t i = 0; i < CASES; i++) {
        const conv_pool_case x = {.taps = 1 + i % 5,
            .length = lengths[i % 6],
            .windows = 1 + check_random_below(9),
            .outs = outs[i % 12],
            .gap = i % 4,
            .col = 1 + (ptrdiff_t)check_random_below(8),
            .tap_row = 1 + (ptrdiff_t)check_random_below(2),
            .has_bias = i / 2 % 2,
            .relu = i / 3 % 2,
            .special = i % 7 ? 0 : 1 + (int)(i / 7 % 2)};
        check_case_f32(kernels->conv_pool_f32, isa, &x);
        check_case_f64(kernels->conv_pool_f64, isa, &x);
    }
}
