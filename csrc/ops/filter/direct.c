/* SPDX-License-Identifier: MIT */
/*
 * Filters by their definition. Tasks are rectangles of output rows and columns. Every tap is multiplied, or, where no
 * cell is infinite or NaN (0 times which is NaN), those of sparse.c only. separable.c runs its passes on the same
 * rectangles. Where a row of outputs is shorter than a vector and a row of taps is longer, the lanes go along the taps,
 * which are then read where they lie.
 */
#include <math.h>
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/filter.h"

enum {
    LINE_BYTES = 64,
    SOURCE_BYTES = 256 << 10, /* source rows of a row of tiles: they stay in L2 */
    STORED_BYTES = 16 << 10,  /* sums stored at a time: they stay in L1 */
    TASK_BYTES = 512 << 10,   /* sums of a task, where that leaves TASKS of them */
    TASKS = 8,
    TASK_FLOPS = 16 << 20, /* about 0.2 ms: far above the cost of handing out a task */
    FEW_TAPS = 64          /* summed one after the other, in an order that shows where they cancel */
};

typedef struct job {
    const fc_filter *f;
    const void *taps;
    const fc_filter_few *few;       /* NULL where all are multiplied */
    const fc_filter_passes *passes; /* NULL where all are multiplied at once */
    ptrdiff_t band, block;          /* output rows and columns of a task */
    size_t bands, blocks, worker_bytes;
    unsigned char *scratch;
} job;

/* The parts of a worker's memory for a rectangle of rows x cols outputs. */
typedef struct parts {
    size_t rows_bytes, stage_bytes, sums_bytes;
} parts;

static fc_status measure(const fc_filter *f, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t channel, parts *p) {
    const ptrdiff_t sources = rows + f->k_h - 1, taken = channel < 0 ? f->channels : 1;
    FC_TRY(fc_multiply((ptrdiff_t[]){sources, (ptrdiff_t)sizeof(void *)}, 2, &p->rows_bytes));
    FC_TRY(fc_filter_stage_bytes(f, sources, cols + f->k_w - 1, channel, &p->stage_bytes));
    return fc_multiply(
        (ptrdiff_t[]){fc_min(rows, FC_FILTER_ROWS), cols, taken, (ptrdiff_t)f->number}, 4, &p->sums_bytes);
}

fc_status fc_filter_direct_bytes(const fc_filter *f, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t channel, size_t *bytes) {
    parts p;
    FC_TRY(measure(f, rows, cols, channel, &p));
    *bytes = fc_align_up(p.rows_bytes) + fc_align_up(p.stage_bytes) + fc_align_up(p.sums_bytes);
    return FC_OK;
}

/* By all taps or by few; what cannot be summed in place is stored a few rows at a time, from L1. 0 where a sum by few
 * is not finite. */
static int run_sums(const fc_filter *f, const void *taps, const fc_filter_few *few, fc_rect rect, ptrdiff_t channel,
    const void **rows, void *place, void *sums) {
    const size_t taken = channel < 0 ? (size_t)f->channels : 1, cols = (size_t)rect.cols * taken;
    int finite = 1;
    for (ptrdiff_t row = 0, n; row < rect.rows; row += n) {
        n = place ? rect.rows : fc_min(FC_FILTER_ROWS, rect.rows - row);
        void *out = place ? place : sums;
        const size_t pitch = place ? (size_t)f->out_w * taken : cols;
        if (few)
            finite &= few->run(&(fc_sparse_block){.taps = few->taps,
                .places = few->places,
                .n_taps = few->count,
                .rows = rows + row,
                .n_rows = (size_t)n,
                .n_cols = cols,
                .out = out,
                .out_pitch = pitch,
                .deepest = (size_t)f->k_h - 1,
                .ahead = (size_t)(rect.rows - row - n),
                .streams = place && f->streams});
        else
            f->run(&(fc_convolve2d_block){.taps = taps,
                .k_h = (size_t)f->k_h,
                .k_w = (size_t)f->k_w,
                .step = taken,
                .rows = rows + row,
                .n_rows = (size_t)n,
                .n_cols = cols,
                .ahead = (size_t)(rect.rows - row - n),
                .out = out,
                .out_pitch = pitch,
                .streams = place && f->streams,
                .backwards = f->backwards});
        if (!place)
            fc_filter_store(f, (fc_rect){rect.row + row, rect.col, n, rect.cols}, channel, sums, pitch);
    }
    return finite;
}

