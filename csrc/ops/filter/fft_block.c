/* SPDX-License-Identifier: MIT */
/*
 * One task: two blocks of real cells, or one of complex ones. Every output keeps within PROMISE roundings of |image|
 * * |kernel|: what the transform's error may be is held against what the windows hold. Whole numbers are rounded to
 * such; cells that stand out are taken out; a block of float32 with many outputs that are too light is transformed in
 * double; the rest of these are summed directly.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/caller.h"
#include "ops/filter/fft_job.h"

/* Of 32 eps: what is left to a transform alone, and to one whose sums products are added to. */
static const double PROMISE = 30, PROMISE_ADDED = 20;
/* Products added to a sum, each of which may lose half an eps of it: to one that is 0, and to one of a transform. */
enum { MOST_ALONE = 60, MOST_ADDED = 20 };
static const double SURE = 0.25;    /* errors below which sums of whole numbers are rounded; a half would do */
static const double STANDS_OUT = 8; /* times what most cells do not pass */
static const double PEAKED = 2;     /* over the same: the root mean square of blocks where some may */
/* The larger error of such blocks; and where one tap stands out as well, so that errors add up and are no noise. */
static const double FLAT = 0.95; /* taps of one size, over their norm: the larger error as well */
static const double PEAKED_ERROR = 1.25, PEAKED_TWICE = 4;
/* every so many columns of lots tell whether a block is worth a transform in float */
enum { SAMPLED_LOTS = 8 };

static int has_two(const fc_fft_job *j, const fc_fft_blocks *b) { return j->sides == 2 && b->rect[1].rows; }

/* About how far most cells of both sides are from the middle at most. */
static double least_spread(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b) {
    return has_two(j, b) ? fmin(s->bounds[0].spread, s->bounds[1].spread) : s->bounds[0].spread;
}

/*
 * Times the spectrum; the error that sums have then, over the eps of the promise; and the root mean square of the
 * cells.
 */
static double multiply(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, double *mean) {
    double energy[2] = {0, 0};
    const fc_fft_rows rows = {j->cut.rows, j->cut.cols, j->row_twiddles, s->block, j->spectrum, s->scratch, 0,
        j->cut.rows / j->fft->lanes, energy};
    j->fft->filter(&rows);
    *mean = sqrt(energy[0]) / ((double)j->cut.rows * (double)j->cut.cols);
    const int stands_out = 2 * j->sizes->most > j->sizes->norm, is_complex = fc_filter_is_complex(j->f->work);
    const int is_peaked = *mean > PEAKED * least_spread(j, s, b);
    const double taps = (double)j->f->k_h * (double)j->f->k_w, cells = (double)j->cut.rows * (double)j->cut.cols;
    const double peaked = is_peaked && stands_out                         ? PEAKED_TWICE
        : is_peaked || j->sizes->sum > FLAT * j->sizes->norm * sqrt(taps) ? PEAKED_ERROR
                                                                          : 1;
    const double share = fmax(s->bounds[0].coherence, has_two(j, b) ? s->bounds[1].coherence : 0);
    const double wave = fc_fft_wave_error(is_complex, j->sizes, share, cells, energy);
    /* A sum that is shifted again was rounded where it lay by how far it is shifted. */
    const double shifts = fc_fft_at_edge(j, b, 0) || fc_fft_at_edge(j, b, 1) ? j->edges.shift : fabs(j->sizes->total),
                 shifted = shifts * fmax(fabs(fc_fft_middle(s, b, 0)), fabs(fc_fft_middle(s, b, 1)));
    const double error = wave + peaked * fc_fft_error(j->part == sizeof(double), is_complex, j->sizes, cells, energy),
                 crest = j->squares_bytes ? fc_fft_crest(j->narrow, &j->cut, s->of_rows, s->of_cols) : 1;
    return j->ratio * (shifted + crest * error);
}

/* To the nearest whole number; adding 0 makes a negative zero of it positive. */
static void round_sums(const fc_filter *f, unsigned char *sums, ptrdiff_t rows, ptrdiff_t cols) {
    for (ptrdiff_t r = 0; r < rows; r++)
        for (ptrdiff_t c = 0; c < cols; c++) {
            void *at = sums + (size_t)(r * FC_FFT_GROUP + c) * f->number;
            if (f->work == FC_F32)
                *(float *)at = rintf(*(float *)at) + 0.0f;
            else
                *(double *)at = rint(*(double *)at) + 0.0;
        }
}

