/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/integer.h"

/* The body of the matrix units, on tiles emulated in C: it is checked on machines that have none. */
#define FC_ISA_WORD emulated
#include "kernels/vec/tile_emulated.h"
#include "kernels/body/names.h"
#include "kernels/body/integer_matrix.h"

typedef struct integer_run {
    fc_igemm_fn *run;
    fc_igemm_block block;
} integer_run;

static void run_rows(void *context) {
    const integer_run *r = context;
    r->run(&r->block);
}

static void bench_tile(const fc_igemm_tile *tile, const char *slot, const char *isa) {
    enum { LENGTH = 144 };
    char words[64];
    const size_t row = (tile->wide ? 8 : 4) * LENGTH;
    check_buffer a = check_alloc(row * tile->height, 0), b = check_alloc(4 * LENGTH * tile->width, 0),
                 c = check_alloc(4 * tile->height * tile->width, 0);
    const void *rows[FC_MAX_TILE_HEIGHT];
    for (size_t r = 0; r < tile->height; r++)
        rows[r] = a.data + r * row;
    integer_run run = {tile->run,
        {.runs = 1,
            .length = LENGTH,
            .a = rows,
            .b = b.data,
            .b_pitch = tile->width,
            .c = c.data,
            .c_pitch = tile->width,
            .rows = tile->height,
            .cols = tile->width}};
    snprintf(words, sizeof words, "%zux%zu k %d", tile->height, tile->width, 4 * LENGTH);
    check_time(slot, isa, words, run_rows, &run, 8.0 * LENGTH * (double)(tile->height * tile->width), "GOP/s");
    check_free(&a);
    check_free(&b);
    check_free(&c);
}

typedef struct integer_case {
    size_t runs, length, rows, cols, gap;
    int started, accumulate, relu, extreme, strided;
} integer_case;

/* Rows that overlap and lie anywhere, gaps in c that must keep their bytes. Extremes: all products of the largest size
 * and one sign. */
static void check_tile(
    const fc_igemm_tile *tile, const char *slot, int a_signed, const char *isa, const integer_case *x) {
    const size_t shift = x->gap % 4, pitch = tile->width + x->gap, k = x->runs * x->length;
    check_case(slot, isa,
        "%zux%zu runs %zu of %zu, %zu rows, %zu cols, gap %zu, start %d accumulate %d relu %d extreme %d strided %d",
        tile->height, tile->width, x->runs, x->length, x->rows, x->cols, x->gap, x->started, x->accumulate, x->relu,
        x->extreme, x->strided);
    const size_t size = tile->wide ? 2 : 1;
    check_buffer a = check_alloc(size * (4 * x->length + 40), shift), start = check_alloc(4 * tile->width, shift);
    check_buffer b = check_alloc(k ? 4 * ((k - 1) * pitch + tile->width) : 0, shift);
    check_buffer c = check_alloc(4 * ((x->rows - 1) * (x->cols + x->gap) + x->cols), 4 * (x->gap % 3)),
                 want = check_alloc(c.bytes, 0);
    const void *rows[4 * FC_MAX_TILE_HEIGHT];
    for (size_t i = 0; i < x->runs * tile->height; i++)
        rows[i] = a.data + size * (x->strided ? i % tile->height * x->gap / 2 : check_random_below(41));
    if (x->extreme) {
        memset(a.data, a_signed ? 0x80 : 0xff, a.bytes);
        memset(b.data, a_signed ? 0xff : 0x80, b.bytes);
    } else {
        check_fill_bytes(a.data, a.bytes);
        check_fill_bytes(b.data, b.bytes);
    }
    for (size_t i = 0; tile->wide && i < a.bytes; i += 2) {
        const int16_t number = a_signed ? (int8_t)a.data[i] : a.data[i];
        memcpy(a.data + i, &number, sizeof number);
    }
    check_fill_bytes(c.data, c.bytes);
    check_fill_bytes(start.data, start.bytes);
    memcpy(want.data, c.data, c.bytes);
    fc_igemm_block block = {.runs = x->runs,
        .length = x->length,
        .a = rows,
        .b = b.data,
        .b_pitch = pitch,
        .c = c.data,
        .c_pitch = x->cols + x->gap,
        .rows = x->rows,
        .cols = x->cols,
        .start = x->started ? start.data : NULL,
        .accumulate = x->accumulate,
        .relu = x->relu};
    tile->run(&block);
    block.c = want.data;
    fc_ref_igemm_b8(&block, tile, a_signed);
    check_same_bytes(c.data, want.data, c.bytes);
    check_guards(&c);
    check_free(&a);
    check_free(&b);
    check_free(&c);
    check_free(&want);
    check_free(&start);
}

