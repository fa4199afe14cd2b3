/* SPDX-License-Identifier: MIT */
/*
 * Filters whose kernel is given as a column and a row, as OpenCV's sepFilter2D: never as a kernel of k_h x k_w taps
 * unless it is small. Wide ones go down the columns and then along the rows, each pass by the cheapest algorithm for
 * its kernel.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/filter.h"
#include "ops/filter/fold.h"

enum {
    SMALL_KERNEL = 2048, /* taps that are multiplied out and known for what they are in no time */
    FAR_APART = 64       /* binary orders between kernels that are balanced */
};
/* Cycles of one core that move a number between passes, out and in. */
static const double MOVED = 2;

typedef struct factors {
    fc_fold_axis down, along;
    double *column, *row;         /* folded */
    void *column_taps, *row_taps; /* of type work */
} factors;

static void write_taps(fc_dtype work, const double *from, ptrdiff_t n, void *to) {
    if (work == FC_F64) {
        memcpy(to, from, (size_t)n * sizeof *from);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++)
        ((float *)to)[i] = (float)from[i];
}

static fc_status measure(const fc_filter2d_params *p, fc_filter *f) {
    if (p->work != FC_F32 && p->work != FC_F64)
        return FC_BAD_DTYPE;
    if (p->image_h < 1 || p->image_w < 1 || p->channels < 1 || p->k_h < 1 || p->k_w < 1)
        return FC_BAD_SHAPE;
    if (p->anchor_row < 0 || p->anchor_row >= p->k_h || p->anchor_col < 0 || p->anchor_col >= p->k_w ||
        p->boundary < FC_FILL || p->boundary > FC_NEAREST)
        return FC_BAD_ARGUMENT;
    *f = (fc_filter){.image_type = p->dtype,
        .work = p->work,
        .result = p->result,
        .h = p->image_h,
        .w = p->image_w,
        .channels = p->channels,
        .out_h = p->image_h,
        .out_w = p->image_w,
        .boundary = p->boundary,
        .scaling = {.scale = 1}};
    return fc_check_tensor(p->work, 1, p->image_h, p->image_w, p->channels);
}

/* The exponent of the largest tap; 0 where all are 0 or one is not finite. */
static int largest(const double *taps, ptrdiff_t n) {
    double most = 0;
    int exponent = 0;
    for (ptrdiff_t i = 0; i < n; i++)
        most = fabs(taps[i]) <= most ? most : fabs(taps[i]);
    if (isfinite(most))
        (void)frexp(most, &exponent);
    return exponent;
}

static void scale(double *taps, ptrdiff_t n, int exponent) {
    for (ptrdiff_t i = 0; i < n; i++)
        taps[i] = ldexp(taps[i], exponent);
}

/* A power of two goes from one kernel to the other where their taps lie far apart: float may hold products only. */
static void balance(factors *k) {
    const int apart = largest(k->column, k->down.k) - largest(k->row, k->along.k);
    if (abs(apart) <= FAR_APART)
        return;
    scale(k->column, k->down.k, -apart / 2);
    scale(k->row, k->along.k, apart / 2);
}

/* Folds both kernels; *memory is the caller's to free. */
static fc_status fold(const fc_filter2d_params *p, const void *column, const void *row, factors *k, void **memory) {
    size_t bytes;
    ptrdiff_t taps;
    if (__builtin_add_overflow(p->k_h, p->k_w, &taps))
        return FC_TOO_LARGE;
    FC_TRY(fc_multiply((ptrdiff_t[]){taps, 3, sizeof(double)}, 3, &bytes));
    if (!(*memory = fc_scratch_alloc(bytes)))
        return FC_OUT_OF_MEMORY;
    /* The kernels may lie at odd addresses. */
    double *given = (double *)*memory + 2 * taps;
    memcpy(given, column, (size_t)p->k_h * sizeof *given);
    memcpy(given + p->k_h, row, (size_t)p->k_w * sizeof *given);
    k->column = *memory;
    k->row = k->column + p->k_h;
    k->column_taps = k->row + p->k_w;
    k->row_taps = k->row + p->k_w + p->k_h;
    k->down = (fc_fold_axis){p->image_h, p->image_h, -p->anchor_row, p->k_h, p->boundary};
    k->along = (fc_fold_axis){p->image_w, p->image_w, -p->anchor_col, p->k_w, p->boundary};
    fc_fold(&k->down, given, k->column);
    fc_fold(&k->along, given + p->k_h, k->row);
    balance(k);
    write_taps(p->work, k->column, k->down.k, k->column_taps);
    write_taps(p->work, k->row, k->along.k, k->row_taps);
    return FC_OK;
}

/* By the kernel of all products of a column's and a row's taps. */
static fc_status run_multiplied(
    const fc_filter2d_params *p, const factors *k, const void *image, const void *value, void *out) {
    double products[SMALL_KERNEL] = {0}, taps[SMALL_KERNEL];
    fc_filter2d_params own = *p;
    own.k_h = k->down.k;
    own.k_w = k->along.k;
    own.anchor_row = -k->down.start;
    own.anchor_col = -k->along.start;
    for (ptrdiff_t i = 0; i < own.k_h; i++)
        for (ptrdiff_t c = 0; c < own.k_w; c++)
            products[i * own.k_w + c] = k->column[i] * k->row[c];
    write_taps(p->work, products, own.k_h * own.k_w, taps);
    return fc_filter2d(&own, image, taps, value, out);
}

