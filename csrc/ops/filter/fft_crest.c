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

/* A row as the transform reads it: n numbers, zeros behind them up to `all`, each with its shift. */
#define CELLS(T, ADD)                                                                  \
    for (; i + FC_SUM_CHAINS <= n; i += FC_SUM_CHAINS)                                 \
        for (size_t c = 0; c < FC_SUM_CHAINS; c++) {                                   \
            const double x = (double)((const T *)row)[i + c] + (double)shift[i + c];   \
            ADD(i + c, c);                                                             \
        }                                                                              \
    for (; i < all; i++) {                                                             \
        const double x = (i < n ? (double)((const T *)row)[i] : 0) + (double)shift[i]; \
        ADD(i, 0);                                                                     \
    }
#define TO_CHAIN(i, c) sums[c] += x * x
#define TO_COLUMN(i, c) of_cols[i] += x * x
#define TO_COMPLEX(i, c) of_cols[(i) / 2] += x * x

/* Adds its squares up, to those of the row and of the columns that are not NULL. */
#define ADD_ROW(NAME, T, ANY)                                                                                   \
    static void NAME(                                                                                           \
        const void *row, const T *shift, size_t n, size_t all, size_t parts, double *of_row, double *of_cols) { \
        double sums[FC_SUM_CHAINS] = {0};                                                                       \
        size_t i = 0;                                                                                           \
        if (of_row) {                                                                                           \
            CELLS(ANY, TO_CHAIN)                                                                                \
            *of_row += fc_sum_chains(sums);                                                                     \
            i = 0;                                                                                              \
        }                                                                                                       \
        if (of_cols && parts == 1) {                                                                            \
            CELLS(ANY, TO_COLUMN)                                                                               \
        } else if (of_cols) {                                                                                   \
            CELLS(ANY, TO_COMPLEX)                                                                              \
        }                                                                                                       \
    }
ADD_ROW(add_row_f32, float, fc_any_float)
ADD_ROW(add_row_f64, double, fc_any_double)
#undef ADD_ROW
#undef TO_COMPLEX
#undef TO_COLUMN
#undef TO_CHAIN
#undef CELLS

static void add_row(size_t part, const void *row, const void *shift, size_t n, size_t all, size_t parts, double *of_row,
    double *of_cols) {
    static const double none[2 * FC_FFT_GROUP];
    const void *by = shift ? shift : none;
    if (part == sizeof(double))
        add_row_f64(row, by, n, all, parts, of_row, of_cols);
    else
        add_row_f32(row, by, n, all, parts, of_row, of_cols);
}

void fc_fft_add_squares(
    const fc_fft *fft, fc_fft_narrow narrow, size_t part, const fc_fft_columns *c, double *of_rows, double *of_cols) {
    const size_t parts = c->im ? 1 : 2, all = c->strips * fft->lanes * parts;
    for (size_t r = 0; r < c->rows; r++) {
        double *of_row = narrow.rows ? of_rows + r : NULL, *columns = narrow.cols ? of_cols : NULL;
        add_row(part, c->re[r], c->re_shift, c->re_cols * parts, all, parts, of_row, columns);
        if (c->im)
            add_row(part, c->im[r], c->im_shift, c->im_cols, all, 1, of_row, columns);
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
