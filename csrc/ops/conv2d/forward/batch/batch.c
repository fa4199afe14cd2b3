/* SPDX-License-Identifier: MIT */
/*
 * The algorithm with the images of a batch in the lanes: for layers with too few channels to fill a vector. As many
 * images as there are lanes are interleaved, a band of rows at a time, and convolved as one; taps that lie outside of x
 * for a whole tile are left out. Scratch a thread: the band of x and one row of results, interleaved.
 */
#include "ops/conv2d/forward/batch/batch.h"

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/elementwise/activation.h"
#include "ops/conv2d/gather/cells.h"
#include "ops/conv2d/gather/patch.h"

enum {
    LONGEST_K = 768
}; /* of one call, in chains (kernels/body/chain.h): a longer list of their sums would lose accuracy */

typedef struct batch_job {
    const fc_layer *layer;
    const fc_batch_plan *d;
    const fc_epilogue *epilogue;
    const char *weights, *x;
    char *y, *scratch;
} batch_job;

typedef struct tap_range {
    ptrdiff_t begin, end;
} tap_range;

/* What a task has loaded, and what it computes from it. */
typedef struct band {
    fc_cells in;
    const char *cells;
    char *results;
    const char *weights, *biases;
    ptrdiff_t row;
} band;

/* The first tap whose place in window `window` is at least `least`. */
static ptrdiff_t first_tap(const fc_taps *taps, ptrdiff_t window, ptrdiff_t least) {
    const ptrdiff_t from = window * taps->stride + taps->first;
    return fc_min(fc_ceil_div(fc_max(least - from, 0), taps->step), taps->count);
}

/* The taps that may lie inside [0, size) in one of the windows from first to last: all others lie outside in every one.
 */
static tap_range taps_inside(const fc_taps *taps, ptrdiff_t first, ptrdiff_t last, ptrdiff_t size) {
    const ptrdiff_t begin = first_tap(taps, last, 0);
    return (tap_range){begin, fc_max(begin, first_tap(taps, first, size))};
}

/* A tile at column `col` of the band's row, its taps already narrowed to `rows` and `cols`. */
static void run_tile(
    const batch_job *job, const band *at, size_t panel, ptrdiff_t col, tap_range rows, tap_range cols) {
    const fc_batch_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const ptrdiff_t c = v->src.c, lanes = (ptrdiff_t)d->tile->lanes, outs = (ptrdiff_t)d->tile->outs,
                    size = (ptrdiff_t)d->size, pixel = c * lanes;
    const ptrdiff_t taps = cols.end - cols.begin, joined = v->cols.step == 1, row_pitch = at->in.cols * pixel,
                    o = (ptrdiff_t)panel * outs;
    const ptrdiff_t in_row = at->row * v->rows.stride + v->rows.first - at->in.row,
                    in_col = col * v->cols.stride + v->cols.first - at->in.col;
    const ptrdiff_t most = taps ? fc_max(LONGEST_K / (taps * c), 1) : 1;
    fc_batch_block b = {
        .cols = (size_t)(joined ? 1 : taps),
        .length = (size_t)(joined ? taps * c : c),
        .a_row = v->cols.count * c * outs,
        .a_col = c * outs,
        .b_row = v->rows.step * row_pitch,
        .b_col = v->cols.step * pixel,
        .b_pixel = v->cols.stride * pixel,
        .c = at->results + (col * v->dst.c + o) * lanes * size,
        .c_pixel = v->dst.c * lanes,
        .kept = fc_least((size_t)(v->dst.c - o), d->tile->outs),
        .stored = fc_least((size_t)(v->dst.w - col), d->tile->pixels),
        .start = at->biases ? at->biases + o * size : NULL,
    };
    ptrdiff_t s = rows.begin;
    do {
        const ptrdiff_t end = fc_min(s + most, rows.end);
        b.rows = (size_t)(end - s);
        b.a = at->weights + ((ptrdiff_t)(panel * d->weights.k) + (s * v->cols.count + cols.begin) * c) * outs * size;
        b.b = at->cells +
            ((in_row + s * v->rows.step) * row_pitch + (in_col + cols.begin * v->cols.step) * pixel) * size;
        b.relu = job->epilogue->activation == FC_RELU && end == rows.end;
        d->tile->run(&b);
        b.start = NULL;
        b.accumulate = 1;
        s = end;
    } while (s < rows.end);
}

static void run_row(const batch_job *job, const band *at) {
    const fc_batch_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const tap_range rows = taps_inside(&v->rows, at->row, at->row, v->src.h);
    for (size_t panel = 0; panel < d->weights.panels; panel++)
        for (ptrdiff_t col = 0; col < v->dst.w; col += (ptrdiff_t)d->tile->pixels) {
            const ptrdiff_t last = fc_min(col + (ptrdiff_t)d->tile->pixels, v->dst.w) - 1;
            run_tile(job, at, panel, col, rows, taps_inside(&v->cols, col, last, v->src.w));
        }
    const fc_epilogue *e = job->epilogue;
    if (e->activation != FC_LINEAR && e->activation != FC_RELU)
        fc_activation_kernel(job->layer->kernels, v->dtype, e->activation)(
            (size_t)(v->dst.w * v->dst.c) * d->tile->lanes, e->alpha, at->results, at->results);
}