/* Sums in double, as float where they lie; a row holds a multiple of MANY. */
static void narrow(const fc_filter *f, unsigned char *sums, size_t rows) {
    enum { MANY = 32 };
    const size_t count = rows * FC_FFT_GROUP << fc_filter_is_complex(f->work);
    for (size_t at = 0; at < count; at += MANY) {
        double wide[MANY];
        float narrow[MANY];
        memcpy(wide, sums + at * sizeof *wide, sizeof wide);
        for (size_t i = 0; i < MANY; i++)
            narrow[i] = (float)wide[i];
        memcpy(sums + at * sizeof *narrow, narrow, sizeof narrow);
    }
}

/* How sums are finished: they are whole numbers, or of no cell but those taken. */
typedef struct finish {
    int whole, empty;
} finish;

/*
 * What the middle that was taken off adds to a group of columns of sums: times all taps; at an edge, times those that
 * meet the image where no window reaches over it above or below.
 */
#define TIMES(T)                   \
    for (size_t c = 0; c < n; c++) \
        ((T *)s->shift[side])[c] = (T)(middle * taps[c]);
static void add_middle(
    const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, size_t side, size_t group, ptrdiff_t cols) {
    const double middle = fc_fft_middle(s, b, side);
    const size_t n = fc_least(FC_FFT_GROUP, j->cut.cols - group);
    double taps[FC_FFT_GROUP] = {0};
    if (middle != 0 && fc_fft_at_edge(j, b, side))
        fc_fft_edge_sums(j->f, &j->edges, FC_FFT_INSIDE, b->rect[side].col + (ptrdiff_t)group, (size_t)cols, taps);
    else
        for (size_t c = 0; c < n; c++)
            taps[c] = j->sizes->total;
    if (j->part == sizeof(double)) {
        TIMES(double)
    } else {
        TIMES(float)
    }
}
#undef TIMES

/* Adds the middle times `taps` to n sums that were shifted by `shift`, in its place. */
#define SHIFT_AGAIN(T, ANY)        \
    for (size_t c = 0; c < n; c++) \
        ((ANY *)sums)[c] = (T)((double)((const ANY *)sums)[c] + (middle * taps[c] - (double)((const T *)shift)[c]));
static void shift_again(
    const fc_fft_job *j, double middle, const double *taps, size_t n, const void *shift, void *sums) {
    if (j->part == sizeof(double)) {
        SHIFT_AGAIN(double, fc_any_double)
    } else {
        SHIFT_AGAIN(float, fc_any_float)
    }
}
#undef SHIFT_AGAIN

/* The outputs of a group of a side whose windows reach over the edge above or below, in s->rows. */
static void correct_edges(
    const fc_fft_job *j, const fc_fft_space *s, const fc_rect *out, size_t side, size_t group, ptrdiff_t cols) {
    const ptrdiff_t below = j->f->out_h - (ptrdiff_t)j->edges.below;
    for (ptrdiff_t r = 0; r < out->rows; r++) {
        const ptrdiff_t row = out->row + r;
        double taps[FC_FFT_GROUP];
        if (row >= (ptrdiff_t)j->edges.above && row < below)
            continue;
        fc_fft_edge_sums(j->f, &j->edges, row, out->col + (ptrdiff_t)group, (size_t)cols, taps);
        shift_again(j, s->bounds[side].middle, taps, (size_t)cols, s->shift[side], (void *)(uintptr_t)s->rows[side][r]);
    }
}

/* What is done to a group of sums of a side before it is stored. */
static void store_group(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, size_t side, size_t col,
    ptrdiff_t cols, const finish *how) {
    const fc_filter *f = j->f;
    const fc_rect *out = &b->rect[side];
    if (how->empty)
        memset(s->cells[side], 0, (size_t)out->rows * FC_FFT_GROUP * f->number);
    else if (j->wide)
        narrow(f, s->cells[side], (size_t)out->rows);
    if (s->taken->count && !*s->turned) {
        fc_fft_turn_taps(f, s->backwards);
        *s->turned = 1;
    }
    fc_fft_add_cells(f, s->taken, s->backwards, side, out->rows, (ptrdiff_t)col, cols, s->cells[side]);
    if (how->whole)
        round_sums(f, s->cells[side], out->rows, cols);
    fc_filter_store(
        f, (fc_rect){out->row, out->col + (ptrdiff_t)col, out->rows, cols}, b->channel, s->cells[side], FC_FFT_GROUP);
}

