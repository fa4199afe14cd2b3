/* SPDX-License-Identifier: MIT */
/*
 * What a transform's rounding errors may be and what the windows of its block hold. The errors are spread over the
 * block as noise: in proportion to the root mean square of the block's cells, times the kernel's norm, and to that of
 * the products. A window whose own products add up to much less would not keep its promise. That they do not is shown
 * by the sum of its cells and the sizes of the taps: they weigh least when the largest cells meet the smallest taps.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/fft.h"

/*
 * Measured on noise, photos, constants, masks, rows, columns and single cells, for kernels of 9 x 9 to 101 x 101
 * taps: no output broke its promise of 32 eps with 0.95 of these where cells are alike, with 1.1 where a few are far
 * larger than the others.
 */
static const double FORTH = 8, BACK = 11;
enum {
    NARROW_KERNEL = 20,                 /* numbers in a row of taps, below which tiles are narrower */
    TALLEST_TILE = 32,
    SPARSE_TILE = 12,                   /* rows, from which at first every other row is looked at */
    SAMPLES = 5                         /* rows that tell what most cells are like */
};
static const double SAMPLED = 1.5;      /* cap over the mean of a sampled row */

static int is_single(const fc_filter *f) { return f->work == FC_F32 || f->work == FC_C64; }
static size_t part_of(const fc_filter *f) { return is_single(f) ? sizeof(float) : sizeof(double); }

fc_status fc_fft_tile(const fc_filter *f, const fc_fft_cut *cut, fc_fft_tiling *t) {
    const size_t parts = fc_filter_is_complex(f->work) ? 2 : 1, k_h = (size_t)f->k_h, k_w = (size_t)f->k_w;
    const size_t high = fc_least(k_h < 10 ? 1 : k_h / 5, TALLEST_TILE);
    const size_t wide = parts * k_w < NARROW_KERNEL ? 2 : 4, cells = wide / parts;
    *t = (fc_fft_tiling){.high = high, .wide = wide, .cells = cells, .first_row = high > 1, .first_col = cells > 1};
    t->rows = k_h / high > t->first_row ? k_h / high - t->first_row : 0;
    t->cols = k_w / cells > t->first_col ? k_w / cells - t->first_col : 0;
    t->tile_rows = fc_parts(cut->rows, high);
    t->pitch = fc_parts(cut->cols, cells);
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)t->tile_rows, (ptrdiff_t)t->pitch, (ptrdiff_t)part_of(f)}, 3,
                       &t->sums_bytes));
    t->lot = FC_FFT_LOT / parts;
    t->lots = fc_parts(cut->cols, t->lot);
    t->light_bytes = fc_align_up(t->tile_rows * t->lots);
    t->temp_bytes = fc_align_up((t->pitch + SAMPLES) * part_of(f));
    t->sums_bytes = fc_align_up(t->sums_bytes);
    return FC_OK;
}

size_t fc_fft_bounds_bytes(const fc_fft_tiling *t) {
    return 2 * t->sums_bytes + t->temp_bytes + t->light_bytes;
}

void fc_fft_place_bounds(const fc_fft_tiling *t, unsigned char *memory, fc_fft_bounds *b) {
    *b = (fc_fft_bounds){.tiles = memory, .whole = 1};
    b->sums = b->tiles + t->sums_bytes;
    b->temp = b->sums + t->sums_bytes;
    b->light = b->temp + t->temp_bytes;
}

static const fc_fft *kernels_of(const fc_filter *f) {
    return is_single(f) ? &f->kernels->fft_f32 : &f->kernels->fft_f64;
}

static double sum_numbers(const fc_filter *f, const void *numbers, size_t n) {
    double sums[4] = {0, 0, 0, 0};
    if (is_single(f))
        for (size_t i = 0; i < n; i++)
            sums[i % 4] += (double)((const float *)numbers)[i];
    else
        for (size_t i = 0; i < n; i++)
            sums[i % 4] += ((const double *)numbers)[i];
    return sums[0] + sums[1] + sums[2] + sums[3];
}

/* What most cells do not pass: a little above the middle one of the means of some rows, rows of zeros left out. */
static double find_cap(const fc_filter *f, const fc_fft_tiling *t, fc_fft_bounds *b, const void *const *rows,
                       size_t count, size_t cols) {
    const double most = is_single(f) ? (double)FLT_MAX : DBL_MAX,
        free = most / ((double)cols * (double)t->high * (double)(t->rows * t->cols + 1));
    double means[SAMPLES];
    size_t found = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        const size_t row = (2 * i + 1) * count / (2 * SAMPLES);
        kernels_of(f)->tiles(rows + row, 1, cols, t->wide, free, b->temp);
        const double sum = sum_numbers(f, b->temp, fc_parts(cols, t->wide));
        size_t at = found;
        if (!(sum > 0))
            continue;
        for (; at > 0 && means[at - 1] > sum; at--)
            means[at] = means[at - 1];
        means[at] = sum;
        found++;
    }
    return found ? fmin(SAMPLED * means[found / 2] / (double)cols, free) : free;
}

