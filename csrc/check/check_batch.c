/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/batch.h"

typedef struct batch_run {
    fc_batch_fn *run;
    fc_batch_block block;
} batch_run;

static void run_batch(void *context) {
    const batch_run *r = context;
    r->run(&r->block);
}

static void bench_tile(const fc_batch_tile *tile, size_t size, const char *isa) {
    enum { ROWS = 3, LENGTH = 48 };
    char words[64];
    const size_t lanes = tile->lanes, outs = tile->outs, pixels = tile->pixels, row = (pixels + LENGTH) * lanes;
    check_buffer a = check_alloc(ROWS * LENGTH * outs * size, 0), b = check_alloc(ROWS * row * size, 0),
                 c = check_alloc(pixels * outs * lanes * size, 0);
    memset(a.data, 0, a.bytes);
    memset(b.data, 0, b.bytes);
    batch_run run = {tile->run,
        {.rows = ROWS,
            .cols = 1,
            .length = LENGTH,
            .a = a.data,
            .b = b.data,
            .a_row = (ptrdiff_t)(LENGTH * outs),
            .b_row = (ptrdiff_t)row,
            .b_pixel = (ptrdiff_t)lanes,
            .c = c.data,
            .c_pixel = (ptrdiff_t)(outs * lanes),
            .kept = outs,
            .stored = pixels}};
    snprintf(words, sizeof words, "%zux%zu k %d", outs, pixels, ROWS * LENGTH);
    check_time(size == 4 ? "batch_f32" : "batch_f64", isa, words, run_batch, &run,
        2.0 * ROWS * LENGTH * (double)(outs * pixels * lanes), "GFLOP/s");
    check_free(&a);
    check_free(&b);
    check_free(&c);
}

/* Gaps everywhere; cells and pixels that are not stored must keep their bytes; taps of 0 rows, columns or numbers. */
#define CHECK_BATCH(T, F, EPSILON)                                                                                    \
    static void check_tile_##F(                                                                                       \
        const fc_batch_tile *tile, const char *isa, size_t rows, size_t cols, size_t length, size_t gap) {            \
        const size_t lanes = tile->lanes, outs = tile->outs, shift = sizeof(T) * (gap % 3),                           \
                     kept = 1 + check_random_below(outs), stored = 1 + check_random_below(tile->pixels);              \
        const size_t a_col = length * outs + gap, a_row = cols * a_col + gap, b_pixel = (1 + gap) * lanes,            \
                     b_col = length * lanes + gap, b_row = cols * b_col + 2 * gap;                                    \
        const size_t c_pixel = outs * lanes + gap,                                                                    \
                     numbers_b = (tile->pixels - 1) * b_pixel + rows * b_row + cols * b_col + length * lanes;         \
        check_case("batch_" #F, isa, "%zux%zu rows %zu cols %zu length %zu gap %zu kept %zu stored %zu", outs,        \
            tile->pixels, rows, cols, length, gap, kept, stored);                                                     \
        check_buffer a = check_alloc((rows * a_row + a_col) * sizeof(T), shift),                                      \
                     b = check_alloc(numbers_b * sizeof(T), shift), start = check_alloc(outs * sizeof(T), shift);     \
        check_buffer c = check_alloc(((tile->pixels - 1) * c_pixel + outs * lanes) * sizeof(T), shift),               \
                     want = check_alloc(c.bytes, 0);                                                                  \
        check_fill_##F((T *)a.data, a.bytes / sizeof(T));                                                             \
        check_fill_##F((T *)b.data, b.bytes / sizeof(T));                                                             \
        check_fill_##F((T *)c.data, c.bytes / sizeof(T));                                                             \
        check_fill_##F((T *)start.data, outs);                                                                        \
        memcpy(want.data, c.data, c.bytes);                                                                           \
        fc_batch_block block = {rows, cols, length, a.data, b.data, (ptrdiff_t)a_row, (ptrdiff_t)a_col,               \
            (ptrdiff_t)b_row, (ptrdiff_t)b_col, (ptrdiff_t)b_pixel, c.data, (ptrdiff_t)c_pixel, kept, stored,         \
            gap % 2 ? start.data : NULL, gap / 2 % 2, (int)(length % 2)};                                             \
        tile->run(&block);                                                                                            \
        block.c = want.data;                                                                                          \
        fc_ref_batch_##F(tile, &block);                                                                               \
        check_close_##F(                                                                                              \
            (T *)c.data, (T *)want.data, c.bytes / sizeof(T), EPSILON, 2 * ((double)(rows * cols * length) + 3));     \
        check_guards(&c);                                                                                             \
        check_free(&a);                                                                                               \
        check_free(&b);                                                                                               \
        check_free(&c);                                                                                               \
        check_free(&want);                                                                                            \
        check_free(&start);                                                                                           \
    }                                                                                                                 \
    static void check_tiles_##F(const fc_batch_tile *tile, const char *isa) {                                         \
        for (; tile->outs; tile++) {                                                                                  \
            for (size_t gap = 0; gap < 4; gap++)                                                                      \
                check_tile_##F(                                                                                       \
                    tile, isa, 1 + check_random_below(4), 1 + check_random_below(3), 1 + check_random_below(9), gap); \
            check_tile_##F(tile, isa, 0, 1, 3, 1);                                                                    \
            check_tile_##F(tile, isa, 2, 0, 3, 2);                                                                    \
            if (check_benching())                                                                                     \
                bench_tile(tile, sizeof(T), isa);                                                                     \
        }                                                                                                             \
    }
CHECK_BATCH(float, f32, 0x1p-24)
CHECK_BATCH(double, f64, 0x1p-53)

void check_batch(const fc_kernels *kernels, const char *isa) {
    check_tiles_f32(kernels->batch_f32, isa);
    check_tiles_f64(kernels->batch_f64, isa);
}
