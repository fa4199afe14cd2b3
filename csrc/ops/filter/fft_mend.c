/* SPDX-License-Identifier: MIT */
/*
 * Outputs whose windows may weigh too little (|image| * |kernel|) for the error of their block's transform. The
 * largest taps times their cells, added up until they are enough, clear most; what is left is summed directly.
 */
#include <math.h>
#include <string.h>

#include "ops/filter/fft_job.h"

/* The largest ones, which tell of most windows that they are heavy: at least so many, or one of so many. */
enum { FIRST_TAPS = 128, FIRST_SHARE = 16 };
static const double ROUNDED = 1.001; /* what sums may lose */

/* Marks of lots: none of their windows is too light, some are, or nothing but zeros is in them. */
enum { HEAVY, LIGHT, EMPTY };

/* What the plain sums of a side have to be, for cells of its kind to weigh at least `weight`. */
static double plain_sum(const fc_fft_job *j, const fc_fft_bounds *bounds, double weight) {
    /* A complex number is at least 1 / sqrt 2 of the sum of its parts, and no more than sqrt 2 of the cap counts. */
    const double turn = fc_filter_is_complex(j->f->work) ? M_SQRT2 : 1;
    return ROUNDED * turn * fc_fft_plain_sum(j->sizes, turn * bounds->cap, weight);
}

static int side_heavy(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, size_t side, double weight) {
    return !b->rect[side].rows || s->bounds[side].least >= plain_sum(j, &s->bounds[side], weight);
}

int fc_fft_heavy(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, double weight) {
    return side_heavy(j, s, b, 0, weight) && (j->sides == 1 || side_heavy(j, s, b, 1, weight));
}

/* Sums of up to ROWS rows of FC_FFT_LOT outputs. */
enum { ROWS = 6 };
enum { TOGETHER = 32 }; /* rows of outputs whose plain sums are found together; no tile is higher */
typedef union lot_sums {
    float narrow[ROWS * FC_FFT_LOT];
    double wide[ROWS * FC_FFT_LOT];
} lot_sums;

/* Gives both parts of each complex number the larger sum of the two; the least of them. */
#define JOIN_PARTS(T, fmax_)                             \
    T *all = (T *)sums, least = all[0] + all[1];         \
    for (size_t i = 0; i < n; i += 2) {                  \
        all[i] = all[i + 1] = fmax_(all[i], all[i + 1]); \
        if (all[i] < least)                              \
            least = all[i];                              \
    }                                                    \
    return (double)least;

static double join_parts_f32(void *sums, size_t n) { JOIN_PARTS(float, fmaxf) }
static double join_parts_f64(void *sums, size_t n) { JOIN_PARTS(double, fmax) }
#undef JOIN_PARTS

/*
 * What the windows of rows of outputs weigh by `many` of the largest taps, or by as many as it takes for `enough`;
 * rows are those of their cells. Complex cells weigh as much as the larger of their parts. Returns the least.
 */
static double weigh(const fc_fft_job *j, const fc_fft_space *s, const void **rows, size_t count, size_t many,
    double enough, lot_sums *to) {
    const fc_filter *f = j->f;
    const fc_fft *kernels = fc_filter_is_single(f) ? &f->kernels->fft_f32 : &f->kernels->fft_f64;
    const double least = kernels->weigh(&(fc_fft_weigh){.rows = rows,
        .sizes = s->sizes,
        .places = s->places,
        .n_taps = many,
        .n_rows = count,
        .enough = enough,
        .sums = to});
    if (!fc_filter_is_complex(f->work))
        return least;
    return (fc_filter_is_single(f) ? join_parts_f32 : join_parts_f64)(to, count * FC_FFT_LOT);
}

/*
 * Of the first `cols` outputs of `count` rows: whether some weigh something, but less, and whether some weigh
 * nothing.
 */
typedef struct verdict {
    int light, empty;
} verdict;

