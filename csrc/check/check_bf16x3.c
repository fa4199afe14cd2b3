/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/blocks.h"
#include "kernels/ref/bf16x3.h"

/* The body of the matrix units, on tiles emulated in C: it is checked on machines that have none. */
#define FC_ISA_WORD emulated
#include "kernels/vec/tile_emulated.h"
#include "kernels/body/names.h"
#include "kernels/body/bf16x3_tiles.h"

/* A left tile of 16 rows of k, or a right tile of 16 columns. */
typedef enum operand { LEFT, RIGHT } operand;

static fc_bf16x3_source source_of(
    operand side, fc_dtype dtype, const void *src, size_t tiles, size_t planes, size_t gap, uint16_t *dst) {
    const size_t pitch = tiles * FC_BF16X3_K + gap, wide = FC_BF16X3_ROWS + gap;
    return side == LEFT
        ? (fc_bf16x3_source){src, dtype, FC_BF16X3_K, pitch, FC_BF16X3_ROWS, tiles, planes, dst}
        : (fc_bf16x3_source){src, dtype, FC_BF16X3_K * wide, wide, FC_BF16X3_ROWS * wide, tiles, planes, dst};
}

static size_t elements_of(operand side, size_t tiles, size_t gap) {
    return side == LEFT ? FC_BF16X3_ROWS * (tiles * FC_BF16X3_K + gap) - gap
                        : FC_BF16X3_K * tiles * (FC_BF16X3_ROWS + gap) - gap;
}

/* One value at the edge of the range or past it decides the result. */
static void check_split_planes(const fc_kernels *kernels, const char *isa, operand side, fc_dtype dtype, size_t tiles,
    size_t planes, size_t gap, float one) {
    const size_t n = elements_of(side, tiles, gap);
    check_case("bf16x3_rows", isa, "side %d dtype %d tiles %zu planes %zu gap %zu one %g", side, dtype, tiles, planes,
        gap, (double)one);
    check_buffer src = check_alloc(n * sizeof(float), 4 * (gap % 3)),
                 dst = check_alloc(tiles * planes * FC_BF16X3_TILE * 2, 2 * gap);
    check_buffer want = check_alloc(dst.bytes, 0);
    float *x = (float *)src.data;
    check_fill_f32(x, n);
    x[0] = one;
    x[check_random_below(n / FC_BF16X3_ROWS)] = 0;
    if (x[0] == one)
        x[n - 1] = -0.0f;
    if (dtype != FC_F32) /* from the front, so that what is read is still there */
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)src.data)[i] = dtype == FC_F16 ? fc_ref_to_f16(x[i]) : fc_ref_to_bf16(x[i]);
    const fc_bf16x3_source got_source = source_of(side, dtype, x, tiles, planes, gap, (uint16_t *)dst.data);
    const fc_bf16x3_source want_source = source_of(side, dtype, x, tiles, planes, gap, (uint16_t *)want.data);
    const int got = kernels->bf16x3_rows(&got_source), out = fc_ref_bf16x3_rows(&want_source);
    check_true(got == out, "range told wrongly");
    if (!out)
        check_same_bytes(dst.data, want.data, dst.bytes);
    check_guards(&dst);
    check_free(&src);
    check_free(&dst);
    check_free(&want);
}

typedef struct shape {
    size_t planes, tiles, left, right, gap;
    int accumulate;
} shape;

static check_buffer random_panels(operand side, const shape *s, size_t panels, size_t pitch) {
    check_buffer made = check_alloc(((panels - 1) * pitch + s->tiles * s->planes * FC_BF16X3_TILE) * 2, 0);
    check_buffer x = check_alloc(elements_of(side, s->tiles, 0) * sizeof(float), 0);
    for (size_t i = 0; i < panels; i++) {
        check_fill_f32((float *)x.data, x.bytes / sizeof(float));
        const fc_bf16x3_source source = source_of(
            side, FC_F32, x.data, s->tiles, s->planes, 0, (uint16_t *)made.data + i * pitch);
        fc_ref_bf16x3_rows(&source);
    }
    check_free(&x);
    return made;
}

