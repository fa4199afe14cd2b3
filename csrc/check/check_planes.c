/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/planes.h"

enum { MOST_K = 150, SPREAD = 60 };

typedef struct planes_run {
    fc_planes_fn *run;
    fc_planes_block block;
} planes_run;

static void run_planes(void *context) {
    const planes_run *r = context;
    r->run(&r->block);
}

static void bench_tile(const fc_planes_tile *tile, size_t size, const char *isa) {
    ptrdiff_t offsets[MOST_K];
    char words[64];
    check_buffer a = check_alloc(MOST_K * tile->rows * size, 0), b = check_alloc((MOST_K + tile->cols) * size, 0),
                 c = check_alloc(tile->rows * tile->cols * size, 0);
    memset(a.data, 0, a.bytes);
    memset(b.data, 0, b.bytes);
    for (size_t i = 0; i < MOST_K; i++)
        offsets[i] = (ptrdiff_t)i;
    planes_run run = {
        tile->run, {.k = MOST_K, .a = a.data, .b = b.data, .offsets = offsets, .c = c.data, .c_pitch = tile->cols}};
    snprintf(words, sizeof words, "%zux%zu k %d", tile->rows, tile->cols, MOST_K);
    check_time(size == 4 ? "planes_f32" : "planes_f64", isa, words, run_planes, &run,
        2.0 * MOST_K * (double)(tile->rows * tile->cols), "GFLOP/s");
    check_free(&a);
    check_free(&b);
    check_free(&c);
}

/* Offsets in any order, gaps in c that must keep their bytes, and a k of 0. */
#define CHECK_PLANES(T, F, EPSILON)                                                                                   \
    static void check_tile_##F(                                                                                       \
        const fc_planes_tile *tile, const char *isa, size_t k, size_t gap, int started, int accumulate, int relu) {   \
        const size_t pitch = tile->cols + gap, shift = sizeof(T) * (gap % 3);                                         \
        check_case("planes_" #F, isa, "%zux%zu k %zu gap %zu start %d accumulate %d relu %d", tile->rows, tile->cols, \
            k, gap, started, accumulate, relu);                                                                       \
        check_buffer a = check_alloc(k * tile->rows * sizeof(T), shift),                                              \
                     b = check_alloc((SPREAD + tile->cols) * sizeof(T), shift);                                       \
        check_buffer c = check_alloc(((tile->rows - 1) * pitch + tile->cols) * sizeof(T), shift),                     \
                     want = check_alloc(c.bytes, 0);                                                                  \
        check_buffer start = check_alloc(tile->rows * sizeof(T), shift);                                              \
        ptrdiff_t offsets[MOST_K];                                                                                    \
        for (size_t i = 0; i < k; i++)                                                                                \
            offsets[i] = (ptrdiff_t)check_random_below(SPREAD + 1);                                                   \
        check_fill_##F((T *)a.data, a.bytes / sizeof(T));                                                             \
        check_fill_##F((T *)b.data, b.bytes / sizeof(T));                                                             \
        check_fill_##F((T *)c.data, c.bytes / sizeof(T));                                                             \
        check_fill_##F((T *)start.data, tile->rows);                                                                  \
        memcpy(want.data, c.data, c.bytes);                                                                           \
        fc_planes_block block = {                                                                                     \
            k, a.data, b.data, offsets, c.data, pitch, started ? start.data : NULL, accumulate, relu, 9};             \
        tile->run(&block);                                                                                            \
        block.c = want.data;                                                                                          \
        fc_ref_planes_##F(&block, tile->rows, tile->cols);                                                            \
        check_close_##F((T *)c.data, (T *)want.data, c.bytes / sizeof(T), EPSILON, 2 * ((double)k + 3));              \
        check_guards(&c);                                                                                             \
        check_free(&a);                                                                                               \
        check_free(&b);                                                                                               \
        check_free(&c);                                                                                               \
        check_free(&want);                                                                                            \
        check_free(&start);                                                                                           \
    }
CHECK_PLANES(float, f32, 0x1p-24)
CHECK_PLANES(double, f64, 0x1p-53)

void check_planes(const fc_kernels *kernels, const char *isa) {
    static const size_t ks[] = {0, 1, 2, 3, 7, 25, 64, MOST_K};
    for (const fc_planes_tile *tile = kernels->planes_f32; tile->rows; tile++) {
        for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
            check_tile_f32(tile, isa, ks[i], i % 4, i % 2, i / 2 % 2, i / 3 % 2);
        if (check_benching())
            bench_tile(tile, 4, isa);
    }
    for (const fc_planes_tile *tile = kernels->planes_f64; tile->rows; tile++) {
        for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
            check_tile_f64(tile, isa, ks[i], i % 4, i % 2, i / 2 % 2, i / 3 % 2);
        if (check_benching())
            bench_tile(tile, 8, isa);
    }
}
