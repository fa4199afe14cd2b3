/* SPDX-License-Identifier: MIT */
/*
 * The planar algorithm: pixels in the lanes. A block's input is copied once, zero-padded, into planes of one channel
 * each, where a tap of neighbouring pixels is a run that the micro-kernel reads in place. Output pixels are numbered
 * along the plane's rows, so that rows follow one another without tails; the few results between two rows are not
 * stored. Under a stride a plane splits into stride_h * stride_w planes, one a residue of the coordinates, in which
 * neighbouring pixels are neighbours again. Where the kernel is a single tap, the planes of x serve as they lie, and
 * results go straight to y. Scratch a thread: the planes of one block and the results of one block and chunk of output
 * channels, each a share of L2.
 */
#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/elementwise/activation.h"
#include "ops/conv2d/gather/pack.h"
#include "ops/conv2d/forward/planar/planar.h"

enum {
    LONGEST_K = 768
}; /* of one call, in chains (kernels/body/chain.h): a longer list of their sums would lose accuracy */

typedef struct planar_job {
    const fc_layer *layer;
    const fc_planar_plan *d;
    const fc_epilogue *epilogue;
    const fc_layer_weights *weights;
    const char *x;
    char *y, *scratch; /* offsets in a block's planes, then in what stands for the end of x, the biases unless they are
                          packed, then a part a worker */
} planar_job;

typedef struct block {
    ptrdiff_t image, group, i, j, rows, cols;
    size_t first_panel, end_panel;
    const char *x;                /* the group's first cell that the block reads in place */
    char *y;                      /* the group's pixel (i, j) */
    const char *weights, *biases; /* of the group; biases NULL where there are none */
    char *planes, *results;
} block;

/* Pixels of a block under one tile: `planes` and `offsets` as the micro-kernel takes them. */
typedef struct span {
    const fc_planes_tile *tile;
    size_t pixel, count;
    const char *planes;
    const ptrdiff_t *offsets;
    ptrdiff_t ahead;
} span;

static void find_weights(const planar_job *job, char *on_demand, block *at) {
    const fc_planar_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t group = (size_t)at->group, group_bytes = fc_weights_of_group(&d->weights) * d->size;
    const char *packed = job->weights->packed;
    const char *biases = d->on_demand ? job->scratch + d->offsets_bytes : packed + (size_t)v->groups * group_bytes;
    at->biases = job->epilogue->has_bias ? biases + group * d->weights.panels * d->weights.width * d->size : NULL;
    at->weights = d->on_demand ? fc_pack_on_demand(&d->weights, job->layer->kernels, v, job->weights->kernel, group,
                                     at->first_panel, at->end_panel, on_demand)
                               : packed + group * group_bytes;
}

/* One panel of output channels over a span. */
static void multiply(const planar_job *job, const block *at, size_t panel, const span *s, void *c, size_t c_pitch) {
    const fc_planar_plan *d = job->d;
    const size_t k = d->weights.k, width = d->weights.width;
    const char *weights = at->weights + panel * k * width * d->size;
    for (size_t k0 = 0; k0 < k; k0 += LONGEST_K) {
        const fc_planes_block b = {
            .k = fc_least(k - k0, LONGEST_K),
            .a = weights + k0 * width * d->size,
            .b = s->planes,
            .offsets = s->offsets + k0,
            .c = c,
            .c_pitch = c_pitch,
            .start = at->biases && !k0 ? at->biases + panel * width * d->size : NULL,
            .accumulate = k0 > 0,
            .relu = job->epilogue->activation == FC_RELU && k0 + LONGEST_K >= k,
            .ahead = s->ahead,
        };
        s->tile->run(&b);
    }
}

/* The activations that are not the micro-kernel's, on `rows` runs of `count`. */
static void activate(const planar_job *job, size_t rows, size_t count, char *first, size_t pitch) {
    const fc_epilogue *e = job->epilogue;
    if (e->activation == FC_LINEAR || e->activation == FC_RELU)
        return;
    for (size_t r = 0; r < rows; r++) {
        char *row = first + r * pitch * job->d->size;
        fc_activation_kernel(job->layer->kernels, job->layer->view.dtype, e->activation)(count, e->alpha, row, row);
    }
}

/* A row of results of `outs` channels to pixels whose channels lie together. */
static void store_across(const planar_job *job, const char *row, size_t outs, size_t cols, char *to) {
    const fc_planar_plan *d = job->d;
    const size_t pitch = (size_t)job->layer->view.dst.w_pitch;
    for (size_t c = 0; c < outs; c += FC_MAX_PANEL) {
        const size_t n = fc_least(outs - c, FC_MAX_PANEL);
        const void *rows[FC_MAX_PANEL];
        for (size_t p = 0; p < n; p++)
            rows[p] = row + (c + p) * d->run * d->size;
        fc_transpose_of(job->layer->kernels, d->size)(to + c * d->size, pitch, rows, n, cols);
    }
}

