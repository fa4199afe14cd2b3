/* SPDX-License-Identifier: MIT */
/*
 * Images of 8 and 16 bits under a number times a column and a row of integers, as Gaussians of small sizes, boxes,
 * Sobel's and Scharr's derivatives are: a row of outputs at a time, sums down the columns into a line, continued over
 * its ends as the border says, sums along the line, rounded as they are stored. The line stays in L1. Sums are
 * integers, so that each result is the exact one, rounded once. Of wide boxes, sums are taken from their neighbours.
 */
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/fixed_taps.h"

enum {
    TASKS = 16,
    TASK_NUMBERS = 1 << 13, /* of a task at least */
    WIDEST = 1 << 16        /* numbers of a row, whose line and windows stay in L2 */
};

typedef struct job {
    const fc_filter *f;
    const fc_fixed_plan *plan;
    fc_fixed_columns_fn *columns;
    fc_fixed_rows_fn *rows;
    fc_fixed_windows_fn *windows;
    ptrdiff_t band;
    ptrdiff_t before, behind; /* pixels of the line before the image's first and behind its last */
    const ptrdiff_t *outside; /* for these, the pixel of the image that is there; not for FC_FILL */
    size_t numbers, number;   /* of a row of the image; bytes of one of the line */
    size_t rows_bytes, cells_bytes, line_bytes, windows_bytes, result_bytes, worker_bytes;
    unsigned char *scratch;
} job;

typedef struct space {
    const void **rows;
    unsigned char *cells, *line; /* a row outside the image; from the first pixel outside */
    int32_t *windows, *temp;
    unsigned char *result;
} space;

static space space_of(const job *j, size_t worker) {
    unsigned char *p = j->scratch + worker * j->worker_bytes;
    space s = {.rows = (const void **)p};
    s.cells = p += j->rows_bytes;
    s.line = p += j->cells_bytes;
    s.windows = (int32_t *)(p += j->line_bytes);
    s.temp = (int32_t *)(p += j->windows_bytes);
    s.result = p + j->windows_bytes;
    return s;
}

static const void *source(const job *j, const space *s, ptrdiff_t y) {
    const ptrdiff_t at = fc_filter_folded(y, j->f->h, j->f->boundary);
    return at < 0 ? s->cells : (const unsigned char *)j->f->image + (size_t)at * j->numbers * j->f->image_number;
}

static void fill_cells(const job *j, const space *s) {
    const uint16_t cell = (uint16_t)j->plan->value;
    if (j->f->image_type == FC_U8)
        memset(s->cells, cell, j->numbers);
    else
        for (size_t i = 0; i < j->numbers; i++)
            ((uint16_t *)s->cells)[i] = cell;
}

/* One more row of the sums of equal taps, and one less unless they begin. */
static void slide(const job *j, const space *s, ptrdiff_t enter, ptrdiff_t leave, int leaves, void *sums) {
    const void *in = source(j, s, enter), *out = leaves ? source(j, s, leave) : NULL;
    const fc_kernels *kernels = j->f->kernels;
    if (j->f->image_type == FC_U8)
        kernels->slide_columns(in, out, sums, j->numbers);
    else
        (j->f->image_type == FC_U16 ? kernels->fixed_slide_u16 : kernels->fixed_slide_i16)(in, out, sums, j->numbers);
}

/* The sums down the columns for a row of outputs. */
static void sum_columns(const job *j, const space *s, ptrdiff_t row, int first, void *sums) {
    const fc_filter *f = j->f;
    const fc_fixed_axis *column = &j->plan->column;
    const ptrdiff_t top = row + f->top;
    if (!column->slides) {
        for (ptrdiff_t i = 0; i < f->k_h; i++)
            s->rows[i] = source(j, s, top + i);
        j->columns(&(fc_fixed_columns){{column->taps, column->k, column->symmetry}, s->rows, sums, j->numbers});
        return;
    }
    if (first) {
        memset(sums, 0, j->numbers * j->number);
        for (ptrdiff_t i = 0; i < f->k_h - 1; i++)
            slide(j, s, top + i, 0, 0, sums);
    }
    slide(j, s, top + f->k_h - 1, top - 1, !first, sums);
}

/* The line's ends: sums of its middle, or of the fill value. */
#define CONTINUE(T)                                                                                \
    T *const line = (T *)s->line, *const middle = line + before, *const end = middle + j->numbers; \
    for (size_t i = 0; fills && i < before; i++)                                                   \
        line[i] = (T)fill;                                                                         \
    for (size_t i = 0; fills && i < behind; i++)                                                   \
        end[i] = (T)fill;                                                                          \
    for (size_t i = 0; !fills && i < before; i += channels, outside++)                             \
        for (size_t c = 0; c < channels; c++)                                                      \
            line[i + c] = middle[(size_t)*outside * channels + c];                                 \
    for (size_t i = 0; !fills && i < behind; i += channels, outside++)                             \
        for (size_t c = 0; c < channels; c++)                                                      \
            end[i + c] = middle[(size_t)*outside * channels + c];
static void continue_line(const job *j, const space *s) {
    const size_t channels = (size_t)j->f->channels, before = (size_t)j->before * channels,
                 behind = (size_t)j->behind * channels;
    const int fills = j->f->boundary == FC_FILL;
    const int32_t fill = (int32_t)(j->plan->value * j->plan->column.sum);
    const ptrdiff_t *outside = j->outside;
    if (j->number == sizeof(int16_t)) {
        CONTINUE(int16_t)
    } else {
        CONTINUE(int32_t)
    }
}
#undef CONTINUE

