/* SPDX-License-Identifier: MIT */
/*
 * Sums of taps that meet the image. Each grows from a corner or an edge of the kernel, so that nothing is subtracted,
 * and keeps what its additions round off: a sum of few taps is as exact as one of all.
 */
#include <math.h>
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/fft_whole.h"
#include "ops/filter/sum.h"

enum { LANES = 8, COLUMNS = 16 }; /* rows of the kernel that are summed side by side; columns that are read at once */

/* Outputs of n whose windows of k cells from `start` on begin before the image of `size` cells, or end behind it. */
static size_t before(ptrdiff_t start, ptrdiff_t n) { return (size_t)fc_min(fc_max(-start, 0), n); }
static size_t behind(ptrdiff_t start, ptrdiff_t n, ptrdiff_t k, ptrdiff_t size) {
    return (size_t)fc_min(fc_max(n - (size - k - start + 1), 0), n);
}

void fc_fft_measure_edges(const fc_filter *f, fc_fft_edges *e) {
    *e = (fc_fft_edges){.above = before(f->top, f->out_h),
        .below = behind(f->top, f->out_h, f->k_h, f->h),
        .left = before(f->left, f->out_w),
        .right = behind(f->left, f->out_w, f->k_w, f->w)};
}

static size_t pitch_of(const fc_fft_edges *e) { return e->left + 1 + e->right; }

/* The sums, and for each of two tasks the rows' sums of LANES rows and the sums of rows so far, in two parts. */
static size_t row_numbers(const fc_fft_edges *e) { return 2 * (LANES + 1) * pitch_of(e); }
static size_t sums_numbers(const fc_fft_edges *e) { return (e->above + 1 + e->below) * pitch_of(e); }

size_t fc_fft_edges_bytes(const fc_fft_edges *e) {
    return fc_align_up((sums_numbers(e) + 2 * row_numbers(e)) * sizeof(double));
}

void fc_fft_edge_sums(const fc_filter *f, const fc_fft_edges *e, ptrdiff_t row, ptrdiff_t from, size_t n, double *to) {
    const ptrdiff_t below = f->out_h - (ptrdiff_t)e->below, right = f->out_w - (ptrdiff_t)e->right,
                    above = (ptrdiff_t)e->above, left = (ptrdiff_t)e->left;
    const double *sums = e->sums +
        (size_t)(row == FC_FFT_INSIDE ? above
                : row < above         ? row
                : row < below         ? above
                                      : above + 1 + row - below) *
            pitch_of(e);
    const ptrdiff_t end = from + (ptrdiff_t)n, first = fc_min(fc_max(from, left), end),
                    last = fc_max(fc_min(end, right), first);
    memcpy(to, sums + from, (size_t)(first - from) * sizeof *to);
    for (ptrdiff_t col = first; col < last; col++)
        to[col - from] = sums[left];
    memcpy(to + (last - from), sums + left + 1 + last - right, (size_t)(end - last) * sizeof *to);
}

static double tap(const fc_filter *f, size_t row, size_t col) {
    const size_t at = row * (size_t)f->k_w + col;
    return fc_filter_is_single(f) ? (double)((const float *)f->kernel)[at] : ((const double *)f->kernel)[at];
}

typedef struct lanes {
    double sum[LANES], lost[LANES];
} lanes;

/* Columns [from, from + n) of rows [first, first + LANES) of the kernel, zeros where there are no such rows. */
static void read_columns(const fc_filter *f, size_t first, size_t from, size_t n, double to[COLUMNS][LANES]) {
    memset(to, 0, sizeof(double[COLUMNS][LANES]));
    for (size_t i = 0; i < fc_least(LANES, (size_t)f->k_h - first); i++)
        for (size_t c = 0; c < n; c++)
            to[c][i] = tap(f, first + i, from + c);
}

/* Adds a column. Sums of floats in double are exact enough. */
static void add_column(const fc_filter *f, const double *x, lanes *to) {
    if (fc_filter_is_single(f))
        for (size_t i = 0; i < LANES; i++)
            to->sum[i] += x[i];
    else
        for (size_t i = 0; i < LANES; i++)
            fc_sum_add(&to->sum[i], &to->lost[i], x[i]);
}

