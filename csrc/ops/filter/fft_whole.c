/* SPDX-License-Identifier: MIT */
/*
 * One transform of the whole image. Its cells lie at the block's first ones, zeros behind them, and so many of these
 * that windows which begin before the image read them round the block. The kernel is turned round the block by as much
 * as the first window lies outside, so that results begin at the block's first row and column.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/caller.h"
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/fft_whole_job.h"

static const size_t MOST_BYTES = (size_t)1 << 30; /* of all workers */
static const double SURE = 0.25;                  /* errors below which sums of whole numbers are rounded */
/* Of the error, where cells rise or fall over the image, up to twice that in waves, or one tap stands out: it adds up
 * then and is no noise. */
static const double SLANTED = 1.25, PEAKED_TAP = 4;
enum { SPREAD = 33 };                /* rows or columns of taps, from which errors are as measured */
static const double ROUNDED = 1.001; /* what sums of sizes may lose */

fc_fft_whole_space fc_fft_whole_space_of(const fc_fft_whole *j, size_t worker) {
    unsigned char *at = j->spaces + worker * j->space_bytes;
    fc_fft_whole_space s = {.re = (const void **)at, .im = (const void **)(at + j->pointers_bytes)};
    s.cells = at + 2 * j->pointers_bytes;
    s.stage = s.cells + j->cells_bytes;
    s.scratch = s.stage + j->stage_bytes;
    return s;
}

fc_fft_columns fc_fft_whole_columns(const fc_fft_whole *j, const fc_fft_whole_space *s, size_t from, size_t cols) {
    const int is_complex = fc_filter_is_complex(j->f->work);
    return (fc_fft_columns){
        .rows = j->cut->rows,
        .twiddles = j->col_twiddles,
        .block = j->block + 2 * from * j->cut->rows * j->part,
        .strips = fc_least(FC_FFT_GROUP, j->cut->cols - from) / j->fft->lanes,
        .re_cols = cols,
        .im_cols = is_complex ? 0 : cols,
        .re = (void *const *)s->re,
        .im = is_complex ? NULL : (void *const *)s->im,
    };
}

static fc_fft_rows rows_of(const fc_fft_whole *j, size_t group, double *energy, void *scratch) {
    return (fc_fft_rows){
        j->cut->rows, j->cut->cols, j->row_twiddles, j->block, j->spectrum, scratch, group, group + 1, energy};
}

static void make_spectrum(void *job_, size_t group, size_t worker) {
    const fc_fft_whole *j = job_;
    const fc_fft_rows rows = rows_of(j, group, NULL, NULL);
    (void)worker;
    j->fft->spectrum(&rows);
}

static void multiply(void *job_, size_t group, size_t worker) {
    const fc_fft_whole *j = job_;
    const fc_fft_rows rows = rows_of(j, group, j->energy + 2 * group, fc_fft_whole_space_of(j, worker).scratch);
    j->energy[2 * group] = j->energy[2 * group + 1] = 0;
    j->fft->filter(&rows);
}

static size_t out_groups(const fc_fft_whole *j) { return fc_parts((size_t)j->f->out_w, FC_FFT_GROUP); }

static int any_failed(const fc_fft_whole *j) {
    int any = 0;
    for (size_t i = 0; i < j->groups; i++)
        any |= j->failed[i];
    return any;
}

/* The image times the kernel, or their sizes, on the way back. */
static void transform(fc_fft_whole *j) {
    const size_t rows = j->cut->rows / j->fft->lanes;
    fc_parallel_for(j->groups, j->workers, fc_fft_whole_load_taps, j);
    fc_parallel_for(rows, j->workers, make_spectrum, j);
    fc_parallel_for(j->groups, j->workers, fc_fft_whole_load_cells, j);
    fc_parallel_for(rows, j->workers, multiply, j);
}

/* How far the squares of the cells, or of their sizes, lie in few rows or columns. */
static double crest_of(const fc_fft_whole *j) {
    const size_t rows = j->cut->rows;
    if (!j->of_rows)
        return 1;
    for (size_t group = 1; group < j->groups; group++)
        for (size_t r = 0; r < rows; r++)
            j->of_rows[r] += j->of_rows[group * rows + r];
    return fc_fft_crest(j->narrow, j->cut, j->of_rows, j->of_cols);
}

