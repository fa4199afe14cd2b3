/* SPDX-License-Identifier: MIT */
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/costs.h"
#include "ops/conv2d/forward/batch/batch.h"
#include "ops/conv2d/gather/patch.h"
#include "ops/conv2d/gemm/tile.h"

enum {
    LEAST_ROWS = 4 /* of a band, which reads some rows of x again */
};

static const fc_batch_tile *tiles_of(const fc_layer *layer) {
    return layer->view.dtype == FC_F64 ? layer->kernels->batch_f64 : layer->kernels->batch_f32;
}

/* Cycles a step of k, and the loop. */
static double tile_cycles(const fc_batch_tile *tile) {
    return fc_step_cycles(tile->outs, tile->pixels, FC_FMA_LATENCY) + 0.5;
}

static double row_cycles(const fc_layer *layer, const fc_batch_tile *tile) {
    return tile_cycles(tile) * (double)fc_parts((size_t)layer->view.dst.w, tile->pixels);
}

/* The outs by the channels alone, since the packed kernel serves images of any size; then the pixels by the columns. */
static const fc_batch_tile *best_tile(const fc_layer *layer) {
    const fc_batch_tile *all = tiles_of(layer), *best = all;
    double least = 0;
    for (const fc_batch_tile *tile = all; tile->outs; tile++) {
        const double cycles = tile_cycles(tile) / (double)tile->pixels *
            (double)fc_parts((size_t)layer->view.dst.c, tile->outs);
        if (tile == all || cycles < least) {
            best = tile;
            least = cycles;
        }
    }
    const size_t outs = best->outs;
    for (const fc_batch_tile *tile = all; tile->outs; tile++)
        if (tile->outs == outs && row_cycles(layer, tile) < row_cycles(layer, best))
            best = tile;
    return best;
}

/* Rows of x that `rows` rows of the output read. */
static ptrdiff_t rows_read(const fc_conv_view *v, ptrdiff_t rows) {
    return fc_min(fc_patch_of(v, 0, rows, 0, 1, 0).rows, v->src.h);
}

fc_batch_plan fc_batch_plan_of(const fc_layer *layer) {
    const size_t tasks = fc_task_count(fc_view_flops(&layer->view));
    const fc_conv_view *v = &layer->view;
    fc_batch_plan d = {.tile = best_tile(layer), .size = fc_dtype_size(v->dtype)};
    const size_t k = fc_view_k(v), pixel = (size_t)v->src.c * d.tile->lanes * d.size;
    d.weights = (fc_weight_panels){d.tile->outs, fc_parts((size_t)v->dst.c, d.tile->outs), k, k};
    d.lots = fc_ceil_div(v->n, (ptrdiff_t)d.tile->lanes);
    d.cols = fc_round_up(v->dst.w, (ptrdiff_t)d.tile->pixels);
    d.in_cols = fc_patch_of(v, 0, 1, 0, d.cols, 0).cols;
    d.rows = v->dst.h;
    while (d.rows > 1 && (size_t)(rows_read(v, d.rows) * d.in_cols) * pixel > fc_caches()->l2 / 2)
        d.rows = (d.rows + 1) / 2;
    while (d.rows >= 2 * LEAST_ROWS && (size_t)(d.lots * v->groups * fc_ceil_div(v->dst.h, d.rows)) < tasks)
        d.rows = (d.rows + 1) / 2;
    d.bands = fc_ceil_div(v->dst.h, d.rows);
    d.rows = fc_ceil_div(v->dst.h, d.bands);
    d.in_rows = rows_read(v, d.rows);
    d.tasks = (size_t)(d.lots * v->groups * d.bands);
    d.cells_bytes = fc_align_up((size_t)(d.in_rows * d.in_cols) * pixel);
    d.worker_bytes = d.cells_bytes + fc_align_up((size_t)(v->dst.w * v->dst.c) * d.tile->lanes * d.size);
    return d;
}

/* Over all tiles of `pixels` windows, the taps under which a window of the tile lies inside [0, size). */
static double taps_of(const fc_taps *taps, ptrdiff_t windows, ptrdiff_t pixels, ptrdiff_t size) {
    const ptrdiff_t last = (windows - 1) * taps->stride + taps->first;
    const ptrdiff_t least = last < 0 ? fc_ceil_div(-last, taps->step) : 0,
                    most = size > taps->first ? fc_ceil_div(size - taps->first, taps->step) : 0;
    double sum = 0;
    for (ptrdiff_t t = least; t < fc_min(most, taps->count); t++) {
        const ptrdiff_t at = taps->first + t * taps->step, begin = at < 0 ? fc_ceil_div(-at, taps->stride) : 0;
        const ptrdiff_t end = at < size ? fc_min(fc_ceil_div(size - at, taps->stride), windows) : 0;
        sum += begin < end ? (double)((end - 1) / pixels - begin / pixels + 1) : 0;
    }
    return sum;
}

double fc_batch_cost(const fc_layer *layer, const fc_batch_plan *d) {
    const fc_costs *costs = fc_costs_of(layer->kernels);
    const fc_conv_view *v = &layer->view;
    const double lanes = (double)d->tile->lanes,
                 tiles = (double)(d->weights.panels * (size_t)(v->dst.h * d->cols)) / (double)d->tile->pixels;
    const double taps = taps_of(&v->rows, v->dst.h, 1, v->src.h) *
        taps_of(&v->cols, v->dst.w, (ptrdiff_t)d->tile->pixels, v->src.w);
    const double steps = taps * (double)v->src.c * (double)d->weights.panels;
    const double loads = (double)(d->bands * d->in_rows * d->in_cols) * (double)v->src.c,
                 stores = (double)(v->dst.h * v->dst.w) * (double)v->dst.c;
    const int apart = v->src.c_pitch == 1 && v->src.c == 1 && v->groups > 1;
    const double load = apart ? costs->batch_apart : v->src.c_pitch == 1 ? costs->batch_load : costs->batch_load_planes;
    const double store = apart && v->dst.c == 1 ? costs->batch_apart
        : v->dst.c_pitch == 1                   ? costs->batch_store
                                                : costs->batch_store_planes;
    return (double)(d->lots * v->groups) *
        (costs->batch_step * steps * tile_cycles(d->tile) + costs->batch_call * tiles +
            lanes * (load * loads + store * stores));
}
