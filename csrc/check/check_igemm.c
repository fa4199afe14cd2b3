/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/igemm.h"

typedef struct igemm_run {
    fc_igemm_fn *run;
    fc_igemm_block block;
} igemm_run;

static void run_rows(void *context) {
    const igemm_run *r = context;
    r->run(&r->block);
}

static void bench_tile(const fc_igemm_tile *tile, size_t size, const char *isa) {
    enum { RUNS = 1, LENGTH = 256 };
    char words[64];
    check_buffer a = check_alloc(LENGTH * tile->height * size, 0), b = check_alloc(LENGTH * tile->width * size, 0),
                 c = check_alloc(tile->height * tile->width * size, 0);
    const void *rows[FC_MAX_TILE_HEIGHT];
    memset(a.data, 0, a.bytes);
    memset(b.data, 0, b.bytes);
    for (size_t r = 0; r < tile->height; r++)
        rows[r] = a.data + r * LENGTH * size;
    igemm_run run = {tile->run,
        {.runs = RUNS,
            .length = LENGTH,
            .a = rows,
            .b = b.data,
            .b_pitch = tile->width,
            .c = c.data,
            .c_pitch = tile->width,
            .rows = tile->height,
            .cols = tile->width}};
    snprintf(words, sizeof words, "%zux%zu k %d", tile->height, tile->width, RUNS * LENGTH);
    check_time(size == 4 ? "igemm_f32" : "igemm_f64", isa, words, run_rows, &run,
        2.0 * RUNS * LENGTH * (double)(tile->height * tile->width), "GFLOP/s");
    check_free(&a);
    check_free(&b);
    check_free(&c);
}

typedef struct igemm_case {
    size_t runs, length, rows, cols, gap;
    int started, accumulate, scaled, added, relu;
} igemm_case;

