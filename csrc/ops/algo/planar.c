/* SPDX-License-Identifier: MIT */
/*
 * The planar algorithm: pixels in the lanes. A block's input is copied once, zero-padded, into planes of one channel each, where a
 * tap of neighbouring pixels is a run that the micro-kernel reads in place. Output pixels are numbered along the plane's rows, so
 * that rows follow one another without tails; the few results between two rows are not stored. Under a stride a plane splits into
 * stride_h * stride_w planes, one a residue of the coordinates, in which neighbouring pixels are neighbours again.
 * Scratch a thread: the planes of one block and the results of one block and chunk of output channels, each a share of L2.
 */
#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/activation.h"
#include "ops/algo/algorithm.h"
#include "ops/algo/pack.h"
#include "ops/algo/pack_weights.h"
#include "ops/algo/planes.h"

enum {
    LONGEST_K = 768,    /* of one register chain: longer ones would lose accuracy */
    TASKS = 16          /* aimed at, for balance on many cores */
};

typedef struct planar_plan {
    const fc_planes_tile *tile;
    fc_weight_panels weights;
    size_t size;                            /* bytes of an element in the compute type */
    ptrdiff_t rows, cols;                   /* output pixels of a block */
    size_t row_blocks, col_blocks, chunk_panels, tasks, workers;
    fc_planes planes;                       /* of a whole block */
    size_t run;                             /* results of a channel, whole tiles */
    size_t planes_bytes, results_bytes, worker_bytes, offsets_bytes;
} planar_plan;

static const fc_planes_tile *tiles_of(const fc_layer *layer) {
    return layer->view.dtype == FC_F64 ? layer->kernels->planes_f64 : layer->kernels->planes_f32;
}

/* Cycles of a step of k for one vector of pixels and all channels: FMAs or loads, and never under the FMA's latency a tile. */
static double tile_cycles(const fc_planes_tile *tile, size_t outs) {
    const double latency = 8, fmas = (double)(tile->rows * tile->vectors), loads = 0.5 * (double)tile->rows + (double)tile->vectors + 0.5;
    const double most = fmas > loads ? fmas : loads;
    return (most > latency ? most : latency) / (double)tile->vectors * (double)fc_parts(outs, tile->rows);
}

static const fc_planes_tile *best_tile(const fc_layer *layer) {
    const fc_planes_tile *best = tiles_of(layer);
    for (const fc_planes_tile *tile = best + 1; tile->rows; tile++)
        if (tile_cycles(tile, (size_t)layer->view.dst.c) < tile_cycles(best, (size_t)layer->view.dst.c))
            best = tile;
    return best;
}

static size_t results_of(const fc_planes *planes, const planar_plan *d, ptrdiff_t rows, ptrdiff_t cols) {
    return fc_parts((size_t)((rows - 1) * planes->pitch + cols), d->tile->cols) * d->tile->cols;
}

/* Blocks are whole output rows as long as they fit the budget, then pieces of one row. */
static void plan_blocks(const fc_layer *layer, planar_plan *d) {
    const fc_conv_view *v = &layer->view;
    const size_t budget = fc_caches()->l2 / 3 / d->size, images = (size_t)(v->n * v->groups), pixels = (size_t)(v->dst.h * v->dst.w);
    const size_t few = 4 * d->tile->cols;
    d->rows = v->dst.h;
    d->cols = v->dst.w;
    while (d->rows > 1 && fc_planes_of(v, d->rows, d->cols).elements > budget)
        d->rows = (d->rows + 1) / 2;
    while (d->cols > (ptrdiff_t)few && fc_planes_of(v, 1, d->cols).elements > budget)
        d->cols = (d->cols + 1) / 2;
    if (images * fc_parts(pixels, (size_t)(d->rows * d->cols)) < TASKS) {
        const size_t share = fc_parts(pixels * images, TASKS);
        d->rows = fc_min(d->rows, fc_max(1, (ptrdiff_t)((share > few ? share : few) / (size_t)d->cols)));
    }
    d->row_blocks = fc_parts((size_t)v->dst.h, (size_t)d->rows);
    d->rows = (ptrdiff_t)fc_parts((size_t)v->dst.h, d->row_blocks);
    d->col_blocks = fc_parts((size_t)v->dst.w, (size_t)d->cols);
    d->cols = (ptrdiff_t)fc_parts((size_t)v->dst.w, d->col_blocks);
    d->planes = fc_planes_of(v, d->rows, d->cols);
    d->run = results_of(&d->planes, d, d->rows, d->cols);
    const size_t fit = budget / (d->run * d->tile->rows);
    d->chunk_panels = fc_least(d->weights.panels, fit ? fit : 1);
    d->tasks = images * d->row_blocks * d->col_blocks;
}

