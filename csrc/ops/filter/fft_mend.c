/* SPDX-License-Identifier: MIT */
/*
 * Outputs whose windows may weigh too little (|image| * |kernel|) for the error of their block's transform. A closer look at the block clears
 * most, then the largest taps times their cells, added up until they are enough; what is left is summed directly.
 */
#include <math.h>
#include <string.h>

#include "ops/filter/fft_job.h"

static const double CAPS[] = {2, 0.125};    /* of closer looks, over that of the first: the latter for what lies in the shadow */

enum { CLEARED_SHARE = 16 };                /* of the lots: where no more than one of so many is left, that was the last look */

enum { FIRST_TAPS = 128 };                   /* that a worker looks for, as long as they are enough */

/* What the plain sums of a side have to be, for cells of its kind to weigh at least `weight`. */
static double plain_sum(const fc_fft_job *j, const fc_fft_bounds *bounds, double weight) {
    /* A complex number is at least 1 / sqrt 2 of the sum of its parts, and no more than sqrt 2 of the cap counts. */
    const double turn = fc_filter_is_complex(j->f->work) ? M_SQRT2 : 1;
    return 1.001 * turn * fc_fft_plain_sum(j->sizes, turn * bounds->cap, weight);
}

static int side_heavy(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, size_t side, double weight) {
    return !b->rect[side].rows || s->bounds[side].least >= plain_sum(j, &s->bounds[side], weight);
}

int fc_fft_heavy(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, double weight) {
    return side_heavy(j, s, b, 0, weight) && (j->sides == 1 || side_heavy(j, s, b, 1, weight));
}

static void survey_all(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, size_t side) {
    const fc_rect *out = &b->rect[side];
    for (size_t col = 0; (ptrdiff_t)col < out->cols + j->f->k_w - 1; col += FC_FFT_GROUP) {
        const ptrdiff_t cols = fc_fft_source(j, s, b, side, col);
        fc_fft_survey(j->f, &j->fine, &s->bounds[side], s->rows[side], fc_fft_source_rows(j, b, side), col, (size_t)cols, FC_FFT_ALL);
    }
    fc_fft_sum_windows(j->f, &j->fine, &s->bounds[side], (size_t)out->rows, (size_t)out->cols);
}

/* Marks and counts the light lots of a side by the sums that are there. */
static size_t find_light(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, const fc_fft_tiling *t, size_t side, double weight, int again) {
    const fc_fft_bounds *bounds = &s->bounds[side];
    if (!again)
        memset(bounds->light, 0, j->fine.light_bytes);
    if (!b->rect[side].rows || (!again && side_heavy(j, s, b, side, weight)))
        return 0;
    return fc_fft_find_light(j->f, t, bounds, (size_t)b->rect[side].rows, (size_t)b->rect[side].cols, plain_sum(j, bounds, weight), again);
}

static size_t count_lots(const fc_fft_job *j, const fc_fft_blocks *b, const fc_fft_tiling *t) {
    size_t all = 0;
    for (size_t side = 0; side < j->sides; side++)
        all += fc_parts((size_t)b->rect[side].rows, t->high) * fc_parts((size_t)b->rect[side].cols, FC_FFT_LOT);
    return all;
}

size_t fc_fft_look_closer(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, double weight, size_t *all, const fc_fft_tiling **tiling) {
    const double caps[2] = {s->bounds[0].cap, s->bounds[1].cap};
    size_t found = 0;
    *tiling = &j->tiling;
    *all = count_lots(j, b, *tiling);
    for (size_t side = 0; side < j->sides; side++)
        found += find_light(j, s, b, *tiling, side, weight, 0);
    for (size_t look = 0; look < sizeof CAPS / sizeof *CAPS && found > *all / CLEARED_SHARE; look++) {
        found = 0;
        for (size_t side = 0; side < j->sides; side++) {
            s->bounds[side].cap = caps[side] * CAPS[look];
            if (b->rect[side].rows)
                survey_all(j, s, b, side);
            found += find_light(j, s, b, &j->fine, side, weight, look > 0);
        }
        *tiling = &j->fine;
        *all = count_lots(j, b, *tiling);
    }
    return found;
}

/* The least size of n sums, of which a complex one is at least as large as the larger of its parts. */
static double least_size(const fc_filter *f, const unsigned char *sums, ptrdiff_t n) {
    const int is_complex = fc_filter_is_complex(f->work);
    double least = INFINITY;
    for (ptrdiff_t i = 0; i < n; i++) {
        double size = 0;
        for (ptrdiff_t part = i << is_complex; part < (i + 1) << is_complex; part++)
            size = fmax(size, fabs(f->work == FC_F32 || f->work == FC_C64 ? (double)((const float *)sums)[part] : ((const double *)sums)[part]));
        least = fmin(least, size);
    }
    return least;
}

size_t fc_fft_clear(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, const fc_fft_tiling *tiling, size_t side, size_t col, ptrdiff_t cols,
                    double weight) {
    const ptrdiff_t rows = b->rect[side].rows;
    size_t left = 0;
    for (size_t u = 0; u < fc_parts((size_t)rows, tiling->high); u++)
        for (ptrdiff_t c = 0; c < cols; c += FC_FFT_LOT) {
            unsigned char *light = s->bounds[side].light + u * tiling->lots + (col + (size_t)c) / FC_FFT_LOT;
            double least = INFINITY;
            if (!*light)
                continue;
            for (ptrdiff_t r = (ptrdiff_t)(u * tiling->high); r < fc_min((ptrdiff_t)((u + 1) * tiling->high), rows); r++)
                least = fmin(least, least_size(j->f, s->cells[side] + (size_t)(r * FC_FFT_GROUP + c) * j->f->number, fc_min(FC_FFT_LOT, cols - c)));
            *light = !(least >= 1.001 * weight);
            left += *light;
        }
    return left;
}

