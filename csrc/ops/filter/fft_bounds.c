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
#include "ops/filter/sum.h"

/*
 * Measured on noise, photos, constants, masks, rows, columns and single cells, for kernels of 9 x 9 to 101 x 101
 * taps: no output broke its promise of 32 eps with 0.95 of these where cells are alike, with 1.1 where a few are far
 * larger than the others.
 */
static const double FORTH = 8, BACK = 11;
enum {
    NARROW_KERNEL = 20, /* numbers in a row of taps, below which tiles are narrower */
    TALLEST_TILE = 32,
    SHARED = 3, /* windows that are looked at together share all but one of so many rows of tiles */
    MOST_TILE_ROWS = FC_FFT_MOST / 2 / TALLEST_TILE, /* of a kernel */
    WEIGHED_ROWS = 6,                                /* of tiles, whose sums by the coarse kernel fill the registers */
    AHEAD = 12,                                      /* rows that are asked for before they are looked at */
    SAMPLES = 5,
    SAMPLED_COLS = 24 /* rows, and numbers of each, that tell what most cells are like */
};
/* What most cells do not pass, over their mean; and how far the cap may lie above, where many cells are near 0. */
static const double SAMPLED = 1.5, HIGHEST_CAP = 4;
static const double FULL = 0.8; /* share of a block that has to hold cells, for zeros not to outweigh them */
static const double LONG = 30;  /* taps over their norm, from which so many are alike that waves show */

static size_t part_of(const fc_filter *f) { return fc_filter_is_single(f) ? sizeof(float) : sizeof(double); }

/*
 * Whether few of the smallest taps weigh as much as cells that vary by a fifth need: the sums of low tiles tell that of
 * most windows. Where more do, the kernel on the grid of tiles has to, whose cost falls with their height.
 */
static int taps_alike(const fc_filter *f, const fc_fft_taps *taps) {
    static const double VARIED = 0.2, FEW = 0.22;
    return fc_fft_plain_sum(taps, 1, VARIED * taps->norm) < FEW * (double)f->k_h * (double)f->k_w;
}

fc_status fc_fft_tile(const fc_filter *f, const fc_fft_taps *taps, const fc_fft_cut *cut, fc_fft_tiling *t) {
    const size_t parts = fc_filter_is_complex(f->work) ? 2 : 1, k_h = (size_t)f->k_h, k_w = (size_t)f->k_w;
    const size_t high = k_h < (parts > 1 || taps_alike(f, taps) ? 24 : 17) ? 1 : fc_least(2 + k_h / 16, TALLEST_TILE);
    const size_t wide = parts * k_w < NARROW_KERNEL ? 2 : 4, cells = wide / parts;
    *t = (fc_fft_tiling){.high = high, .wide = wide, .cells = cells, .first_row = high > 1, .first_col = cells > 1};
    t->waves = taps->sum > LONG * taps->norm;
    t->rows = k_h / high > t->first_row ? k_h / high - t->first_row : 0;
    t->cols = k_w / cells > t->first_col ? k_w / cells - t->first_col : 0;
    t->together = t->rows / SHARED > 1 ? t->rows / SHARED : 1;
    t->tile_rows = fc_parts(cut->rows, high);
    t->pitch = fc_parts(cut->cols, cells);
    FC_TRY(fc_multiply(
        (ptrdiff_t[]){(ptrdiff_t)t->tile_rows, (ptrdiff_t)t->pitch, (ptrdiff_t)part_of(f)}, 3, &t->tiles_bytes));
    t->lot = FC_FFT_LOT / parts;
    t->lots = fc_parts(cut->cols, t->lot);
    t->light_bytes = fc_align_up(t->tile_rows * t->lots);
    const size_t of_tiles = fc_fft_windows_room(t->pitch, t->cols, 1),
                 of_lots = fc_fft_windows_room(FC_FFT_LOT, k_w, parts);
    t->temp_bytes = fc_align_up((of_tiles > of_lots ? of_tiles : of_lots) * part_of(f));
    /* Whole lots of tiles are read, also behind the last one. */
    t->tiles_bytes = fc_align_up(t->tiles_bytes + 2 * FC_FFT_LOT * part_of(f));
    return FC_OK;
}

size_t fc_fft_bounds_bytes(const fc_fft_tiling *t) {
    return t->tiles_bytes + t->temp_bytes + t->light_bytes * (1 + sizeof(double));
}

