/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/convolve2d.h"

typedef enum kind { EXACT, BOOLS, F32, F64, LONG } kind;

typedef struct slot {
    const char *name;
    fc_convolve2d_fn *run, *reference;
    size_t part, parts; /* bytes of a number, numbers an element */
    kind kind;
    int bytes; /* the cells are bytes */
    int dots;  /* taps lie in rows, step is 1 */
} slot;

static void fill(const slot *s, void *to, size_t bytes) {
    unsigned char *p = to;
    if (s->kind == EXACT) {
        check_fill_bytes(to, bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i += s->part, p += s->part) {
        double x = check_random_unit();
        float single = (float)x;
        long double wide = x;
        switch (s->kind) {
        case F32:
            memcpy(p, &single, sizeof single);
            break;
        case F64:
            memcpy(p, &x, sizeof x);
            break;
        case LONG:
            memcpy(p, &wide, sizeof wide);
            break;
        default:
            *p = check_random() & 1;
        }
    }
}

/* Some infinities and NaN: they must show in the outputs whose window covers them, and nowhere else. */
static void spoil(const slot *s, unsigned char *rows, size_t bytes) {
    static const float bad_f32[] = {INFINITY, NAN};
    static const double bad_f64[] = {INFINITY, NAN};
    for (size_t i = 0; i < 3; i++) {
        size_t which = check_random_below(2), at = check_random_below(bytes / s->part) * s->part;
        if (s->kind == F32)
            memcpy(rows + at, &bad_f32[which], sizeof(float));
        else if (s->kind == F64)
            memcpy(rows + at, &bad_f64[which], sizeof(double));
    }
}

static void compare(const slot *s, const unsigned char *got, const unsigned char *want, size_t elements, size_t taps) {
    const size_t numbers = elements * s->parts;
    const double products = (double)(taps * s->parts + 2) * (s->bytes ? UINT8_MAX : 1);
    if (s->kind == F32)
        check_close_f32((const float *)got, (const float *)want, numbers, products * 0x1p-24, products);
    else if (s->kind == F64)
        check_close_f64((const double *)got, (const double *)want, numbers, products * 0x1p-53, products);
    else if (s->kind == LONG)
        for (size_t i = 0; i < numbers; i++) {
            long double g, w;
            memcpy(&g, got + i * sizeof g, sizeof g);
            memcpy(&w, want + i * sizeof w, sizeof w);
            check_true(fabsl(g - w) <= (long double)products * products * 0x1p-60L, "long double differs");
        }
    else
        check_same_bytes(got, want, numbers * s->part);
}

static void fill_cells(const slot *s, check_buffer *image) {
    if (s->bytes) {
        check_fill_bytes(image->data, image->bytes);
        return;
    }
    fill(s, image->data, image->bytes);
    if (check_random_below(3) == 0)
        spoil(s, image->data, image->bytes);
}

static size_t misaligned(const slot *s) {
    return s->kind == LONG ? 16 * check_random_below(4) : check_random_below(64);
}

static void check_one(const slot *s, const char *isa, size_t k_h, size_t k_w, size_t n_rows, size_t n_cols) {
    const size_t size = s->part * s->parts, sources = n_rows + k_h - 1;
    const size_t step = s->dots ? 1 : 1 + (check_random_below(4) == 0) * check_random_below(5);
    const size_t width = (n_cols + (k_w - 1) * step) * (s->bytes ? 1 : size);
    const size_t gap = check_random_below(5), pitch = n_cols + gap, out_bytes = ((n_rows - 1) * pitch + n_cols) * size;
    check_buffer image = check_alloc(sources * width, misaligned(s)), out = check_alloc(out_bytes, misaligned(s));
    check_buffer taps = check_alloc(k_h * k_w * size, 0), transposed = check_alloc(taps.bytes, 0),
                 want = check_alloc(out_bytes, 0);
    const void **rows = malloc(sources * sizeof *rows);
    fill_cells(s, &image);
    fill(s, taps.data, taps.bytes);
    if (s->kind == BOOLS)
        for (size_t i = 0; i < taps.bytes; i++)
            taps.data[i] = taps.data[i] && check_random_below(8) == 0 ? 0xff : 0;
    /* Rows in any order, some of them twice, as the borders have them. */
    for (size_t i = 0; i < sources; i++)
        rows[i] = image.data + check_random_below(sources) * width;
    fc_convolve2d_block block = {taps.data, k_h, k_w, step, rows, n_rows, n_cols, 0, out.data, pitch,
        (int)check_random_below(2), (int)check_random_below(2)};
    check_case(s->name, isa, "%zux%zu kernel, step %zu, %zux%zu outputs", k_h, k_w, step, n_rows, n_cols);
    s->run(&block);
    block.out = want.data;
    block.streams = 0;
    if (s->dots) {
        for (size_t i = 0; i < k_h * k_w; i++)
            memcpy(transposed.data + (i % k_w * k_h + i / k_w) * size, taps.data + i * size, size);
        block.taps = transposed.data;
    }
    s->reference(&block);
    for (size_t r = 0; r < n_rows; r++) {
        compare(s, out.data + r * pitch * size, want.data + r * pitch * size, n_cols, k_h * k_w);
        if (r + 1 < n_rows) /* what lies between two rows is nobody's */
            check_same_bytes(
                out.data + (r * pitch + n_cols) * size, want.data + (r * pitch + n_cols) * size, gap * size);
    }
    check_guards(&out);
    check_guards(&image);
    free(rows);
    check_free(&image);
    check_free(&out);
    check_free(&taps);
    check_free(&transposed);
    check_free(&want);
}

/* Bits of plain C: products rounded and added one after the other, from either end. */
static void check_unfused(fc_convolve2d_fn *run, const char *isa) {
    const size_t k_h = 1 + check_random_below(7), k_w = 1 + check_random_below(7), n_cols = 1 + check_random_below(80);
    enum { ROWS = 6 };
    const size_t width = n_cols + k_w - 1;
    check_buffer image = check_alloc((ROWS + k_h - 1) * width * sizeof(float), 0);
    check_buffer taps = check_alloc(k_h * k_w * sizeof(float), 0), out = check_alloc(ROWS * n_cols * sizeof(float), 0);
    const float *x = (const float *)image.data, *tap = (const float *)taps.data;
    const void *rows[ROWS + 6];
    const int backwards = (int)check_random_below(2);
    int same = 1;
    for (size_t i = 0; i < (ROWS + k_h - 1) * width; i++)
        ((float *)image.data)[i] = (float)check_random_unit();
    for (size_t i = 0; i < k_h * k_w; i++)
        ((float *)taps.data)[i] = (float)check_random_unit();
    for (size_t i = 0; i < ROWS + k_h - 1; i++)
        rows[i] = x + i * width;
    check_case("convolve2d_unfused_f32", isa, "%zux%zu kernel, %zu columns, backwards %d", k_h, k_w, n_cols, backwards);
    run(&(fc_convolve2d_block){.taps = tap,
        .k_h = k_h,
        .k_w = k_w,
        .step = 1,
        .rows = rows,
        .n_rows = ROWS,
        .n_cols = n_cols,
        .out = out.data,
        .out_pitch = n_cols,
        .backwards = backwards});
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < n_cols; c++) {
            float sum = 0;
            for (size_t i = 0; i < k_h * k_w; i++) {
                const size_t t = backwards ? k_h * k_w - 1 - i : i, j = t / k_w, k = t % k_w;
                const float product = tap[k * k_h + j] * x[(r + j) * width + c + k];
                sum += product;
            }
            same &= sum == ((const float *)out.data)[r * n_cols + c];
        }
    check_true(same, "other bits than those of plain C");
    check_guards(&out);
    check_free(&image);
    check_free(&taps);
    check_free(&out);
}

