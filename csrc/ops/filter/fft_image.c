/* SPDX-License-Identifier: MIT */
/* What a transform of a whole image has to know of its cells. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/size.h"
#include "ops/filter/fft_whole.h"

enum {
    SAMPLED = 4,    /* one of so many rows is */
    CHAINS = 8,     /* of sums side by side, as one would wait for each addition */
    MOST_TAKEN = 20 /* products added to a sum, each of which may lose half an eps of it */
};
static const double STANDS_OUT = 12; /* over the mean size: far larger than most cells */
static const double PEAKED = 3;      /* over the same: the root mean square of images whose cells are not alike */
static const double ONE_SIGN = 1 - 1e-6;

typedef struct sums {
    double sum, size, square, most;
    size_t count;
    int whole;
} sums;

/* Of n numbers; those beyond the limit, and NaN, are left out. Adding a number whose last digit is a unit rounds. */
#define ADD_UP(T)                                               \
    for (size_t i = 0; i < n; i += CHAINS)                      \
        for (size_t c = 0; c < fc_least(CHAINS, n - i); c++) {  \
            const double x = (double)((const T *)row)[i + c];   \
            const double size = fabs(x) <= limit ? fabs(x) : 0; \
            const double signed_size = copysign(size, x);       \
            sum[c] += signed_size;                              \
            sizes[c] += size;                                   \
            squares[c] += size * size;                          \
            most[c] = size > most[c] ? size : most[c];          \
            fractions |= (size + 0x1.8p52) - 0x1.8p52 != size;  \
            count += fabs(x) <= limit;                          \
        }

static void add_up(const fc_filter *f, const void *row, size_t n, double limit, sums *to) {
    double sum[CHAINS] = {0}, sizes[CHAINS] = {0}, squares[CHAINS] = {0}, most[CHAINS] = {0};
    size_t count = 0;
    int fractions = 0;
    if (fc_filter_is_single(f)) {
        ADD_UP(fc_any_float)
    } else {
        ADD_UP(fc_any_double)
    }
    for (size_t c = 0; c < CHAINS; c++) {
        to->sum += sum[c];
        to->size += sizes[c];
        to->square += squares[c];
        to->most = fmax(to->most, most[c]);
    }
    to->count += count;
    to->whole &= !fractions;
}
#undef ADD_UP

static sums sum_image(const fc_filter *f, double limit, void *stage) {
    sums all = {.whole = 1};
    for (ptrdiff_t row = 0; row < f->h; row++) {
        const void *cells;
        fc_filter_source(f, (fc_rect){row, 0, 1, f->w}, FC_ALL_CHANNELS, &cells, stage);
        add_up(f, cells, (size_t)f->w << fc_filter_is_complex(f->work), limit, &all);
    }
    return all;
}

static int stands_out(const fc_filter *f, const void *row, size_t col, double limit) {
    const int parts = 1 + fc_filter_is_complex(f->work);
    for (int i = 0; i < parts; i++)
        if (!(fabs(fc_fft_number(f, row, parts * col + (size_t)i)) <= limit))
            return 1;
    return 0;
}

/* Takes cells beyond the limit into the list; 0 where they are too many. */
static int take(const fc_filter *f, double limit, void *stage, fc_fft_cells *list) {
    for (ptrdiff_t row = 0; row < f->h; row++) {
        const void *cells;
        fc_filter_source(f, (fc_rect){row, 0, 1, f->w}, FC_ALL_CHANNELS, &cells, stage);
        if (!fc_fft_count_out(f, cells, (size_t)f->w, limit))
            continue;
        for (size_t col = 0; col < (size_t)f->w; col++) {
            if (!stands_out(f, cells, col, limit))
                continue;
            if (list->count == MOST_TAKEN)
                return 0;
            fc_fft_cell *cell = &list->cells[list->count++];
            *cell = (fc_fft_cell){.row = row - f->top, .col = (ptrdiff_t)col - f->left};
            memcpy(cell->value, (const unsigned char *)cells + col * f->number, f->number);
        }
    }
    return 1;
}