/* What the error of sums may be, over their eps. */
static double error_of(const fc_fft_whole *j) {
    double energy[2] = {0, 0};
    for (size_t group = 0; group < j->cut->rows / j->fft->lanes; group++)
        for (size_t i = 0; i < 2; i++)
            energy[i] += j->energy[2 * group + i];
    const int stands_out = 2 * j->taps->most > j->taps->norm, is_complex = fc_filter_is_complex(j->f->work);
    const double cells = (double)j->cut->rows * (double)j->cut->cols, share = j->sizes ? 1 : j->image.coherence;
    const double error = fc_fft_error(j->part == sizeof(double), is_complex, j->taps, cells, energy);
    return crest_of(j) *
        (fc_fft_wave_error(is_complex, j->taps, share, cells, energy) +
            (stands_out ? PEAKED_TAP : SLANTED * (1 + share)) * error);
}

/* Whether the size of an output tells what it weighs. */
static int of_one_sign(const fc_fft_whole *j) {
    static const double ALL = 1 - 1e-6;
    return j->image.one_sign && fabs(j->taps->total) >= ALL * j->taps->sum;
}

/* Whether all outputs are known to be heavy enough, and right. */
static int all_done(const fc_fft_whole *j) {
    return j->whole || of_one_sign(j) || any_failed(j) || fc_fft_light_products(j->f, j->spans, out_groups(j)) == 0;
}

/* Results by the transform, spans of those too light; 0 where numbers are not finite. */
static int run_transforms(fc_fft_whole *j) {
    const double eps = fc_filter_is_single(j->f) ? (double)FLT_EPSILON / 2 : DBL_EPSILON / 2;
    transform(j);
    const double error = error_of(j);
    if (fc_interrupted() || any_failed(j) || !(error <= DBL_MAX))
        return 0;
    const double shifted = FC_FFT_WHOLE_SHIFTED * fabs(j->image.middle) * j->taps->sum;
    j->whole = j->image.whole && j->taps->whole && (error + shifted) * eps <= SURE;
    j->least = ROUNDED * error / (j->taken->count ? FC_FFT_WHOLE_PROMISE_ADDED : FC_FFT_WHOLE_PROMISE);
    fc_parallel_for(out_groups(j), j->workers, fc_fft_whole_store, j);
    if (all_done(j))
        return !any_failed(j);
    if (!fc_filter_is_complex(j->f->work))
        fc_fft_clear_plain(j);
    if (all_done(j) || fc_interrupted())
        return 1;
    j->sizes = 1;
    transform(j);
    j->least += ROUNDED * eps * error_of(j);
    fc_parallel_for(out_groups(j), j->workers, fc_fft_whole_store, j);
    return !any_failed(j);
}

/* Whether direct sums of what is light take about as many products as those of all outputs. */
static int most_are_light(const fc_fft_whole *j) {
    const fc_filter *f = j->f;
    const double all = (double)f->out_h * (double)f->out_w * (double)f->k_h * (double)f->k_w;
    return 2 * fc_fft_light_products(f, j->spans, out_groups(j)) > all;
}

static fc_status measure(fc_fft_whole *j) {
    const fc_filter *f = j->f;
    const ptrdiff_t rows = (ptrdiff_t)j->cut->rows, cols = (ptrdiff_t)j->cut->cols, part = (ptrdiff_t)j->part;
    FC_TRY(fc_multiply((ptrdiff_t[]){rows, (ptrdiff_t)sizeof(void *)}, 2, &j->pointers_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){rows, FC_FFT_GROUP, (ptrdiff_t)f->number}, 3, &j->cells_bytes));
    FC_TRY(fc_filter_stage_bytes(f, f->h, FC_FFT_GROUP, FC_ALL_CHANNELS, &j->stage_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){2, (ptrdiff_t)j->fft->lanes, cols, part}, 4, &j->scratch_bytes));
    j->pointers_bytes = fc_align_up(j->pointers_bytes);
    j->stage_bytes = fc_align_up(j->stage_bytes);
    j->scratch_bytes = fc_align_up(j->scratch_bytes);
    j->space_bytes = 2 * j->pointers_bytes + j->cells_bytes + j->stage_bytes + j->scratch_bytes;
    return FC_OK;
}

