/* SPDX-License-Identifier: MIT */
/* What a transform of a whole image has to know of its cells. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/size.h"
#include "ops/filter/fft_whole.h"
#include "ops/filter/sum.h"

enum {
    SAMPLED = 4,    /* one of so many rows is looked at for waves */
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

typedef struct chains {
    double sum[FC_SUM_CHAINS], size[FC_SUM_CHAINS], square[FC_SUM_CHAINS], most[FC_SUM_CHAINS], count[FC_SUM_CHAINS],
        fraction[FC_SUM_CHAINS];
} chains;

/* Those beyond the limit, and NaN, are left out. Adding a number whose last digit is a unit rounds. */
static inline void add_chains(const double *x, double limit, chains *to) {
    for (size_t c = 0; c < FC_SUM_CHAINS; c++) {
        const double size = fabs(x[c]) <= limit ? fabs(x[c]) : 0, rest = size - ((size + 0x1.8p52) - 0x1.8p52);
        to->sum[c] += x[c] < 0 ? -size : size;
        to->size[c] += size;
        to->square[c] += size * size;
        to->most[c] = size > to->most[c] ? size : to->most[c];
        to->count[c] += fabs(x[c]) <= limit ? 1 : 0;
        to->fraction[c] += fabs(rest);
    }
}

#define ADD_UP(T)                                                                                 \
    for (size_t i = 0; i < n; i += FC_SUM_CHAINS) {                                               \
        double x[FC_SUM_CHAINS];                                                                  \
        const size_t there = fc_least(FC_SUM_CHAINS, n - i);                                      \
        if (there == FC_SUM_CHAINS)                                                               \
            for (size_t c = 0; c < FC_SUM_CHAINS; c++)                                            \
                x[c] = (double)((const T *)row)[i + c];                                           \
        else                                                                                      \
            for (size_t c = 0; c < FC_SUM_CHAINS; c++)                                            \
                x[c] = c < there ? (double)((const T *)row)[i + c] : (double)NAN; /* no number */ \
        add_chains(x, limit, &all);                                                               \
    }

static void add_up(const fc_filter *f, const void *row, size_t n, double limit, sums *to) {
    chains all = {{0}, {0}, {0}, {0}, {0}, {0}};
    if (fc_filter_is_single(f)) {
        ADD_UP(fc_any_float)
    } else {
        ADD_UP(fc_any_double)
    }
    for (size_t c = 0; c < FC_SUM_CHAINS; c++) {
        to->sum += all.sum[c];
        to->size += all.size[c];
        to->square += all.square[c];
        to->most = fmax(to->most, all.most[c]);
        to->count += (size_t)all.count[c];
        to->whole &= all.fraction[c] == 0;
    }
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

/* Cells without the middle, 0 for others that stand out, with room for those beside the last ones; and products of
 * rows' cells with those so many beside them, and below the first row. */
enum { CHUNK = 64, BESIDE = 2 * FC_FFT_LAGS };
typedef double chunk[CHUNK + BESIDE];
typedef struct products {
    double along[FC_FFT_LAGS + 1][FC_SUM_CHAINS], down[FC_FFT_LAGS + 1][FC_SUM_CHAINS];
    size_t count;
} products;

#define TAKE(T)                                                  \
    for (size_t i = 0; i < n; i++) {                             \
        const double x = (double)((const T *)row)[from + i];     \
        to[i] = fabs(x) <= image->limit ? x - image->middle : 0; \
    }

static void take_chunk(
    const fc_filter *f, const fc_fft_image *image, const void *row, size_t from, size_t n, double *to) {
    if (fc_filter_is_single(f)) {
        TAKE(fc_any_float)
    } else {
        TAKE(fc_any_double)
    }
    memset(to + n, 0, (CHUNK + BESIDE - n) * sizeof *to);
}
#undef TAKE

static void multiply(const double *x, const double *y, double *to) {
    for (size_t i = 0; i < CHUNK; i += FC_SUM_CHAINS)
        for (size_t c = 0; c < FC_SUM_CHAINS; c++)
            to[c] += x[i + c] * y[i + c];
}

/* The products of a row's cells with those up to FC_FFT_LAGS beside and below, of n_rows rows. */
static void add_products(
    const fc_filter *f, const fc_fft_image *image, const void *const *rows, size_t n_rows, products *to) {
    const size_t step = 1 + (size_t)fc_filter_is_complex(f->work), n = (size_t)f->w * step;
    for (size_t from = 0; from < n; from += CHUNK) {
        chunk x[FC_FFT_IMAGE_ROWS];
        for (size_t lag = 0; lag < n_rows; lag++)
            take_chunk(f, image, rows[lag], from, fc_least(n - from, lag ? CHUNK : CHUNK + BESIDE), x[lag]);
        for (size_t lag = 0; lag <= FC_FFT_LAGS; lag++)
            multiply(x[0], x[0] + lag * step, to->along[lag]);
        for (size_t lag = 1; lag < n_rows; lag++)
            multiply(x[0], x[lag], to->down[lag]);
    }
    to->count += n;
}

/* Along and down some of the rows. */
static double coherence_of(const fc_filter *f, const fc_fft_image *image, void *stage) {
    products all = {.count = 0};
    double most = 0;
    for (ptrdiff_t row = 0; row < f->h; row += SAMPLED) {
        const ptrdiff_t count = fc_min(FC_FFT_IMAGE_ROWS, f->h - row);
        const void *rows[FC_FFT_IMAGE_ROWS];
        fc_filter_source(f, (fc_rect){row, 0, count, f->w}, FC_ALL_CHANNELS, rows, stage);
        add_products(f, image, rows, (size_t)count, &all);
    }
    for (size_t lag = 1; lag <= FC_FFT_LAGS; lag++)
        most = fmax(most, fmax(fabs(fc_sum_chains(all.along[lag])), fabs(fc_sum_chains(all.down[lag]))));
    return fc_fft_coherence(most, fc_sum_chains(all.along[0]), all.count);
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
    image->size = size;
    image->whole = all.whole && !taken->count;
    image->one_sign = fabs(all.sum) >= ONE_SIGN * all.size;
    if (!fc_filter_is_complex(f->work) && f->k_h <= f->h && f->k_w <= f->w && 2 * mean * mean >= square)
        image->middle = rounded(mean, image->whole);
    if (fc_filter_is_single(f))
        image->middle = (double)(float)image->middle;
    image->coherence = coherence_of(f, image, stage);
    return 1;
}