void fc_fft_place_bounds(const fc_fft_tiling *t, unsigned char *memory, fc_fft_bounds *b) {
    *b = (fc_fft_bounds){.tiles = memory, .whole = 1};
    b->temp = b->tiles + t->tiles_bytes;
    b->of_lots = (double *)(b->temp + t->temp_bytes);
    b->light = (unsigned char *)(b->of_lots + t->light_bytes);
}

static const fc_fft *kernels_of(const fc_filter *f) {
    return fc_filter_is_single(f) ? &f->kernels->fft_f32 : &f->kernels->fft_f64;
}

/* Some numbers of a row, zeros behind them, so that sums of all have a fixed length. */
typedef struct sample {
    double numbers[SAMPLED_COLS + 2 * FC_FFT_LAGS];
    double sum, sizes, squares;
    int whole;
} sample;

#define TAKE(T)                    \
    for (size_t i = 0; i < n; i++) \
        s->numbers[i] = (double)((const T *)row)[i];

/* Adding a number whose last digit is a unit rounds to a whole one. */
static void take_sample(const fc_filter *f, const void *row, size_t n, sample *s) {
    double sums[FC_SUM_CHAINS] = {0}, sizes[FC_SUM_CHAINS] = {0}, squares[FC_SUM_CHAINS] = {0},
           fractions[FC_SUM_CHAINS] = {0};
    memset(s, 0, sizeof *s);
    if (fc_filter_is_single(f)) {
        TAKE(fc_any_float)
    } else {
        TAKE(fc_any_double)
    }
    for (size_t i = 0; i < SAMPLED_COLS; i += FC_SUM_CHAINS)
        for (size_t c = 0; c < FC_SUM_CHAINS; c++) {
            const double x = s->numbers[i + c];
            sums[c] += x;
            sizes[c] += fabs(x);
            squares[c] += x * x;
            fractions[c] += fabs((x + 0x1.8p52) - 0x1.8p52 - x);
        }
    s->sum = fc_sum_chains(sums);
    s->sizes = fc_sum_chains(sizes);
    s->squares = fc_sum_chains(squares);
    s->whole = fc_sum_chains(fractions) == 0;
}
#undef TAKE

/* The root mean square of its distances to the middle. */
static double spread_of(const sample *s, size_t n, double middle) {
    return sqrt(fmax(s->squares - 2 * middle * s->sum + (double)n * middle * middle, 0) / (double)n);
}

/* Puts x into ascending numbers, of which there are n. */
static void insert(double *numbers, size_t n, double x) {
    for (; n > 0 && numbers[n - 1] > x; n--)
        numbers[n] = numbers[n - 1];
    numbers[n] = x;
}

/*
 * What most cells do not pass: a little above the middle one of the means of some rows, rows of zeros left out. The
 * cap lies there, or at the mean weighted by size: where cells are 0 or 1, at 1.
 */
static void set_cap(
    const fc_filter *f, const fc_fft_tiling *t, fc_fft_bounds *b, const sample *samples, size_t n, double cols) {
    const double most = fc_filter_is_single(f) ? (double)FLT_MAX : DBL_MAX,
                 free = most / (cols * (double)t->high * (double)(t->rows * t->cols + 1));
    double means[SAMPLES], peaks[SAMPLES];
    size_t found = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        const double mean = samples[i].sizes / (double)n;
        if (!(mean > 0) || !isfinite(mean))
            continue;
        insert(means, found, mean);
        insert(peaks, found, fmin(fmax(samples[i].squares / samples[i].sizes, SAMPLED * mean), HIGHEST_CAP * mean));
        found++;
    }
    b->typical = b->spread = found ? fmin(SAMPLED * means[found / 2], free) : free;
    b->mean = found ? means[found / 2] : INFINITY;
    b->cap = found ? fmin(peaks[found / 2], free) : free;
}

/*
 * The middle of the cells, where they are rather alike: the transform is of what they are beside it. Whole where they
 * are whole numbers. 0 where much of the block holds no cells.
 */
