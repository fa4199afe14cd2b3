/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/blocks.h"

typedef struct gemm_run {
    const fc_gemm_tile *tile;
    size_t k;
    const void *a, *b;
    void *c;
} gemm_run;

static void run_gemm(void *context) {
    const gemm_run *g = context;
    g->tile->run(g->k, g->a, g->tile->rows, g->b, g->tile->cols, g->c, g->tile->cols, 0);
}

static void bench_tile(const fc_gemm_tile *tile, size_t size, const char *isa) {
    enum { K = 256 };
    char words[64];
    check_buffer a = check_alloc(K * tile->rows * size, 0), b = check_alloc(K * tile->cols * size, 0),
                 c = check_alloc(tile->rows * tile->cols * size, 0);
    memset(a.data, 0, a.bytes);
    memset(b.data, 0, b.bytes);
    gemm_run g = {tile, K, a.data, b.data, c.data};
    snprintf(words, sizeof words, "%zux%zu k %d", tile->rows, tile->cols, K);
    check_time(size == 4 ? "gemm_f32" : "gemm_f64", isa, words, run_gemm, &g,
        2.0 * K * (double)(tile->rows * tile->cols), "GFLOP/s");
    check_free(&a);
    check_free(&b);
    check_free(&c);
}

/* Pitches beyond the tile, gaps in c that must keep their bytes, and a k of 0. */
#define CHECK_GEMM(T, F, EPSILON)                                                                                     \
    static void check_tile_##F(const fc_gemm_tile *tile, const char *isa, size_t k, size_t gap, int accumulate) {     \
        const size_t ap = tile->rows + gap, bp = tile->cols + gap, cp = tile->cols + gap,                             \
                     shift = sizeof(T) * (gap % 3);                                                                   \
        check_case(                                                                                                   \
            "gemm_" #F, isa, "%zux%zu k %zu gap %zu accumulate %d", tile->rows, tile->cols, k, gap, accumulate);      \
        check_buffer a = check_alloc((k ? (k - 1) * ap + tile->rows : 0) * sizeof(T), shift);                         \
        check_buffer b = check_alloc((k ? (k - 1) * bp + tile->cols : 0) * sizeof(T), shift);                         \
        check_buffer c = check_alloc(((tile->rows - 1) * cp + tile->cols) * sizeof(T), shift),                        \
                     want = check_alloc(c.bytes, 0);                                                                  \
        check_fill_##F((T *)a.data, a.bytes / sizeof(T));                                                             \
        check_fill_##F((T *)b.data, b.bytes / sizeof(T));                                                             \
        check_fill_##F((T *)c.data, c.bytes / sizeof(T));                                                             \
        memcpy(want.data, c.data, c.bytes);                                                                           \
        tile->run(k, a.data, ap, b.data, bp, c.data, cp, accumulate);                                                 \
        fc_ref_gemm_##F(tile->rows, tile->cols, k, (T *)a.data, ap, (T *)b.data, bp, (T *)want.data, cp, accumulate); \
        check_close_##F((T *)c.data, (T *)want.data, c.bytes / sizeof(T), EPSILON, 2 * ((double)k + 2));              \
        check_guards(&c);                                                                                             \
        check_free(&a);                                                                                               \
        check_free(&b);                                                                                               \
        check_free(&c);                                                                                               \
        check_free(&want);                                                                                            \
    }
CHECK_GEMM(float, f32, 0x1p-24)
CHECK_GEMM(double, f64, 0x1p-53)

void check_gemm(const fc_kernels *kernels, const char *isa) {
    static const size_t ks[] = {0, 1, 2, 3, 7, 25, 64, 150, 1024};
    for (const fc_gemm_tile *tile = kernels->gemm_f32; tile->rows; tile++) {
        check_true(
            tile->rows <= FC_MAX_TILE_ROWS && tile->cols <= FC_MAX_TILE_COLS, "tile larger than the limits in types.h");
        for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
            check_tile_f32(tile, isa, ks[i], i % 4, i % 2);
        if (check_benching())
            bench_tile(tile, 4, isa);
    }
    for (const fc_gemm_tile *tile = kernels->gemm_f64; tile->rows; tile++) {
        for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
            check_tile_f64(tile, isa, ks[i], i % 4, i % 2);
        if (check_benching())
            bench_tile(tile, 8, isa);
    }
}