/* Rows that overlap and lie anywhere, gaps in c that must keep their bytes. */
#define CHECK_ROWS(T, F, EPSILON)                                                                                   \
    static void check_case_##F(const fc_igemm_tile *tile, const char *isa, const igemm_case *x) {                   \
        const size_t shift = sizeof(T) * (x->gap % 3), pitch = tile->width + x->gap, k = x->runs * x->length;       \
        check_case("rows_" #F, isa,                                                                                 \
            "%zux%zu runs %zu of %zu, %zu rows, %zu cols, gap %zu, start %d accumulate %d scale %d add %d relu %d", \
            tile->height, tile->width, x->runs, x->length, x->rows, x->cols, x->gap, x->started, x->accumulate,     \
            x->scaled, x->added, x->relu);                                                                          \
        check_buffer a = check_alloc((x->length + 40) * sizeof(T), shift),                                          \
                     start = check_alloc(tile->width * sizeof(T), shift);                                           \
        check_buffer scale = check_alloc(start.bytes, shift),                                                       \
                     added = check_alloc(((x->rows - 1) * (x->cols + 3) + x->cols) * sizeof(T), shift);             \
        check_buffer b = check_alloc((k ? (k - 1) * pitch + tile->width : 0) * sizeof(T), shift);                   \
        check_buffer c = check_alloc(((x->rows - 1) * (x->cols + x->gap) + x->cols) * sizeof(T), shift),            \
                     want = check_alloc(c.bytes, 0);                                                                \
        const void *rows[4 * FC_MAX_TILE_HEIGHT];                                                                   \
        for (size_t i = 0; i < x->runs * tile->height; i++)                                                         \
            rows[i] = (T *)a.data + check_random_below(41);                                                         \
        check_fill_##F((T *)a.data, a.bytes / sizeof(T));                                                           \
        check_fill_##F((T *)b.data, b.bytes / sizeof(T));                                                           \
        check_fill_##F((T *)c.data, c.bytes / sizeof(T));                                                           \
        check_fill_##F((T *)start.data, tile->width);                                                               \
        check_fill_##F((T *)scale.data, tile->width);                                                               \
        check_fill_##F((T *)added.data, added.bytes / sizeof(T));                                                   \
        memcpy(want.data, c.data, c.bytes);                                                                         \
        fc_igemm_block block = {.runs = x->runs,                                                                    \
            .length = x->length,                                                                                    \
            .a = rows,                                                                                              \
            .b = b.data,                                                                                            \
            .b_pitch = pitch,                                                                                       \
            .c = c.data,                                                                                            \
            .c_pitch = x->cols + x->gap,                                                                            \
            .rows = x->rows,                                                                                        \
            .cols = x->cols,                                                                                        \
            .start = x->started ? start.data : NULL,                                                                \
            .accumulate = x->accumulate,                                                                            \
            .relu = x->relu,                                                                                        \
            .ceiling = (float)check_random_below(2),                                                                \
            .far = (int)check_random_below(2),                                                                      \
            .ahead = 64 * (ptrdiff_t)check_random_below(3),                                                         \
            .b_far = (int)check_random_below(2),                                                                    \
            .next = check_random_below(2) ? rows : NULL,                                                            \
            .b_next = check_random_below(2) ? b.data : NULL,                                                        \
            .b_next_lines = (unsigned)check_random_below(4),                                                        \
            .scale = x->scaled ? scale.data : NULL,                                                                 \
            .shift = start.data,                                                                                    \
            .added = x->added ? added.data : NULL,                                                                  \
            .added_pitch = x->cols + 3};                                                                            \
        tile->run(&block);                                                                                          \
        block.c = want.data;                                                                                        \
        fc_ref_igemm_##F(&block, tile->height);                                                                     \
        check_close_##F((T *)c.data, (T *)want.data, c.bytes / sizeof(T), EPSILON, 2 * ((double)k + 5));            \
        check_guards(&added);                                                                                       \
        check_guards(&c);                                                                                           \
        check_free(&a);                                                                                             \
        check_free(&b);                                                                                             \
        check_free(&c);                                                                                             \
        check_free(&want);                                                                                          \
        check_free(&start);                                                                                         \
        check_free(&scale);                                                                                         \
        check_free(&added);                                                                                         \
    }
CHECK_ROWS(float, f32, 0x1p-24)
CHECK_ROWS(double, f64, 0x1p-53)

static igemm_case any_case(const fc_igemm_tile *tile, size_t i) {
    static const size_t lengths[] = {0, 1, 2, 3, 4, 5, 9, 16, 33, 150};
    const size_t n = sizeof lengths / sizeof *lengths;
    return (igemm_case){.runs = 1 + i % 4,
        .length = lengths[i % n],
        .rows = i % 3 ? 1 + check_random_below(tile->height) : tile->height,
        .cols = i % 2 ? 1 + check_random_below(tile->width) : tile->width,
        .gap = i % 5,
        .started = i / 2 % 2,
        .accumulate = i / 3 % 2,
        .scaled = i / 7 % 2,
        .added = i / 11 % 2,
        .relu = i / 5 % 2};
}

void check_igemm(const fc_kernels *kernels, const char *isa) {
    enum { CASES = 60 };
    for (const fc_igemm_tile *tile = kernels->igemm_f32; tile->height; tile++) {
        check_true(tile->height <= FC_MAX_TILE_HEIGHT, "tile higher than the limit in types.h");
        for (size_t i = 0; i < CASES; i++) {
            const igemm_case x = any_case(tile, i);
            check_case_f32(tile, isa, &x);
        }
        if (check_benching())
            bench_tile(tile, 4, isa);
    }
    for (const fc_igemm_tile *tile = kernels->igemm_f64; tile->height; tile++) {
        for (size_t i = 0; i < CASES; i++) {
            const igemm_case x = any_case(tile, i);
            check_case_f64(tile, isa, &x);
        }
        if (check_benching())
            bench_tile(tile, 8, isa);
    }
}