/* The cell that the boundary rule puts at index i of n, by walking there; -1: a fill value. */
static ptrdiff_t walk(ptrdiff_t i, ptrdiff_t n, fc_boundary boundary) {
    if (boundary == FC_FILL)
        return i < 0 || i >= n ? -1 : i;
    while (i < 0 || i >= n)
        if (boundary == FC_WRAP)
            i += i < 0 ? n : -n;
        else
            i = i < 0 ? -1 - i : 2 * n - 1 - i;
    return i;
}

static uint32_t one_output(const fc_convolve2d_params *p, const uint32_t *image, const uint32_t *kernel, uint32_t fill,
    ptrdiff_t top, ptrdiff_t left) {
    uint32_t sum = 0;
    for (ptrdiff_t j = 0; j < p->k_h; j++)
        for (ptrdiff_t k = 0; k < p->k_w; k++) {
            ptrdiff_t y = walk(top + j, p->image_h, p->boundary), x = walk(left + k, p->image_w, p->boundary), cell,
                      tap;
            tap = p->correlate ? j * p->k_w + k : (p->k_h - 1 - j) * p->k_w + p->k_w - 1 - k;
            cell = y * p->image_w + x;
            sum += kernel[tap] * (y < 0 || x < 0 ? fill : image[cell]);
        }
    return sum;
}

