/* SPDX-License-Identifier: MIT */
/* The taps of a kernel: in the order the micro-kernels read them, and what they are made of. */
#include <math.h>
#include <string.h>

#include "core/cpu.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/factor.h"
#include "ops/filter/filter.h"

enum {
    SUMMED = 15 * 15,       /* equal taps from which box.c is always ahead of factors */
    FACTORED_CYCLES = 4000, /* of the direct sums, from which looking for factors may pay */
    LOOK_CYCLES = 6,        /* a tap, for all but its factors */
    FACTOR_CYCLES = 25,     /* a tap and a factor */
    FEW = 64                /* taps that are looked at in no time */
};

/*
 * Of one vector. The costs of filters are to one another as on CPUs that multiply and add a vector a cycle: measured on
 * such with AVX-512. So they are with AVX2, whose CPUs do twice as much of everything; with two units for AVX-512, of
 * the arithmetic alone.
 */
static double tap_cycles(const fc_filter *f) {
    enum { WIDE_BYTES = 64 };
    const int wide = fc_filter_lanes(f) * (double)f->number >= WIDE_BYTES;
    return wide && fc_cpu_wide_fmas() == 2 ? 0.75 : 1.15;
}

/* A source vector, loaded once, serves the FC_FILTER_ROWS rows of a tile; along the rows each tap loads its own. */
double fc_filter_direct_work(const fc_filter *f) {
    const double loads = (double)f->k_w * (double)(f->k_h + FC_FILTER_ROWS - 1) / FC_FILTER_ROWS;
    return tap_cycles(f) * (double)f->k_h * (double)f->k_w + 2 + (f->reads ? loads : 0);
}

double fc_filter_pass_work(const fc_filter *f) { return 1.2 * (double)f->k_h + 2 * (double)f->k_w + 4; }

int fc_filter_rows_finite(const fc_filter *f, const void *const *rows, size_t count, size_t from, size_t numbers) {
    const int is_complex = fc_filter_is_complex(f->work);
    fc_finite_fn *finite = f->number >> is_complex == sizeof(float) ? f->kernels->finite_f32 : f->kernels->finite_f64;
    if (f->work < FC_F16)
        return 1;
    for (size_t i = 0; i < count; i++)
        if (!finite((const unsigned char *)rows[i] + from * f->number, numbers << is_complex))
            return 0;
    return 1;
}

int fc_filter_is_complex(fc_dtype dtype) { return dtype == FC_C64 || dtype == FC_C128 || dtype == FC_CLONGDOUBLE; }

/* to[col * rows + row] = from[row * pitch + col] for numbers of `size` bytes, `step` bytes apart in from. */
static void turn(
    const unsigned char *from, size_t step, size_t pitch, size_t rows, size_t cols, size_t size, unsigned char *to) {
#define TURN(bytes)                                                                                \
    case bytes:                                                                                    \
        for (size_t row = 0; row < rows; row++)                                                    \
            for (size_t col = 0; col < cols; col++)                                                \
                memcpy(to + (col * rows + row) * bytes, from + (row * pitch + col) * step, bytes); \
        break;
    switch (size) {
        TURN(1)
        TURN(2)
        TURN(4)
        TURN(8)
    default:
        for (size_t row = 0; row < rows; row++)
            for (size_t col = 0; col < cols; col++)
                memcpy(to + (col * rows + row) * size, from + (row * pitch + col) * step, size);
    }
#undef TURN
}

/* taps[col * rows + row], complex ones as two planes; see fc_convolve2d_block. */
void fc_filter_pack_taps(const fc_filter *f, const void *kernel, size_t pitch, size_t rows, size_t cols, void *taps_) {
    const int is_complex = fc_filter_is_complex(f->work);
    const size_t count = rows * cols, part = f->number >> is_complex;
    unsigned char *taps = taps_;
    for (size_t i = 0; i <= (size_t)is_complex; i++)
        turn((const unsigned char *)kernel + i * part, f->number, pitch, rows, cols, part, taps + i * count * part);
    if (f->work == FC_BOOL)
        for (size_t i = 0; i < count; i++)
            taps[i] = taps[i] ? 0xff : 0;
}

/* Of the first `count` taps; 1 for types of which no more is asked. */
static int all_finite(const fc_filter *f, size_t count) {
    switch (f->work) {
    case FC_F32:
        return f->kernels->finite_f32(f->kernel, count);
    case FC_F64:
        return f->kernels->finite_f64(f->kernel, count);
    case FC_C64:
        return f->kernels->finite_f32(f->kernel, 2 * count);
    case FC_C128:
        return f->kernels->finite_f64(f->kernel, 2 * count);
    default:
        return 1;
    }
}

#define COUNT_NONZERO(type)            \
    for (size_t i = 0; i < count; i++) \
        found += ((const type *)f->kernel)[i] != 0;
