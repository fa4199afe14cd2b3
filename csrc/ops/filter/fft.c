/* SPDX-License-Identifier: MIT */
/* Filters by Fourier transforms of blocks; a task is one transform: two blocks of real cells, or one of complex ones. */
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/fft.h"

enum { GROUP = FC_FFT_GROUP, DIRECT_ROWS = 32 };
static const size_t MOST_BYTES = (size_t)1 << 30;    /* of all workers */

typedef struct job {
    const fc_filter *f;
    const fc_fft *fft;
    fc_fft_cut cut;
    size_t sides, part;                     /* blocks a task; bytes of a real number */
    unsigned char *row_twiddles, *col_twiddles, *spectrum, *taps, *zeros, *spaces;
    size_t block_bytes, scratch_bytes, pointers_bytes, stage_bytes, cells_bytes, space_bytes;
} job;

/* What a worker has to itself: the block, which also serves the direct kernel, and for each side rows, staged cells and sums. */
typedef struct space {
    unsigned char *block, *scratch;
    const void **rows[2];
    unsigned char *stage[2], *cells[2];
} space;

/* Outputs of the blocks of a task; a side that has no block has no rows. */
typedef struct blocks { fc_rect rect[2]; ptrdiff_t channel; } blocks;

static space space_of(const job *j, size_t worker) {
    unsigned char *at = j->spaces + worker * j->space_bytes;
    space s = {.block = at, .scratch = at + j->block_bytes};
    at = s.scratch + j->scratch_bytes;
    for (size_t side = 0; side < 2; side++, at += j->pointers_bytes + j->stage_bytes + j->cells_bytes) {
        s.rows[side] = (const void **)at;
        s.stage[side] = at + j->pointers_bytes;
        s.cells[side] = s.stage[side] + j->stage_bytes;
    }
    return s;
}

static blocks blocks_of(const job *j, size_t task) {
    const fc_filter *f = j->f;
    blocks b = {.channel = f->channels == 1 ? FC_ALL_CHANNELS : (ptrdiff_t)(task % (size_t)f->channels)};
    for (size_t side = 0; side < j->sides; side++) {
        const ptrdiff_t block = (ptrdiff_t)(task / (size_t)f->channels * j->sides + side);
        const ptrdiff_t row = block % j->cut.down * j->cut.out_rows, col = block / j->cut.down * j->cut.out_cols;
        if (col < f->out_w)
            b.rect[side] = (fc_rect){row, col, fc_min(j->cut.out_rows, f->out_h - row), fc_min(j->cut.out_cols, f->out_w - col)};
    }
    return b;
}

/* Columns [col, col + cols) of the group at col of `all`. */
static ptrdiff_t group_of(ptrdiff_t all, size_t col) { return fc_min(fc_max(all - (ptrdiff_t)col, 0), GROUP); }

static fc_fft_columns columns_of(const job *j, const space *s, size_t col, const ptrdiff_t *cols) {
    return (fc_fft_columns){
        .rows = j->cut.rows, .twiddles = j->col_twiddles, .block = s->block + 2 * col * j->cut.rows * j->part,
        .strips = fc_least(GROUP, j->cut.cols) / j->fft->lanes, .re_cols = (size_t)cols[0], .im_cols = (size_t)cols[1],
        .re = (void *const *)s->rows[0], .im = j->sides == 2 ? (void *const *)s->rows[1] : NULL,
    };
}

/* The cells of both blocks, transformed along columns; bad: NULL, or takes those that are not finite. 0 where some are left. */
static int load(const job *j, const space *s, const blocks *b, fc_fft_cells *bad) {
    const fc_filter *f = j->f;
    int finite = 1;
    for (size_t col = 0; col < j->cut.cols; col += GROUP) {
        ptrdiff_t cols[2] = {0, 0};
        for (size_t side = 0; side < j->sides; side++) {
            const fc_rect *out = &b->rect[side];
            size_t count = 0;
            if (out->rows && (cols[side] = group_of(out->cols + f->k_w - 1, col))) {
                const fc_rect rect = {out->row + f->top, out->col + f->left + (ptrdiff_t)col, out->rows + f->k_h - 1, cols[side]};
                count = (size_t)rect.rows;
                fc_filter_source(f, rect, b->channel, s->rows[side], s->stage[side]);
                if (bad && !fc_fft_take_cells(f, bad, side, (ptrdiff_t)col, s->rows[side], count, (size_t)rect.cols, s->cells[side]))
                    return 0;
            }
            for (; count < j->cut.rows; count++)
                s->rows[side][count] = j->zeros;
        }
        const fc_fft_columns columns = columns_of(j, s, col, cols);
        finite &= j->fft->forward(&columns);
    }
    return finite;
}

