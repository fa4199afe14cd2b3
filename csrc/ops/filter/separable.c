/* SPDX-License-Identifier: MIT */
/*
 * Kernels that are a product of a column and a row, or a sum of few such: a pass along the rows, then one down the columns, in one pass over
 * memory. A task is a block of columns from top to bottom of a band; it goes down in steps, whose source rows are filtered along the row
 * into a ring of rows that stays in L2 and is read by the pass down the columns.
 *
 * An infinity or NaN spreads over its row's window and from there down its column's: over its whole window, as by the definition. Where
 * several products are added, one's inf and another's -inf could meet in a NaN: rectangles with bad numbers are then run directly.
 */
#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/filter.h"

enum { STEP = 16, LINE_BYTES = 64, TASKS = 16 };

typedef struct job {
    const fc_filter *f;
    size_t rank;
    const unsigned char *columns, *rows, *taps;     /* packed; taps: the whole kernel where rank > 1 */
    ptrdiff_t band, block, ring;                    /* rows and columns of a task, rows of the ring */
    size_t bands, blocks, factor_bytes;             /* bytes of a factor's row in the ring, where those of all lie side by side */
    size_t ring_bytes, pointer_bytes, stage_bytes, sums_bytes, direct_bytes, worker_bytes;
    unsigned char *scratch;
} job;

typedef struct space { unsigned char *ring, *stage, *sums; const void **pointers; void *direct; } space;

static space space_of(const job *j, size_t worker) {
    unsigned char *p = j->scratch + worker * j->worker_bytes;
    space s = {.ring = p};
    s.pointers = (const void **)(p += j->ring_bytes);
    s.stage = p += j->pointer_bytes;
    s.sums = p += j->stage_bytes;
    s.direct = p + j->sums_bytes;
    return s;
}

static unsigned char *ring_row(const job *j, const space *s, size_t factor, ptrdiff_t row) {
    return s->ring + ((size_t)(row % j->ring) * j->rank + factor) * j->factor_bytes;
}

/* Source rows [from, to) of the task, counted from its first, along the row. Result: 0 where rank > 1 and one holds a bad number. */
static int filter_rows(const job *j, const space *s, fc_rect task, ptrdiff_t from, ptrdiff_t to) {
    const fc_filter *f = j->f;
    const size_t pixel = (size_t)f->channels * f->number, row_taps = (size_t)f->k_w * f->number;
    ptrdiff_t cuts[4];
    const size_t pieces = fc_filter_pieces(f, task.col, task.col + task.cols, cuts);
    for (size_t i = 0; i < pieces; i++) {
        const ptrdiff_t cols = cuts[i + 1] - cuts[i];
        const fc_rect source = {task.row + f->top + from, cuts[i] + f->left, to - from, cols + f->k_w - 1};
        fc_filter_source(f, source, FC_ALL_CHANNELS, s->pointers, s->stage);
        if (j->rank > 1 && !fc_filter_rows_finite(f, s->pointers, (size_t)source.rows, (size_t)(source.cols * f->channels)))
            return 0;
        for (ptrdiff_t row = from, n; row < to; row += n) {
            n = fc_min(to - row, j->ring - row % j->ring);
            for (size_t r = 0; r < j->rank; r++)
                f->run(&(fc_convolve2d_block){
                    .taps = j->rows + r * row_taps, .k_h = 1, .k_w = (size_t)f->k_w, .step = (size_t)f->channels,
                    .rows = s->pointers + (row - from), .n_rows = (size_t)n, .n_cols = (size_t)(cols * f->channels),
                    .out = ring_row(j, s, r, row) + (size_t)(cuts[i] - task.col) * pixel, .out_pitch = j->rank * j->factor_bytes / f->number});
        }
    }
    return 1;
}

/* Output rows [row, row + n) of the task, down the columns. */
static void filter_columns(const job *j, const space *s, fc_rect task, ptrdiff_t row, ptrdiff_t n) {
    const fc_filter *f = j->f;
    const size_t numbers = (size_t)(task.cols * f->channels);
    void *place = fc_filter_place(f, task.row + row, task.col);
    for (ptrdiff_t i = 0; i < n + f->k_h - 1; i++)
        s->pointers[i] = ring_row(j, s, 0, row + i);
    /* The rows of the factors lie side by side as if they were cells of a kernel of `rank` columns. */
    f->run(&(fc_convolve2d_block){
        .taps = j->columns, .k_h = (size_t)f->k_h, .k_w = j->rank, .step = j->factor_bytes / f->number,
        .rows = s->pointers, .n_rows = (size_t)n, .n_cols = numbers,
        .out = place ? place : s->sums, .out_pitch = place ? (size_t)(f->out_w * f->channels) : numbers,
        .streams = place && f->streams});
    if (!place)
        fc_filter_store(f, (fc_rect){task.row + row, task.col, n, task.cols}, FC_ALL_CHANNELS, s->sums, numbers);
}