#define JUDGE(T)                                                 \
    for (ptrdiff_t r = 0; r < count; r++)                        \
        for (ptrdiff_t c = 0; c < numbers; c += step) {          \
            const T sum = ((const T *)sums)[r * FC_FFT_LOT + c]; \
            found.light |= !(sum >= (T)weight) && sum != 0;      \
            found.empty |= sum == 0;                             \
        }

static verdict judge(const fc_filter *f, const void *sums, ptrdiff_t count, ptrdiff_t cols, double weight) {
    const ptrdiff_t step = fc_filter_is_complex(f->work) ? 2 : 1, numbers = cols * step;
    verdict found = {0, 0};
    if (fc_filter_is_single(f)) {
        JUDGE(float)
    } else {
        JUDGE(double)
    }
    return found;
}
#undef JUDGE

/* Sorts at least so many of the taps, or all; how many there are. */
static size_t sort_taps(const fc_fft_job *j, const fc_fft_space *s, size_t least) {
    const size_t all = (size_t)(j->f->k_h * j->f->k_w);
    if (*s->sorted < least && *s->sorted < all)
        *s->sorted = fc_fft_sort_taps(j->f, j->sizes, least, s->places, s->sizes);
    return *s->sorted;
}

static int all_zero(const fc_filter *f, const void *const *rows, size_t count, size_t cols) {
    for (size_t r = 0; r < count; r++)
        if (fc_fft_count_out(f, rows[r], cols, 0))
            return 0;
    return 1;
}

static ptrdiff_t lot_cols(const fc_fft_job *j) { return (ptrdiff_t)j->tiling.lot; }

/*
 * The cells of all windows of a column of lots, next to each other: rows that are a power of two apart would meet in
 * a few sets of L1. Their copies take the place of the sums.
 */
static void source_lots(
    const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, size_t side, ptrdiff_t col) {
    enum { LINE = 64 };
    const fc_filter *f = j->f;
    const fc_rect *out = &b->rect[side];
    const fc_rect cells = {
        out->row + f->top, out->col + col + f->left, out->rows + f->k_h - 1, lot_cols(j) + f->k_w - 1};
    const size_t bytes = (size_t)cells.cols * f->number, pitch = (bytes + LINE - 1) / LINE * LINE | LINE;
    fc_filter_source(f, cells, b->channel, s->rows[side], s->stage[side]);
    for (size_t r = 0; pitch <= FC_FFT_GROUP * j->cell && r < (size_t)cells.rows; r++)
        s->rows[side][r] = memcpy(s->cells[side] + r * pitch, s->rows[side][r], bytes);
}

static size_t first_taps(const fc_fft_job *j) {
    const size_t share = (size_t)(j->f->k_h * j->f->k_w) / FIRST_SHARE;
    return share > FIRST_TAPS ? share : FIRST_TAPS;
}

/* The mark of a lot by the largest taps. */
static int mark_of(const fc_fft_job *j, const fc_fft_space *s, size_t side, fc_rect lot, double weight) {
    const void **rows = s->rows[side] + lot.row;
    const size_t first = first_taps(j), taps = fc_least(sort_taps(j, s, first), first);
    for (ptrdiff_t row = 0, count; row < lot.rows; row += count) {
        lot_sums sums;
        count = fc_min(ROWS, lot.rows - row);
        if (weigh(j, s, rows + row, (size_t)count, taps, ROUNDED * weight, &sums) >= ROUNDED * weight)
            continue;
        const verdict found = judge(j->f, &sums, count, lot.cols, ROUNDED * weight);
        if (found.empty && all_zero(j->f, rows, (size_t)(lot.rows + j->f->k_h - 1), (size_t)(lot.cols + j->f->k_w - 1)))
            return EMPTY;
        if (found.light || found.empty)
            return LIGHT;
    }
    return HEAVY;
}