static void check_tiles(const fc_igemm_tile *tiles, const char *slot, int a_signed, const char *isa) {
    static const size_t lengths[] = {0, 1, 2, 3, 5, 16, 33, 150};
    const size_t n = sizeof lengths / sizeof *lengths;
    for (const fc_igemm_tile *tile = tiles; tile->height; tile++) {
        check_true(tile->height <= FC_MAX_TILE_HEIGHT && tile->width <= FC_MAX_TILE_COLS,
            "tile larger than the limits in types.h");
        for (size_t i = 0; i < 60; i++) {
            const integer_case x = {.runs = 1 + i % 4,
                .length = lengths[i % n],
                .rows = i % 3 ? 1 + check_random_below(tile->height) : tile->height,
                .cols = i % 2 ? 1 + check_random_below(tile->width) : tile->width,
                .gap = i % 5,
                .started = i / 2 % 2,
                .accumulate = i / 3 % 2,
                .relu = i / 5 % 2,
                .extreme = i % 7 == 0,
                .strided = i / 4 % 2};
            check_tile(tile, slot, a_signed, isa, &x);
        }
        if (check_benching())
            bench_tile(tile, slot, isa);
    }
}

static int32_t byte_at(const unsigned char *x, int is_signed) { return is_signed ? (int8_t)*x : *x; }

static void check_depthwise_bytes(
    fc_depthwise_bytes_fn *run, int is_signed, const char *isa, size_t taps, size_t channels) {
    const void *from[32];
    const size_t pitch = channels + taps % 2;
    check_case(is_signed ? "depthwise_i8" : "depthwise_u8", isa, "taps %zu channels %zu", taps, channels);
    check_buffer x = check_alloc(taps * channels, taps % 5), w = check_alloc(4 * (taps * pitch + channels), 4),
                 y = check_alloc(4 * channels, 4);
    check_buffer want = check_alloc(y.bytes, 0);
    check_fill_bytes(x.data, x.bytes);
    check_fill_bytes(w.data, w.bytes);
    for (size_t i = channels; i < w.bytes / 4; i++)
        ((int32_t *)w.data)[i] = (int32_t)check_random_below(384) - 128;
    for (size_t t = 0; t < taps; t++)
        from[t] = x.data + (taps - 1 - t) * channels;
    for (size_t c = 0; c < channels; c++) {
        uint32_t sum = ((uint32_t *)w.data)[c];
        for (size_t t = 0; t < taps; t++)
            sum += (uint32_t)(byte_at((const unsigned char *)from[t] + c, is_signed) *
                ((int32_t *)w.data)[(t + 1) * pitch + c]);
        ((uint32_t *)want.data)[c] = sum;
    }
    run(taps, from, (int32_t *)w.data, pitch, channels, (int32_t *)y.data);
    check_same_bytes(y.data, want.data, y.bytes);
    check_guards(&y);
    check_free(&x);
    check_free(&w);
    check_free(&y);
    check_free(&want);
}

static void check_axpy_bytes(fc_axpy_fn *run, int is_signed, const char *isa, size_t n, size_t step, int32_t w) {
    check_case(is_signed ? "axpy_i8" : "axpy_u8", isa, "n %zu step %zu w %d", n, step, w);
    check_buffer x = check_alloc(n ? (n - 1) * step + 1 : 0, n % 3), y = check_alloc(4 * n, 4),
                 want = check_alloc(4 * n, 0);
    check_fill_bytes(x.data, x.bytes);
    check_fill_bytes(y.data, y.bytes);
    for (size_t i = 0; i < n; i++)
        ((uint32_t *)want.data)[i] = ((uint32_t *)y.data)[i] + (uint32_t)(w * byte_at(x.data + i * step, is_signed));
    run(n, &w, x.data, step, y.data);
    check_same_bytes(y.data, want.data, y.bytes);
    check_guards(&y);
    check_free(&x);
    check_free(&y);
    check_free(&want);
}

static void check_channels(const fc_kernels *kernels, const char *isa) {
    static const size_t sizes[] = {0, 1, 3, 4, 5, 8, 15, 16, 17, 33, 64};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < 4; j++) {
            static const int32_t weights[] = {-128, 255, 1, -7};
            check_depthwise_bytes(kernels->depthwise_u8, 0, isa, 1 + 4 * j, sizes[i]);
            check_depthwise_bytes(kernels->depthwise_i8, 1, isa, 1 + 4 * j, sizes[i]);
            check_axpy_bytes(kernels->axpy_u8, 0, isa, sizes[i], 1 + j / 2, weights[j]);
            check_axpy_bytes(kernels->axpy_i8, 1, isa, sizes[i], 1 + j / 2, weights[j]);
        }
}

void check_integer(const fc_kernels *kernels, const char *isa) {
    check_tiles(kernels->igemm_u8s8, "igemm_u8s8", 0, isa);
    check_tiles(kernels->igemm_s8u8, "igemm_s8u8", 1, isa);
    check_tiles(kernels->matrix_u8s8, "matrix_u8s8", 0, isa);
    check_tiles(kernels->matrix_s8u8, "matrix_s8u8", 1, isa);
    check_channels(kernels, isa);
    if (!strcmp(isa, "scalar")) {
        fc_igemm_tile emulated[FC_IGEMM_TILES + 1];
        fc_matrix_u8s8_emulated(emulated);
        check_tiles(emulated, "matrix_u8s8", 0, "emulated tiles");
        fc_matrix_s8u8_emulated(emulated);
        check_tiles(emulated, "matrix_s8u8", 1, "emulated tiles");
    }
}
