/* SPDX-License-Identifier: MIT */
/* How a layer is cut for the direct algorithm. */
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/forward/direct/direct.h"
#include "ops/conv2d/gather/patch.h"
#include "ops/conv2d/gemm/tile.h"

enum {
    LONGEST_K =
        768,        /* of one call, in chains (kernels/body/chain.h): a longer list of their sums would lose accuracy */
    JOINED_K = 512, /* taps of a row are joined to one run up to this length */
    FEW_CHANNELS = 24, /* up to here borders go through a patch: runs of single taps would be too short */
    LEAST_PANELS = 4   /* pixel panels that a block is not cut below */
};

int fc_shares_sets(ptrdiff_t pitch, size_t size) {
    enum { SETS_BYTES = 4096 };
    return pitch && (size_t)pitch * size % SETS_BYTES == 0;
}

static void plan_runs(const fc_layer *layer, fc_direct_plan *d) {
    const fc_conv_view *v = &layer->view;
    const int together = v->src.c_pitch == 1 || v->src.c == 1;
    d->patched = fc_is_half(v->dtype) || !together || (v->src.c < FEW_CHANNELS && fc_has_border(v)) ||
        fc_shares_sets(v->src.w_pitch * v->cols.stride, d->size);
    d->joined = v->cols.step == 1 && (d->patched || v->src.w_pitch == v->src.c) && v->cols.count * v->src.c <= JOINED_K;
    d->unit = (size_t)(d->joined ? v->cols.count * v->src.c : v->src.c);
    d->in_line = v->dst.h == 1 && v->rows.count * v->cols.count == 1 && !fc_has_border(v);
    d->runs = d->weights.k / d->unit;
    d->pixel_pitch = v->src.c +
        (!d->joined && fc_shares_sets(v->src.c * v->cols.stride, d->size) ? FC_ALIGNMENT / (ptrdiff_t)d->size : 0);
    d->pieces = fc_parts(d->unit, LONGEST_K);
    d->piece = fc_parts(d->unit, d->pieces);
    d->units = d->pieces > 1 ? 1 : LONGEST_K / d->unit;
    d->chain = d->unit < FC_CHAIN ? FC_CHAIN / d->unit * d->unit
                                  : FC_CHAIN; /* whole runs: a few steps left over cost more than they compute */
}

static size_t patch_elements(const fc_conv_view *v, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t pitch) {
    const fc_patch p = fc_patch_of(v, 0, rows, 0, cols, pitch);
    return (size_t)(p.rows * p.cols * pitch);
}

/* Blocks are whole output rows as long as a row's input fits the budget, then pieces of one row. */
static void plan_blocks(const fc_layer *layer, fc_direct_plan *d) {
    const fc_conv_view *v = &layer->view;
    const size_t budget = fc_caches()->l2 / 3 / d->size, pixels = (size_t)(v->dst.h * v->dst.w),
                 images = (size_t)(v->n * v->groups);
    const size_t tasks = fc_task_count(fc_view_flops(v));
    d->rows = v->dst.h;
    d->cols = v->dst.w;
    while (d->rows > 1 && patch_elements(v, d->rows, d->cols, d->pixel_pitch) > budget)
        d->rows = (d->rows + 1) / 2;
    while (d->cols > (ptrdiff_t)(LEAST_PANELS * d->height) && patch_elements(v, 1, d->cols, d->pixel_pitch) > budget)
        d->cols = (d->cols + 1) / 2;
    if (images * fc_parts(pixels, (size_t)(d->rows * d->cols)) < tasks) {
        const size_t share = fc_parts(pixels * images, tasks), few = LEAST_PANELS * d->height;
        const ptrdiff_t least = (ptrdiff_t)(share > few ? share : few);
        d->rows = fc_min(d->rows, fc_max(1, least / d->cols));
        if (d->in_line)
            d->cols = fc_min(d->cols, least);
    }
    d->row_blocks = fc_parts((size_t)v->dst.h, (size_t)d->rows);
    d->rows = (ptrdiff_t)fc_parts((size_t)v->dst.h, d->row_blocks);
    d->col_blocks = fc_parts((size_t)v->dst.w, (size_t)d->cols);
    d->cols = (ptrdiff_t)fc_parts((size_t)v->dst.w, d->col_blocks);
    if (d->in_line && d->col_blocks > 1) {
        d->cols = fc_round_up(d->cols, (ptrdiff_t)d->height); /* whole tiles */
        d->col_blocks = fc_parts((size_t)v->dst.w, (size_t)d->cols);
    }
    const size_t blocks = images * d->row_blocks * d->col_blocks;
    d->chunk_panels = blocks < tasks ? fc_parts(d->weights.panels * blocks, tasks) : d->weights.panels;
    d->chunks = fc_parts(d->weights.panels, d->chunk_panels);
    d->tasks = blocks * d->chunks;
}