/* Transforms back, unless all cells were taken, and stores; 0 where sums are not finite. */
static int store(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, const finish *how) {
    const fc_filter *f = j->f;
    const ptrdiff_t most = fc_max(b->rect[0].cols, b->rect[1].cols);
    const int staged = s->taken->count || how->whole || how->empty || j->wide || b->channel >= 0;
    int finite = 1;
    for (size_t col = 0; (ptrdiff_t)col < most; col += FC_FFT_GROUP) {
        ptrdiff_t cols[2] = {0, 0};
        int placed[2] = {0, 0};
        for (size_t side = 0; side < j->sides; side++) {
            const fc_rect *out = &b->rect[side];
            cols[side] = fc_fft_group(out->cols, col);
            unsigned char *place = staged ? NULL : fc_filter_place(f, out->row, out->col + (ptrdiff_t)col);
            const size_t pitch = place ? (size_t)f->out_w * f->number : FC_FFT_GROUP * j->cell;
            placed[side] = place != NULL;
            for (ptrdiff_t r = 0; r < out->rows; r++)
                s->rows[side][r] = (place ? place : s->cells[side]) + (size_t)r * pitch;
            add_middle(j, s, b, side, col, cols[side]);
        }
        fc_fft_columns columns = fc_fft_columns_of(j, s, col, cols);
        columns.re_rows = (size_t)b->rect[0].rows;
        columns.im_rows = (size_t)b->rect[1].rows;
        columns.strips = fc_least(columns.strips, fc_parts((size_t)fc_max(cols[0], cols[1]), j->fft->lanes));
        if (!how->empty)
            finite &= j->fft->inverse(&columns);
        for (size_t side = 0; side < j->sides; side++) {
            if (cols[side] && !how->empty && fc_fft_at_edge(j, b, side) && s->bounds[side].middle != 0)
                correct_edges(j, s, &b->rect[side], side, col, cols[side]);
            if (!placed[side] && cols[side] && b->rect[side].rows)
                store_group(j, s, b, side, col, cols[side], how);
        }
    }
    return finite;
}

static fc_fft_end run_direct(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b) {
    for (size_t side = 0; side < j->sides; side++) {
        const fc_rect *out = &b->rect[side];
        for (ptrdiff_t row = 0; row < out->rows && !fc_interrupted(); row += FC_FFT_DIRECT_ROWS)
            for (ptrdiff_t col = 0; col < out->cols; col += FC_FFT_GROUP) {
                const fc_rect rect = {out->row + row, out->col + col, fc_min(FC_FFT_DIRECT_ROWS, out->rows - row),
                    fc_min(FC_FFT_GROUP, out->cols - col)};
                fc_filter_direct(j->f, j->taps, rect, b->channel, s->block);
            }
    }
    return FC_FFT_SUMMED;
}

/* What a transform as it is does not serve. */
static fc_fft_end leave(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b) {
    return j->ends && !j->sums_left ? FC_FFT_LEFT : run_direct(j, s, b);
}

/* Numbers of both blocks beyond the limit. */
static size_t count_out(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, double limit) {
    size_t found = 0;
    for (size_t side = 0; side < j->sides; side++)
        for (size_t col = 0; col < j->cut.cols; col += FC_FFT_GROUP) {
            const ptrdiff_t cols = fc_fft_source(j, s, b, side, col);
            for (size_t row = 0; cols && row < fc_fft_source_rows(j, b, side); row++)
                found += fc_fft_count_out(j->f, s->rows[side][row], (size_t)cols, limit);
        }
    return found;
}

/* How many cells may be taken: for each, its products take about 4 cycles a vector of taps, and a call a row. */
static double most_taken(const fc_fft_job *j) {
    const double cell = (double)j->f->k_h * (16 + 4 * (double)j->f->k_w / (double)j->fft->lanes);
    return fmin(FC_FFT_FEW, j->cut.cycles / (double)(j->cut.tasks + 1) / cell);
}

/* A window of each block holds nothing: so may nearly all of it. */
static int nearly_empty(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b) {
    for (size_t side = 0; side < j->sides; side++)
        if (b->rect[side].rows && s->bounds[side].least > 0)
            return 0;
    return (double)count_out(j, s, b, 0) <= most_taken(j);
}

/* Whether some cells stand out, not too many; sets the limit. */
static int some_stand_out(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, double mean) {
    const double most = fc_filter_is_single(j->f) ? (double)FLT_MAX : DBL_MAX;
    double typical = s->bounds[0].typical;
    if (has_two(j, b))
        typical = fmax(typical, s->bounds[1].typical);
    s->taken->limit = fmin(STANDS_OUT * typical, most);
    if (mean < PEAKED * typical)
        return 0;
    const size_t found = count_out(j, s, b, s->taken->limit);
    if (found && (double)found <= most_taken(j))
        return 1;
    s->taken->limit = most;
    return !isfinite(mean);
}

/* Whether few enough cells that were taken meet in a window. */
static int are_apart(const fc_fft_job *j, const fc_fft_space *s, size_t most) {
    return s->taken->count <= most || fc_fft_most_together(s->taken, j->f->k_h, j->f->k_w) <= most;
}