/* A number of few digits near x, so that it is taken off most numbers without rounding; a whole one where they are. */
static double rounded(double x, int whole) {
    enum { DIGITS = 10 };
    int exponent;
    const double part = frexp(x, &exponent), few = ldexp(rint(ldexp(part, DIGITS)), exponent - DIGITS);
    return whole ? rint(x) : few;
}

/* Adds products of a row's cells with those up to FC_FFT_LAGS beside and below, without the middle: others that stand
 * out. */
typedef struct products {
    double square, along[FC_FFT_LAGS + 1], down[FC_FFT_LAGS + 1];
    size_t count;
} products;

static double cell_of(const fc_filter *f, const fc_fft_image *image, const void *row, size_t i) {
    const double x = fc_fft_number(f, row, i);
    return fabs(x) <= image->limit ? x - image->middle : 0;
}

static void add_products(
    const fc_filter *f, const fc_fft_image *image, const void *const *rows, size_t n_rows, products *to) {
    const size_t step = 1 + (size_t)fc_filter_is_complex(f->work), n = (size_t)f->w * step;
    for (size_t i = 0; i < n; i++) {
        const double x = cell_of(f, image, rows[0], i);
        to->square += x * x;
        for (size_t lag = 1; lag <= FC_FFT_LAGS && i + lag * step < n; lag++)
            to->along[lag] += x * cell_of(f, image, rows[0], i + lag * step);
        for (size_t lag = 1; lag < n_rows; lag++)
            to->down[lag] += x * cell_of(f, image, rows[lag], i);
    }
    to->count += n;
}

/* Along and down some of the rows. */
static double coherence_of(const fc_filter *f, const fc_fft_image *image, void *stage) {
    products all = {.count = 0};
    double most = 0;
    for (ptrdiff_t row = 0; row < f->h; row += SAMPLED) {
        const ptrdiff_t count = fc_min(FC_FFT_LAGS + 1, f->h - row);
        const void *rows[FC_FFT_LAGS + 1];
        fc_filter_source(f, (fc_rect){row, 0, count, f->w}, FC_ALL_CHANNELS, rows, stage);
        add_products(f, image, rows, (size_t)count, &all);
    }
    for (size_t lag = 1; lag <= FC_FFT_LAGS; lag++)
        most = fmax(most, fmax(fabs(all.along[lag]), fabs(all.down[lag])));
    return fc_fft_coherence(most, all.square, all.count);
}

int fc_fft_know_image(const fc_filter *f, void *stage, fc_fft_image *image, fc_fft_cells *taken) {
    const double most = fc_filter_is_single(f) ? (double)FLT_MAX : DBL_MAX,
                 numbers = (double)f->h * (double)f->w * (1 + fc_filter_is_complex(f->work));
    sums all = sum_image(f, most, stage);
    const double limit = fmin(STANDS_OUT * all.size / numbers, most);
    *image = (fc_fft_image){.limit = most};
    taken->count = 0;
    if (!isfinite(all.square))
        return 0;
    if (all.most > limit || (double)all.count < numbers) {
        if (!take(f, limit, stage, taken))
            return 0;
        image->limit = limit;
        all = sum_image(f, limit, stage);
    }
    const double mean = all.sum / numbers, size = all.size / numbers, square = all.square / numbers;
    if (!(size > 0) || square > PEAKED * PEAKED * size * size)
        return 0;
    image->whole = all.whole && !taken->count;
    image->one_sign = fabs(all.sum) >= ONE_SIGN * all.size;
    if (!fc_filter_is_complex(f->work) && f->k_h <= f->h && f->k_w <= f->w && 2 * mean * mean >= square)
        image->middle = rounded(mean, image->whole);
    if (fc_filter_is_single(f))
        image->middle = (double)(float)image->middle;
    image->coherence = coherence_of(f, image, stage);
    return 1;
}