static planar_plan make_plan(const fc_layer *layer) {
    const fc_conv_view *v = &layer->view;
    planar_plan d = {.tile = best_tile(layer), .size = fc_dtype_size(v->dtype)};
    const size_t k = fc_view_k(v);
    d.weights = (fc_weight_panels){d.tile->rows, fc_parts((size_t)v->dst.c, d.tile->rows), k, k};
    plan_blocks(layer, &d);
    d.planes_bytes = fc_align_up((d.planes.elements + d.tile->cols) * d.size);
    d.results_bytes = fc_align_up(d.chunk_panels * d.tile->rows * d.run * d.size);
    d.worker_bytes = d.planes_bytes + d.results_bytes;
    d.offsets_bytes = fc_align_up(k * sizeof(ptrdiff_t));
    d.workers = fc_parallel_workers(d.tasks, 2.0 * (double)fc_view_pixels(v) * (double)k * (double)v->dst.c * (double)v->groups);
    return d;
}

typedef struct planar_job {
    const fc_layer *layer;
    const planar_plan *d;
    const fc_epilogue *epilogue;
    const char *packed, *x;
    char *y, *scratch;      /* offsets of the taps in a block's planes, then a part a worker */
} planar_job;

typedef struct block { ptrdiff_t image, group, i, j, rows, cols; char *planes, *results; } block;

/* One panel of output channels of a chunk over all pixels of the block. */
static void multiply_panel(const planar_job *job, const block *at, size_t panel, char *results, size_t run) {
    const planar_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t group_weights = fc_weights_of_group(&d->weights), k = d->weights.k, width = d->weights.width;
    const char *weights = job->packed + ((size_t)at->group * group_weights + panel * k * width) * d->size;
    const char *bias = job->packed + ((size_t)v->groups * group_weights + ((size_t)at->group * d->weights.panels + panel) * width) * d->size;
    for (size_t k0 = 0; k0 < k; k0 += LONGEST_K)
        for (size_t q = 0; q < run; q += d->tile->cols) {
            const fc_planes_block b = {
                .k = fc_least(k - k0, LONGEST_K), .a = weights + k0 * width * d->size, .b = at->planes + q * d->size,
                .offsets = (const ptrdiff_t *)job->scratch + k0, .c = results + q * d->size, .c_pitch = d->run,
                .start = job->epilogue->has_bias && !k0 ? bias : NULL, .accumulate = k0 > 0,
                .relu = job->epilogue->activation == FC_RELU && k0 + LONGEST_K >= k,
            };
            d->tile->run(&b);
        }
}

/* `outs` channels from `o` on of a block's results to y. */
static void store_results(const planar_job *job, const block *at, size_t o, size_t outs, size_t run) {
    const planar_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const fc_epilogue *e = job->epilogue;
    const ptrdiff_t size = (ptrdiff_t)d->size;
    if (e->activation != FC_LINEAR && e->activation != FC_RELU)
        for (size_t c = 0; c < outs; c++) {
            char *row = at->results + c * d->run * d->size;
            fc_activation_kernel(job->layer->kernels, v->dtype, e->activation)(run, e->alpha, row, row);
        }
    for (ptrdiff_t i = 0; i < at->rows; i++) {
        char *to = job->y + (at->image * v->dst.n_pitch + at->group * v->dst.group_pitch + (ptrdiff_t)o * v->dst.c_pitch + (at->i + i) * v->dst.h_pitch + at->j * v->dst.w_pitch) * size;
        const char *row = at->results + i * d->planes.pitch * size;
        for (size_t c = 0; c < outs; c += FC_MAX_PANEL) {
            const size_t n = fc_least(outs - c, FC_MAX_PANEL);
            const void *rows[FC_MAX_PANEL];
            for (size_t p = 0; p < n; p++) {
                rows[p] = row + (c + p) * d->run * (size_t)size;
                if (v->dst.c_pitch != 1)
                    fc_copy_elements(to + (ptrdiff_t)(c + p) * v->dst.c_pitch * size, rows[p], (size_t)(at->cols * size));
            }
            if (v->dst.c_pitch == 1)
                fc_transpose_of(job->layer->kernels, (size_t)size)(to + c * (size_t)size, (size_t)v->dst.w_pitch, rows, n, (size_t)at->cols);
        }
    }
}