static void multiply(const job *j, const space *s) {
    const fc_fft_rows rows = {j->cut.rows, j->cut.cols, j->row_twiddles, s->block, j->spectrum, s->scratch, 0, j->cut.rows / j->fft->lanes};
    j->fft->filter(&rows);
}

/* Transforms back and stores; 0 where sums are not finite. */
static int store(const job *j, const space *s, const blocks *b, const fc_fft_cells *bad) {
    const fc_filter *f = j->f;
    const ptrdiff_t most = fc_max(b->rect[0].cols, b->rect[1].cols);
    int finite = 1;
    for (size_t col = 0; (ptrdiff_t)col < most; col += GROUP) {
        ptrdiff_t cols[2] = {0, 0};
        int placed[2] = {0, 0};
        for (size_t side = 0; side < j->sides; side++) {
            const fc_rect *out = &b->rect[side];
            cols[side] = group_of(out->cols, col);
            unsigned char *place = bad->count || b->channel >= 0 ? NULL : fc_filter_place(f, out->row, out->col + (ptrdiff_t)col);
            const size_t pitch = (place ? (size_t)f->out_w : GROUP) * f->number;
            placed[side] = place != NULL;
            for (ptrdiff_t r = 0; r < out->rows; r++)
                s->rows[side][r] = (place ? place : s->cells[side]) + (size_t)r * pitch;
        }
        fc_fft_columns columns = columns_of(j, s, col, cols);
        columns.re_rows = (size_t)b->rect[0].rows;
        columns.im_rows = (size_t)b->rect[1].rows;
        columns.strips = fc_least(columns.strips, fc_parts((size_t)fc_max(cols[0], cols[1]), j->fft->lanes));
        finite &= j->fft->inverse(&columns);
        for (size_t side = 0; side < j->sides; side++) {
            const fc_rect *out = &b->rect[side];
            if (placed[side] || !cols[side] || !out->rows)
                continue;
            fc_fft_add_cells(f, bad, side, out->rows, (ptrdiff_t)col, cols[side], s->cells[side]);
            fc_filter_store(f, (fc_rect){out->row, out->col + (ptrdiff_t)col, out->rows, cols[side]}, b->channel, s->cells[side], GROUP);
        }
    }
    return finite;
}

static void run_direct(const job *j, const space *s, const blocks *b) {
    for (size_t side = 0; side < j->sides; side++) {
        const fc_rect *out = &b->rect[side];
        for (ptrdiff_t row = 0; row < out->rows; row += DIRECT_ROWS)
            for (ptrdiff_t col = 0; col < out->cols; col += GROUP) {
                const fc_rect rect = {out->row + row, out->col + col, fc_min(DIRECT_ROWS, out->rows - row), fc_min(GROUP, out->cols - col)};
                fc_filter_direct(j->f, j->taps, rect, b->channel, s->block);
            }
    }
}

static void run_task(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const space s = space_of(j, worker);
    const blocks b = blocks_of(j, task);
    fc_fft_cells bad = {.count = 0};
    int served = load(j, &s, &b, NULL);
    if (!served)
        served = load(j, &s, &b, &bad) && bad.count;
    if (served) {
        multiply(j, &s);
        served = store(j, &s, &b, &bad);
    }
    if (!served)    /* many cells, or the transform overflowed where the sums may not */
        run_direct(j, &s, &b);
    fc_filter_stored(j->f);
}

/* Columns [col, col + GROUP) of the kernel: tap (i, k) lies at cell (-i, -k), counted round the block. */
static void transform_taps(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const fc_filter *f = j->f;
    const space s = space_of(j, worker), first = space_of(j, 0);
    const size_t rows = j->cut.rows, cols = j->cut.cols, from = task * GROUP, width = fc_least(GROUP, cols), row_bytes = width * f->number;
    for (size_t r = 0; r < rows; r++)
        s.rows[0][r] = s.rows[1][r] = j->zeros;
    for (size_t i = 0; i < (size_t)f->k_h; i++) {
        unsigned char *row = s.cells[0] + i * row_bytes;
        s.rows[0][(rows - i) % rows] = row;
        memset(row, 0, row_bytes);
        for (size_t c = 0; c < width; c++) {
            const size_t k = (cols - from - c) % cols;
            if (k < (size_t)f->k_w)
                memcpy(row + c * f->number, (const unsigned char *)f->kernel + (i * (size_t)f->k_w + k) * f->number, f->number);
        }
    }
    fc_fft_columns columns = columns_of(j, &s, from, (ptrdiff_t[]){(ptrdiff_t)width, (ptrdiff_t)width});
    columns.block = first.block + 2 * from * rows * j->part;
    j->fft->forward(&columns);
}

static void transform_tap_rows(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const fc_fft_rows rows = {j->cut.rows, j->cut.cols, j->row_twiddles, space_of(j, 0).block, j->spectrum, NULL, task, task + 1};
    (void)worker;
    j->fft->spectrum(&rows);
}