/* The rows of x that output rows [first, first + rows) read; none where all lie outside. */
static void place_band(const fc_layer *layer, const fc_batch_plan *d, ptrdiff_t first, ptrdiff_t rows, fc_cells *in) {
    const fc_conv_view *v = &layer->view;
    const fc_patch patch = fc_patch_of(v, first, rows, 0, 1, 0);
    in->row = fc_min(fc_max(patch.row, 0), v->src.h);
    in->rows = fc_max(fc_min(patch.row + patch.rows, v->src.h) - in->row, 0);
    in->col = patch.col;
    in->cols = d->in_cols;
}

static void run_band(void *job_, size_t task, size_t worker) {
    const batch_job *job = job_;
    const fc_batch_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const ptrdiff_t size = (ptrdiff_t)d->size, lanes = (ptrdiff_t)d->tile->lanes,
                    first = (ptrdiff_t)task % d->bands * d->rows;
    const ptrdiff_t group = (ptrdiff_t)task / d->bands % v->groups,
                    image = (ptrdiff_t)task / d->bands / v->groups * lanes, rows = fc_min(d->rows, v->dst.h - first);
    char *cells = job->scratch + worker * d->worker_bytes;
    const size_t images = (size_t)fc_min(lanes, v->n - image), panels = d->weights.panels * d->weights.width;
    band at = {.in = {.kernels = job->layer->kernels,
                   .tensor = &v->src,
                   .dtype = v->dtype,
                   .images = images,
                   .lanes = d->tile->lanes},
        .cells = cells,
        .results = cells + d->cells_bytes};
    const fc_cells out = {job->layer->kernels, &v->dst, v->dtype, images, d->tile->lanes, 0, 1, 0, v->dst.w};
    at.weights = job->weights + (size_t)group * fc_weights_of_group(&d->weights) * d->size;
    if (job->epilogue->has_bias)
        at.biases = job->weights +
            ((size_t)v->groups * fc_weights_of_group(&d->weights) + (size_t)group * panels) * d->size;
    place_band(job->layer, d, first, rows, &at.in);
    fc_load_cells(&at.in, job->x + (image * v->src.n_pitch + group * v->src.group_pitch) * size, cells);
    char *y = job->y + (image * v->dst.n_pitch + group * v->dst.group_pitch) * size;
    for (at.row = first; at.row < first + rows; at.row++) {
        run_row(job, &at);
        fc_store_cells(&out, at.results, y + at.row * v->dst.h_pitch * size);
    }
}

static fc_status run(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    fc_batch_plan d;
    FC_GET_OWN(plan, d);
    const size_t workers = fc_parallel_workers(plan->tasks, plan->work);
    batch_job job = {
        &plan->layer, &d, epilogue, weights->packed, x, y, fc_scratch_alloc(fc_plan_scratch(plan, workers))};
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    fc_parallel_for(plan->tasks, workers, run_band, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}

/* A band of one row stays in L2, and a row of taps is no longer than a register chain may be. */
static fc_status plan_layer(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) {
    const fc_conv_view *v = &layer->view;
    (void)purpose;
    if (layer->params.c_in <= 0 || (v->dtype != FC_F32 && v->dtype != FC_F64) || v->cols.count * v->src.c > LONGEST_K)
        return FC_BAD_ARGUMENT;
    const fc_batch_plan d = fc_batch_plan_of(layer);
    if (d.worker_bytes > fc_caches()->l2)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_weights_bytes(&d.weights, v, &plan->packed_bytes));
    plan->form = fc_weights_form(&d.weights);
    plan->packed_rows = fc_weights_rows(&d.weights, &layer->view);
    plan->cycles = fc_batch_cost(layer, &d);
    plan->tile_rows = d.tile->outs;
    plan->tile_cols = d.tile->pixels * d.tile->lanes;
    plan->block_pixels = (size_t)(d.rows * d.cols);
    plan->block_k = fc_least(d.weights.k, LONGEST_K);
    plan->tasks = d.tasks;
    plan->work = fc_view_flops(v);
    plan->worker_bytes = d.worker_bytes;
    FC_SET_OWN(plan, d);
    return FC_OK;
}

static void pack(const fc_layer_plan *plan, const void *kernel, const void *bias, void *packed) {
    fc_batch_plan d;
    FC_GET_OWN(plan, d);
    fc_pack_weights(&d.weights, plan->layer.kernels, &plan->layer.view, kernel, bias, packed);
}

const fc_algorithm fc_algorithm_batch = {
    .name = "batch",
    .requires = "float32 or float64, few input channels and rows of an image that stay in cache",
    .plan = plan_layer,
    .pack = pack,
    .run = run,
};
