/* SPDX-License-Identifier: MIT */
/* The kernels around a filter's sums: conversions, copies past the caches, sums of few taps and of equal ones. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/filter.h"

enum { REPEATS = 40, MOST = 300 };

static size_t size_of(fc_dtype dtype) { return fc_dtype_size(dtype); }

static void fill(fc_dtype dtype, check_buffer *b, double spread) {
    const size_t size = size_of(dtype), n = b->bytes / size;
    check_fill_bytes(b->data, b->bytes);
    for (size_t i = 0; i < n && (dtype == FC_U32 || dtype == FC_U64); i++) /* products that a double holds */
        memset(b->data + i * size + 2, 0, size - 2);
    for (size_t i = 0; i < n && (dtype == FC_F32 || dtype == FC_F64); i++) {
        const double x = check_random_unit() * spread, rounded = check_random_below(3) ? x : rint(x) / 2;
        const float single = (float)rounded;
        dtype == FC_F32 ? memcpy(b->data + i * 4, &single, 4) : memcpy(b->data + i * 8, &rounded, 8);
    }
}

typedef struct widening {
    const char *name;
    fc_dtype from, to;
    fc_convert_fn *run;
} widening;

static void check_widening(const widening *w, const char *isa) {
    const size_t n = check_random_below(MOST);
    check_buffer src = check_alloc(n * size_of(w->from), check_random_below(64)),
                 dst = check_alloc(n * size_of(w->to), check_random_below(64));
    check_case(w->name, isa, "n %zu", n);
    fill(w->from, &src, 1);
    w->run(src.data, dst.data, n);
    int same = 1;
    for (size_t i = 0; i < n; i++)
        same &= fc_ref_number(w->from, src.data, i) == fc_ref_number(w->to, dst.data, i);
    check_true(same, "a number differs");
    check_guards(&dst);
    check_free(&src);
    check_free(&dst);
}

typedef struct narrowing {
    const char *name;
    fc_dtype from, to;
    double spread;
    fc_narrow_fn *run;
} narrowing;

static void check_narrowing(const narrowing *w, const char *isa, double scale) {
    const size_t n = check_random_below(MOST);
    const int sums = size_of(w->from) == 2;
    check_buffer src = check_alloc(n * size_of(w->from), sums ? 0 : check_random_below(64)),
                 dst = check_alloc(n * size_of(w->to), check_random_below(64));
    check_case(w->name, isa, "n %zu scale %g", n, scale);
    fill(w->from, &src, w->spread);
    for (size_t i = 0; i < n && sums; i++) /* the contract leaves room for rounding */
        if (w->from == FC_U16 && ((uint16_t *)src.data)[i] > UINT16_MAX - 128)
            ((uint16_t *)src.data)[i] = UINT16_MAX - 128;
        else if (w->from == FC_I16 && ((int16_t *)src.data)[i] > INT16_MAX - 128)
            ((int16_t *)src.data)[i] = INT16_MAX - 128;
    const fc_scaling scaling = {.scale = scale};
    w->run(src.data, dst.data, n, &scaling);
    int same = 1;
    for (size_t i = 0; i < n; i++)
        same &= fc_ref_narrow(w->from, w->to, fc_ref_number(w->from, src.data, i), scale) ==
            fc_ref_number(w->to, dst.data, i);
    check_true(same, "a number differs");
    check_guards(&dst);
    check_free(&src);
    check_free(&dst);
}

/* Unsigned sums times an integer, any that the contract allows. */
static void check_multiplied(const fc_kernels *kernels, const char *isa) {
    const size_t n = check_random_below(MOST);
    const fc_scaling scaling = {.scale = 0.5,
        .multiplier = (uint16_t)(1 + check_random_below(UINT16_MAX)),
        .bias = (uint16_t)check_random_below(1 << 15),
        .left = (uint8_t)check_random_below(8),
        .right = (uint8_t)(1 + check_random_below(15))};
    check_buffer src = check_alloc(n * 2, 0), dst = check_alloc(n, check_random_below(64));
    check_case(
        "narrow_u16_u8", isa, "n %zu, %u, left %u, right %u", n, scaling.multiplier, scaling.left, scaling.right);
    check_fill_bytes(src.data, src.bytes);
    kernels->narrow_u16_u8(src.data, dst.data, n, &scaling);
    int same = 1;
    for (size_t i = 0; i < n; i++) {
        const uint16_t want = fc_scaled(((const uint16_t *)src.data)[i], &scaling);
        same &= dst.data[i] == (want < UINT8_MAX ? want : UINT8_MAX);
    }
    check_true(same, "a number differs");
    check_guards(&dst);
    check_free(&src);
    check_free(&dst);
}