/* The passes of f: down the columns to `between`, of type work, and from there along the rows. */
static void split(const fc_filter *f, const factors *k, void *between, fc_filter passes[2]) {
    passes[0] = passes[1] = *f;
    passes[0].result = passes[1].image_type = f->work;
    passes[0].k_h = k->down.k;
    passes[0].top = k->down.start;
    passes[0].kernel = k->column_taps;
    passes[0].out = between;
    passes[1].k_w = k->along.k;
    passes[1].left = k->along.start;
    passes[1].kernel = k->row_taps;
    passes[1].image = between;
    passes[0].k_w = passes[1].k_h = 1;
}

/* What columns beside the image sum to. */
static void fill_between(const fc_filter *f, const factors *k, void *fill) {
    double sum = 0;
    for (ptrdiff_t i = 0; i < k->down.k; i++)
        sum += k->column[i];
    if (f->work == FC_F64)
        *(double *)fill = *(const fc_any_double *)f->fill * sum;
    else
        *(float *)fill = (float)((double)*(const fc_any_float *)f->fill * sum);
}

static fc_status run_passes(const fc_filter *f, const factors *k) {
    fc_filter passes[2];
    double fill;
    size_t bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){f->h, f->w, f->channels, (ptrdiff_t)fc_dtype_size(f->work)}, 4, &bytes));
    void *between = fc_scratch_alloc(bytes);
    if (!between)
        return FC_OUT_OF_MEMORY;
    split(f, k, between, passes);
    if (f->fill && f->boundary == FC_FILL) {
        fill_between(f, k, &fill);
        passes[1].fill = &fill;
    }
    fc_status status = fc_filter_run(&passes[0], FC_FILTER_AUTO);
    if (!status)
        status = fc_filter_run(&passes[1], FC_FILTER_AUTO);
    fc_scratch_free(between);
    return status;
}

/* Both passes a few rows at a time; and whether that is estimated to be cheaper than one after the other. */
static fc_status run_fused(const fc_filter *f, const factors *k, int *cheaper) {
    fc_filter own = *f, passes[2];
    double apart = MOVED * (double)(f->h * f->channels) * (double)f->w;
    own.k_h = k->down.k;
    own.k_w = k->along.k;
    own.top = k->down.start;
    own.left = k->along.start;
    const fc_filter_taps known = {.finite = 1, .rank = 1, .most = 1, .columns = k->column_taps, .rows = k->row_taps};
    FC_TRY(fc_filter_complete(&own));
    split(f, k, NULL, passes);
    for (size_t i = 0; i < 2; i++) {
        double cycles;
        FC_TRY(fc_filter_estimate(&passes[i], &cycles));
        apart += cycles;
    }
    *cheaper = fc_filter_by_separable.cycles(&own, &known) <= apart;
    return *cheaper ? fc_filter_by_separable.run(&own, &known) : FC_OK;
}

static int are_equal(const double *taps, ptrdiff_t n) {
    for (ptrdiff_t i = 1; i < n; i++)
        if (taps[i] != taps[0])
            return 0;
    return 1;
}

/* Equal taps on bytes: sums of integers, which need the product of the two taps only; whether it served. */
static fc_status run_sliding(const fc_filter *f, const factors *k, int *served) {
    const float tap = (float)(k->column[0] * k->row[0]);
    fc_filter own = *f;
    own.k_h = k->down.k;
    own.k_w = k->along.k;
    own.top = k->down.start;
    own.left = k->along.start;
    own.kernel = &tap;
    *served = 0;
    if (!are_equal(k->column, k->down.k) || !are_equal(k->row, k->along.k))
        return FC_OK;
    FC_TRY(fc_filter_complete(&own));
    *served = fc_filter_slides(&own);
    return *served ? fc_filter_slide(&own) : FC_OK;
}

static fc_status run(const fc_filter2d_params *p, const fc_filter *f, const factors *k, void *out) {
    int done;
    if (k->down.k <= SMALL_KERNEL / k->along.k)
        return run_multiplied(p, k, f->image, f->fill, out);
    FC_TRY(run_sliding(f, k, &done));
    if (!done)
        FC_TRY(run_fused(f, k, &done));
    return done ? FC_OK : run_passes(f, k);
}

fc_status fc_sep_filter2d(
    const fc_filter2d_params *p, const void *image, const void *column, const void *row, const void *value, void *out) {
    fc_filter f;
    factors k;
    void *memory;
    if (!image || !column || !row || !out || p->algorithm != FC_FILTER_AUTO)
        return FC_BAD_ARGUMENT;
    FC_TRY(measure(p, &f));
    f.image = image;
    f.fill = value;
    f.out = out;
    FC_TRY(fold(p, column, row, &k, &memory));
    const fc_status status = run(p, &f, &k, out);
    fc_scratch_free(memory);
    return status;
}