/* `outs` channels from `o` on of a block's results to y. */
static void store_results(const planar_job *job, const block *at, size_t o, size_t outs, size_t run) {
    const fc_planar_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const ptrdiff_t size = (ptrdiff_t)d->size, row = d->planes.pitch * size, pitch = v->dst.h_pitch * size;
    char *y = at->y + (ptrdiff_t)o * v->dst.c_pitch * size;
    activate(job, outs, run, at->results, d->run);
    if (v->dst.c_pitch == 1 && v->dst.w_pitch != 1) {
        for (ptrdiff_t i = 0; i < at->rows; i++)
            store_across(job, at->results + i * row, outs, (size_t)at->cols, y + i * pitch);
        return;
    }
    for (size_t c = 0; c < outs; c++) /* row after row of a channel, for the lines that two rows share */
        for (ptrdiff_t i = 0; i < at->rows; i++)
            fc_copy_elements(y + (ptrdiff_t)c * v->dst.c_pitch * size + i * pitch,
                at->results + c * d->run * d->size + i * row, (size_t)(at->cols * size));
}

/* Results of a block aside, a chunk of output channels at a time. */
static void run_aside(const planar_job *job, const block *at) {
    const fc_planar_plan *d = job->d;
    const size_t run = fc_planar_run_of(d, at->rows, at->cols), width = d->weights.width,
                 outs = (size_t)job->layer->view.dst.c;
    for (size_t first = at->first_panel; first < at->end_panel; first += d->chunk_panels) {
        const size_t end = fc_least(first + d->chunk_panels, at->end_panel), o = first * width;
        for (size_t panel = first; panel < end; panel++)
            for (size_t q = 0; q < run; q += d->tile->cols) {
                const span s = {
                    .tile = d->tile, .planes = at->planes + q * d->size, .offsets = (const ptrdiff_t *)job->scratch};
                multiply(job, at, panel, &s, at->results + ((panel - first) * width * d->run + q) * d->size, d->run);
            }
        store_results(job, at, o, fc_least(outs, end * width) - o, run);
    }
}

/* A panel of output channels over a span, to y: by way of a tile aside where it is not full. */
static void multiply_flat(const planar_job *job, const block *at, size_t panel, const span *s) {
    const fc_planar_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t width = d->weights.width, o = panel * width, outs = fc_least((size_t)v->dst.c - o, width),
                 y_pitch = (size_t)v->dst.c_pitch;
    char *y = at->y + (o * y_pitch + s->pixel) * d->size;
    const int whole = outs == width && s->count == s->tile->cols;
    char *c = whole ? y : at->results;
    const size_t c_pitch = whole ? y_pitch : s->tile->cols;
    multiply(job, at, panel, s, c, c_pitch);
    activate(job, outs, s->count, c, c_pitch);
    if (!whole)
        for (size_t r = 0; r < outs; r++)
            fc_copy_elements(y + r * y_pitch * d->size, c + r * c_pitch * d->size, s->count * d->size);
}

/* The next span: the widest tile that is full, or what is left under the narrowest. */
static span next_span(const planar_job *job, const block *at, size_t pixel) {
    const fc_planar_plan *d = job->d;
    const size_t left = (size_t)(at->rows * at->cols) - pixel;
    span s = {.tile = d->tile, .pixel = pixel, .offsets = (const ptrdiff_t *)job->scratch};
    while (s.tile->vectors > 1 && s.tile->cols > left)
        s.tile++;
    s.count = fc_least(left, s.tile->cols);
    s.planes = (d->in_place ? at->x : at->planes) + pixel * d->size;
    s.ahead = left > s.count ? (ptrdiff_t)s.count : 0;
    if (d->in_place && s.count < s.tile->cols) {
        s.planes = at->planes;
        s.offsets += d->weights.k;
    }
    return s;
}

/* The pixels that fill no vector, where whole ones would be read past the end of x. */
static void copy_end(const planar_job *job, const block *at) {
    const fc_planar_plan *d = job->d;
    const size_t lanes = d->tile->cols / d->tile->vectors, pixels = (size_t)(at->rows * at->cols),
                 count = pixels % lanes;
    const char *from = at->x + (pixels - count) * d->size;
    if (count) /* the other lanes are multiplied too, which subnormal numbers would slow down */
        memset(at->planes, 0, d->weights.k * lanes * d->size);
    for (size_t c = 0; count && c < d->weights.k; c++)
        fc_copy_elements(at->planes + c * lanes * d->size,
            from + (ptrdiff_t)c * job->layer->view.src.c_pitch * (ptrdiff_t)d->size, count * d->size);
}

/* Results straight to y: each panel passes over the whole block, so that y is written in long runs. */
static void run_flat(const planar_job *job, const block *at) {
    if (job->d->in_place)
        copy_end(job, at);
    for (size_t panel = at->first_panel; panel < at->end_panel; panel++)
        for (size_t pixel = 0; pixel < (size_t)(at->rows * at->cols);) {
            const span s = next_span(job, at, pixel);
            multiply_flat(job, at, panel, &s);
            pixel += s.count;
        }
}

