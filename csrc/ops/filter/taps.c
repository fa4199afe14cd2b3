/* SPDX-License-Identifier: MIT */
/* The taps of a kernel: in the order the micro-kernels read them, and what they are made of. */
#include <math.h>
#include <string.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/factor.h"
#include "ops/filter/filter.h"

enum {
    SUMMED = 15 * 15,           /* equal taps from which box.c is always ahead of factors */
    FACTORED_CYCLES = 4000      /* of all taps, from which looking for factors may pay */
};

/* A source vector, loaded once, serves the FC_FILTER_ROWS rows of a tile; along the rows each tap loads its own. */
double fc_filter_direct_work(const fc_filter *f) {
    const double loads = (double)f->k_w * (double)(f->k_h + FC_FILTER_ROWS - 1) / FC_FILTER_ROWS;
    return 1.15 * (double)f->k_h * (double)f->k_w + 2 + (f->reads ? loads : 0);
}

double fc_filter_pass_work(const fc_filter *f) { return 1.2 * (double)f->k_h + 2 * (double)f->k_w + 4; }

int fc_filter_rows_finite(const fc_filter *f, const void *const *rows, size_t count, size_t numbers) {
    const int is_complex = fc_filter_is_complex(f->work);
    fc_finite_fn *finite = f->number >> is_complex == sizeof(float) ? f->kernels->finite_f32 : f->kernels->finite_f64;
    if (f->work < FC_F16)
        return 1;
    for (size_t i = 0; i < count; i++)
        if (!finite(rows[i], numbers << is_complex))
            return 0;
    return 1;
}

int fc_filter_is_complex(fc_dtype dtype) { return dtype == FC_C64 || dtype == FC_C128 || dtype == FC_CLONGDOUBLE; }

/* taps[col * rows + row], complex ones as two planes; see fc_convolve2d_block. */
void fc_filter_pack_taps(const fc_filter *f, const void *kernel_, size_t pitch, size_t rows, size_t cols, void *taps_) {
    const int is_complex = fc_filter_is_complex(f->work);
    const size_t count = rows * cols, part = f->number >> is_complex;
    const unsigned char *kernel = kernel_;
    unsigned char *taps = taps_;
    for (size_t row = 0; row < rows; row++)
        for (size_t col = 0; col < cols; col++) {
            const unsigned char *tap = kernel + (row * pitch + col) * f->number;
            const size_t to = col * rows + row;
            memcpy(taps + to * part, tap, part);
            if (is_complex)
                memcpy(taps + (count + to) * part, tap + part, part);
        }
    if (f->work == FC_BOOL)
        for (size_t i = 0; i < count; i++)
            taps[i] = taps[i] ? 0xff : 0;
}

/* Parts of tap i as doubles; 0 for types that are not read so. */
static int parts_of(const fc_filter *f, size_t i, double *re, double *im) {
    *im = 0;
    switch (f->work) {
    case FC_F32: *re = ((const float *)f->kernel)[i]; return 1;
    case FC_F64: *re = ((const double *)f->kernel)[i]; return 1;
    case FC_C64: *re = ((const float *)f->kernel)[2 * i]; *im = ((const float *)f->kernel)[2 * i + 1]; return 1;
    case FC_C128: *re = ((const double *)f->kernel)[2 * i]; *im = ((const double *)f->kernel)[2 * i + 1]; return 1;
    default: return 0;
    }
}

/* Of the first `count` taps. */
static int all_finite(const fc_filter *f, size_t count) {
    double re, im;
    for (size_t i = 0; i < count && parts_of(f, i, &re, &im); i++)
        if (!isfinite(re) || !isfinite(im))
            return 0;
    return 1;
}

static size_t nonzero(const fc_filter *f, size_t count) {
    static const unsigned char zeros[16];
    const unsigned char *tap = f->kernel;
    size_t found = 0;
    for (size_t i = 0; i < count; i++, tap += f->number) {
        double re, im;
        found += parts_of(f, i, &re, &im) ? re != 0 || im != 0 : memcmp(tap, zeros, f->number < 16 ? f->number : 16) != 0;
    }
    return found;
}

/* Equal taps are the same when moved by one. */
static int all_equal(const fc_filter *f) {
    const unsigned char *kernel = f->kernel;
    return !memcmp(kernel, kernel + f->number, ((size_t)(f->k_h * f->k_w) - 1) * f->number);
}

fc_status fc_filter_know(const fc_filter *f, fc_filter_taps *taps, void **memory) {
    *memory = NULL;
    *taps = (fc_filter_taps){.equal = all_equal(f)};
    const size_t count = (size_t)(f->k_h * f->k_w), looked = taps->equal ? 1 : count;
    taps->finite = all_finite(f, looked);
    taps->nonzero = nonzero(f, looked) * (count / looked);
    taps->equal &= taps->finite && taps->nonzero;
    const size_t most = fc_filter_sums_cycles(f, fc_filter_direct_work(f)) < FACTORED_CYCLES ? 0
        : fc_factor_most(f->work, fc_filter_direct_work(f) / fc_filter_pass_work(f));
    if (!taps->finite || !most || (taps->equal && f->work >= FC_F16 && f->k_h * f->k_w > SUMMED))
        return FC_OK;
    size_t bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){f->k_h + f->k_w, (ptrdiff_t)most, (ptrdiff_t)f->number}, 3, &bytes));
    unsigned char *columns = fc_scratch_alloc(bytes);
    if (!columns)
        return FC_OUT_OF_MEMORY;
    unsigned char *rows = columns + (size_t)f->k_h * most * f->number;
    const fc_status status = fc_factor(f->work, f->kernel, (size_t)f->k_h, (size_t)f->k_w, most, columns, rows, &taps->rank);
    if (status) {
        fc_scratch_free(columns);
        return status;
    }
    *memory = columns;
    taps->columns = columns;
    taps->rows = rows;
    taps->most = most;
    return FC_OK;
}