static size_t nonzero(const fc_filter *f, size_t count) {
    static const unsigned char zeros[16];
    const unsigned char *tap = f->kernel;
    size_t found = 0;
    switch (f->work) {
    case FC_BOOL:
    case FC_I8:
    case FC_U8:
        COUNT_NONZERO(uint8_t) break;
    case FC_I16:
    case FC_U16:
        COUNT_NONZERO(uint16_t) break;
    case FC_I32:
    case FC_U32:
        COUNT_NONZERO(uint32_t) break;
    case FC_I64:
    case FC_U64:
        COUNT_NONZERO(uint64_t) break;
    case FC_F32:
        COUNT_NONZERO(float) break;
    case FC_F64:
        COUNT_NONZERO(double) break;
    case FC_C64:
        COUNT_NONZERO(float _Complex) break;
    case FC_C128:
        COUNT_NONZERO(double _Complex) break;
    default:
        for (size_t i = 0; i < count; i++, tap += f->number)
            found += memcmp(tap, zeros, sizeof zeros) != 0;
    }
    return found;
}
#undef COUNT_NONZERO

double fc_filter_tap_part(const fc_filter *f, size_t i) {
    return fc_filter_is_single(f) ? (double)((const float *)f->kernel)[i] : ((const double *)f->kernel)[i];
}

/* Whether the numbers first, first + step, ... below end that are tap i times a power of two, up to sign, sum to 0. */
static int group_cancels(const fc_filter *f, size_t i, size_t first, size_t step, size_t end) {
    int own, exponent;
    const double mantissa = fabs(frexp(fc_filter_tap_part(f, i), &own));
    double sum = 0;
    for (; first < end; first += step) {
        const double part = frexp(fc_filter_tap_part(f, first), &exponent);
        sum += fabs(part) == mantissa ? ldexp(part < 0 ? -1 : 1, exponent - own) : 0;
    }
    return sum == 0;
}

/*
 * Whether few taps are pairs, or a number times integers, that sum to 0: Haar's, Prewitt's, Sobel's, Scharr's,
 * Laplacians. Then equal cells give equal products, which leave nothing if each of them is rounded.
 */
static int cancels(const fc_filter *f, const fc_filter_taps *taps, size_t count) {
    const size_t step = (size_t)fc_filter_is_complex(f->work) + 1, end = count * step;
    const int is_float = fc_filter_is_single(f);
    double sum[2] = {0, 0}, size = 0;
    if ((!is_float && f->work != FC_F64 && f->work != FC_C128) || !taps->finite || taps->equal ||
        taps->nonzero > FC_FILTER_CANCELLING || count > FEW)
        return 0;
    for (size_t i = 0; i < end; i++) {
        sum[i % step] += fc_filter_tap_part(f, i);
        size += fabs(fc_filter_tap_part(f, i));
    }
    if (size == 0 || fabs(sum[0]) + fabs(sum[1]) > (is_float ? 4 * 0x1p-24 : 4 * 0x1p-53) * size)
        return 0;
    for (size_t i = 0; i < end; i++)
        if (fc_filter_tap_part(f, i) != 0 && !group_cancels(f, i, i % step, step, end))
            return 0;
    return 1;
}

/* Equal taps are the same when moved by one. */
static int all_equal(const fc_filter *f) {
    const unsigned char *kernel = f->kernel;
    return !memcmp(kernel, kernel + f->number, ((size_t)(f->k_h * f->k_w) - 1) * f->number);
}

/* How many factors to look for; 0 where that costs more than it saves. */
static size_t factors_wanted(const fc_filter *f, fc_filter_algorithm_id id, const fc_filter_taps *taps, size_t count) {
    if (!taps->finite || (id != FC_FILTER_AUTO && id != FC_FILTER_SEPARABLE && id != FC_FILTER_COUNT))
        return 0;
    if (id != FC_FILTER_AUTO)
        return fc_factor_most(f->work, HUGE_VAL);
    const double direct = fc_filter_direct_cycles(f), fft = fc_filter_fft_most(f),
                 cycles = fft < 0 ? direct : fmin(direct, fft);
    const size_t most = fc_factor_most(f->work, cycles / direct * fc_filter_direct_work(f) / fc_filter_pass_work(f));
    if (cycles < FACTORED_CYCLES || cycles < FACTOR_CYCLES * (double)most * (double)count)
        return 0;
    return taps->equal && f->work >= FC_F16 && count > SUMMED ? 0 : most;
}

fc_status fc_filter_know(const fc_filter *f, fc_filter_algorithm_id id, fc_filter_taps *taps, void **memory) {
    const size_t count = (size_t)(f->k_h * f->k_w);
    *memory = NULL;
    *taps = (fc_filter_taps){.nonzero = count};
    if (count > FEW && (id == FC_FILTER_DIRECT || (!id && fc_filter_direct_cycles(f) < LOOK_CYCLES * (double)count)))
        return FC_OK;
    taps->equal = all_equal(f);
    const size_t looked = taps->equal ? 1 : count;
    taps->finite = all_finite(f, looked);
    taps->nonzero = nonzero(f, looked) * (count / looked);
    taps->equal &= taps->finite && taps->nonzero;
    taps->cancels = cancels(f, taps, count);
    const size_t most = factors_wanted(f, id, taps, count);
    if (!most)
        return FC_OK;
    size_t bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){f->k_h + f->k_w, (ptrdiff_t)most, (ptrdiff_t)f->number}, 3, &bytes));
    unsigned char *columns = fc_scratch_alloc(bytes);
    if (!columns)
        return FC_OUT_OF_MEMORY;
    unsigned char *rows = columns + (size_t)f->k_h * most * f->number;
    const fc_status status = fc_factor(
        f->work, f->kernel, (size_t)f->k_h, (size_t)f->k_w, most, columns, rows, &taps->rank);
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