#define ARE_WHOLE(T, SHIFT)                                                     \
    {                                                                           \
        const T *x = row;                                                       \
        int other = 0;                                                          \
        for (size_t i = 0; i < cols; i++)                                       \
            other |= (x[i] + (T)SHIFT) - (T)SHIFT != x[i];                      \
        return !other;                                                          \
    }

/* Adding a number whose last digit is a unit rounds to a whole one. */
static int are_whole(const fc_filter *f, const void *row, size_t cols) {
    if (is_single(f))
        ARE_WHOLE(float, 0x1.8p23)
    ARE_WHOLE(double, 0x1.8p52)
}
#undef ARE_WHOLE

void fc_fft_survey(const fc_filter *f, const fc_fft_tiling *t, fc_fft_bounds *b, const void *const *rows, size_t count,
                   size_t col,
                   size_t cols, int may_be_whole) {
    const size_t numbers = cols << fc_filter_is_complex(f->work), part = part_of(f);
    const size_t step = 1 + (t->high >= SPARSE_TILE);
    if (!col)
        b->cap = find_cap(f, t, b, rows, count, numbers);
    for (size_t u = 0, row = 0; row < count; u++, row += t->high) {
        const void *looked[TALLEST_TILE];
        size_t n = 0;
        for (size_t r = row; r < fc_least(row + t->high, count); r += step)
            looked[n++] = rows[r];
        kernels_of(f)->tiles(looked, n, numbers, t->wide, b->cap, b->tiles + (u * t->pitch + col / t->cells) * part);
    }
    for (size_t row = 0; may_be_whole && b->whole && row < count; row++)
        b->whole = are_whole(f, rows[row], numbers);
}

void fc_fft_sum_windows(const fc_filter *f, const fc_fft_tiling *t, fc_fft_bounds *b, size_t rows, size_t cols) {
    b->least = 0;
    if (!t->rows || !t->cols)
        return;
    b->least = kernels_of(f)->windows(&(fc_fft_windows){
        .tiles = b->tiles + (t->first_row * t->pitch + t->first_col) * part_of(f), .pitch = t->pitch,
            .n_rows = fc_parts(rows, t->high),
        .n_cols = fc_parts(cols, t->cells), .high = t->rows, .wide = t->cols, .temp = b->temp, .sums = b->sums});
}

/* Whether one of n sums is not enough. */
#define ANY_BELOW(T)                                            \
    for (size_t i = 0; i < n; i++)                              \
        below |= !(((const T *)sums)[i] >= (T)enough);

static int any_below(const fc_filter *f, const unsigned char *sums, size_t n, double enough) {
    int below = 0;
    if (is_single(f)) {
        ANY_BELOW(float)
    } else {
        ANY_BELOW(double)
    }
    return below;
}
#undef ANY_BELOW

void fc_fft_find_light(const fc_filter *f, const fc_fft_tiling *t, const fc_fft_bounds *b, size_t rows, size_t cols,
                       double enough) {
    const size_t tiles = t->lot / t->cells, n_cols = fc_parts(cols, t->cells);
    for (size_t u = 0; u < fc_parts(rows, t->high); u++)
        for (size_t lot = 0, v = 0; v < n_cols; lot++, v += tiles)
            b->light[u * t->lots + lot] = !t->rows || !t->cols
                || any_below(f, b->sums + (u * t->pitch + v) * part_of(f), fc_least(tiles, n_cols - v), enough);
}

double fc_fft_error(int is_double, int is_complex, const fc_fft_taps *taps, double cells, const double *energy) {
    /* Squares below the least normal number may be lost, and as much of each number on the way. */
    const double tiny = is_double ? DBL_MIN : (double)FLT_MIN,
        eps = is_double ? DBL_EPSILON / 2 : (double)FLT_EPSILON / 2;
    /*
     * Half of the noise is in the real part, half in the imaginary one, whichever of the two blocks the energy came
     * from.
     */
    const double lost = sqrt(cells * tiny), half = is_complex ? 1 : M_SQRT1_2,
        image = half * (sqrt(energy[0]) + lost) / cells;
    const double products = fmin(half * (sqrt(energy[1]) + lost), taps->sum * image);
    return FORTH * taps->norm * image + BACK * products + tiny / eps * (4 * sqrt(cells) + cells * image);
}

double fc_fft_likely_error(const fc_fft_taps *taps, double cap) {
    return cap / SAMPLED * (FORTH * taps->norm + BACK * fmax(taps->norm, taps->total));
}
