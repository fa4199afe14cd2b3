/* SPDX-License-Identifier: MIT */
/*
 * Kernels whose taps are all the same: sums of windows, along the rows and then down the columns, times the tap. A task
 * is a block of columns of a band of rows; it goes down in steps of the kernel's height, and keeps twice that many rows
 * of sums in L2. Bytes are slide.c's.
 *
 * What overflows here and not in the direct sum, where the tap comes first, is found by the result and done again.
 */
#include "core/caller.h"
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/filter.h"

enum {
    LINE_BYTES = 64,
    TASKS = 16,
    GROUP = 16,             /* rows turned at a time */
    PIECE_BYTES = 16 << 10, /* of them, turned: they stay in L1 */
    LONGEST = 1024,         /* sums of this many numbers of one sign keep to the rounding of a plain loop */
    OPERATIONS = 36         /* on a vector of sums */
};

typedef struct job {
    const fc_filter *f;
    int wide; /* double, not float */
    fc_transpose_fn *turn;
    fc_box_columns_fn *down;
    const void *taps;
    ptrdiff_t band, block, ring, piece; /* rows and columns of a task, rows of sums kept, columns summed at a time */
    size_t bands, blocks, row_bytes;
    size_t ring_bytes, pointer_bytes, line_bytes, stage_bytes, turned_bytes, temp_bytes, sums_bytes, worker_bytes;
    unsigned char *scratch;
} job;

typedef struct space {
    unsigned char *ring, *stage, *turned, *summed, *temp, *sums;
    const void **pointers, **lines;
    void *direct;
} space;

static space space_of(const job *j, size_t worker) {
    unsigned char *p = j->scratch + worker * j->worker_bytes;
    space s = {.ring = p};
    s.pointers = (const void **)(p += j->ring_bytes);
    s.lines = (const void **)(p += j->pointer_bytes);
    s.stage = p += j->line_bytes;
    s.turned = p += j->stage_bytes;
    s.summed = p += j->turned_bytes;
    s.temp = p += j->turned_bytes;
    s.sums = p += j->temp_bytes;
    s.direct = p + j->sums_bytes;
    return s;
}

static unsigned char *ring_row(const job *j, const space *s, ptrdiff_t row) {
    return s->ring + (size_t)(row % j->ring) * j->row_bytes;
}

/* Rows of `cols` + k_w - 1 pixels, summed along the row: turned so that their pixels lie below each other, summed down,
 * turned back. */
static void sum_turned(const job *j, const space *s, size_t rows, ptrdiff_t cols, unsigned char *out) {
    const fc_filter *f = j->f;
    const size_t channels = (size_t)f->channels, line = GROUP * f->number, k = (size_t)f->k_w,
                 n = (size_t)cols * channels;
    const double one_f64 = 1;
    const float one_f32 = 1;
    j->turn(s->turned, GROUP, s->pointers, rows, ((size_t)cols + k - 1) * channels);
    for (size_t c = 0; c < channels; c++)
        for (size_t at = 0, count; at < (size_t)cols; at += count) {
            count = fc_least(k, (size_t)cols - at);
            for (size_t i = 0; i < count + k - 1; i++)
                s->lines[i] = s->turned + ((at + i) * channels + c) * line;
            j->down(&(fc_box_columns){.k = k,
                .rows = s->lines,
                .n_rows = count,
                .n_cols = rows,
                .tap = j->wide ? (const void *)&one_f64 : &one_f32,
                .temp = s->temp,
                .out = s->summed + (at * channels + c) * line,
                .out_pitch = GROUP * channels});
        }
    for (size_t i = 0; i < n; i++)
        s->lines[i] = s->summed + i * line;
    j->turn(out, j->row_bytes / f->number, s->lines, n, rows);
}

/* Source rows [from, to) of the task, counted from its first, summed along the row. */
static void sum_rows(const job *j, const space *s, fc_rect task, ptrdiff_t from, ptrdiff_t to) {
    const fc_filter *f = j->f;
    const size_t pixel = (size_t)f->channels * f->number;
    for (ptrdiff_t row = from, rows; row < to; row += rows) {
        rows = fc_min(GROUP, to - row);
        for (ptrdiff_t col = 0, cols; col < task.cols; col += cols) {
            cols = fc_min(j->piece, task.cols - col);
            const fc_rect source = {task.row + f->top + row, task.col + col + f->left, rows, cols + f->k_w - 1};
            fc_filter_source(f, source, FC_ALL_CHANNELS, s->pointers, s->stage);
            sum_turned(j, s, (size_t)rows, cols, ring_row(j, s, row) + (size_t)col * pixel);
        }
    }
}

static void sum_columns(const job *j, const space *s, fc_rect task, ptrdiff_t row, ptrdiff_t n) {
    const fc_filter *f = j->f;
    const size_t numbers = (size_t)(task.cols * f->channels);
    const fc_rect rect = {task.row + row, task.col, n, task.cols};
    for (ptrdiff_t i = 0; i < n + f->k_h - 1; i++)
        s->pointers[i] = ring_row(j, s, row + i);
    j->down(&(fc_box_columns){.k = (size_t)f->k_h,
        .rows = s->pointers,
        .n_rows = (size_t)n,
        .n_cols = numbers,
        .tap = f->kernel,
        .temp = s->temp,
        .out = s->sums,
        .out_pitch = numbers});
    for (ptrdiff_t i = 0; i < n; i++)
        s->pointers[i] = s->sums + (size_t)i * numbers * f->number;
    if (fc_filter_rows_finite(f, s->pointers, (size_t)n, 0, numbers))
        fc_filter_store(f, rect, FC_ALL_CHANNELS, s->sums, numbers);
    else
        fc_filter_direct(f, j->taps, rect, FC_ALL_CHANNELS, s->direct);
}