/* Whether the cells at the edges are finite that the first of few taps meets under no output of this rectangle. */
static int unmet_finite(const fc_filter *f, const fc_filter_few *few, fc_rect rect, const void **rows, size_t taken) {
    const size_t cols = (size_t)rect.cols * taken, width = cols + (size_t)(f->k_w - 1) * taken;
    const size_t n = (size_t)rect.rows, above = few->places->row, left = few->places->offset;
    if (few->corners && rect.rows >= f->k_h - 1 && rect.cols >= f->k_w - 1)
        return 1;
    return fc_filter_rows_finite(f, rows, above, 0, width) &&
        fc_filter_rows_finite(f, rows + above + n, (size_t)f->k_h - 1 - above, 0, width) &&
        fc_filter_rows_finite(f, rows + above, n, 0, left) &&
        fc_filter_rows_finite(f, rows + above, n, left + cols, width - left - cols);
}

static void run_piece(const job *j, fc_rect rect, ptrdiff_t channel, const parts *p, unsigned char *scratch) {
    const fc_filter *f = j->f;
    const size_t taken = channel < 0 ? (size_t)f->channels : 1;
    const fc_rect source = {rect.row + f->top, rect.col + f->left, rect.rows + f->k_h - 1, rect.cols + f->k_w - 1};
    const void **rows = (const void **)scratch;
    unsigned char *stage = scratch + fc_align_up(p->rows_bytes), *sums = stage + fc_align_up(p->stage_bytes);
    void *place = channel < 0 || f->channels == 1 ? fc_filter_place(f, rect.row, rect.col) : NULL;
    fc_filter_source(f, source, channel, rows, stage);
    if (j->few && unmet_finite(f, j->few, rect, rows, taken) &&
        run_sums(f, NULL, j->few, rect, channel, rows, place, sums))
        return;
    if (j->passes &&
        (j->passes->rank == 1 || fc_filter_rows_finite(f, rows, (size_t)source.rows, 0, (size_t)source.cols * taken)))
        fc_filter_pass(f, j->passes, rect, rows, place, sums);
    else
        run_sums(f, j->taps, NULL, rect, channel, rows, place, sums);
}

static void run_rect(const job *j, fc_rect rect, ptrdiff_t channel, void *scratch) {
    ptrdiff_t cuts[4] = {rect.col, rect.col + rect.cols};
    const size_t pieces = channel < 0 ? fc_filter_pieces(j->f, rect.col, rect.col + rect.cols, cuts) : 1;
    parts p;
    measure(j->f, rect.rows, rect.cols, channel, &p);
    for (size_t i = 0; i < pieces; i++)
        run_piece(j, (fc_rect){rect.row, cuts[i], rect.rows, cuts[i + 1] - cuts[i]}, channel, &p, scratch);
}

void fc_filter_direct(const fc_filter *f, const void *taps, fc_rect rect, ptrdiff_t channel, void *scratch) {
    run_rect(&(job){.f = f, .taps = taps}, rect, channel, scratch);
}

static void run_task(void *job_, size_t task, size_t worker) {
    const job *j = job_;
    const ptrdiff_t row = (ptrdiff_t)(task / j->blocks) * j->band, col = (ptrdiff_t)(task % j->blocks) * j->block;
    const fc_rect rect = {row, col, fc_min(j->band, j->f->out_h - row), fc_min(j->block, j->f->out_w - col)};
    run_rect(j, rect, FC_ALL_CHANNELS, j->scratch + worker * j->worker_bytes);
    fc_filter_stored(j->f);
}

static double row_flops(const job *j, ptrdiff_t cols) {
    const fc_filter *f = j->f;
    const double products = fc_filter_is_complex(f->work) ? 4 : 1;
    const double taps = j->passes ? (double)j->passes->rank * (double)(f->k_h + f->k_w)
                                  : (double)f->k_h * (double)f->k_w;
    return 2 * products * taps * (double)(cols * f->channels);
}

/* The smallest count that cuts n into pieces of at most `most`, then pieces of one size, a multiple of `step`. */
static ptrdiff_t piece(ptrdiff_t n, ptrdiff_t most, ptrdiff_t step) {
    ptrdiff_t count = fc_ceil_div(n, fc_max(most, step));
    return fc_round_up(fc_ceil_div(n, count), step);
}

static void cut(job *j) {
    const fc_filter *f = j->f;
    const ptrdiff_t pixel = (ptrdiff_t)f->number * f->channels, cell = (ptrdiff_t)f->cell * f->channels,
                    line = fc_max(LINE_BYTES / pixel, 1);
    const int stores = (f->streams || f->narrow) && !j->passes;
    const ptrdiff_t stored = stores ? STORED_BYTES / (fc_min(FC_FILTER_ROWS, f->out_h) * pixel) : f->out_w,
                    sources = f->k_h + FC_FILTER_ROWS - 1;
    const ptrdiff_t widest = fc_min(
        fc_max(SOURCE_BYTES / cell / sources - f->k_w, 16 * line), fc_max(stored, 16 * line));
    j->block = fc_min(piece(f->out_w, widest, 4 * line), f->out_w);
    const ptrdiff_t blocks = fc_ceil_div(f->out_w, j->block), most = fc_max(f->out_h * blocks / TASKS, FC_FILTER_ROWS);
    const ptrdiff_t rows = fc_min(
        fc_min(TASK_BYTES / pixel / j->block, most), fc_max(1, (ptrdiff_t)(TASK_FLOPS / row_flops(j, j->block))));
    j->band = fc_min(piece(f->out_h, rows, FC_FILTER_ROWS), f->out_h);
    j->bands = (size_t)fc_ceil_div(f->out_h, j->band);
    j->blocks = (size_t)fc_ceil_div(f->out_w, j->block);
}

