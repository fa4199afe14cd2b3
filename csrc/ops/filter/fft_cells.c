/* SPDX-License-Identifier: MIT */
/*
 * Cells that are not finite, which a transform would spread over its whole block. Each is taken out and its products with the taps are added to
 * the sums of the windows that cover it, which gives the value a plain sum has: infinity, or NaN.
 */
#include <math.h>
#include <string.h>

#include "core/size.h"
#include "ops/filter/fft.h"

static double part_of(const fc_filter *f, const void *numbers, size_t i) {
    return f->work == FC_F32 || f->work == FC_C64 ? (double)((const float *)numbers)[i] : ((const double *)numbers)[i];
}

static int is_finite(const fc_filter *f, const void *numbers, size_t i) {
    return fc_filter_is_complex(f->work) ? isfinite(part_of(f, numbers, 2 * i)) && isfinite(part_of(f, numbers, 2 * i + 1))
                                         : isfinite(part_of(f, numbers, i));
}

int fc_fft_take_cells(const fc_filter *f, fc_fft_cells *list, size_t side, ptrdiff_t col, const void **rows, size_t count, size_t cols, void *copies) {
    for (size_t r = 0; r < count; r++) {
        unsigned char *copy = (unsigned char *)copies + r * FC_FFT_GROUP * f->number;
        if (fc_filter_rows_finite(f, rows + r, 1, cols))
            continue;
        memcpy(copy, rows[r], cols * f->number);
        rows[r] = copy;
        for (size_t c = 0; c < cols; c++) {
            if (is_finite(f, copy, c))
                continue;
            if (list->count == FC_FFT_FEW)
                return 0;
            fc_fft_cell *cell = &list->cells[list->count++];
            *cell = (fc_fft_cell){.side = side, .row = (ptrdiff_t)r, .col = col + (ptrdiff_t)c};
            memcpy(cell->value, copy + c * f->number, f->number);
            memset(copy + c * f->number, 0, f->number);
        }
    }
    return 1;
}

/* sum += x * tap. */
static void add_product(const fc_filter *f, const void *x, const void *tap, void *sum) {
#define ADD(T) *(T *)sum += *(const T *)x * *(const T *)tap
#define ADD_COMPLEX(T)                                                              \
    do {                                                                            \
        const T *a = x, *b = tap;                                                   \
        ((T *)sum)[0] += a[0] * b[0] - a[1] * b[1];                                 \
        ((T *)sum)[1] += a[1] * b[0] + a[0] * b[1];                                 \
    } while (0)
    switch (f->work) {
    case FC_F32: ADD(float); break;
    case FC_F64: ADD(double); break;
    case FC_C64: ADD_COMPLEX(float); break;
    default: ADD_COMPLEX(double);
    }
#undef ADD
#undef ADD_COMPLEX
}

static void add_cell(const fc_filter *f, const fc_fft_cell *cell, ptrdiff_t rows, ptrdiff_t col, ptrdiff_t cols, unsigned char *sums) {
    const ptrdiff_t x = cell->col - col;
    for (ptrdiff_t y = fc_max(cell->row - f->k_h + 1, 0); y <= cell->row && y < rows; y++)
        for (ptrdiff_t c = fc_max(x - f->k_w + 1, 0); c <= x && c < cols; c++) {
            const size_t tap = (size_t)((cell->row - y) * f->k_w + x - c);
            add_product(f, cell->value, (const unsigned char *)f->kernel + tap * f->number, sums + (size_t)(y * FC_FFT_GROUP + c) * f->number);
        }
}

void fc_fft_add_cells(const fc_filter *f, const fc_fft_cells *list, size_t side, ptrdiff_t rows, ptrdiff_t col, ptrdiff_t cols, void *sums) {
    for (size_t i = 0; i < list->count; i++)
        if (list->cells[i].side == side)
            add_cell(f, &list->cells[i], rows, col, cols, sums);
}