static void run_task(void *job_, size_t index, size_t worker) {
    const job *j = job_;
    const fc_filter *f = j->f;
    const space s = space_of(j, worker);
    const ptrdiff_t row = (ptrdiff_t)(index / j->blocks) * j->band, col = (ptrdiff_t)(index % j->blocks) * j->block;
    const fc_rect task = {row, col, fc_min(j->band, f->out_h - row), fc_min(j->block, f->out_w - col)};
    const ptrdiff_t sources = task.rows + f->k_h - 1;
    for (ptrdiff_t at = 0, have = 0, n; at < task.rows && !fc_interrupted(); at += n) {
        n = fc_min(f->k_h, task.rows - at);
        const ptrdiff_t need = fc_min(fc_round_up(at + n + f->k_h - 1, GROUP), sources);
        sum_rows(j, &s, task, have, need);
        have = need;
        sum_columns(j, &s, task, at, n);
    }
    fc_filter_stored(f);
}

static fc_status cut(const fc_filter *f, job *j) {
    const ptrdiff_t pixel = (ptrdiff_t)f->number * f->channels, line = fc_max(LINE_BYTES / pixel, 1);
    const ptrdiff_t most = (ptrdiff_t)(fc_caches()->l2 / 2) / pixel / (3 * f->k_h),
                    widest = fc_max(fc_max(most, 2 * f->k_w), 16 * line);
    j->block = fc_min(fc_round_up(fc_ceil_div(f->out_w, fc_ceil_div(f->out_w, widest)), line), f->out_w);
    j->blocks = (size_t)fc_ceil_div(f->out_w, j->block);
    const ptrdiff_t bands = fc_max(TASKS / (ptrdiff_t)j->blocks, 1),
                    band = fc_max(fc_ceil_div(f->out_h, bands), 4 * f->k_h);
    j->band = fc_min(fc_round_up(band, f->k_h), f->out_h);
    j->bands = (size_t)fc_ceil_div(f->out_h, j->band);
    j->ring = fc_round_up(2 * f->k_h, GROUP) + GROUP; /* whole groups: none goes round its end */
    j->piece = fc_min(fc_max(PIECE_BYTES / (GROUP * pixel), f->k_w), j->block);
    FC_TRY(fc_multiply((ptrdiff_t[]){j->piece + f->k_w - 1, GROUP, pixel}, 3, &j->turned_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){j->piece + f->k_w - 1, f->channels, sizeof(void *)}, 3, &j->line_bytes));
    j->row_bytes = fc_align_up((size_t)(j->block * pixel)) + LINE_BYTES;
    FC_TRY(fc_multiply((ptrdiff_t[]){j->ring, (ptrdiff_t)j->row_bytes}, 2, &j->ring_bytes));
    FC_TRY(fc_filter_stage_bytes(f, GROUP, j->piece + f->k_w - 1, FC_ALL_CHANNELS, &j->stage_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){f->k_h, j->block, pixel}, 3, &j->sums_bytes));
    size_t direct_bytes;
    FC_TRY(fc_filter_direct_bytes(f, f->k_h, j->block, FC_ALL_CHANNELS, &direct_bytes));
    j->pointer_bytes = fc_align_up((size_t)j->ring * sizeof(void *));
    j->line_bytes = fc_align_up(j->line_bytes);
    j->stage_bytes = fc_align_up(j->stage_bytes);
    j->turned_bytes = fc_align_up(j->turned_bytes);
    j->temp_bytes = fc_align_up((size_t)fc_max(f->k_h, f->k_w) * FC_BOX_WIDTH * f->number);
    j->sums_bytes = fc_align_up(j->sums_bytes);
    j->worker_bytes = j->ring_bytes + j->pointer_bytes + j->line_bytes + j->stage_bytes + 2 * j->turned_bytes +
        j->temp_bytes + j->sums_bytes + fc_align_up(direct_bytes);
    return FC_OK;
}

static fc_status run(const fc_filter *f, const fc_filter_taps *known) {
    if (fc_filter_slides(f))
        return fc_filter_slide(f);
    const int wide = f->work == FC_F64;
    job j = {.f = f,
        .wide = wide,
        .turn = wide ? f->kernels->transpose_b64 : f->kernels->transpose_b32,
        .down = wide ? f->kernels->box_columns_f64 : f->kernels->box_columns_f32};
    (void)known;
    FC_TRY(cut(f, &j));
    const size_t tasks = j.bands * j.blocks, taps_bytes = fc_align_up((size_t)(f->k_h * f->k_w) * f->number);
    const size_t workers = fc_parallel_workers(
        tasks, 2 * OPERATIONS * (double)(f->out_h * f->channels) * (double)f->out_w);
    size_t scratch_bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)workers, (ptrdiff_t)j.worker_bytes}, 2, &scratch_bytes));
    unsigned char *memory = fc_scratch_alloc(taps_bytes + scratch_bytes);
    if (!memory)
        return FC_OUT_OF_MEMORY;
    fc_filter_pack_taps(f, f->kernel, (size_t)f->k_w, (size_t)f->k_h, (size_t)f->k_w, memory);
    j.taps = memory;
    j.scratch = memory + taps_bytes;
    fc_parallel_for(tasks, workers, run_task, &j);
    fc_scratch_free(memory);
    return FC_OK;
}

static double cycles(const fc_filter *f, const fc_filter_taps *known) {
    if (!known->equal || (f->work != FC_F32 && f->work != FC_F64) || f->k_h > LONGEST || f->k_w > LONGEST)
        return -1;
    return fc_filter_slides(f) ? fc_filter_slide_cycles(f) : fc_filter_sums_cycles(f, OPERATIONS);
}

const fc_filter_algorithm fc_filter_by_box = {"box", cycles, run};
