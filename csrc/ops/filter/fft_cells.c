/* SPDX-License-Identifier: MIT */
/*
 * Cells that stand out of their block, whose rounding errors a transform would spread over all of it: infinities, NaN,
 * a few bright ones. Each is taken out and its products with the taps are added to the sums of the windows that cover
 * it.
 */
#include <math.h>
#include <string.h>

#include "core/size.h"
#include "ops/filter/fft.h"

#define IS_OUT(T) (!(fabs((double)((const T *)numbers)[i]) <= limit))

/* Whether a number is larger than the limit, or a NaN. */
static int is_out(const fc_filter *f, const void *numbers, size_t i, double limit) {
    return fc_filter_is_single(f) ? IS_OUT(float) : IS_OUT(double);
}
#undef IS_OUT

/* The count is as wide as a number, so that vectors of both add up lane by lane. */
#define COUNT(T, ANY, WIDE)                                                                    \
    WIDE count = 0;                                                                            \
    for (size_t i = 0; i < cols; i++)                                                          \
        count += !(((const ANY *)row)[i] <= (T)limit && ((const ANY *)row)[i] >= (T) - limit); \
    return (size_t)count;

size_t fc_fft_count_out(const fc_filter *f, const void *row, size_t cols, double limit) {
    cols <<= fc_filter_is_complex(f->work);
    if (fc_filter_is_single(f)) {
        COUNT(float, fc_any_float, uint32_t)
    } else {
        COUNT(double, fc_any_double, uint64_t)
    }
}
#undef COUNT

/* Takes those of `cols` cells into the list, the first being `at`, and puts zeros in their place; 0 where there are too
 * many. */
static int take_row(const fc_filter *f, fc_fft_cells *list, fc_fft_cell at, size_t cols, unsigned char *cells) {
    enum { LOOK = 16 }; /* cells that are looked at together */
    const int is_complex = fc_filter_is_complex(f->work);
    for (size_t c = 0, end; c < cols; c = end) {
        end = fc_least(c + LOOK, cols);
        if (!fc_fft_count_out(f, cells + c * f->number, end - c, list->limit))
            continue;
        for (; c < end; c++) {
            if (!is_out(f, cells, c << is_complex, list->limit) &&
                !(is_complex && is_out(f, cells, 2 * c + 1, list->limit)))
                continue;
            if (list->count == FC_FFT_FEW)
                return 0;
            fc_fft_cell *cell = &list->cells[list->count++];
            *cell = at;
            cell->col += (ptrdiff_t)c;
            memcpy(cell->value, cells + c * f->number, f->number);
            memset(cells + c * f->number, 0, f->number);
        }
    }
    return 1;
}

int fc_fft_take_cells(const fc_filter *f, fc_fft_cells *list, size_t side, ptrdiff_t col, const void **rows,
    size_t count, size_t cols, void *copies) {
    for (size_t r = 0; r < count; r++) {
        unsigned char *copy = (unsigned char *)copies + r * FC_FFT_GROUP * f->number;
        if (!fc_fft_count_out(f, rows[r], cols, list->limit))
            continue;
        rows[r] = memcpy(copy, rows[r], cols * f->number);
        if (!take_row(f, list, (fc_fft_cell){.side = side, .row = (ptrdiff_t)r, .col = col}, cols, copy))
            return 0;
    }
    return 1;
}

size_t fc_fft_most_together(const fc_fft_cells *list, ptrdiff_t k_h, ptrdiff_t k_w) {
    size_t most = 0;
    for (size_t i = 0; i < list->count; i++) {
        const fc_fft_cell *top = &list->cells[i];
        size_t count = 0;
        for (size_t k = 0; k < list->count; k++) {
            const fc_fft_cell *cell = &list->cells[k];
            const ptrdiff_t down = cell->row - top->row, across = cell->col - top->col;
            count += cell->side == top->side && down >= 0 && down < k_h && across > -k_w && across < k_w;
        }
        most = count > most ? count : most;
    }
    return most;
}

/* sums += x * the taps, of complex numbers; the taps run backwards. */
static void add_complex(const fc_filter *f, const void *x, const void *last, ptrdiff_t n, void *sums) {
#define ADD(T)                                              \
    do {                                                    \
        const T *a = x, *b = last;                          \
        T *y = sums;                                        \
        for (ptrdiff_t i = 0; i < n; i++, b -= 2, y += 2) { \
            y[0] += a[0] * b[0] - a[1] * b[1];              \
            y[1] += a[1] * b[0] + a[0] * b[1];              \
        }                                                   \
    } while (0)
    if (f->work == FC_C64)
        ADD(float);
    else
        ADD(double);
#undef ADD
}

static void add_cell(const fc_filter *f, const fc_fft_cell *cell, const unsigned char *backwards, ptrdiff_t rows,
    ptrdiff_t col, ptrdiff_t cols, unsigned char *sums) {
    const ptrdiff_t x = cell->col - col, first = fc_max(x - f->k_w + 1, 0), n = fc_min(x + 1, cols) - first;
    fc_axpy_fn *axpy = f->work == FC_F32 ? f->kernels->axpy_f32 : f->kernels->axpy_f64;
    for (ptrdiff_t y = fc_max(cell->row - f->k_h + 1, 0); n > 0 && y <= cell->row && y < rows; y++) {
        const ptrdiff_t tap_row = (cell->row - y) * f->k_w;
        unsigned char *to = sums + (size_t)(y * FC_FFT_GROUP + first) * f->number;
        if (fc_filter_is_complex(f->work))
            add_complex(
                f, cell->value, (const unsigned char *)f->kernel + (size_t)(tap_row + x - first) * f->number, n, to);
        else
            axpy((size_t)n, cell->value, backwards + (size_t)(tap_row + f->k_w - 1 - x + first) * f->number, 1, to);
    }
}

void fc_fft_add_cells(const fc_filter *f, const fc_fft_cells *list, const void *backwards, size_t side, ptrdiff_t rows,
    ptrdiff_t col, ptrdiff_t cols, void *sums) {
    for (size_t i = 0; i < list->count; i++)
        if (list->cells[i].side == side)
            add_cell(f, &list->cells[i], backwards, rows, col, cols, sums);
}

void fc_fft_turn_taps(const fc_filter *f, unsigned char *backwards) {
    for (ptrdiff_t i = 0; i < f->k_h; i++)
        for (ptrdiff_t k = 0; k < f->k_w; k++)
            memcpy(backwards + (size_t)(i * f->k_w + f->k_w - 1 - k) * f->number,
                (const unsigned char *)f->kernel + (size_t)(i * f->k_w + k) * f->number, f->number);
}