static fc_convolve2d_fn *dots_kernel(const fc_filter *f) {
    switch (f->work) {
    case FC_I8:
    case FC_U8:
        return f->kernels->dots_b8;
    case FC_I16:
    case FC_U16:
        return f->kernels->dots_b16;
    case FC_I32:
    case FC_U32:
        return f->kernels->dots_b32;
    case FC_I64:
    case FC_U64:
        return f->kernels->dots_b64;
    case FC_F32:
        return f->kernels->dots_f32;
    case FC_F64:
        return f->kernels->dots_f64;
    default:
        return NULL;
    }
}

/*
 * Cycles with the lanes along the rows of taps; -1 where lanes along the outputs are faster. A tile of theirs one
 * vector wide waits for its sums: 4 cycles a tap, whatever its height.
 */
static double dots_cycles(const fc_filter *f) {
    const double lanes = fc_filter_lanes(f), taps = (double)f->k_h * (double)f->k_w;
    const double tiles = (double)(f->out_h / FC_FILTER_ROWS + f->out_h % FC_FILTER_ROWS) *
        ceil((double)f->out_w / lanes);
    const double dots = (double)f->out_h * (double)f->out_w * (double)f->k_h * (ceil((double)f->k_w / lanes) + 1);
    if (taps <= FEW_TAPS || f->channels != 1 || (double)f->out_w >= 2 * lanes || dots >= 4 * taps * tiles ||
        !dots_kernel(f))
        return -1;
    return dots;
}

fc_status fc_filter_rectangles(const fc_filter *f, const fc_filter_few *few, const fc_filter_passes *passes) {
    const int dots = !few && !passes && dots_cycles(f) >= 0;
    fc_filter own = *f;
    job j = {.f = &own, .few = few, .passes = passes, .taps = f->kernel};
    const int needs_taps = !dots && !(passes && passes->rank == 1);
    size_t taps_bytes = 0, scratch_bytes;
    if (dots)
        own.run = dots_kernel(f);
    else if (!few)
        fc_filter_unwidened(f, &own);
    cut(&j);
    const size_t workers = fc_parallel_workers(j.bands * j.blocks, row_flops(&j, f->out_w) * (double)f->out_h);
    if (needs_taps)
        FC_TRY(fc_multiply((ptrdiff_t[]){f->k_h, f->k_w, (ptrdiff_t)f->number}, 3, &taps_bytes));
    FC_TRY(fc_filter_direct_bytes(&own, j.band, j.block, FC_ALL_CHANNELS, &j.worker_bytes));
    if (passes)
        j.worker_bytes += fc_filter_passes_bytes(passes);
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)workers, (ptrdiff_t)j.worker_bytes}, 2, &scratch_bytes));
    unsigned char *memory = fc_scratch_alloc(fc_align_up(taps_bytes) + scratch_bytes);
    if (!memory)
        return FC_OUT_OF_MEMORY;
    if (needs_taps) {
        fc_filter_pack_taps(f, f->kernel, (size_t)f->k_w, (size_t)f->k_h, (size_t)f->k_w, memory);
        j.taps = memory;
    }
    j.scratch = memory + fc_align_up(taps_bytes);
    fc_parallel_for(j.bands * j.blocks, workers, run_task, &j);
    fc_scratch_free(memory);
    return FC_OK;
}

static fc_status run_direct(const fc_filter *f, const fc_filter_taps *known) {
    (void)known;
    return fc_filter_rectangles(f, NULL, NULL);
}

double fc_filter_direct_cycles(const fc_filter *f) {
    const double dots = dots_cycles(f);
    return dots < 0 ? fc_filter_sums_cycles(f, fc_filter_direct_work(f)) : dots;
}

/* Products apart from their sums take a fifth more. */
static double direct_cycles(const fc_filter *f, const fc_filter_taps *known) {
    return fc_filter_direct_cycles(f) * (known->cancels ? 1.2 : 1);
}

const fc_filter_algorithm fc_filter_by_direct = {"direct", direct_cycles, run_direct};