static double middle_of(const fc_filter *f, const sample *samples, size_t n, double share) {
    sample all = {.whole = 1};
    for (size_t i = 0; i < SAMPLES; i++) {
        all.sum += samples[i].sum;
        all.squares += samples[i].squares;
        all.whole &= samples[i].whole;
    }
    const double count = (double)(SAMPLES * n), mean = all.sum / count, square = mean * mean;
    if (fc_filter_is_complex(f->work) || !(2 * square >= all.squares / count) || !isfinite(square) || share < FULL)
        return 0;
    const double middle = all.whole ? rint(mean) : mean;
    return fc_filter_is_single(f) ? (double)(float)middle : middle;
}

/* Products of numbers with those `lag` behind them. */
static double sum_products(const sample *samples, size_t lag) {
    double sums[FC_SUM_CHAINS] = {0};
    for (size_t i = 0; i < SAMPLES; i++)
        for (size_t k = 0; k < SAMPLED_COLS; k += FC_SUM_CHAINS)
            for (size_t c = 0; c < FC_SUM_CHAINS; c++)
                sums[c] += samples[i].numbers[k + c] * samples[i].numbers[k + c + lag];
    return fc_sum_chains(sums);
}

/* Of samples of n numbers, from which it takes the middle off. */
static double coherence_of(const fc_filter *f, sample *samples, size_t n, double middle) {
    const size_t step = 1 + (size_t)fc_filter_is_complex(f->work);
    double most = 0;
    for (size_t i = 0; i < SAMPLES; i++)
        for (size_t k = 0; k < n; k++)
            samples[i].numbers[k] -= middle;
    for (size_t lag = 1; lag <= FC_FFT_LAGS; lag++)
        most = fmax(most, fabs(sum_products(samples, lag * step)));
    return fc_fft_coherence(most, sum_products(samples, 0), SAMPLES * n);
}

/* Sets what some of the cells inside the image tell, cells being `share` of the block's. */
static void look_at_some(const fc_filter *f, const fc_fft_tiling *t, fc_fft_bounds *b, const void *const *rows,
    const fc_rect *inside, double share) {
    const size_t parts = 1 + (size_t)fc_filter_is_complex(f->work), cols = (size_t)inside->cols * parts,
                 first = (size_t)inside->col * parts, n = fc_least(cols, SAMPLED_COLS);
    sample samples[SAMPLES];
    double spreads[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++) {
        const unsigned char *row = rows[(size_t)inside->row + (2 * i + 1) * (size_t)inside->rows / (2 * SAMPLES)];
        take_sample(f, row + (first + (cols - n) * i / SAMPLES) * part_of(f), n, &samples[i]);
    }
    set_cap(f, t, b, samples, n, (double)cols);
    b->middle = middle_of(f, samples, n, share);
    if (b->middle != 0) {
        for (size_t i = 0; i < SAMPLES; i++)
            insert(spreads, i, spread_of(&samples[i], n, b->middle));
        b->spread = fmin(spreads[SAMPLES / 2], b->typical);
    }
    if (t->waves)
        b->coherence = coherence_of(f, samples, n, b->middle);
}

#define ARE_WHOLE(T, ANY, SHIFT)                           \
    {                                                      \
        const ANY *x = row;                                \
        int other = 0;                                     \
        for (size_t i = 0; i < cols; i++)                  \
            other |= (x[i] + (T)SHIFT) - (T)SHIFT != x[i]; \
        return !other;                                     \
    }

/* Adding a number whose last digit is a unit rounds to a whole one. */
static int are_whole(const fc_filter *f, const void *row, size_t cols) {
    if (fc_filter_is_single(f))
        ARE_WHOLE(float, fc_any_float, 0x1.8p23)
    ARE_WHOLE(double, fc_any_double, 0x1.8p52)
}
#undef ARE_WHOLE

static void prefetch(const unsigned char *row, size_t bytes) {
    enum { LINE = 64 };
    for (size_t at = 0; at < bytes; at += LINE)
        __builtin_prefetch(row + at);
}