static void check_slide(const fc_kernels *kernels, const char *isa) {
    const size_t n = 1 + check_random_below(MOST), k = 1 + check_random_below(40), columns = n + k - 1;
    check_buffer enter = check_alloc(columns, check_random_below(64)),
                 leave = check_alloc(columns, check_random_below(64));
    check_buffer sums = check_alloc(columns * 2, 0), before = check_alloc(columns * 2, 0), out = check_alloc(n * 4, 0);
    const uint16_t *was = (const uint16_t *)before.data, *is = (const uint16_t *)sums.data;
    const int leaves = (int)check_random_below(2);
    int same = 1;
    check_case("slide", isa, "n %zu, k %zu, leaves %d", n, k, leaves);
    check_fill_bytes(enter.data, columns);
    check_fill_bytes(leave.data, columns);
    check_fill_bytes(before.data, before.bytes);
    memcpy(sums.data, before.data, sums.bytes);
    kernels->slide_columns(enter.data, leaves ? leave.data : NULL, (uint16_t *)sums.data, columns);
    for (size_t i = 0; i < columns; i++)
        same &= is[i] == (uint16_t)(was[i] + enter.data[i] - leaves * leave.data[i]);
    check_true(same, "a column's sum differs");
    kernels->slide_rows(is, k, 0.25f, (float *)out.data, n);
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < k; j++)
            sum += is[i + j];
        same &= ((const float *)out.data)[i] == (float)(sum / 4);
    }
    check_true(same, "a window's sum differs");
    check_guards(&sums);
    check_guards(&out);
    check_free(&enter);
    check_free(&leave);
    check_free(&sums);
    check_free(&before);
    check_free(&out);
}

static void check_finite(const fc_kernels *kernels, const char *isa) {
    const size_t n = check_random_below(MOST);
    check_buffer f32 = check_alloc(n * 4, 0), f64 = check_alloc(n * 8, 0);
    check_case("finite", isa, "n %zu", n);
    check_fill_f32((float *)f32.data, n);
    check_fill_f64((double *)f64.data, n);
    check_true(kernels->finite_f32(f32.data, n) && kernels->finite_f64(f64.data, n), "finite numbers are refused");
    if (n) {
        const size_t at = check_random_below(n);
        ((float *)f32.data)[at] = check_random_below(2) ? -INFINITY : NAN;
        ((double *)f64.data)[at] = check_random_below(2) ? INFINITY : NAN;
        check_true(!kernels->finite_f32(f32.data, n) && !kernels->finite_f64(f64.data, n), "others pass");
    }
    check_free(&f32);
    check_free(&f64);
}

static void check_lengths(const char *name, fc_dtype dtype, fc_lengths_fn *run, const char *isa) {
    const size_t n = 1 + check_random_below(MOST), size = size_of(dtype), out_size = dtype == FC_I16 ? 4 : size;
    const fc_dtype out_type = dtype == FC_I16 ? FC_F32 : dtype;
    check_buffer a = check_alloc(n * size, check_random_below(9)), b = check_alloc(n * size, check_random_below(9)),
                 out = check_alloc(n * out_size, check_random_below(9));
    check_case(name, isa, "n %zu", n);
    fill(dtype, &a, 1);
    fill(dtype, &b, 1);
    check_true(run(a.data, b.data, out.data, n), "squares pass for out of range");
    int same = 1;
    for (size_t i = 0; i < n; i++) {
        const double want = fc_ref_length(dtype, a.data, b.data, i);
        same &= fabs(fc_ref_number(out_type, out.data, i) - want) <= (out_type == FC_F32 ? 1e-6 : 1e-15) * want;
    }
    check_true(same, "a length differs");
    check_guards(&out);
    if (dtype != FC_I16) {
        static const double bad[] = {INFINITY, NAN, 1e155, 1e-155};
        const double big = bad[check_random_below(4)];
        const float single = (float)(big < 1 ? 1e-30 : big > 1 && big < INFINITY ? 1e30 : big);
        const size_t at = check_random_below(n);
        memset(b.data, 0, b.bytes);
        memcpy(a.data + at * size, dtype == FC_F32 ? (const void *)&single : &big, size);
        check_true(!run(a.data, b.data, out.data, n), "squares out of range pass");
    }
    check_free(&a);
    check_free(&b);
    check_free(&out);
}