/* Sizes of a worker's memory. */
static fc_status measure(job *j) {
    const fc_filter *f = j->f;
    const ptrdiff_t rows = (ptrdiff_t)j->cut.rows, cols = (ptrdiff_t)j->cut.cols, part = (ptrdiff_t)j->part;
    const ptrdiff_t channel = f->channels == 1 ? FC_ALL_CHANNELS : 0;
    size_t direct_bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){2, rows, cols, part}, 4, &j->block_bytes));
    FC_TRY(fc_filter_direct_bytes(f, DIRECT_ROWS, GROUP, channel, &direct_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){2, (ptrdiff_t)j->fft->lanes, cols, part}, 4, &j->scratch_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){rows, (ptrdiff_t)sizeof(void *)}, 2, &j->pointers_bytes));
    FC_TRY(fc_filter_stage_bytes(f, rows, GROUP, channel, &j->stage_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){rows, GROUP, (ptrdiff_t)f->number}, 3, &j->cells_bytes));
    if (j->block_bytes < direct_bytes)
        j->block_bytes = direct_bytes;
    j->block_bytes = fc_align_up(j->block_bytes);
    j->scratch_bytes = fc_align_up(j->scratch_bytes);
    j->pointers_bytes = fc_align_up(j->pointers_bytes);
    j->stage_bytes = fc_align_up(j->stage_bytes);
    j->cells_bytes = fc_align_up(j->cells_bytes);
    j->space_bytes = j->block_bytes + j->scratch_bytes + 2 * (j->pointers_bytes + j->stage_bytes + j->cells_bytes);
    return FC_OK;
}

static fc_status run(const fc_filter *f, const fc_filter_taps *known) {
    const int is_complex = fc_filter_is_complex(f->work);
    job j = {.f = f, .fft = fc_fft_kernels(f), .sides = is_complex ? 1 : 2, .part = f->number >> is_complex};
    size_t spectrum_bytes, taps_bytes, spaces_bytes;
    (void)known;
    if (!fc_fft_plan(f, &j.cut))
        return FC_BAD_ARGUMENT;
    FC_TRY(measure(&j));
    const size_t tasks = j.cut.tasks * (size_t)f->channels;
    size_t workers = fc_parallel_workers(tasks, j.cut.cycles * 2 * (double)j.fft->lanes);
    while (workers > 1 && workers * j.space_bytes > MOST_BYTES)
        workers--;
    FC_TRY(fc_multiply((ptrdiff_t[]){2, (ptrdiff_t)j.cut.rows, (ptrdiff_t)j.cut.cols, (ptrdiff_t)j.part}, 4, &spectrum_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){f->k_h, f->k_w, (ptrdiff_t)f->number}, 3, &taps_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)workers, (ptrdiff_t)j.space_bytes}, 2, &spaces_bytes));
    const size_t row_twiddles = fc_align_up(2 * j.cut.cols * j.part), col_twiddles = fc_align_up(2 * j.cut.rows * j.part);
    const size_t zeros = fc_align_up(GROUP * f->number), taps = fc_align_up(taps_bytes);
    unsigned char *memory = fc_scratch_alloc(row_twiddles + col_twiddles + zeros + taps + fc_align_up(spectrum_bytes) + spaces_bytes);
    if (!memory)
        return FC_OUT_OF_MEMORY;
    j.row_twiddles = memory;
    j.col_twiddles = j.row_twiddles + row_twiddles;
    j.zeros = j.col_twiddles + col_twiddles;
    j.taps = j.zeros + zeros;
    j.spectrum = j.taps + taps;
    j.spaces = j.spectrum + fc_align_up(spectrum_bytes);
    memset(j.zeros, 0, zeros);
    fc_filter_pack_taps(f, f->kernel, (size_t)f->k_w, (size_t)f->k_h, (size_t)f->k_w, j.taps);
    fc_fft_twiddles(j.cut.cols, j.fft->radix, j.part == sizeof(double), (double *)j.spaces, j.row_twiddles);
    fc_fft_twiddles(j.cut.rows, j.fft->radix, j.part == sizeof(double), (double *)j.spaces, j.col_twiddles);
    fc_parallel_for(fc_parts(j.cut.cols, GROUP), workers, transform_taps, &j);
    fc_parallel_for(j.cut.rows / j.fft->lanes, workers, transform_tap_rows, &j);
    fc_parallel_for(tasks, workers, run_task, &j);
    fc_scratch_free(memory);
    return FC_OK;
}

static double cycles(const fc_filter *f, const fc_filter_taps *known) {
    fc_fft_cut cut;
    return known->finite && fc_fft_plan(f, &cut) ? cut.cycles : -1;
}

const fc_filter_algorithm fc_filter_by_fft = {"fft", cycles, run};