static size_t count_lots(const fc_fft_job *j, const fc_fft_blocks *b) {
    size_t all = 0;
    for (size_t side = 0; side < j->sides; side++)
        all += fc_parts((size_t)b->rect[side].rows, j->tiling.high) *
            fc_parts((size_t)b->rect[side].cols, j->tiling.lot);
    return all;
}

/* The lot of outputs at (row, col) of a block. */
static fc_rect lot_at(const fc_fft_job *j, const fc_rect *out, ptrdiff_t row, ptrdiff_t col) {
    return (fc_rect){
        row, col, fc_min((ptrdiff_t)j->tiling.high, out->rows - row), fc_min(lot_cols(j), out->cols - col)};
}

static unsigned char *light_at(const fc_fft_job *j, const fc_fft_space *s, size_t side, ptrdiff_t row, ptrdiff_t col) {
    return s->bounds[side].light + (size_t)row / j->tiling.high * j->tiling.lots + (size_t)col / j->tiling.lot;
}

/* Whether a lot of a column of them is marked, or of all columns. */
static int any_marked(
    const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, size_t side, size_t first, size_t columns) {
    const unsigned char *light = s->bounds[side].light + first;
    int any = 0;
    for (size_t u = 0; u < fc_parts((size_t)b->rect[side].rows, j->tiling.high); u++, light += j->tiling.lots)
        for (size_t i = 0; i < columns; i++)
            any |= light[i];
    return any;
}

/* The least plain sum of the windows of each of `count` rows of outputs of a column of lots. */
static void sum_cells(
    const fc_fft_job *j, const fc_fft_space *s, size_t side, ptrdiff_t row, ptrdiff_t count, double *least) {
    const fc_filter *f = j->f;
    const fc_fft_bounds *bounds = &s->bounds[side];
    const fc_fft *kernels = fc_filter_is_single(f) ? &f->kernels->fft_f32 : &f->kernels->fft_f64;
    kernels->windows(&(fc_fft_windows){.rows = s->rows[side] + row,
        .n_rows = (size_t)count,
        .n_cols = FC_FFT_LOT,
        .high = (size_t)f->k_h,
        .wide = (size_t)f->k_w,
        .row_step = 1,
        .step = fc_filter_is_complex(f->work) ? 2 : 1,
        .cap = bounds->cap,
        .temp = bounds->temp,
        .lot = FC_FFT_LOT,
        .of_lots = least,
        .lots = 1});
}

/* The rows of marked lots from `row` on, as many as are looked at together. */
static ptrdiff_t count_marked(
    const fc_fft_job *j, const fc_fft_space *s, const fc_rect *out, size_t side, ptrdiff_t row, ptrdiff_t col) {
    ptrdiff_t end = row;
    do
        end = fc_min(end + (ptrdiff_t)j->tiling.high, out->rows);
    while (end < out->rows && end + (ptrdiff_t)j->tiling.high <= row + TOGETHER && *light_at(j, s, side, end, col));
    return end - row;
}

static double least_of(const double *numbers, ptrdiff_t n) {
    double least = numbers[0];
    for (ptrdiff_t i = 1; i < n; i++)
        least = fmin(least, numbers[i]);
    return least;
}

/*
 * Whether `count` rows of outputs of a column of lots are, by their plain sums, where these are known, or by the
 * largest taps: of many rows at once, they cost less than of one lot.
 */
static int run_is_heavy(const fc_fft_job *j, const fc_fft_space *s, size_t side, ptrdiff_t row, ptrdiff_t count,
    double weight, const double *plain_sums, double plain) {
    if (plain_sums && least_of(plain_sums, count) >= plain)
        return 1;
    const size_t first = first_taps(j), taps = fc_least(sort_taps(j, s, first), first);
    for (ptrdiff_t r = 0; r < count; r += ROWS) {
        lot_sums sums;
        const size_t rows = (size_t)fc_min(ROWS, count - r);
        if (!(weigh(j, s, s->rows[side] + row + r, rows, taps, ROUNDED * weight, &sums) >= ROUNDED * weight))
            return 0;
    }
    return 1;
}