/* Of a row of outputs: none is lighter, those that are have nothing but zeros in their windows (0 in *sums), or some are not so. */
typedef enum verdict { HEAVY, EMPTY, LIGHT } verdict;
typedef union sums { float narrow[FC_FFT_LOT]; double wide[FC_FFT_LOT]; } sums;

static double sum_of(const fc_filter *f, const sums *s, ptrdiff_t c) { return f->work == FC_F32 ? (double)s->narrow[c] : s->wide[c]; }

/* s->rows[side] + row are the rows of the windows' cells. */
static verdict weigh(const fc_fft_job *j, const fc_fft_space *s, size_t side, ptrdiff_t row, ptrdiff_t cols, double weight, sums *sums) {
    const fc_filter *f = j->f;
    const fc_fft *kernels = f->work == FC_F32 ? &f->kernels->fft_f32 : &f->kernels->fft_f64;
    verdict found = HEAVY;
    if (fc_filter_is_complex(f->work))
        return LIGHT;
    const size_t all = (size_t)(f->k_h * f->k_w);
    for (size_t least = *s->sorted ? *s->sorted : FIRST_TAPS; ; least = all) {
        if (*s->sorted < least && *s->sorted < all)
            *s->sorted = fc_fft_sort_taps(f, j->sizes, least, s->places, s->sizes);
        kernels->weigh(&(fc_fft_weigh){.rows = s->rows[side] + row, .sizes = s->sizes, .places = s->places, .n_taps = *s->sorted,
                                       .enough = 1.001 * weight, .sums = sums});
        double lightest = INFINITY;
        for (ptrdiff_t c = 0; c < cols; c++)
            lightest = fmin(lightest, sum_of(f, sums, c));
        if (lightest >= weight || *s->sorted == all)
            break;
    }
    for (ptrdiff_t c = 0; c < cols; c++)
        if (sum_of(f, sums, c) < weight && sum_of(f, sums, c) > 0)
            return LIGHT;
        else if (sum_of(f, sums, c) == 0)
            found = EMPTY;
    return found;
}

static int all_zero(const fc_filter *f, const void *const *rows, size_t count, size_t cols) {
    for (size_t r = 0; r < count; r++)
        if (fc_fft_count_out(f, rows[r], cols, 0))
            return 0;
    return 1;
}

/* A lot whose windows hold nothing but zeros, else those of its rows that are too light. */
static void mend_lot(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, size_t side, fc_rect lot, double weight) {
    static const unsigned char zero[16];
    const fc_filter *f = j->f;
    const fc_rect cells = {b->rect[side].row + lot.row + f->top, b->rect[side].col + lot.col + f->left, lot.rows + f->k_h - 1, FC_FFT_LOT + f->k_w - 1};
    const fc_rect there = {b->rect[side].row + lot.row, b->rect[side].col + lot.col, lot.rows, lot.cols};
    fc_filter_source(f, cells, b->channel, s->rows[side], s->stage[side]);
    if (all_zero(f, s->rows[side], (size_t)cells.rows, (size_t)(lot.cols + f->k_w - 1))) {
        memset(s->cells[side], 0, (size_t)(lot.rows * FC_FFT_LOT) * f->number);
        fc_filter_store(f, there, b->channel, s->cells[side], FC_FFT_LOT);
        return;
    }
    ptrdiff_t light = 0;    /* rows before this one that are summed together */
    for (ptrdiff_t row = 0; row <= lot.rows; row++) {
        sums sums;
        const verdict found = row < lot.rows ? weigh(j, s, side, row, lot.cols, weight, &sums) : HEAVY;
        if (found == LIGHT) {
            light++;
            continue;
        }
        if (light)
            fc_filter_direct(f, j->taps, (fc_rect){there.row + row - light, there.col, light, lot.cols}, b->channel, s->block);
        light = 0;
        for (ptrdiff_t c = 0; found == EMPTY && c < lot.cols; c++)
            if (sum_of(f, &sums, c) == 0)
                fc_filter_store(f, (fc_rect){there.row + row, there.col + c, 1, 1}, b->channel, zero, 1);
    }
}

void fc_fft_mend(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, const fc_fft_tiling *tiling, double weight) {
    const ptrdiff_t high = (ptrdiff_t)tiling->high;
    for (size_t side = 0; side < j->sides; side++) {
        const fc_rect *out = &b->rect[side];
        for (ptrdiff_t row = 0; row < out->rows; row += high)
            for (ptrdiff_t col = 0; col < out->cols; col += FC_FFT_LOT)
                if (s->bounds[side].light[(size_t)(row / high) * tiling->lots + (size_t)(col / FC_FFT_LOT)])
                    mend_lot(j, s, b, side, (fc_rect){row, col, fc_min(high, out->rows - row), fc_min(FC_FFT_LOT, out->cols - col)}, weight);
    }
}