static void check_product(const fc_bf16x3_gemm *gemm, const char *isa, shape s) {
    check_case("bf16x3_gemm", isa, "planes %zu tiles %zu panels %zux%zu gap %zu accumulate %d", s.planes, s.tiles,
        s.left, s.right, s.gap, s.accumulate);
    const size_t pitch = s.tiles * s.planes * FC_BF16X3_TILE + 8 * s.gap, rows = s.left * FC_BF16X3_ROWS,
                 cols = s.right * FC_BF16X3_ROWS;
    const size_t c_pitch = cols + s.gap, n = (rows - 1) * c_pitch + cols;
    check_buffer left = random_panels(LEFT, &s, s.left, pitch), right = random_panels(RIGHT, &s, s.right, pitch);
    check_buffer c = check_alloc(n * sizeof(float), 4 * (s.gap % 3)), wide = check_alloc(n * sizeof(double), 0),
                 want = check_alloc(c.bytes, 0);
    check_fill_f32((float *)c.data, n);
    for (size_t i = 0; i < n; i++)
        ((double *)wide.data)[i] = (double)((float *)c.data)[i];
    const fc_bf16x3_block block = {s.planes, s.tiles, (uint16_t *)left.data, (uint16_t *)right.data, s.left, s.right,
        pitch, pitch, (float *)c.data, c_pitch, s.accumulate};
    gemm->run(&block);
    fc_ref_bf16x3_gemm(&block, (double *)wide.data, c_pitch);
    for (size_t i = 0; i < n; i++)
        ((float *)want.data)[i] = (float)((double *)wide.data)[i];
    const double sums = (double)(s.tiles * FC_BF16X3_K * s.planes *
        (s.planes + 1)); /* twice the products added to one number */
    check_close_f32((float *)c.data, (float *)want.data, n, 0x1p-23, sums);
    check_guards(&c);
    check_free(&left);
    check_free(&right);
    check_free(&c);
    check_free(&wide);
    check_free(&want);
}

typedef struct bench {
    const fc_kernels *kernels;
    fc_bf16x3_block block;
    fc_bf16x3_source source;
} bench;
static void run_gemm(void *context) { ((bench *)context)->kernels->bf16x3_gemm.run(&((bench *)context)->block); }
static void run_rows(void *context) { ((bench *)context)->kernels->bf16x3_rows(&((bench *)context)->source); }

static void bench_all(const fc_kernels *kernels, const char *isa) {
    enum { PANELS = 4, TILES = 16 };
    for (size_t planes = 1; planes <= FC_BF16X3_PLANES; planes++) {
        char words[64];
        const size_t panel = TILES * planes * FC_BF16X3_TILE;
        check_buffer a = check_alloc(PANELS * panel * 2, 0), b = check_alloc(PANELS * panel * 2, 0),
                     c = check_alloc(64 * 64 * sizeof(float), 0);
        check_buffer x = check_alloc(FC_BF16X3_TILE * TILES * sizeof(float), 0);
        memset(a.data, 0, a.bytes);
        memset(b.data, 0, b.bytes);
        check_fill_f32((float *)x.data, x.bytes / sizeof(float));
        bench t = {kernels,
            {planes, TILES, (uint16_t *)a.data, (uint16_t *)b.data, PANELS, PANELS, panel, panel, (float *)c.data, 64,
                0},
            source_of(LEFT, FC_F32, x.data, TILES, planes, 0, (uint16_t *)a.data)};
        snprintf(words, sizeof words, "planes %zu k %d", planes, TILES * FC_BF16X3_K);
        check_time("bf16x3_gemm", isa, words, run_gemm, &t, 2.0 * 64 * 64 * TILES * FC_BF16X3_K, "GFLOP/s");
        check_time("bf16x3_rows", isa, words, run_rows, &t, (double)x.bytes, "GB/s");
        check_free(&a);
        check_free(&b);
        check_free(&c);
        check_free(&x);
    }
}

static void check_products(const fc_bf16x3_gemm *gemm, const char *isa) {
    enum { SEVERAL_CHAINS = 70 };
    for (size_t planes = 1; planes <= FC_BF16X3_PLANES; planes++) {
        for (size_t panels = 0; panels < 9; panels++)
            check_product(gemm, isa,
                (shape){planes, 1 + panels % 4, 1 + panels / 3, 1 + panels % 3, panels, (int)(panels + planes) % 2});
        check_product(gemm, isa, (shape){planes, SEVERAL_CHAINS, 3, 3, 0, planes % 2});
    }
}

void check_bf16x3(const fc_kernels *kernels, const char *isa) {
    static const float ones[] = {
        1, 0x1p-50f, -0x1p50f, 0x1.fffffep-51f, -0x1.000002p50f, 1e-40f, 3e38f, __builtin_inff(), -__builtin_nanf("")};
    for (size_t planes = 1; planes <= FC_BF16X3_PLANES; planes++)
        for (size_t i = 0; i < sizeof ones / sizeof *ones; i++)
            check_split_planes(kernels, isa, i % 2 ? LEFT : RIGHT, FC_F32, 1 + i % 3, planes, i % 4, ones[i]);
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++) {
        check_split_planes(kernels, isa, i % 2 ? LEFT : RIGHT, FC_F16, 1 + i % 3, 2, i % 4, ones[i]);
        check_split_planes(kernels, isa, i % 2 ? LEFT : RIGHT, FC_BF16, 1 + i % 3, 1, i % 4, ones[i]);
    }
    check_products(&kernels->bf16x3_gemm, isa);
    if (!strcmp(isa, "scalar")) {
        fc_bf16x3_gemm emulated;
        fc_bf16x3_gemm_emulated(&emulated);
        check_products(&emulated, "emulated tiles");
    }
    if (check_benching())
        bench_all(kernels, isa);
}
