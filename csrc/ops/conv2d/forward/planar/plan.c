/* SPDX-License-Identifier: MIT */
/* How a layer is cut for the planar algorithm. */
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/costs.h"
#include "ops/conv2d/forward/planar/planar.h"
#include "ops/conv2d/gemm/tile.h"

enum {
    LEAST_TILES = 4 /* that a block is not cut below */
};

fc_layer fc_planar_layer(const fc_layer *layer) {
    fc_layer own = *layer;
    fc_conv_view *v = &own.view;
    const int single = v->rows.count == 1 && v->cols.count == 1 && v->rows.first == 0 && v->cols.first == 0;
    if (!single || v->rows.stride != 1 || v->cols.stride != 1 || v->src.h != v->dst.h || v->src.w != v->dst.w)
        return own;
    if (v->src.h_pitch != v->src.w * v->src.w_pitch || v->dst.h_pitch != v->dst.w * v->dst.w_pitch)
        return own;
    v->src.w = v->dst.w = v->dst.w * v->dst.h;
    v->src.h = v->dst.h = 1;
    return own;
}

/* Cycles of a step of k for one vector of pixels and all channels: FMAs or loads, and never under the FMA's latency a
 * tile. */
static double tile_cycles(const fc_planes_tile *tile, size_t outs) {
    const double latency = 8, fmas = (double)(tile->rows * tile->vectors),
                 loads = 0.5 * (double)tile->rows + (double)tile->vectors + 0.5;
    const double most = fmas > loads ? fmas : loads;
    return (most > latency ? most : latency) / (double)tile->vectors * (double)fc_parts(outs, tile->rows);
}

static const fc_planes_tile *best_tile(const fc_layer *layer) {
    const fc_planes_tile *best = layer->view.dtype == FC_F64 ? layer->kernels->planes_f64 : layer->kernels->planes_f32;
    for (const fc_planes_tile *tile = best + 1; tile->rows; tile++)
        if (tile_cycles(tile, (size_t)layer->view.dst.c) < tile_cycles(best, (size_t)layer->view.dst.c))
            best = tile;
    return best;
}

size_t fc_planar_run_of(const fc_planar_plan *d, ptrdiff_t rows, ptrdiff_t cols) {
    return fc_parts((size_t)((rows - 1) * d->planes.pitch + cols), d->tile->cols) * d->tile->cols;
}

/* Whether lines of as many channels find room in L2 when they lie `pitch` elements apart: strides of high powers of two
 * meet few sets. */
static int fits_sets(ptrdiff_t pitch, ptrdiff_t channels, size_t size) {
    enum { WAYS = 8, LINE = 64 };
    const size_t way = fc_caches()->l2 / WAYS;
    size_t bytes = (size_t)pitch * size, power = LINE;
    while (power < way && bytes % (2 * power) == 0)
        power *= 2;
    return (size_t)channels <= WAYS * (way / power);
}

static size_t images_of(const fc_conv_view *v) { return (size_t)(v->n * v->groups); }

/* Blocks are whole output rows as long as they fit the budget, then pieces of one row. */
static void plan_rows(const fc_conv_view *v, fc_planar_plan *d, size_t budget) {
    const size_t tasks = fc_task_count(fc_view_flops(v));
    const size_t images = images_of(v), pixels = (size_t)(v->dst.h * v->dst.w), few = LEAST_TILES * d->tile->cols;
    while (d->rows > 1 && fc_planes_of(v, d->rows, d->cols).elements > budget)
        d->rows = (d->rows + 1) / 2;
    while (d->cols > (ptrdiff_t)few && fc_planes_of(v, 1, d->cols).elements > budget)
        d->cols = (d->cols + 1) / 2;
    if (images * fc_parts(pixels, (size_t)(d->rows * d->cols)) < tasks) {
        const size_t share = fc_parts(pixels * images, tasks);
        d->rows = fc_min(d->rows, fc_max(1, (ptrdiff_t)((share > few ? share : few) / (size_t)d->cols)));
    }
}