static void run_task(void *job_, size_t index, size_t worker) {
    const job *j = job_;
    const fc_filter *f = j->f;
    const space s = space_of(j, worker);
    const ptrdiff_t row = (ptrdiff_t)(index / j->blocks) * j->band, col = (ptrdiff_t)(index % j->blocks) * j->block;
    const fc_rect task = {row, col, fc_min(j->band, f->out_h - row), fc_min(j->block, f->out_w - col)};
    int whole = 1;
    for (ptrdiff_t at = 0, have = 0, n; at < task.rows; at += n) {
        n = fc_min(STEP, task.rows - at);
        const ptrdiff_t need = at + n + f->k_h - 1;
        whole = whole && filter_rows(j, &s, task, have, need);
        have = need;
        if (whole)
            filter_columns(j, &s, task, at, n);
        else
            fc_filter_direct(f, j->taps, (fc_rect){row + at, col, n, task.cols}, FC_ALL_CHANNELS, s.direct);
    }
    fc_filter_stored(f);
}

/* The ring and its sources take half of L2; bands are tall enough for the rows that two of them filter both to matter little. */
static fc_status cut(const fc_filter *f, job *j) {
    const ptrdiff_t pixel = (ptrdiff_t)f->number * f->channels, line = fc_max(LINE_BYTES / pixel, 1);
    const ptrdiff_t rows = (f->k_h - 1 + STEP) * (ptrdiff_t)j->rank + STEP, most = (ptrdiff_t)(fc_caches()->l2 / 2) / pixel / rows;
    const ptrdiff_t widest = fc_max(most, 8 * line), blocks = fc_ceil_div(f->out_w, widest);
    j->block = fc_min(fc_round_up(fc_ceil_div(f->out_w, blocks), line), f->out_w);
    j->blocks = (size_t)fc_ceil_div(f->out_w, j->block);
    const ptrdiff_t bands = fc_max(TASKS / (ptrdiff_t)j->blocks, 1), band = fc_max(fc_ceil_div(f->out_h, bands), fc_max(4 * f->k_h, STEP));
    j->band = fc_min(fc_round_up(band, STEP), f->out_h);
    j->bands = (size_t)fc_ceil_div(f->out_h, j->band);
    j->ring = f->k_h - 1 + STEP;
    FC_TRY(fc_multiply((ptrdiff_t[]){j->block, pixel}, 2, &j->factor_bytes));
    j->factor_bytes = fc_align_up(j->factor_bytes) + LINE_BYTES;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)j->rank, j->ring, (ptrdiff_t)j->factor_bytes}, 3, &j->ring_bytes));
    j->pointer_bytes = fc_align_up((size_t)j->ring * sizeof(void *));
    FC_TRY(fc_filter_stage_bytes(f, j->ring, j->block + f->k_w - 1, FC_ALL_CHANNELS, &j->stage_bytes));
    j->sums_bytes = fc_align_up((size_t)(STEP * j->block * pixel));
    if (j->rank > 1)
        FC_TRY(fc_filter_direct_bytes(f, STEP, j->block, FC_ALL_CHANNELS, &j->direct_bytes));
    j->worker_bytes = j->ring_bytes + j->pointer_bytes + fc_align_up(j->stage_bytes) + j->sums_bytes + fc_align_up(j->direct_bytes);
    j->stage_bytes = fc_align_up(j->stage_bytes);
    return FC_OK;
}

static double operations(const fc_filter *f, size_t rank) {
    return (double)rank * (1.2 * (double)f->k_h + 2 * (double)f->k_w + 4);
}

static fc_status run(const fc_filter *f, const fc_filter_taps *known) {
    job j = {.f = f, .rank = known->rank};
    FC_TRY(cut(f, &j));
    const size_t tasks = j.bands * j.blocks, column = (size_t)f->k_h * f->number, row = (size_t)f->k_w * f->number;
    const double flops = 2 * operations(f, j.rank) * (double)(f->out_h * f->channels) * (double)f->out_w;
    const size_t workers = fc_parallel_workers(tasks, flops);
    const size_t factor_bytes = fc_align_up(j.rank * (column + row)), kernel_bytes = j.rank > 1 ? fc_align_up((size_t)f->k_h * row) : 0;
    size_t scratch_bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)workers, (ptrdiff_t)j.worker_bytes}, 2, &scratch_bytes));
    unsigned char *memory = fc_scratch_alloc(factor_bytes + kernel_bytes + scratch_bytes), *rows = memory + j.rank * column;
    if (!memory)
        return FC_OUT_OF_MEMORY;
    fc_filter_pack_taps(f, known->columns, known->most, (size_t)f->k_h, j.rank, memory);
    for (size_t r = 0; r < j.rank; r++)
        fc_filter_pack_taps(f, (const unsigned char *)known->rows + r * row, (size_t)f->k_w, 1, (size_t)f->k_w, rows + r * row);
    if (kernel_bytes)
        fc_filter_pack_taps(f, f->kernel, (size_t)f->k_w, (size_t)f->k_h, (size_t)f->k_w, memory + factor_bytes);
    j.columns = memory;
    j.rows = rows;
    j.taps = memory + factor_bytes;
    j.scratch = memory + factor_bytes + kernel_bytes;
    fc_parallel_for(tasks, workers, run_task, &j);
    fc_scratch_free(memory);
    return FC_OK;
}

static double cycles(const fc_filter *f, const fc_filter_taps *known) {
    return known->rank ? fc_filter_sums_cycles(f, operations(f, known->rank)) : -1;
}

const fc_filter_algorithm fc_filter_by_separable = {"separable", cycles, run};