/* The whole operation: tasks, staging and borders, with every buffer of exactly its size. */
static void check_operation(const char *isa, ptrdiff_t image_w) {
    fc_convolve2d_params p = {FC_U32, 1 + (ptrdiff_t)check_random_below(12), image_w,
        1 + (ptrdiff_t)check_random_below(7), 1 + (ptrdiff_t)check_random_below(9), (fc_mode)check_random_below(3),
        (fc_boundary)check_random_below(3), (int)check_random_below(2), FC_FILTER_AUTO};
    ptrdiff_t out_h, out_w;
    uint32_t fill = (uint32_t)check_random();
    check_case("convolve2d", isa, "%tdx%td image, %tdx%td kernel, mode %d, boundary %d, correlate %d", p.image_h,
        p.image_w, p.k_h, p.k_w, (int)p.mode, (int)p.boundary, p.correlate);
    int fits = p.mode != FC_VALID || (p.k_h <= p.image_h && p.k_w <= p.image_w);
    check_true((fc_convolve2d_output_size(&p, &out_h, &out_w) == FC_OK) == fits, "wrong status");
    if (!fits)
        return;
    check_buffer image = check_alloc((size_t)(p.image_h * p.image_w) * 4, 0),
                 kernel = check_alloc((size_t)(p.k_h * p.k_w) * 4, 0);
    check_buffer out = check_alloc((size_t)(out_h * out_w) * 4, 0), want = check_alloc(out.bytes, 0);
    check_fill_bytes(image.data, image.bytes);
    check_fill_bytes(kernel.data, kernel.bytes);
    ptrdiff_t top = p.mode == FC_VALID ? 0
        : p.mode == FC_FULL            ? 1 - p.k_h
                                       : -(p.correlate ? (p.k_h - 1) / 2 : p.k_h / 2);
    ptrdiff_t left = p.mode == FC_VALID ? 0
        : p.mode == FC_FULL             ? 1 - p.k_w
                                        : -(p.correlate ? (p.k_w - 1) / 2 : p.k_w / 2);
    for (ptrdiff_t y = 0; y < out_h; y++)
        for (ptrdiff_t x = 0; x < out_w; x++)
            ((uint32_t *)want.data)[y * out_w + x] = one_output(
                &p, (const uint32_t *)image.data, (const uint32_t *)kernel.data, fill, y + top, x + left);
    check_true(fc_convolve2d(&p, image.data, kernel.data, &fill, out.data) == FC_OK, "failed");
    check_same_bytes(out.data, want.data, out.bytes);
    check_guards(&out);
    check_free(&image);
    check_free(&kernel);
    check_free(&out);
    check_free(&want);
}

static void check_operations(const char *isa) {
    const char *before = fc_active_isa();
    check_case("convolve2d", isa, "choice of kernels");
    check_true(fc_set_isa(isa) == FC_OK, "cannot be chosen");
    for (int repeat = 0; repeat < 200; repeat++)
        check_operation(isa, 1 + (ptrdiff_t)check_random_below(repeat < 150 ? 40 : 900));
    fc_set_isa(before);
}

typedef struct timing {
    fc_convolve2d_fn *run;
    fc_convolve2d_block block;
} timing;
static void run_timed(void *context) { ((timing *)context)->run(&((timing *)context)->block); }

static void time_slot(const slot *s, const char *isa, size_t k) {
    enum { ROWS = 32, COLS = 512 };
    const size_t size = s->part * s->parts, width = (COLS + k - 1) * (s->bytes ? 1 : size);
    check_buffer image = check_alloc((ROWS + k - 1) * width, 0), taps = check_alloc(k * k * size, 0);
    check_buffer out = check_alloc(ROWS * COLS * size, 0);
    const void **rows = malloc((ROWS + k - 1) * sizeof *rows);
    char name[32];
    fill_cells(s, &image);
    fill(s, taps.data, taps.bytes);
    for (size_t i = 0; i < ROWS + k - 1; i++)
        rows[i] = image.data + i * width;
    timing t = {s->run, {taps.data, k, k, 1, rows, ROWS, COLS, 0, out.data, COLS, 0, 0}};
    snprintf(name, sizeof name, "%zux%zu, 32x512 outputs", k, k);
    check_time(s->name, isa, name, run_timed, &t, 2.0 * ROWS * COLS * (double)(k * k * s->parts * s->parts), "GFLOP/s");
    free(rows);
    check_free(&image);
    check_free(&taps);
    check_free(&out);
}