/* Transforms all cells again, none taken. */
static int leave_in(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b) {
    s->taken->count = 0;
    s->taken->limit = fc_filter_is_single(j->f) ? (double)FLT_MAX : DBL_MAX;
    return fc_fft_load(j, s, b, s->taken);
}

static int all_whole(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b) {
    for (size_t side = 0; side < j->sides; side++)
        if (b->rect[side].rows && !s->bounds[side].whole)
            return 0;
    return j->sizes->whole;
}

/* What outputs are likely to have to weigh at least. */
static double likely_weight(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b) {
    const double first = fc_fft_likely_error(j->sizes, &s->bounds[0]);
    return j->ratio * (has_two(j, b) ? fmin(first, fc_fft_likely_error(j->sizes, &s->bounds[1])) : first) / PROMISE;
}

/* Whether the transform would leave too many outputs too light. */
static int leaves_many(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b) {
    const double weight = likely_weight(j, s, b);
    return !fc_fft_heavy(j, s, b, weight) && !fc_fft_find_lots(j, s, b, weight, j->mended_share, SAMPLED_LOTS);
}

/* Stores, and mends what is too light, where that is a few lots; sums all of them directly where sums are not finite.
 */
static fc_fft_end store_mended(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, double weight) {
    const int again = !s->taken->count;
    if (!fc_fft_find_lots(j, s, b, weight, again ? j->mended_share : FC_FFT_MENDED_SHARE, 1))
        return again ? leave(j, s, b) : run_direct(j, s, b);
    if (!store(j, s, b, &(finish){0}))
        return run_direct(j, s, b);
    fc_fft_mend(j, s, b, weight);
    return FC_FFT_DONE;
}

fc_fft_end fc_fft_look(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b) {
    for (size_t side = 0; side < j->sides; side++) {
        for (size_t col = 0; col < j->cut.cols; col += FC_FFT_GROUP)
            fc_fft_survey_group(j, s, b, side, col, fc_fft_source(j, s, b, side, col));
        fc_fft_sum_side(j, s, b, side, 1);
    }
    const double weight = likely_weight(j, s, b);
    if (all_whole(j, s, b) || nearly_empty(j, s, b) || fc_fft_heavy(j, s, b, weight) ||
        fc_fft_most_clear(j, s, b, weight))
        return FC_FFT_DONE;
    return leaves_many(j, s, b) ? FC_FFT_LEFT : FC_FFT_SUMMED;
}

static fc_fft_end store_all(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, const finish *how) {
    return store(j, s, b, how) ? FC_FFT_DONE : run_direct(j, s, b);
}

/* Of all cells other than 0, products alone. */
static fc_fft_end run_taken(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b) {
    s->bounds[0].middle = s->bounds[1].middle = 0;
    return fc_fft_take_all(j, s, b) && are_apart(j, s, MOST_ALONE) ? store_all(j, s, b, &(finish){.empty = 1})
                                                                   : run_direct(j, s, b);
}

fc_fft_end fc_fft_run_blocks(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b) {
    const double eps = fc_filter_is_single(j->f) ? (double)FLT_EPSILON / 2 : DBL_EPSILON / 2;
    s->taken->count = 0;
    s->taken->limit = 0;
    const int finite = fc_fft_load(j, s, b, NULL), empty = !j->wide && nearly_empty(j, s, b);
    if (fc_interrupted())
        return FC_FFT_DONE;
    if (empty)
        return run_taken(j, s, b);
    if (j->ends && finite && !all_whole(j, s, b) && leaves_many(j, s, b))
        return leave(j, s, b);
    double mean = INFINITY, error = finite ? multiply(j, s, b, &mean) : INFINITY;
    if (fc_interrupted())
        return FC_FFT_DONE;
    if (all_whole(j, s, b) && error * eps <= SURE)
        return store_all(j, s, b, &(finish){.whole = 1});
    if (fc_fft_heavy(j, s, b, error / PROMISE))
        return store_all(j, s, b, &(finish){0});
    if (!j->wide && some_stand_out(j, s, b, mean)) {
        if (!fc_fft_load(j, s, b, s->taken) || (!are_apart(j, s, MOST_ADDED) && !(finite && leave_in(j, s, b))))
            return run_direct(j, s, b);
        error = multiply(j, s, b, &mean) * PROMISE / PROMISE_ADDED;
    } else if (!j->wide && !finite)
        return run_direct(j, s, b);
    if (!(error <= DBL_MAX))
        return s->taken->count ? run_direct(j, s, b) : leave(j, s, b);
    return store_mended(j, s, b, error / PROMISE);
}