static void run_block(void *job_, size_t task, size_t worker) {
    const planar_job *job = job_;
    const fc_planar_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t chunk = task % d->task_chunks, place = task / d->task_chunks, col = place % d->col_blocks,
                 row = place / d->col_blocks % d->row_blocks;
    const size_t plane = place / d->col_blocks / d->row_blocks;
    const ptrdiff_t size = (ptrdiff_t)d->size;
    block at = {.image = (ptrdiff_t)plane / v->groups,
        .group = (ptrdiff_t)plane % v->groups,
        .i = (ptrdiff_t)row * d->rows,
        .j = (ptrdiff_t)col * d->cols,
        .first_panel = chunk * d->task_panels};
    at.end_panel = fc_least(at.first_panel + d->task_panels, d->weights.panels);
    at.rows = fc_min(d->rows, v->dst.h - at.i);
    at.cols = fc_min(d->cols, v->dst.w - at.j);
    at.planes = job->scratch + d->offsets_bytes + d->bias_bytes + worker * d->worker_bytes;
    at.results = at.planes + d->planes_bytes;
    find_weights(job, at.results + d->results_bytes, &at);
    const char *image = job->x + (at.image * v->src.n_pitch + at.group * v->src.group_pitch) * size;
    at.x = image + at.j * size;
    at.y = job->y +
        (at.image * v->dst.n_pitch + at.group * v->dst.group_pitch + at.i * v->dst.h_pitch + at.j * v->dst.w_pitch) *
            size;
    if (!d->in_place) {
        fc_fill_planes(v, job->layer->kernels, &d->planes, image, at.i, at.j, at.planes);
        memset(at.planes + d->planes.elements * d->size, 0, d->tile->cols * d->size);
    }
    (d->flat ? run_flat : run_aside)(job, &at);
}

/* In the planes of a block, and in what stands for the end of x: a vector a channel. */
static void make_offsets(const fc_layer *layer, const fc_planar_plan *d, ptrdiff_t *offsets) {
    fc_planes_offsets(&layer->view, &d->planes, offsets);
    if (d->in_place)
        for (size_t c = 0; c < d->weights.k; c++) {
            offsets[c] = (ptrdiff_t)c * layer->view.src.c_pitch;
            offsets[d->weights.k + c] = (ptrdiff_t)(c * (d->tile->cols / d->tile->vectors));
        }
}

static fc_status run(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    fc_planar_plan d;
    FC_GET_OWN(plan, d);
    const fc_layer *layer = &plan->layer;
    const size_t workers = fc_parallel_workers(plan->tasks, plan->work);
    char *scratch = fc_scratch_alloc(fc_plan_scratch(plan, workers));
    planar_job job = {layer, &d, epilogue, weights, x, y, scratch};
    if (!scratch)
        return FC_OUT_OF_MEMORY;
    make_offsets(layer, &d, (ptrdiff_t *)scratch);
    if (d.on_demand && weights->bias)
        fc_pack_biases(&d.weights, layer->kernels, &layer->view, weights->bias, scratch + d.offsets_bytes);
    for (size_t worker = 0; worker < workers; worker++)
        memset(
            scratch + plan->shared_bytes + worker * d.worker_bytes + d.planes_bytes + d.results_bytes, 0, d.flag_bytes);
    fc_parallel_for(plan->tasks, workers, run_block, &job);
    fc_scratch_free(scratch);
    return FC_OK;
}

static fc_status plan_layer(const fc_layer *given, fc_purpose purpose, fc_layer_plan *plan) {
    if (given->params.c_in <= 0 || (given->view.dtype != FC_F32 && given->view.dtype != FC_F64))
        return FC_BAD_ARGUMENT;
    plan->layer = fc_planar_layer(given);
    const fc_layer *layer = &plan->layer;
    fc_planar_plan d = fc_planar_cut(layer);
    FC_TRY(fc_weights_bytes(&d.weights, &layer->view, &plan->packed_bytes));
    plan->form = fc_weights_form(&d.weights);
    plan->packed_rows = fc_weights_rows(&d.weights, &layer->view);
    plan->cycles = fc_planar_cost(layer, &d);
    plan->packs_on_demand = purpose != FC_RUN_PREPARED && fc_packs_on_demand(&d.weights, &layer->view);
    if (plan->packs_on_demand)
        fc_planar_pack_on_demand(layer, &d);
    plan->tile_rows = d.tile->rows;
    plan->tile_cols = d.tile->cols;
    plan->block_pixels = (size_t)(d.rows * d.cols);
    plan->block_k = fc_least(d.weights.k, LONGEST_K);
    plan->tasks = d.tasks;
    plan->work = fc_view_flops(&layer->view);
    plan->shared_bytes = d.offsets_bytes + d.bias_bytes;
    plan->worker_bytes = d.worker_bytes;
    FC_SET_OWN(plan, d);
    return FC_OK;
}

static void pack(const fc_layer_plan *plan, const void *kernel, const void *bias, void *packed) {
    fc_planar_plan d;
    FC_GET_OWN(plan, d);
    fc_pack_weights(&d.weights, plan->layer.kernels, &plan->layer.view, kernel, bias, packed);
}

const fc_algorithm fc_algorithm_planar = {
    .name = "planar",
    .requires = "float32 or float64 and at least one input channel",
    .reads_across = 1,
    .plan = plan_layer,
    .pack = pack,
    .run = run,
};