/* Blocks of one row are whole tiles, but for the last, as long as they stay in L2: every panel of the kernel passes
 * over all of a block. */
static void plan_tiles(const fc_conv_view *v, fc_planar_plan *d, size_t budget) {
    const size_t tasks = fc_task_count(fc_view_flops(v));
    const size_t images = images_of(v), tiles = fc_parts((size_t)v->dst.w, d->tile->cols),
                 fit = budget / (d->weights.k * d->tile->cols);
    const size_t few = fc_least(fc_parts(tasks, images), fc_parts(tiles, LEAST_TILES)),
                 many = fc_parts(tiles, fit < LEAST_TILES ? LEAST_TILES : fit);
    d->cols = fc_min(d->cols, (ptrdiff_t)(fc_parts(tiles, few > many ? few : many) * d->tile->cols));
    const size_t blocks = images * fc_parts((size_t)v->dst.w, (size_t)d->cols);
    if (blocks < tasks)
        d->task_panels = fc_parts(d->weights.panels * blocks, tasks);
}

static void plan_blocks(const fc_layer *layer, fc_planar_plan *d) {
    const fc_conv_view *v = &layer->view;
    const size_t budget = fc_caches()->l2 / 3 / d->size;
    d->rows = v->dst.h;
    d->cols = v->dst.w;
    d->task_panels = d->weights.panels;
    if (d->in_place)
        plan_tiles(v, d, budget);
    else
        plan_rows(v, d, budget);
    d->row_blocks = fc_parts((size_t)v->dst.h, (size_t)d->rows);
    d->rows = (ptrdiff_t)fc_parts((size_t)v->dst.h, d->row_blocks);
    d->col_blocks = fc_parts((size_t)v->dst.w, (size_t)d->cols);
    if (!d->in_place)
        d->cols = (ptrdiff_t)fc_parts((size_t)v->dst.w, d->col_blocks);
    d->planes = fc_planes_of(v, d->rows, d->cols);
    d->flat = v->dst.w_pitch == 1 && (d->rows == 1 || (d->planes.pitch == v->dst.w && v->dst.h_pitch == v->dst.w));
    d->run = d->flat ? d->tile->cols : fc_planar_run_of(d, d->rows, d->cols);
    const size_t fit = budget / (d->run * d->tile->rows);
    d->chunk_panels = fc_least(d->task_panels, d->flat || !fit ? 1 : fit);
    d->task_chunks = fc_parts(d->weights.panels, d->task_panels);
    d->tasks = images_of(v) * d->row_blocks * d->col_blocks * d->task_chunks;
}

fc_planar_plan fc_planar_cut(const fc_layer *layer) {
    const fc_conv_view *v = &layer->view;
    fc_planar_plan d = {.tile = best_tile(layer), .size = fc_dtype_size(v->dtype)};
    const size_t k = fc_view_k(v), lanes = d.tile->cols / d.tile->vectors;
    d.weights = (fc_weight_panels){d.tile->rows, fc_parts((size_t)v->dst.c, d.tile->rows), k, k};
    const fc_planes whole = fc_planes_of(v, v->dst.h, v->dst.w);
    d.in_place = k == (size_t)v->src.c && v->dst.h == 1 && v->src.h == 1 && whole.pitch == v->src.w &&
        v->cols.stride == 1 && v->cols.first == 0 && v->rows.first == 0 && v->src.w_pitch == 1 && v->dst.w_pitch == 1 &&
        fits_sets(v->src.c_pitch, v->src.c, d.size);
    plan_blocks(layer, &d);
    d.planes_bytes = fc_align_up((d.in_place ? k * lanes : d.planes.elements + d.tile->cols) * d.size);
    d.results_bytes = fc_align_up((d.flat ? 1 : d.chunk_panels) * d.tile->rows * d.run * d.size);
    d.worker_bytes = d.planes_bytes + d.results_bytes;
    d.offsets_bytes = fc_align_up(2 * k * sizeof(ptrdiff_t));
    return d;
}