fc_weight_panels fc_direct_weights(const fc_layer *layer) {
    const fc_dtype dtype = fc_compute_dtype(layer->view.dtype);
    const size_t outs = (size_t)layer->view.dst.c, k = fc_view_k(&layer->view);
    const fc_igemm_tile *tile = fc_igemm_tile_for(
        layer->kernels, dtype, fc_igemm_vectors(layer->kernels, dtype, outs), FC_MAX_TILE_HEIGHT);
    return (fc_weight_panels){tile->width, fc_parts(outs, tile->width), k, k};
}

static void find_tiles(const fc_layer *layer, size_t vectors, const fc_igemm_tile **by_rows) {
    for (const fc_igemm_tile *tile = fc_igemm_tiles(layer->kernels, fc_compute_dtype(layer->view.dtype)); tile->height;
        tile++)
        for (size_t rows = tile->vectors == vectors ? tile->height : 0; rows; rows--)
            if (!by_rows[rows] || by_rows[rows]->height > tile->height)
                by_rows[rows] = tile;
}

void fc_direct_complete(fc_layer_plan *plan) {
    fc_direct_plan d;
    FC_GET_OWN(plan, d);
    const fc_layer *layer = &plan->layer;
    const size_t rest = (size_t)layer->view.dst.c - (d.weights.panels - 1) * d.weights.width;
    find_tiles(layer, d.vectors, d.tiles);
    find_tiles(layer, fc_igemm_narrowest(layer->kernels, fc_compute_dtype(layer->view.dtype), d.vectors, rest),
        d.narrow_tiles);
    FC_SET_OWN(plan, d);
}

/* With one vector a row, loading pointers again and again costs more than a higher tile saves, unless k is short: so
   few rows that they stay in registers. */
static size_t height_for(const fc_layer *layer, size_t vectors) {
    enum { IN_REGISTERS = 8, SHORT_K = 64 };
    const fc_igemm_tile *tile = fc_igemm_tiles(layer->kernels, fc_compute_dtype(layer->view.dtype));
    const size_t most = vectors == 1 && fc_view_k(&layer->view) > SHORT_K ? IN_REGISTERS : FC_MAX_TILE_HEIGHT;
    while (tile->vectors != vectors || tile->height > most)
        tile++;
    return tile->height;
}

/* Whether one block holds all pixels. */
static int meets_panels_once(const fc_layer *layer, const fc_direct_plan *d) {
    return layer->view.n * (ptrdiff_t)(d->row_blocks * d->col_blocks) == 1;
}

void fc_direct_set_form(const fc_layer *layer, fc_direct_form form, fc_direct_plan *d) {
    const fc_conv_view *v = &layer->view;
    const size_t panel_bytes = fc_panel_bytes(&d->weights, v);
    d->form = form;
    d->weights_pitch = form == FC_DIRECT_UNPACKED ? (size_t)v->w_c_pitch : d->weights.width;
    d->passing = form == FC_DIRECT_ON_DEMAND && !d->kernel_in_l2 && meets_panels_once(layer, d);
    d->flag_bytes = form == FC_DIRECT_ON_DEMAND && !d->passing ? fc_panel_flag_bytes(&d->weights, v) : 0;
    d->bias_bytes = form == FC_DIRECT_PACKED
        ? 0
        : fc_align_up((size_t)v->groups * d->weights.panels * d->weights.width * d->size);
    d->worker_bytes = d->made_bytes + d->panel_bytes + d->table_bytes + d->patch_bytes + d->raw_bytes;
    if (form == FC_DIRECT_ON_DEMAND)
        d->worker_bytes += d->passing ? fc_align_up(panel_bytes) : fc_on_demand_bytes(&d->weights, v);
}

void fc_direct_choose_form(const fc_layer *layer, fc_direct_plan *d) {
    const int fits = fc_packs_on_demand(&d->weights, &layer->view);
    if (!fits && layer->view.w_out_pitch == 1)
        return;
    fc_direct_set_form(layer, FC_DIRECT_ON_DEMAND, d);
    if (!fits && !d->passing)
        fc_direct_set_form(layer, FC_DIRECT_PACKED, d);
}

fc_direct_plan fc_direct_cut(const fc_layer *given, fc_direct_form form, fc_layer_plan *plan) {
    fc_layer *layer = &plan->layer;
    *layer = *given;
    fc_view_fold_strides(&layer->view);
    if (!fc_is_half(layer->view.dtype))
        fc_view_join_pixels(&layer->view);
    const fc_conv_view *v = &layer->view;
    const fc_igemm_tile *tiles = fc_igemm_tiles(layer->kernels, fc_compute_dtype(v->dtype));
    const size_t lanes = tiles->width / tiles->vectors, k = fc_view_k(v);
    fc_direct_plan d = {.size = fc_dtype_size(fc_compute_dtype(v->dtype)), .weights = fc_direct_weights(layer)};
    d.vectors = d.weights.width / lanes;
    d.height = height_for(layer, d.vectors);
    d.in_place = !fc_is_half(v->dtype) && v->dst.c_pitch == 1;
    d.kernel_in_l2 = d.weights.panels * d.weights.width * k * d.size <= fc_caches()->l2 / 2;
    plan_runs(layer, &d);
    plan_blocks(layer, &d);
    const size_t pixel_panels = (size_t)d.rows * fc_parts((size_t)d.cols, d.height);
    d.table_bytes = fc_align_up(pixel_panels * d.height * (size_t)(v->rows.count * v->cols.count) * sizeof(void *));
    d.patch_bytes = d.patched ? fc_align_up(patch_elements(v, d.rows, d.cols, d.pixel_pitch) * d.size) : 0;
    d.raw_bytes = fc_is_half(v->dtype) ? fc_align_up((size_t)(v->src.w * d.pixel_pitch) * sizeof(uint16_t)) : 0;
    d.made_bytes = fc_align_up(sizeof(fc_panels_made));
    d.panel_bytes = fc_align_up(pixel_panels * sizeof(fc_pixel_panel));
    d.zero_bytes = d.patched ? 0 : fc_align_up((size_t)v->cols.count * (size_t)v->src.c * d.size);
    fc_direct_set_form(layer, form, &d);
    return d;
}