static void check_stream(const fc_kernels *kernels, const char *isa) {
    const size_t bytes = check_random_below(1000);
    check_buffer src = check_alloc(bytes, check_random_below(64)), dst = check_alloc(bytes, check_random_below(64));
    check_case("stream", isa, "%zu bytes", bytes);
    check_fill_bytes(src.data, bytes);
    kernels->stream(dst.data, src.data, bytes);
    kernels->stream_end();
    check_same_bytes(dst.data, src.data, bytes);
    check_guards(&dst);
    check_free(&src);
    check_free(&dst);
}

/* Integers wrap: their sums are compared modulo their range. */
static int differs(fc_dtype dtype, double got, double want, double tolerance) {
    const double range = ldexp(1, 8 * (int)size_of(dtype));
    if (dtype == FC_F32 || dtype == FC_F64)
        return !(fabs(got - want) <= tolerance);
    return got != want - range * floor(want / range);
}

typedef double ref_sparse_fn(const fc_sparse_block *block, fc_dtype dtype, size_t row, size_t col);

/* A cell that a sum meets is spoilt now and then: the sums say so. */
static void check_sparse(const char *name, fc_dtype dtype, fc_sparse_fn *run, ref_sparse_fn *ref, const char *isa) {
    enum { ROWS = 6, TAPS = 150 };
    const size_t size = size_of(dtype), n_rows = 1 + check_random_below(ROWS), n_cols = 1 + check_random_below(MOST),
                 n_taps = check_random_below(check_random_below(4) ? 9 : TAPS);
    const size_t width = n_cols + 20, gap = check_random_below(4), pitch = n_cols + gap;
    check_buffer image = check_alloc(2 * ROWS * width * size, 0), taps = check_alloc(n_taps * size, 0);
    check_buffer out = check_alloc(((n_rows - 1) * pitch + n_cols) * size, 0);
    const void *rows[2 * ROWS];
    fc_sparse_place places[2 * TAPS];
    check_case(name, isa, "%zu taps, %zux%zu outputs", n_taps, n_rows, n_cols);
    fill(dtype, &image, 1);
    fill(dtype, &taps, 1);
    for (size_t i = 0; i < 2 * ROWS; i++)
        rows[i] = image.data + check_random_below(2 * ROWS) * width * size;
    for (size_t t = 0; t < 2 * TAPS; t++)
        places[t] = (fc_sparse_place){check_random_below(ROWS), check_random_below(20)};
    const fc_sparse_block block = {
        taps.data, places, n_taps, rows, n_rows, n_cols, out.data, pitch, ROWS - 1, 0, (int)check_random_below(2)};
    check_true(run(&block), "sums are not finite");
    /* The reference is a plain chain of doubles: its own error grows with the taps. */
    const double tolerance = (dtype == FC_F32 ? 1e-6 : 1e-15) * (double)(10 + n_taps);
    int same = 1;
    for (size_t r = 0; r < n_rows; r++)
        for (size_t c = 0; c < n_cols; c++)
            same &= !differs(dtype, fc_ref_number(dtype, out.data, r * pitch + c), ref(&block, dtype, r, c), tolerance);
    check_true(same, "a sum differs");
    if (n_taps && (dtype == FC_F32 || dtype == FC_F64)) {
        const double big = check_random_below(2) ? NAN : INFINITY;
        const float single = (float)big;
        const size_t met = places[0].offset + check_random_below(n_cols);
        unsigned char *cell = (unsigned char *)rows[check_random_below(n_rows) + places[0].row] + met * size;
        memcpy(cell, dtype == FC_F32 ? (const void *)&single : &big, size);
        check_true(!run(&block), "a sum that is not finite goes unseen");
    }
    check_guards(&out);
    check_free(&image);
    check_free(&taps);
    check_free(&out);
}

