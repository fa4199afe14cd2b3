/* SPDX-License-Identifier: MIT */
/*
 * How far the cells of a block lie in few of its rows or columns. Where one row differs from all others, the transform
 * along columns makes the same numbers of it in every row: these are rounded alike, so that their errors meet again in
 * that row and are not spread over the block. A kernel of many rows spreads them once more.
 */
#include <math.h>

#include "ops/filter/fft.h"
#include "ops/filter/sum.h"

/* Whether one of `count` taps from `first` on, `step` apart, is larger than `far`. */
static int holds_taps(const fc_filter *f, size_t first, size_t step, size_t count, double far) {
    for (size_t i = 0; i < count; i++) {
        double size;
        fc_fft_tap_sizes(f, first + i * step, 1, &size);
        if (size > far)
            return 1;
    }
    return 0;
}

fc_fft_narrow fc_fft_find_narrow(const fc_filter *f, const fc_fft_taps *taps, size_t enough) {
    const size_t k_h = (size_t)f->k_h, k_w = (size_t)f->k_w;
    const double far = taps->most * 0x1p-24; /* too small to spread an error */
    size_t rows = 0, cols = 0;
    for (size_t i = 0; i < k_h && rows < enough; i++)
        rows += (size_t)holds_taps(f, i * k_w, 1, k_w, far);
    for (size_t k = 0; k < k_w && cols < enough; k++)
        cols += (size_t)holds_taps(f, k, k_w, k_h, far);
    return (fc_fft_narrow){.rows = rows < enough, .cols = cols < enough};
}

/* squares[i] += the square of number i of a row as the transform reads it, of n that are there and `all` with zeros. */
#define ADD(T)                                                                                                    \
    for (size_t i = 0; i < all; i++) {                                                                            \
        const double x = (i < n ? (double)((const T *)row)[i] : 0) + (shift ? (double)((const T *)shift)[i] : 0); \
        squares[i] += x * x;                                                                                      \
    }
static void add_row(size_t part, const void *row, const void *shift, size_t n, size_t all, double *squares) {
    if (part == sizeof(double)) {
        ADD(fc_any_double)
    } else {
        ADD(fc_any_float)
    }
}
#undef ADD

void fc_fft_add_squares(const fc_fft *fft, size_t part, const fc_fft_columns *c, double *of_rows, double *of_cols) {
    const size_t parts = c->im ? 1 : 2, all = c->strips * fft->lanes * parts;
    for (size_t r = 0; r < c->rows; r++) {
        double squares[2 * FC_FFT_GROUP] = {0}, sums[FC_SUM_CHAINS] = {0};
        add_row(part, c->re[r], c->re_shift, c->re_cols * parts, all, squares);
        if (c->im)
            add_row(part, c->im[r], c->im_shift, c->im_cols, all, squares);
        for (size_t i = 0; i < all; i++) {
            sums[i % FC_SUM_CHAINS] += squares[i];
            of_cols[i / parts] += squares[i];
        }
        of_rows[r] += fc_sum_chains(sums);
    }
}

/* The largest of n root mean squares over that of all. */
static double crest_of(const double *squares, size_t n) {
    double most = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, squares[i]);
        sum += squares[i];
    }
    return sum > 0 && isfinite(sum) ? sqrt(most / sum * (double)n) : 1;
}

double fc_fft_crest(fc_fft_narrow narrow, const fc_fft_cut *cut, const double *of_rows, const double *of_cols) {
    return (narrow.rows ? crest_of(of_rows, cut->rows) : 1) * (narrow.cols ? crest_of(of_cols, cut->cols) : 1);
}