/* Pixels that tiles cross: a row of a block, or all of them where rows follow one another in y. */
static size_t run_pixels(const fc_conv_view *v, const fc_direct_plan *d) {
    const int rows_join = d->cols == v->dst.w && v->dst.h_pitch == v->dst.w * v->dst.w_pitch;
    return (size_t)(rows_join ? d->rows * d->cols : d->cols);
}

/* A step of k under the tiles of a run of pixels, in FMAs of a vector. */
static double run_cycles(const fc_costs *costs, const fc_direct_plan *d, size_t pixels, size_t vectors) {
    const size_t whole = pixels / d->height, rest = pixels % d->height;
    const double latency = costs->direct_latency;
    return (double)whole * fc_step_cycles(d->height, vectors, latency) +
        (rest ? fc_step_cycles(rest, vectors, latency) : 0);
}

/* A pixel's part of all tiles, one panel of output channels after another: the arithmetic, and the calls. */
static double tiles_cycles(const fc_layer *layer, const fc_direct_plan *d) {
    const fc_costs *costs = fc_costs_of(layer->kernels);
    const fc_conv_view *v = &layer->view;
    const size_t lanes = d->weights.width / d->vectors, pixels = run_pixels(v, d), whole = d->weights.panels - 1,
                 rest = fc_parts((size_t)v->dst.c, lanes) - whole * d->vectors;
    const double step = d->vectors == 1 ? costs->direct_step_narrow : costs->direct_step,
                 steps = (double)whole * run_cycles(costs, d, pixels, d->vectors) + run_cycles(costs, d, pixels, rest),
                 runs = (double)v->rows.count * (double)(d->joined ? 1 : v->cols.count);
    const double calls = (double)(fc_parts(pixels, d->height) * d->weights.panels);
    return (step * steps * (double)d->weights.k + costs->direct_call * calls) / (double)pixels +
        costs->direct_run * runs * (double)d->weights.panels;
}

/* Blocks, tiles and their tables, channels that fill no vector, the patch, and stores. */
double fc_direct_cost(const fc_layer *layer, const fc_direct_plan *d) {
    const fc_costs *costs = fc_costs_of(layer->kernels);
    const fc_conv_view *v = &layer->view;
    const double pixels = (double)v->groups * (double)fc_view_pixels(v), outs = (double)v->dst.c;
    const double element = d->patched
        ? v->src.c_pitch == 1 || v->src.c == 1 ? costs->direct_copied : costs->direct_gathered
        : 0;
    const double overlap = (double)patch_elements(v, d->rows, d->cols, d->pixel_pitch) / (double)(d->rows * d->cols);
    const double each_panel = d->in_place ? costs->direct_panel : costs->direct_panel_aside,
                 partial = (size_t)v->dst.c % (d->weights.width / d->vectors) ? costs->direct_partial : 0;
    return costs->direct_block * (double)d->tasks +
        pixels *
        (tiles_cycles(layer, d) + (d->in_line ? 0 : costs->direct_point) + partial +
            each_panel * (double)d->weights.panels + element * overlap * (double)d->chunks +
            fc_store_cycles(costs, v, 1) * outs);
}

void fc_direct_keep(const fc_direct_plan *d, fc_layer_plan *plan) {
    const fc_conv_view *v = &plan->layer.view;
    plan->packs_on_demand = d->form != FC_DIRECT_PACKED;
    plan->fuses_epilogue = d->in_place; /* the micro-kernel does it, where its tiles are the results */
    plan->tile_rows = d->height;
    plan->tile_cols = d->weights.width;
    plan->pixels_in_rows = 1;
    plan->block_pixels = (size_t)(d->rows * d->cols);
    plan->block_k = d->pieces > 1 ? d->piece : fc_least(d->units * d->unit, d->weights.k);
    plan->tasks = d->tasks;
    plan->work = fc_view_flops(v);
    plan->shared_bytes = d->zero_bytes + d->bias_bytes;
    plan->worker_bytes = d->worker_bytes;
    FC_SET_OWN(plan, *d);
}