void fc_planar_pack_on_demand(const fc_layer *layer, fc_planar_plan *d) {
    const fc_conv_view *v = &layer->view;
    d->on_demand = 1;
    d->flag_bytes = fc_panel_flag_bytes(&d->weights, v);
    d->bias_bytes = fc_align_up((size_t)v->groups * d->weights.panels * d->weights.width * d->size);
    d->worker_bytes += fc_on_demand_bytes(&d->weights, v);
}

/* The planes of an image copied, `element` cycles a number, or what stands for the end of x. */
static double copy_cycles(const fc_costs *costs, const fc_conv_view *v, const fc_planar_plan *d, double element) {
    const fc_planes *p = &d->planes;
    if (d->in_place) {
        const size_t lanes = d->tile->cols / d->tile->vectors;
        return (size_t)v->dst.w % lanes ? costs->planar_end * (double)(v->src.c * (ptrdiff_t)d->task_chunks) : 0;
    }
    const double rows = (double)(v->src.c * p->row_phases * p->col_phases * p->rows);
    return (double)(d->row_blocks * d->col_blocks) * (element * (double)p->elements + costs->planar_row * rows);
}

/* FMAs and calls on whole vectors of pixels, results straight to y, and the copy into planes unless x is read in place.
 */
static double flat_cycles(const fc_costs *costs, const fc_conv_view *v, const fc_planar_plan *d, double element) {
    const double outs = (double)v->dst.c, lanes = (double)d->tile->cols / (double)d->tile->vectors;
    const double blocks = (double)(d->row_blocks * d->col_blocks),
                 pixels = d->in_place ? (double)v->dst.w : blocks * (double)(d->rows * d->cols);
    const double vectors = __builtin_ceil(pixels / lanes),
                 calls = (double)d->weights.panels * vectors / (double)d->tile->vectors;
    const double each = costs->planar_step * (double)d->weights.k * tile_cycles(d->tile, (size_t)v->dst.c) +
        costs->planar_store * lanes * outs;
    return vectors * each + costs->planar_call * calls + copy_cycles(costs, v, d, element);
}

/* FMAs and calls, those between rows included, the copy into planes, and the results written and read once more. */
static double aside_cycles(const fc_costs *costs, const fc_conv_view *v, const fc_planar_plan *d, double element) {
    const double run = (double)d->run, lanes = (double)d->tile->cols / (double)d->tile->vectors,
                 outs = (double)v->dst.c;
    const double stores = costs->planar_store * run * outs +
        (v->dst.c_pitch == 1 ? (costs->planar_store_pixel + costs->planar_store_transposed * outs) * run
                             : (costs->planar_store_row * (double)d->rows + costs->planar_store_aside * run) * outs);
    const double calls = costs->planar_call * (double)d->weights.panels * run / (double)d->tile->cols,
                 arithmetic = run / lanes * costs->planar_step * (double)d->weights.k *
        tile_cycles(d->tile, (size_t)v->dst.c);
    return (double)(d->row_blocks * d->col_blocks) * (arithmetic + calls + stores) + copy_cycles(costs, v, d, element);
}

double fc_planar_cost(const fc_layer *layer, const fc_planar_plan *d) {
    const fc_costs *costs = fc_costs_of(layer->kernels);
    const fc_conv_view *v = &layer->view;
    const ptrdiff_t step = v->src.w_pitch * v->cols.stride;
    const double element = v->src.c > 1 && v->src.c_pitch == 1 ? costs->planar_copied_across
        : step == 1                                            ? costs->planar_copied
        : step == 2                                            ? costs->planar_copied_by_2
                                                               : costs->planar_copied_apart;
    const double alone = d->tasks == 1 ? costs->planar_alone : 1; /* a single task leaves every other core idle */
    return alone * (double)images_of(v) * (d->flat ? flat_cycles : aside_cycles)(costs, v, d, element) +
        fc_far_cycles(costs, v);
}