void check_convolve2d(const fc_kernels *kernels, const char *isa) {
#define SLOT(NAME, PART, PARTS, KIND) {#NAME, kernels->NAME, fc_ref_##NAME, PART, PARTS, KIND, 0, 0}
#define UNFUSED(WORD, PART, PARTS, KIND) \
    {"convolve2d_unfused_" #WORD, kernels->convolve2d_unfused_##WORD, fc_ref_convolve2d_##WORD, PART, PARTS, KIND, 0, 0}
#define DOTS(WORD, PART, KIND) {"dots_" #WORD, kernels->dots_##WORD, fc_ref_convolve2d_##WORD, PART, 1, KIND, 0, 1}
    const slot slots[] = {
        SLOT(convolve2d_bool, 1, 1, BOOLS),
        SLOT(convolve2d_b8, 1, 1, EXACT),
        SLOT(convolve2d_b16, 2, 1, EXACT),
        SLOT(convolve2d_b32, 4, 1, EXACT),
        SLOT(convolve2d_b64, 8, 1, EXACT),
        SLOT(convolve2d_f32, 4, 1, F32),
        SLOT(convolve2d_f64, 8, 1, F64),
        SLOT(convolve2d_complex_f32, 4, 2, F32),
        SLOT(convolve2d_complex_f64, 8, 2, F64),
        {"convolve2d_u8_b16", kernels->convolve2d_u8_b16, fc_ref_convolve2d_u8_b16, 2, 1, EXACT, 1, 0},
        {"convolve2d_u8_f32", kernels->convolve2d_u8_f32, fc_ref_convolve2d_u8_f32, 4, 1, F32, 1, 0},
        UNFUSED(f32, 4, 1, F32),
        UNFUSED(f64, 8, 1, F64),
        {"convolve2d_complex_unfused_f32", kernels->convolve2d_complex_unfused_f32, fc_ref_convolve2d_complex_f32, 4, 2,
            F32, 0, 0},
        {"convolve2d_complex_unfused_f64", kernels->convolve2d_complex_unfused_f64, fc_ref_convolve2d_complex_f64, 8, 2,
            F64, 0, 0},
        {"convolve2d_unfused_u8_f32", kernels->convolve2d_unfused_u8_f32, fc_ref_convolve2d_u8_f32, 4, 1, F32, 1, 0},
        DOTS(b8, 1, EXACT),
        DOTS(b16, 2, EXACT),
        DOTS(b32, 4, EXACT),
        DOTS(b64, 8, EXACT),
        DOTS(f32, 4, F32),
        DOTS(f64, 8, F64),
        SLOT(convolve2d_longdouble, sizeof(long double), 1, LONG),
        SLOT(convolve2d_clongdouble, sizeof(long double), 2, LONG),
    };
#undef SLOT
#undef UNFUSED
#undef DOTS
    check_operations(isa);
    for (int repeat = 0; repeat < 50; repeat++)
        check_unfused(kernels->convolve2d_unfused_f32, isa);
    static const size_t kernel_sizes[][2] = {
        {1, 1}, {1, 7}, {2, 3}, {3, 3}, {3, 1}, {4, 2}, {5, 5}, {9, 4}, {40, 27}, {2, 600}, {70, 33}};
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        for (size_t k = 0; k < sizeof kernel_sizes / sizeof *kernel_sizes; k++)
            for (size_t repeat = 0; repeat < (k < 8 ? 20 : 2); repeat++)
                check_one(&slots[i], isa, kernel_sizes[k][0], kernel_sizes[k][1], 1 + check_random_below(10),
                    1 + check_random_below(repeat < 10 ? 40 : 300));
        if (check_benching())
            for (size_t k = 3; k <= 27; k *= 3)
                time_slot(&slots[i], isa, k);
    }
}