/* Unmarks the lots of a column that are heavy; how many are light then. `plain`: the plain sum that is enough. */
static size_t clear_column(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, size_t side,
    ptrdiff_t col, double weight, double plain) {
    const fc_rect *out = &b->rect[side];
    const ptrdiff_t high = (ptrdiff_t)j->tiling.high;
    /* Not all windows of such cells have a plain sum of more than their mean. */
    const int may_do = plain <= s->bounds[side].mean * (double)j->f->k_h * (double)j->f->k_w;
    size_t found = 0;
    source_lots(j, s, b, side, col);
    for (ptrdiff_t row = 0, count; row < out->rows; row += count) {
        double least[TOGETHER];
        count = fc_min(high, out->rows - row);
        if (!*light_at(j, s, side, row, col))
            continue;
        count = count_marked(j, s, out, side, row, col);
        if (may_do)
            sum_cells(j, s, side, row, count, least);
        const int all = run_is_heavy(j, s, side, row, count, weight, may_do ? least : NULL, plain);
        for (ptrdiff_t r = 0; r < count; r += high) {
            const int heavy = all || (may_do && least_of(least + r, fc_min(high, count - r)) >= plain);
            const int mark = heavy ? HEAVY : mark_of(j, s, side, lot_at(j, out, row + r, col), weight);
            *light_at(j, s, side, row + r, col) = (unsigned char)mark;
            found += mark == LIGHT;
        }
    }
    return found;
}

/* Marks the lots of a side that the plain sums of tiles leave in doubt; how many. */
static size_t find_light(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, size_t side, double plain) {
    enum { FEW = 8 }; /* one of so many lots, up to which it does not pay to find the sums of each row of windows */
    const size_t rows = (size_t)b->rect[side].rows, cols = (size_t)b->rect[side].cols,
                 lots = fc_parts(rows, j->tiling.high) * fc_parts(cols, j->tiling.lot);
    fc_fft_bounds *bounds = &s->bounds[side];
    const size_t found = fc_fft_find_light(&j->tiling, bounds, rows, cols, plain);
    if (!bounds->rough || found <= lots / FEW)
        return found;
    fc_fft_sum_side(j, s, b, side, 0);
    return fc_fft_find_light(&j->tiling, bounds, rows, cols, plain);
}

/*
 * Marks the lots of a side that the plain sums of tiles leave in doubt, and of more than `few` of them those that a
 * coarse kernel does as well; the plain sum that is enough, 0 where no more than `few` are marked.
 */
static double mark_lots(
    const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, size_t side, double weight, size_t few) {
    const fc_fft_bounds *bounds = &s->bounds[side];
    memset(bounds->light, HEAVY, j->tiling.light_bytes);
    if (side_heavy(j, s, b, side, weight))
        return 0;
    const double plain = plain_sum(j, bounds, weight);
    /* A complex number is at least 1 / sqrt 2 of the sum of its parts. */
    const double turn = fc_filter_is_complex(j->f->work) ? M_SQRT2 : 1;
    if (find_light(j, s, b, side, plain) <= few)
        return 0;
    fc_fft_clear_light(j->f, &j->tiling, bounds, (size_t)b->rect[side].rows, (size_t)b->rect[side].cols, &j->coarse,
        ROUNDED * turn * weight);
    return plain;
}

int fc_fft_find_lots(
    const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, double weight, size_t share, size_t step) {
    const size_t most = count_lots(j, b) / share / step;
    size_t found = 0;
    for (size_t side = 0; side < j->sides; side++) {
        const fc_rect *out = &b->rect[side];
        /* No more may be found in some columns, then. */
        const double plain = mark_lots(j, s, b, side, weight, step > 1 ? most / 2 : 0);
        for (ptrdiff_t col = 0; plain && col < out->cols; col += (ptrdiff_t)step * lot_cols(j)) {
            if (any_marked(j, s, b, side, (size_t)col / j->tiling.lot, 1))
                found += clear_column(j, s, b, side, col, weight, plain);
            if (found > most)
                return 0;
        }
    }
    return 1;
}