static void check_box(const char *name, fc_dtype dtype, fc_box_columns_fn *run, const char *isa) {
    const size_t size = size_of(dtype), k = 1 + check_random_below(check_random_below(4) ? 12 : 50),
                 n_rows = 1 + check_random_below(k), n_cols = 1 + check_random_below(80);
    const size_t gap = check_random_below(4), pitch = n_cols + gap, sources = n_rows + k - 1;
    check_buffer image = check_alloc(sources * n_cols * size, 0), tap = check_alloc(size, 0),
                 temp = check_alloc(k * FC_BOX_WIDTH * size, 0);
    check_buffer out = check_alloc(((n_rows - 1) * pitch + n_cols) * size, 0);
    const void **rows = malloc(sources * sizeof *rows);
    check_case(name, isa, "k %zu, %zux%zu outputs", k, n_rows, n_cols);
    fill(dtype, &image, 1);
    fill(dtype, &tap, 1);
    for (size_t i = 0; i < sources; i++)
        rows[i] = image.data + check_random_below(sources) * n_cols * size;
    const fc_box_columns block = {k, rows, n_rows, n_cols, tap.data, temp.data, out.data, pitch};
    run(&block);
    int same = 1;
    for (size_t r = 0; r < n_rows; r++)
        for (size_t c = 0; c < n_cols; c++)
            same &= !differs(dtype, fc_ref_number(dtype, out.data, r * pitch + c), fc_ref_box(&block, dtype, r, c),
                dtype == FC_F32 ? 1e-5 : 1e-14);
    check_true(same, "a sum differs");
    check_guards(&out);
    check_guards(&temp);
    free(rows);
    check_free(&image);
    check_free(&tap);
    check_free(&temp);
    check_free(&out);
}

void check_filter(const fc_kernels *kernels, const char *isa) {
    const widening widenings[] = {{"widen_u8", FC_U8, FC_F32, kernels->widen_u8},
        {"widen_i8", FC_I8, FC_F32, kernels->widen_i8}, {"widen_u16", FC_U16, FC_F32, kernels->widen_u16},
        {"widen_i16", FC_I16, FC_F32, kernels->widen_i16}, {"widen_i32", FC_I32, FC_F64, kernels->widen_i32},
        {"widen_u8_u16", FC_U8, FC_U16, kernels->widen_u8_u16}};
    const narrowing narrowings[] = {{"narrow_u8", FC_F32, FC_U8, 400, kernels->narrow_u8},
        {"narrow_i8", FC_F32, FC_I8, 400, kernels->narrow_i8}, {"narrow_u16", FC_F32, FC_U16, 1e5, kernels->narrow_u16},
        {"narrow_i16", FC_F32, FC_I16, 1e5, kernels->narrow_i16},
        {"narrow_i32", FC_F64, FC_I32, 1e10, kernels->narrow_i32},
        {"narrow_i16_u8", FC_I16, FC_U8, 1, kernels->narrow_i16_u8},
        {"narrow_u16_u8", FC_U16, FC_U8, 1, kernels->narrow_u16_u8}};
    static const double scales[] = {1, 0.5, 0.0625, 0.00390625, 0.1111111119389534, 3};
    for (size_t repeat = 0; repeat < REPEATS; repeat++) {
        for (size_t i = 0; i < sizeof widenings / sizeof *widenings; i++)
            check_widening(&widenings[i], isa);
        for (size_t i = 0; i < sizeof narrowings / sizeof *narrowings; i++)
            check_narrowing(&narrowings[i], isa, scales[check_random_below(sizeof scales / sizeof *scales)]);
        check_multiplied(kernels, isa);
        check_slide(kernels, isa);
        check_finite(kernels, isa);
        check_lengths("lengths_i16", FC_I16, kernels->lengths_i16, isa);
        check_lengths("lengths_f32", FC_F32, kernels->lengths_f32, isa);
        check_lengths("lengths_f64", FC_F64, kernels->lengths_f64, isa);
        check_stream(kernels, isa);
        check_sparse("sparse_b8", FC_U8, kernels->sparse_b8, fc_ref_sparse, isa);
        check_sparse("sparse_b16", FC_U16, kernels->sparse_b16, fc_ref_sparse, isa);
        check_sparse("sparse_b32", FC_U32, kernels->sparse_b32, fc_ref_sparse, isa);
        check_sparse("sparse_b64", FC_U64, kernels->sparse_b64, fc_ref_sparse, isa);
        check_sparse("sparse_f32", FC_F32, kernels->sparse_f32, fc_ref_sparse, isa);
        check_sparse("sparse_f64", FC_F64, kernels->sparse_f64, fc_ref_sparse, isa);
        check_sparse("differences_f32", FC_F32, kernels->differences_f32, fc_ref_differences, isa);
        check_sparse("differences_f64", FC_F64, kernels->differences_f64, fc_ref_differences, isa);
        check_box("box_columns_f32", FC_F32, kernels->box_columns_f32, isa);
        check_box("box_columns_f64", FC_F64, kernels->box_columns_f64, isa);
    }
}