void fc_fft_survey(const fc_filter *f, const fc_fft_tiling *t, fc_fft_bounds *b, const void *const *rows, size_t count,
    size_t col, size_t cols, const fc_rect *inside, int may_be_whole, double share) {
    const size_t numbers = cols << fc_filter_is_complex(f->work), part = part_of(f);
    if (!b->looked && inside->rows && inside->cols) {
        look_at_some(f, t, b, rows, inside, share);
        b->looked = 1;
    }
    /* An image that no cache holds is asked for ahead, a tile at a time. */
    for (size_t u = 0, row = 0, many; row < count; u++, row += many) {
        many = f->streams ? fc_least(t->high, count - row) : count;
        for (size_t r = row + AHEAD; f->streams && r < fc_least(row + AHEAD + many, count); r++)
            prefetch(rows[r], numbers * part);
        kernels_of(f)->tiles(&(fc_fft_tiles){.rows = rows + row,
            .n_rows = many,
            .n_cols = numbers,
            .high = t->high,
            .width = t->wide,
            .cap = b->cap,
            .sums = b->tiles + (u * t->pitch + col / t->cells) * part,
            .pitch = t->pitch});
    }
    for (size_t row = 0; may_be_whole && b->whole && row < count; row++)
        b->whole = are_whole(f, rows[row], numbers);
}

/*
 * The least sums of n rows of windows, over `high` rows of tiles each, `step` rows from one to the next, to lots from
 * row `to` on.
 */
static double sum_rows(const fc_filter *f, const fc_fft_tiling *t, const fc_fft_bounds *b, const void *const *rows,
    size_t n, size_t high, size_t step, size_t cols, size_t to) {
    return kernels_of(f)->windows(&(fc_fft_windows){.rows = rows,
        .n_rows = n,
        .n_cols = fc_parts(cols, t->cells),
        .high = high,
        .wide = t->cols,
        .row_step = step,
        .step = 1,
        .cap = INFINITY,
        .temp = b->temp,
        .lot = t->lot / t->cells,
        .of_lots = b->of_lots + to * t->lots,
        .lots = t->lots});
}

/* Of n rows of windows, `many` of them together: by the rows of tiles that all of them hold. */
static double sum_together(const fc_filter *f, const fc_fft_tiling *t, const fc_fft_bounds *b, const void *const *rows,
    size_t n, size_t many, size_t cols) {
    const size_t whole = n / many, rest = n % many, row = t->lots * sizeof *b->of_lots;
    double least = INFINITY;
    if (rest) {
        const size_t last = whole * many;
        least = sum_rows(f, t, b, rows + last + rest - 1, 1, t->rows + 1 - rest, 1, cols, last);
        for (size_t i = 1; i < rest; i++)
            memcpy(b->of_lots + (last + i) * t->lots, b->of_lots + last * t->lots, row);
    }
    if (whole)
        least = fmin(least, sum_rows(f, t, b, rows + many - 1, whole, t->rows + 1 - many, many, cols, 0));
    for (size_t u = whole; u-- > 0;) /* the last first, as they make room for those before */
        for (size_t i = many; i-- > 0;)
            if (u || i)
                memcpy(b->of_lots + (u * many + i) * t->lots, b->of_lots + u * t->lots, row);
    return least;
}

void fc_fft_sum_windows(const fc_filter *f, const fc_fft_tiling *t, fc_fft_bounds *b, const void **tile_rows,
    size_t rows, size_t cols, int together) {
    const size_t n = fc_parts(rows, t->high);
    b->rough = together && t->together > 1;
    b->least = 0;
    if (!t->rows || !t->cols) {
        memset(b->of_lots, 0, t->light_bytes * sizeof *b->of_lots);
        return;
    }
    for (size_t u = 0; u < n + t->rows - 1; u++)
        tile_rows[u] = b->tiles + ((u + t->first_row) * t->pitch + t->first_col) * part_of(f);
    b->least = b->rough ? sum_together(f, t, b, tile_rows, n, t->together, cols)
                        : sum_rows(f, t, b, tile_rows, n, t->rows, 1, cols, 0);
}

/* The least of n numbers, none of them NaN. */
#define LEAST(T)                                                             \
    T least = (T)INFINITY;                                                   \
    for (size_t i = 0; i < n; i++)                                           \
        least = ((const T *)sums)[i] < least ? ((const T *)sums)[i] : least; \
    return (double)least;
static double least_f32(const void *sums, size_t n) { LEAST(float) }
static double least_f64(const void *sums, size_t n) { LEAST(double) }
#undef LEAST

static double least_of(const fc_filter *f, const void *sums, size_t n) {
    return (fc_filter_is_single(f) ? least_f32 : least_f64)(sums, n);
}

