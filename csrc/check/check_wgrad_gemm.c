/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/blocks.h"

typedef struct wgrad_gemm_run {
    const fc_wgrad_gemm_tile *tile;
    fc_wgrad_gemm_block block;
} wgrad_gemm_run;

static void run_wgrad_gemm(void *context) {
    const wgrad_gemm_run *r = context;
    r->tile->run(&r->block);
}

static void bench_tile(const fc_wgrad_gemm_tile *tile, size_t size, const char *isa) {
    enum { ROWS = 8, COLS = 32, CHANNELS = 64 };
    char words[64];
    check_buffer a = check_alloc(ROWS * COLS * CHANNELS * size, 0), b = check_alloc(a.bytes, 0),
                 c = check_alloc(tile->height * tile->width * size, 0);
    memset(a.data, 0, a.bytes);
    memset(b.data, 0, b.bytes);
    wgrad_gemm_run r = {tile,
        {1, ROWS, COLS, a.data, b.data, 0, COLS * CHANNELS, CHANNELS, 0, COLS * CHANNELS, CHANNELS, tile->width, c.data,
            0}};
    snprintf(words, sizeof words, "%zux%zu pixels %d", tile->height, tile->width, ROWS * COLS);
    check_time(size == 4 ? "wgrad_gemm_f32" : "wgrad_gemm_f64", isa, words, run_wgrad_gemm, &r,
        2.0 * ROWS * COLS * (double)(tile->height * tile->width), "GFLOP/s");
    check_free(&a);
    check_free(&b);
    check_free(&c);
}

/* Gaps between pixels, rows and images; the buffers end with the last pixel's numbers. */
#define CHECK_WGRAD_GEMM(T, F, EPSILON)                                                                               \
    static void check_tile_##F(const fc_wgrad_gemm_tile *tile, const char *isa, size_t images, size_t rows,           \
        size_t cols, size_t outs, size_t gap) {                                                                       \
        const size_t ac = tile->height + gap, ar = cols * ac + gap, ai = rows * ar, bc = outs + gap, br = cols * bc,  \
                     bi = rows * br + gap;                                                                            \
        const size_t shift = sizeof(T) * (gap % 3),                                                                   \
                     last = (images - 1) * ai + (rows - 1) * ar + (cols - 1) * ac + tile->height;                     \
        const size_t last_b = (images - 1) * bi + (rows - 1) * br + (cols - 1) * bc + outs;                           \
        check_case("wgrad_gemm_" #F, isa, "%zux%zu images %zu rows %zu cols %zu outs %zu gap %zu", tile->height,      \
            tile->width, images, rows, cols, outs, gap);                                                              \
        check_buffer a = check_alloc(last * sizeof(T), shift), b = check_alloc(last_b * sizeof(T), shift);            \
        check_buffer c = check_alloc(tile->height * tile->width * sizeof(T), shift), want = check_alloc(c.bytes, 0);  \
        check_fill_##F((T *)a.data, last);                                                                            \
        check_fill_##F((T *)b.data, last_b);                                                                          \
        check_fill_##F((T *)c.data, c.bytes / sizeof(T));                                                             \
        memcpy(want.data, c.data, c.bytes);                                                                           \
        fc_wgrad_gemm_block block = {images, rows, cols, a.data, b.data, (ptrdiff_t)ai, (ptrdiff_t)ar, (ptrdiff_t)ac, \
            (ptrdiff_t)bi, (ptrdiff_t)br, (ptrdiff_t)bc, outs, c.data, (int)(gap % 2)};                               \
        tile->run(&block);                                                                                            \
        block.c = want.data;                                                                                          \
        fc_ref_wgrad_gemm_##F(tile->height, tile->width, &block);                                                     \
        check_close_##F(                                                                                              \
            (T *)c.data, (T *)want.data, c.bytes / sizeof(T), EPSILON, 2 * ((double)(images * rows * cols) + 2));     \
        check_guards(&c);                                                                                             \
        check_free(&a);                                                                                               \
        check_free(&b);                                                                                               \
        check_free(&c);                                                                                               \
        check_free(&want);                                                                                            \
    }                                                                                                                 \
    static void check_tiles_##F(const fc_wgrad_gemm_tile *tiles, const char *isa) {                                   \
        for (const fc_wgrad_gemm_tile *tile = tiles; tile->height; tile++) {                                          \
            const size_t lanes = tile->width / tile->vectors;                                                         \
            check_true(tile->height <= FC_MAX_TILE_ROWS && tile->width <= FC_MAX_TILE_COLS,                           \
                "tile larger than the limits in types.h");                                                            \
            for (size_t outs = tile->width - lanes + 1; outs <= tile->width; outs++)                                  \
                check_tile_##F(                                                                                       \
                    tile, isa, 1 + outs % 3, 1 + check_random_below(5), 1 + check_random_below(9), outs, outs % 4);   \
            check_tile_##F(tile, isa, 1, 1, 1, tile->width, 0);                                                       \
            if (check_benching())                                                                                     \
                bench_tile(tile, sizeof(T), isa);                                                                     \
        }                                                                                                             \
    }