static fc_status open_job(fc_fft_whole *j) {
    const fc_filter *f = j->f;
    const size_t points = j->cut->rows * j->cut->cols, parts = fc_align_up(2 * points * j->part);
    const size_t twiddles = fc_align_up(
        2 * (j->cut->rows > j->cut->cols ? j->cut->rows : j->cut->cols) * sizeof(double));
    const size_t energy = fc_align_up(2 * j->cut->rows / j->fft->lanes * sizeof(double)),
                 failed = fc_align_up(j->groups * sizeof(int)), zeros = fc_align_up(FC_FFT_GROUP * f->number),
                 spans = fc_align_up(out_groups(j) * (size_t)f->out_h * sizeof(fc_fft_span)),
                 backwards = j->taken->count ? fc_align_up((size_t)(f->k_h * f->k_w) * f->number) : 0,
                 edges = j->image.middle != 0 ? fc_fft_edges_bytes(&j->edges) : 0;
    const size_t squares = j->narrow.rows || j->narrow.cols
        ? fc_align_up((j->groups * j->cut->rows + j->cut->cols) * sizeof(double))
        : 0;
    const size_t shared = 2 * twiddles + energy + failed + zeros + spans + backwards + edges + squares;
    FC_TRY(measure(j));
    j->workers = fc_parallel_workers(j->groups, j->cut->cycles * 2 * (double)j->fft->lanes);
    while (j->workers > 1 && j->workers * j->space_bytes > MOST_BYTES)
        j->workers--;
    j->memory = fc_scratch_alloc(shared + 2 * parts + j->workers * j->space_bytes);
    if (!j->memory)
        return FC_OUT_OF_MEMORY;
    j->row_twiddles = j->memory;
    j->col_twiddles = j->row_twiddles + twiddles;
    j->energy = (double *)(j->col_twiddles + twiddles);
    j->failed = (int *)((unsigned char *)j->energy + energy);
    j->zeros = (unsigned char *)j->failed + failed;
    j->spans = (fc_fft_span *)(j->zeros + zeros);
    j->backwards = (unsigned char *)j->spans + spans;
    if (squares) {
        j->of_rows = (double *)(j->backwards + backwards + edges);
        j->of_cols = j->of_rows + j->groups * j->cut->rows;
    }
    j->block = j->backwards + backwards + edges + squares;
    j->spectrum = j->block + parts;
    j->spaces = j->spectrum + parts;
    memset(j->failed, 0, failed + zeros + spans);
    fc_fft_twiddles(j->cut->cols, j->fft->radix, j->part == sizeof(double), (double *)j->block, j->row_twiddles);
    fc_fft_twiddles(j->cut->rows, j->fft->radix, j->part == sizeof(double), (double *)j->block, j->col_twiddles);
    if (j->taken->count)
        fc_fft_turn_taps(f, j->backwards);
    if (edges)
        fc_fft_sum_edges(f, j->backwards + backwards, &j->edges);
    return FC_OK;
}

static fc_status run(fc_fft_whole *j, int *done) {
    FC_TRY(open_job(j));
    fc_status status = FC_OK;
    *done = run_transforms(j) || fc_interrupted();
    if (*done && !j->whole && !fc_interrupted())
        status = most_are_light(j) ? fc_filter_rectangles(j->f, NULL, NULL)
                                   : fc_fft_sum_light(j->f, j->spans, out_groups(j));
    fc_scratch_free(j->memory);
    return status;
}

/* The cells that were taken, beside the middle that the transform has in their place. */
static void take_middle(const fc_fft_whole *j, fc_fft_cells *taken) {
    for (size_t i = 0; i < taken->count && !fc_filter_is_complex(j->f->work); i++) {
        float narrow;
        double wide;
        if (j->f->work == FC_F32) {
            memcpy(&narrow, taken->cells[i].value, sizeof narrow);
            narrow -= (float)j->image.middle;
            memcpy(taken->cells[i].value, &narrow, sizeof narrow);
        } else {
            memcpy(&wide, taken->cells[i].value, sizeof wide);
            wide -= j->image.middle;
            memcpy(taken->cells[i].value, &wide, sizeof wide);
        }
    }
}

fc_status fc_fft_run_whole(const fc_filter *f, const fc_fft_cut *cut, const fc_fft_taps *taps, int *done) {
    size_t stage_bytes;
    *done = 0;
    FC_TRY(fc_filter_stage_bytes(f, FC_FFT_IMAGE_ROWS, f->w, FC_ALL_CHANNELS, &stage_bytes));
    fc_fft_cells *taken = fc_scratch_alloc(fc_align_up(sizeof *taken) + stage_bytes);
    if (!taken)
        return FC_OUT_OF_MEMORY;
    fc_fft_whole j = {.f = f,
        .fft = fc_fft_kernels(f),
        .cut = cut,
        .taps = taps,
        .narrow = fc_fft_find_narrow(f, taps, SPREAD),
        .taken = taken,
        .part = f->number >> fc_filter_is_complex(f->work),
        .groups = fc_parts(cut->cols, FC_FFT_GROUP)};
    fc_status status = FC_OK;
    if (fc_fft_know_image(f, (unsigned char *)taken + fc_align_up(sizeof *taken), &j.image, taken)) {
        take_middle(&j, taken);
        fc_fft_measure_edges(f, &j.edges);
        status = run(&j, done);
    }
    fc_scratch_free(taken);
    return status;
}