static void run_block(void *job_, size_t task, size_t worker) {
    const planar_job *job = job_;
    const planar_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t col = task % d->col_blocks, row = task / d->col_blocks % d->row_blocks, plane = task / d->col_blocks / d->row_blocks;
    block at = {.image = (ptrdiff_t)plane / v->groups, .group = (ptrdiff_t)plane % v->groups, .i = (ptrdiff_t)row * d->rows, .j = (ptrdiff_t)col * d->cols};
    at.rows = fc_min(d->rows, v->dst.h - at.i);
    at.cols = fc_min(d->cols, v->dst.w - at.j);
    at.planes = job->scratch + d->offsets_bytes + worker * d->worker_bytes;
    at.results = at.planes + d->planes_bytes;
    const char *image = job->x + (at.image * v->src.n_pitch + at.group * v->src.group_pitch) * (ptrdiff_t)d->size;
    fc_fill_planes(v, job->layer->kernels, &d->planes, image, at.i, at.j, at.planes);
    memset(at.planes + d->planes.elements * d->size, 0, d->tile->cols * d->size);
    const size_t run = results_of(&d->planes, d, at.rows, at.cols), outs = (size_t)v->dst.c;
    for (size_t first = 0; first < d->weights.panels; first += d->chunk_panels) {
        const size_t end = fc_least(first + d->chunk_panels, d->weights.panels), o = first * d->weights.width;
        for (size_t panel = first; panel < end; panel++)
            multiply_panel(job, &at, panel, at.results + (panel - first) * d->tile->rows * d->run * d->size, run);
        store_results(job, &at, o, fc_least(outs, end * d->weights.width) - o, run);
    }
}

static fc_status run(const fc_layer *layer, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    const planar_plan d = make_plan(layer);
    planar_job job = {layer, &d, epilogue, weights->packed, x, y, fc_scratch_alloc(d.offsets_bytes + d.workers * d.worker_bytes)};
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    fc_planes_offsets(&layer->view, &d.planes, (ptrdiff_t *)job.scratch);
    fc_parallel_for(d.tasks, d.workers, run_block, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}

static int serves(const fc_layer *layer) { return layer->params.c_in > 0 && (layer->view.dtype == FC_F32 || layer->view.dtype == FC_F64); }

/* FMAs, those between rows included, the copy into planes, and the results written and read once more. */
static double cost(const fc_layer *layer) {
    const fc_conv_view *v = &layer->view;
    const planar_plan d = make_plan(layer);
    const double blocks = (double)d.tasks, run = (double)d.run, outs = (double)v->dst.c, lanes = (double)d.tile->cols / (double)d.tile->vectors;
    const double element = v->src.c == 1 || v->src.c_pitch != 1 ? v->cols.stride * v->src.w_pitch == 1 ? 0.2 : 1.5 : 0.7;
    const double arithmetic = run / lanes * 1.05 * (double)d.weights.k * tile_cycles(d.tile, (size_t)v->dst.c);
    const double alone = d.tasks == 1 ? 1.8 : 1;    /* a single block leaves every other core idle */
    return alone * blocks * (arithmetic + element * (double)d.planes.elements + run * outs * (v->dst.c_pitch == 1 ? 0.7 : 0.25));
}

static fc_status packed_bytes(const fc_layer *layer, size_t *bytes) {
    const planar_plan d = make_plan(layer);
    return fc_weights_bytes(&d.weights, &layer->view, bytes);
}

static void pack(const fc_layer *layer, const void *kernel, const void *bias, void *packed) {
    const planar_plan d = make_plan(layer);
    fc_pack_weights(&d.weights, layer->kernels, &layer->view, kernel, bias, packed);
}

static void describe(const fc_layer *layer, fc_conv2d_plan *plan) {
    const planar_plan d = make_plan(layer);
    plan->tile_rows = d.tile->rows;
    plan->tile_cols = d.tile->cols;
    plan->block_pixels = (size_t)(d.rows * d.cols);
    plan->block_k = fc_least(d.weights.k, LONGEST_K);
    plan->tasks = d.tasks;
    plan->threads = (int)d.workers;
    plan->scratch_bytes = d.offsets_bytes + d.workers * d.worker_bytes;
}

const fc_algorithm fc_algorithm_planar = {
    .name = "planar", .needs = "float32 or float64 and at least one input channel", .serves = serves, .cost = cost, .packed_bytes = packed_bytes,
    .pack = pack, .run = run, .describe = describe,
};