/* Of rows of the kernel from `first` on, for every column of sums, that of the taps whose columns meet the image. */
static void sum_rows(const fc_filter *f, const fc_fft_edges *e, size_t first, lanes *rows) {
    const size_t k_w = (size_t)f->k_w;
    lanes all = {{0}, {0}}, some = {{0}, {0}};
    double x[COLUMNS][LANES];
    for (size_t end = k_w, n; end > 0; end -= n) { /* from the last tap on, as windows enter from the left */
        n = fc_least(COLUMNS, end);
        read_columns(f, first, end - n, n, x);
        for (size_t c = n; c-- > 0;) {
            const ptrdiff_t out = -f->left - (ptrdiff_t)(end - n + c);
            add_column(f, x[c], &all);
            if (out >= 0 && out < (ptrdiff_t)e->left)
                rows[out] = all;
        }
    }
    rows[e->left] = all;
    for (size_t from = 0, n; from + 1 < k_w; from += n) { /* from the first one on, as they leave to the right */
        n = fc_least(COLUMNS, k_w - 1 - from);
        read_columns(f, first, from, n, x);
        for (size_t c = 0; c < n; c++) {
            const ptrdiff_t out = f->w - f->left - (ptrdiff_t)(from + c) - 1,
                            behind_left = out - f->out_w + (ptrdiff_t)e->right;
            add_column(f, x[c], &some);
            if (behind_left >= 0 && out < f->out_w)
                rows[e->left + 1 + (size_t)behind_left] = some;
        }
    }
}

typedef struct job {
    const fc_filter *f;
    const fc_fft_edges *edges;
    double *rows; /* of two tasks */
} job;

/* The place in the sums of what is complete once a row of the kernel has been added; NULL where none is. */
static double *place_of(const job *j, size_t task, ptrdiff_t row) {
    const fc_filter *f = j->f;
    const fc_fft_edges *e = j->edges;
    const ptrdiff_t above = (ptrdiff_t)e->above, inside = f->out_h - (ptrdiff_t)e->below;
    const ptrdiff_t out = task ? f->h - f->top - row - 1 : -f->top - row;
    if (!task && row == 0)
        return e->sums + e->above * pitch_of(e);
    if (task ? out < inside || out >= f->out_h : out < 0 || out >= above)
        return NULL;
    return e->sums + (size_t)(task ? above + 1 + out - inside : out) * pitch_of(e);
}

/* Adds rows of the kernel, LANES from `first` on, to the sums of rows: the last one first in task 0. */
static void add_rows(const job *j, size_t task, size_t first, const lanes *rows, double *sums, double *lost) {
    const size_t n = pitch_of(j->edges), count = fc_least(LANES, (size_t)j->f->k_h - first);
    double *places[LANES];
    for (size_t i = 0; i < count; i++)
        places[i] = place_of(j, task, (ptrdiff_t)(first + i));
    for (size_t i = 0; i < count; i++) {
        const size_t lane = task ? i : count - 1 - i;
        if (fc_filter_is_single(j->f))
            for (size_t c = 0; c < n; c++)
                sums[c] += rows[c].sum[lane];
        else
            for (size_t c = 0; c < n; c++) {
                fc_sum_add(&sums[c], &lost[c], rows[c].sum[lane]);
                lost[c] += rows[c].lost[lane];
            }
        for (size_t c = 0; places[lane] && c < n; c++)
            places[lane][c] = sums[c] + lost[c];
    }
}

/* Rows of outputs whose windows enter from above and those inside (task 0), or leave below (task 1). */
static void sum_side(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const size_t n = pitch_of(j->edges), groups = fc_parts((size_t)j->f->k_h, LANES);
    lanes *const rows = (lanes *)(j->rows + task * row_numbers(j->edges));
    double *const sums = (double *)(rows + n), *const lost = sums + n;
    (void)worker;
    memset(sums, 0, 2 * n * sizeof *sums);
    for (size_t i = 0; i < groups; i++) {
        const size_t first = (task ? i : groups - 1 - i) * LANES;
        sum_rows(j->f, j->edges, first, rows);
        add_rows(j, task, first, rows, sums, lost);
    }
}

static double larger(double a, double b) { return a > b ? a : b; }

static void find_largest(fc_fft_edges *e) {
    const size_t n = pitch_of(e);
    const double *const inside = e->sums + e->above * n;
    double most[LANES] = {0}, shift[LANES] = {0};
    for (size_t row = 0; row <= e->above + e->below; row++)
        for (size_t first = 0; first < n; first += LANES)
            for (size_t i = 0; i < fc_least(LANES, n - first); i++) {
                const double own = e->sums[row * n + first + i], other = inside[first + i];
                most[i] = larger(most[i], fabs(own));
                shift[i] = larger(shift[i], larger(fabs(other), fabs(own - other)));
            }
    for (size_t i = 0; i < LANES; i++) {
        e->most = larger(e->most, most[i]);
        e->shift = larger(e->shift, shift[i]);
    }
}

void fc_fft_sum_edges(const fc_filter *f, unsigned char *memory, fc_fft_edges *e) {
    e->sums = (double *)memory;
    job j = {f, e, e->sums + sums_numbers(e)};
    const double work = 8 * (double)f->k_h * (double)f->k_w;
    fc_parallel_for(2, fc_parallel_workers(2, work), sum_side, &j);
    find_largest(e);
}