int fc_fft_most_clear(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, double weight) {
    size_t marked = 0;
    for (size_t side = 0; side < j->sides; side++) {
        mark_lots(j, s, b, side, weight, 0);
        for (size_t i = 0; i < j->tiling.light_bytes; i++)
            marked += s->bounds[side].light[i] != HEAVY;
    }
    return 2 * marked <= count_lots(j, b);
}

static void store_zeros(const fc_fft_job *j, const fc_fft_blocks *b, fc_rect there) {
    fc_filter_store(j->f, there, b->channel, j->zeros, 0);
}

static void store_empty(const fc_fft_job *j, const fc_fft_blocks *b, fc_rect row, const lot_sums *sums) {
    const size_t step = fc_filter_is_complex(j->f->work) ? 2 : 1;
    for (ptrdiff_t c = 0; c < row.cols; c++) {
        const size_t at = (size_t)c * step;
        if ((fc_filter_is_single(j->f) ? (double)sums->narrow[at] : sums->wide[at]) == 0)
            store_zeros(j, b, (fc_rect){row.row, row.col + c, 1, 1});
    }
}

/* Of a row of a lot, by all taps; sums tell which windows hold nothing. Small kernels are not asked twice. */
static verdict judge_row(const fc_fft_job *j, const fc_fft_space *s, size_t side, ptrdiff_t row, ptrdiff_t cols,
    double weight, lot_sums *sums) {
    const size_t all = (size_t)(j->f->k_h * j->f->k_w);
    if (all <= 2 * FIRST_TAPS)
        return (verdict){1, 0};
    weigh(j, s, s->rows[side] + row, 1, sort_taps(j, s, all), ROUNDED * weight, sums);
    return judge(j->f, sums, 1, cols, ROUNDED * weight);
}

/* The rows of a lot that are too light. */
static void mend_lot(
    const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, size_t side, fc_rect lot, double weight) {
    const fc_rect there = {b->rect[side].row + lot.row, b->rect[side].col + lot.col, lot.rows, lot.cols};
    ptrdiff_t light = 0; /* rows before this one that are summed together */
    for (ptrdiff_t row = 0; row <= lot.rows; row++) {
        lot_sums sums;
        verdict found = {0, 0};
        if (row < lot.rows)
            found = judge_row(j, s, side, lot.row + row, lot.cols, weight, &sums);
        if (found.light) {
            light++;
            continue;
        }
        if (light)
            fc_filter_direct(
                j->f, j->taps, (fc_rect){there.row + row - light, there.col, light, lot.cols}, b->channel, s->block);
        light = 0;
        if (found.empty)
            store_empty(j, b, (fc_rect){there.row + row, there.col, 1, lot.cols}, &sums);
    }
}

void fc_fft_mend(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, double weight) {
    for (size_t side = 0; side < j->sides; side++) {
        const fc_rect *out = &b->rect[side];
        if (!any_marked(j, s, b, side, 0, j->tiling.lots))
            continue;
        for (ptrdiff_t col = 0; col < out->cols; col += lot_cols(j)) {
            int sourced = 0;
            for (ptrdiff_t row = 0; row < out->rows; row += (ptrdiff_t)j->tiling.high) {
                const int mark = *light_at(j, s, side, row, col);
                const fc_rect lot = lot_at(j, out, row, col);
                if (mark == LIGHT && !sourced)
                    source_lots(j, s, b, side, col);
                sourced |= mark == LIGHT;
                if (mark == EMPTY)
                    store_zeros(j, b, (fc_rect){out->row + row, out->col + col, lot.rows, lot.cols});
                else if (mark == LIGHT)
                    mend_lot(j, s, b, side, lot, weight);
            }
        }
    }
}