CHECK_WGRAD_GEMM(float, f32, 0x1p-24)
CHECK_WGRAD_GEMM(double, f64, 0x1p-53)

/* Taps overlap, as in a row of an image. */
#define CHECK_TAPS(T, F, EPSILON)                                                                                   \
    static void check_taps_##F(fc_dwconv_wgrad_fn *kernel, const char *isa, size_t taps, size_t channels) {         \
        const size_t rows = 1 + check_random_below(4), cols = 1 + check_random_below(7), gap = taps % 3,            \
                     shift = sizeof(T) * gap;                                                                       \
        const size_t pitch = channels + gap, row = (cols + taps) * pitch,                                           \
                     last = (rows - 1) * row + (cols + taps - 2) * pitch + channels;                                \
        check_case("dwconv_wgrad_" #F, isa, "taps %zu channels %zu rows %zu cols %zu", taps, channels, rows, cols); \
        check_buffer x = check_alloc(last * sizeof(T), shift),                                                      \
                     dy = check_alloc(rows * cols * channels * sizeof(T), shift);                                   \
        check_buffer sums = check_alloc(taps * channels * sizeof(T), shift), want = check_alloc(sums.bytes, 0);     \
        check_fill_##F((T *)x.data, last);                                                                          \
        check_fill_##F((T *)dy.data, rows *cols *channels);                                                         \
        fc_dwconv_wgrad block = {taps, rows, cols, channels, x.data, dy.data, (ptrdiff_t)pitch, (ptrdiff_t)row,     \
            (ptrdiff_t)pitch, (ptrdiff_t)(cols * channels), (ptrdiff_t)channels, sums.data};                        \
        kernel(&block);                                                                                             \
        block.sums = want.data;                                                                                     \
        fc_ref_dwconv_wgrad_##F(&block);                                                                            \
        check_close_##F((T *)sums.data, (T *)want.data, taps *channels, EPSILON, 2 * ((double)(rows * cols) + 2));  \
        check_guards(&sums);                                                                                        \
        check_free(&x);                                                                                             \
        check_free(&dy);                                                                                            \
        check_free(&sums);                                                                                          \
        check_free(&want);                                                                                          \
    }
CHECK_TAPS(float, f32, 0x1p-24)
CHECK_TAPS(double, f64, 0x1p-53)

void check_wgrad_gemm(const fc_kernels *kernels, const char *isa) {
    check_tiles_f32(kernels->wgrad_gemm_f32, isa);
    check_tiles_f64(kernels->wgrad_gemm_f64, isa);
    for (size_t taps = 1; taps < 10; taps++)
        for (size_t channels = 1; channels < 40; channels += 1 + channels % 5) {
            check_taps_f32(kernels->dwconv_wgrad_f32, isa, taps, channels);
            check_taps_f64(kernels->dwconv_wgrad_f64, isa, taps, channels);
        }
}