size_t fc_fft_find_light(const fc_fft_tiling *t, const fc_fft_bounds *b, size_t rows, size_t cols, double enough) {
    const size_t lots = fc_parts(cols, t->lot);
    size_t found = 0;
    for (size_t u = 0; u < fc_parts(rows, t->high); u++)
        for (size_t at = u * t->lots; at < u * t->lots + lots; at++)
            found += b->light[at] = !(b->of_lots[at] >= enough);
    return found;
}

/* Unmarks those of lots [first, end) of `count` rows of tiles from u on whose outputs weigh enough by the coarse
 * kernel. */
static void clear_lots(const fc_filter *f, const fc_fft_tiling *t, const fc_fft_bounds *b, size_t u, size_t count,
    size_t first, size_t end, size_t n_cols, const fc_fft_coarse *coarse, double weight) {
    const size_t tiles = t->lot / t->cells, part = part_of(f), v = first * tiles;
    const void *rows[MOST_TILE_ROWS + WEIGHED_ROWS];
    double sums[WEIGHED_ROWS * FC_FFT_LOT];
    for (size_t a = 0; a < t->rows + count - 1; a++)
        rows[a] = b->tiles + ((u + a + t->first_row) * t->pitch + v + t->first_col) * part;
    kernels_of(f)->weigh(&(fc_fft_weigh){.rows = rows,
        .sizes = coarse->sizes,
        .places = coarse->places,
        .n_taps = coarse->count,
        .n_rows = count,
        .enough = weight,
        .sums = sums});
    for (size_t r = 0; r < count; r++)
        for (size_t lot = first; lot < end; lot++) {
            const size_t at = (lot - first) * tiles, n = fc_least(tiles, n_cols - lot * tiles);
            const void *own = (const unsigned char *)sums + (r * FC_FFT_LOT + at) * part;
            if (least_of(f, own, n) >= weight)
                b->light[(u + r) * t->lots + lot] = 0;
        }
}

void fc_fft_clear_light(const fc_filter *f, const fc_fft_tiling *t, const fc_fft_bounds *b, size_t rows, size_t cols,
    const fc_fft_coarse *coarse, double weight) {
    const size_t tiles = t->lot / t->cells, n_cols = fc_parts(cols, t->cells), lots = fc_parts(n_cols, tiles),
                 together = FC_FFT_LOT / tiles, n_rows = fc_parts(rows, t->high);
    /* No more than this is what most tiles give. */
    if (coarse->sum * b->typical * (double)(t->high * t->wide) < weight)
        return;
    for (size_t u = 0; u < n_rows; u += WEIGHED_ROWS)
        for (size_t lot = 0; lot < lots; lot += together) {
            const size_t end = fc_least(lot + together, lots);
            size_t first = n_rows, last = 0;
            for (size_t row = u; row < fc_least(u + WEIGHED_ROWS, n_rows); row++)
                if (memchr(b->light + row * t->lots + lot, 1, end - lot)) {
                    first = fc_least(first, row);
                    last = row;
                }
            if (first <= last)
                clear_lots(f, t, b, first, last + 1 - first, lot, end, n_cols, coarse, weight);
        }
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

double fc_fft_coherence(double most, double squares, size_t count) {
    static const double NOISE = 4;
    if (!(squares > 0) || !isfinite(squares))
        return 1;
    return sqrt(fmin(fmax(most / squares - NOISE / sqrt((double)count), 0), 1));
}

/*
 * The roundings of a wave or a slope are alike along it, and add up where the kernel is a wave as well. Measured on
 * pairs of waves, slopes, bells and checkers, 60 x 60 to 260 x 260: up to 0.6 times the root mean square times the
 * taps' sizes.
 */
double fc_fft_wave_error(int is_complex, const fc_fft_taps *taps, double share, double cells, const double *energy) {
    static const double WAVE = 2;
    /* Energies may have overflown. */
    return share > 0 ? WAVE * share * (is_complex ? 1 : M_SQRT1_2) * sqrt(energy[0]) / cells * taps->sum : 0;
}

double fc_fft_likely_error(const fc_fft_taps *taps, const fc_fft_bounds *b) {
    const double sums = b->middle == 0 ? fmax(taps->norm, fabs(taps->total)) : taps->norm;
    return (b->middle == 0 ? b->spread / SAMPLED : b->spread) * (FORTH * taps->norm + BACK * sums);
}