static void sum_rows(const job *j, const space *s, void *out) {
    static const int32_t one = 1;
    const fc_fixed_axis *row = &j->plan->row;
    const size_t step = (size_t)j->f->channels;
    if (!row->slides) {
        j->rows(&(fc_fixed_rows){{row->taps, row->k, row->symmetry}, s->line, step, j->plan->finish, out, j->numbers});
        return;
    }
    j->windows(&(fc_fixed_windows){s->line, row->k, step, s->temp, s->windows, j->numbers});
    j->f->kernels->fixed_rows_i32(&(fc_fixed_rows){{&one, 1, 1}, s->windows, 1, j->plan->finish, out, j->numbers});
}

static void run_task(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const fc_filter *f = j->f;
    const space s = space_of(j, worker);
    const size_t bytes = j->numbers * f->out_number;
    const ptrdiff_t first = (ptrdiff_t)task * j->band, end = fc_min(first + j->band, f->h);
    if (f->boundary == FC_FILL)
        fill_cells(j, &s);
    for (ptrdiff_t row = first; row < end; row++) {
        unsigned char *out = (unsigned char *)f->out + (size_t)row * bytes;
        sum_columns(j, &s, row, row == first, s.line + (size_t)j->before * (size_t)f->channels * j->number);
        continue_line(j, &s);
        sum_rows(j, &s, f->streams ? s.result : out);
        if (f->streams)
            f->kernels->stream(out, s.result, bytes);
    }
    fc_filter_stored(f);
}

static void find_kernels(job *j) {
    const fc_kernels *kernels = j->f->kernels;
    const fc_dtype image = j->f->image_type;
    j->columns = image == FC_U8 ? kernels->fixed_columns_u8
        : image == FC_U16       ? kernels->fixed_columns_u16
                                : kernels->fixed_columns_i16;
    j->rows = j->plan->narrow ? kernels->fixed_rows_narrow
        : image == FC_U8      ? kernels->fixed_rows_i16
                              : kernels->fixed_rows_i32;
    j->windows = image == FC_U8 ? kernels->fixed_windows_i16 : kernels->fixed_windows_i32;
    j->number = image == FC_U8 ? sizeof(int16_t) : sizeof(int32_t);
}

/* Rows of a task: as many as a window's at least, whose first sums it adds up. */
static ptrdiff_t band_of(const job *j) {
    const size_t all = (size_t)j->f->h * j->numbers;
    ptrdiff_t tasks = (ptrdiff_t)fc_least(fc_parts(all, TASK_NUMBERS), TASKS);
    while (j->plan->column.slides && tasks > 1 && j->f->h / tasks < j->f->k_h)
        tasks /= 2;
    return fc_ceil_div(j->f->h, tasks);
}

static fc_status run_rows(job *j) {
    const fc_filter *f = j->f;
    const size_t pixel = (size_t)f->channels, ends = (size_t)(f->k_w - 1),
                 table = fc_align_up((ends + 1) * sizeof(ptrdiff_t));
    const size_t tasks = (size_t)fc_ceil_div(f->h, j->band);
    const size_t workers = fc_parallel_workers(
        tasks, (double)(f->k_h + f->k_w + 8) * (double)f->h * (double)j->numbers / (j->plan->narrow ? 4 : 2));
    j->rows_bytes = fc_align_up((size_t)f->k_h * sizeof(void *));
    j->cells_bytes = fc_align_up(j->numbers * f->image_number);
    j->line_bytes = fc_align_up((j->numbers + (ends + 1) * pixel + FC_FIXED_PAD) * j->number);
    j->windows_bytes = j->plan->row.slides ? fc_align_up((j->numbers + FC_FIXED_PAD) * sizeof(int32_t)) : 0;
    j->result_bytes = f->streams ? fc_align_up(j->numbers * f->out_number) : 0;
    j->worker_bytes = j->rows_bytes + j->cells_bytes + j->line_bytes + 2 * j->windows_bytes + j->result_bytes;
    unsigned char *memory = fc_scratch_alloc(table + workers * j->worker_bytes);
    if (!memory)
        return FC_OUT_OF_MEMORY;
    ptrdiff_t *outside = (ptrdiff_t *)memory;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)ends; i++)
        outside[i] = fc_filter_folded(i < j->before ? i - j->before : f->w + i - j->before, f->w, f->boundary);
    j->outside = outside;
    j->scratch = memory + table;
    fc_parallel_for(tasks, workers, run_task, j);
    fc_scratch_free(memory);
    return FC_OK;
}

static int fits(const fc_filter *f) { return f->channels <= WIDEST && f->w <= WIDEST / f->channels; }

static fc_status run(const fc_filter *f, const fc_filter_taps *known) {
    job j = {.f = f, .plan = known->fixed, .before = -f->left, .behind = f->k_w - 1 + f->left};
    j.numbers = (size_t)(f->w * f->channels);
    find_kernels(&j);
    j.band = band_of(&j);
    return run_rows(&j);
}

/* Cycles of one core for a vector of 32-bit sums: by tap, or from other sums, and what rounding takes. */
static double cycles(const fc_filter *f, const fc_filter_taps *known) {
    const fc_fixed_plan *plan = known->fixed;
    if (!plan || !fits(f))
        return -1;
    const double lanes = fc_filter_lanes(f) * (double)f->number / sizeof(float),
                 down = plan->column.slides ? 2 : 0.8 * (double)f->k_h,
                 along = plan->row.slides ? 8 : 0.8 * (double)f->k_w;
    const double vectors = (double)(f->h * f->channels) * (double)f->w / lanes;
    return vectors * (plan->narrow ? 0.5 : 1) * (down + along + 3);
}

const fc_filter_algorithm fc_filter_by_fixed_point = {"fixed_point", cycles, run};
