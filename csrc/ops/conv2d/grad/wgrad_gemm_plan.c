/* SPDX-License-Identifier: MIT */
#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/costs.h"
#include "ops/conv2d/gather/patch.h"
#include "ops/conv2d/gemm/tile.h"
#include "ops/conv2d/grad/wgrad_gemm.h"

enum { CHUNK = 512 }; /* pixels summed in float: more would lose accuracy */

static const fc_wgrad_gemm_tile *tiles_of(const fc_layer *layer) {
    return layer->view.dtype == FC_F64 ? layer->kernels->wgrad_gemm_f64 : layer->kernels->wgrad_gemm_f32;
}

/* Cycles a pixel, and the loop. */
static double tile_cycles(const fc_wgrad_gemm_tile *tile) {
    return fc_step_cycles(tile->height, tile->vectors, FC_FMA_LATENCY) + 1;
}

static double run_cycles(const fc_wgrad_gemm_tile *tile, size_t run, size_t outs) {
    return tile_cycles(tile) * (double)(fc_parts(run, tile->height) * fc_parts(outs, tile->width));
}

static const fc_wgrad_gemm_tile *best_tile(const fc_layer *layer, size_t run, size_t outs) {
    const fc_wgrad_gemm_tile *best = NULL;
    for (const fc_wgrad_gemm_tile *tile = tiles_of(layer); tile->height; tile++) {
        const size_t lanes = tile->width / tile->vectors;
        const int fits = tile->height <= run && (outs % tile->width == 0 || tile->width - outs % tile->width < lanes);
        if (fits && (!best || run_cycles(tile, run, outs) < run_cycles(best, run, outs)))
            best = tile;
    }
    return best;
}

/*
 * A few neighbouring pixels of few output channels lie in one vector of dy. Their taps are a longer run of x, and what
 * belongs to a tap lies in it a stride further for each pixel.
 */
static void choose_fold(const fc_layer *layer, fc_wgrad_gemm_plan *d) {
    const fc_conv_view *v = &layer->view;
    const size_t lanes = d->tile.width / d->tile.vectors, outs = (size_t)v->dst.c, most = lanes / outs;
    double least = run_cycles(&d->tile, (size_t)(v->src.c * v->cols.count), outs);
    for (ptrdiff_t fold = 2;
        fold <= fc_min((ptrdiff_t)most, v->dst.w) && v->dst.c_pitch == 1 && v->dst.w_pitch == v->dst.c; fold++) {
        const size_t run = (size_t)(v->src.c * (v->cols.count + (fold - 1) * v->cols.stride));
        const fc_wgrad_gemm_tile *tile = best_tile(layer, run, lanes);
        const double cycles = run_cycles(tile, run, lanes) / (double)fold;
        if (cycles >= least)
            continue;
        least = cycles;
        d->fold = fold;
        d->tile = *tile;
    }
}

/* Taps of a row are joined where that wastes fewer lanes. */
static void choose_runs(const fc_layer *layer, fc_wgrad_gemm_plan *d) {
    const fc_conv_view *v = &layer->view;
    const size_t c = (size_t)v->src.c, taps = (size_t)v->cols.count, outs = (size_t)v->dst.c;
    const fc_wgrad_gemm_tile *apart = best_tile(layer, c, outs),
                             *together = v->cols.step == 1 ? best_tile(layer, c * taps, outs) : NULL;
    d->joined = together && taps > 1 &&
        run_cycles(together, c * taps, outs) < 0.9 * (double)taps * run_cycles(apart, c, outs);
    d->tile = d->joined ? *together : *apart;
    d->fold = 1;
    if (d->joined)
        choose_fold(layer, d);
    d->padded = d->joined && fc_has_border(v);
    d->runs_a_row = d->joined ? 1 : v->cols.count;
}

/* Blocks of at most so many sums. */
static void cut_blocks(const fc_conv_view *v, size_t most, fc_wgrad_gemm_plan *d) {
    const size_t taps = (size_t)(v->rows.count * v->cols.count), channels = (size_t)v->src.c, outs = (size_t)v->dst.c;
    size_t c_panels = d->joined ? 1 : fc_parts(channels, d->tile.height), o_panels = fc_parts(outs, d->tile.width);
    const size_t a_panel = taps * d->tile.width * (d->joined ? channels : d->tile.height);
    while (c_panels * o_panels * a_panel > most && c_panels * o_panels > 1)
        if (c_panels > 1 && (o_panels == 1 || c_panels * d->tile.height >= o_panels * d->tile.width))
            c_panels = (c_panels + 1) / 2;
        else
            o_panels = (o_panels + 1) / 2;
    d->c_blocks = d->joined ? 1 : fc_parts(fc_parts(channels, d->tile.height), c_panels);
    d->c_block = fc_parts(channels, d->c_blocks);
    if (d->c_block < d->tile.height && !d->joined)
        d->c_block = d->tile.height;
    d->c_blocks = fc_parts(channels, d->c_block);
    d->o_block = o_panels * d->tile.width;
    d->o_blocks = fc_parts(outs, d->o_block);
    d->o_block = fc_least(d->o_block, outs);
    const size_t run = fc_wgrad_gemm_run(v, d);
    d->tiles_a_run = fc_parts(run, d->tile.height);
    d->block_numbers = (size_t)(v->rows.count * d->runs_a_row) * d->tiles_a_run * fc_parts(d->o_block, d->tile.width) *
        d->tile.height * d->tile.width;
    d->blocks = (size_t)v->groups * d->c_blocks * d->o_blocks;
}

/* Whether the rows of a tile at this distance evict one another from L1. */
static int shares_sets(ptrdiff_t pitch, size_t size) { return pitch && (size_t)pitch * size % 512 == 0; }

/* From pixel to pixel of a copy. */
static ptrdiff_t pitch_of(size_t numbers, ptrdiff_t stride, size_t size) {
    return (ptrdiff_t)(numbers + (shares_sets((ptrdiff_t)numbers * stride, size) ? FC_ALIGNMENT / size : 0));
}

/* What cannot be read in place, or would be read slowly and more than a few times, is copied. */
static void choose_copies(const fc_conv_view *v, fc_wgrad_gemm_plan *d) {
    enum { FEW = 4 };
    const size_t lanes = d->tile.width / d->tile.vectors, taps = (size_t)(v->rows.count * v->cols.count);
    const int half = fc_is_half(v->dtype), read_often = taps * d->o_block >= FEW * lanes,
              dy_often = taps * d->c_block >= FEW * lanes;
    d->x_copied = half || (v->src.c_pitch != 1 && v->src.c > 1) || d->padded ||
        (d->joined && v->src.w_pitch != v->src.c) || v->dst.w % d->fold ||
        (read_often && shares_sets(v->src.w_pitch * v->cols.stride, d->size));
    d->dy_copied = half || (v->dst.c_pitch != 1 && v->dst.c > 1) || (dy_often && shares_sets(v->dst.w_pitch, d->size));
    d->x_pitch = d->joined ? v->src.c : pitch_of(d->c_block, v->cols.stride, d->size);
    d->dy_pitch = pitch_of(d->o_block, 1, d->size);
}

static void cut_chunks(const fc_conv_view *v, fc_wgrad_gemm_plan *d) {
    const ptrdiff_t pixels = v->dst.h * v->dst.w;
    d->images = pixels >= CHUNK ? 1 : fc_min(fc_max((CHUNK + pixels / 2) / pixels, 1), v->n);
    d->rows = pixels < CHUNK + CHUNK / 2 ? v->dst.h : fc_max(CHUNK / v->dst.w, 1);
    d->bands = fc_ceil_div(v->dst.h, d->rows);
    d->rows = fc_ceil_div(v->dst.h, d->bands);
    d->pieces = d->rows > 1 ? 1 : fc_ceil_div(v->dst.w, CHUNK + CHUNK / 2);
    d->cols = fc_min(fc_round_up(fc_ceil_div(v->dst.w, d->pieces), d->fold), v->dst.w);
    d->bands = fc_ceil_div(v->dst.h, d->rows);
    d->pieces = fc_ceil_div(v->dst.w, d->cols);
    d->chunks = (size_t)(fc_ceil_div(v->n, d->images) * d->bands * d->pieces);
}

/* Sums of a block stay in L2. A slice is a few chunks at least, or adding it up would cost as much: where that makes
 * few tasks, smaller blocks do. */
static void cut_tasks(const fc_conv_view *v, fc_wgrad_gemm_plan *d) {
    enum { LEAST_CHUNKS = 1, LEAST_SUMS = 4096 };
    const size_t slices = d->chunks < LEAST_CHUNKS ? 1 : d->chunks / LEAST_CHUNKS;
    const size_t tasks = fc_task_count_of_sums(fc_view_flops(v));
    size_t most = fc_caches()->l2 / 2 / sizeof(double);
    cut_blocks(v, most, d);
    for (; d->blocks * slices < tasks && most > LEAST_SUMS * (size_t)(v->rows.count * v->cols.count); most /= 2)
        cut_blocks(v, most, d);
    d->slices = fc_least(fc_parts(tasks, d->blocks), slices);
}

fc_wgrad_gemm_plan fc_wgrad_gemm_plan_of(const fc_layer *layer) {
    const fc_conv_view *v = &layer->view;
    fc_wgrad_gemm_plan d = {.size = fc_dtype_size(fc_compute_dtype(v->dtype))};
    choose_runs(layer, &d);
    cut_chunks(v, &d);
    cut_tasks(v, &d);
    choose_copies(v, &d);
    const fc_patch patch = fc_patch_of(v, 0, d.rows, 0, d.cols, 0);
    const size_t pixels = (size_t)(d.images * d.rows * d.cols), half = fc_is_half(v->dtype);
    const ptrdiff_t beyond = (d.fold - 1) * v->cols.stride *
        v->src.c; /* a row's last pixels alone are read as far as whole vectors of pixels */
    d.patch_bytes = d.x_copied ? fc_align_up((size_t)(d.images * patch.rows * patch.cols * d.x_pitch + beyond) * d.size)
                               : 0;
    d.dy_bytes = d.dy_copied ? fc_align_up(pixels * (size_t)d.dy_pitch * d.size) : 0;
    const size_t x_raw = (size_t)(v->src.w * d.x_pitch), dy_raw = pixels * (size_t)d.dy_pitch;
    d.worker_bytes = d.patch_bytes + d.dy_bytes + (half ? fc_align_up((x_raw > dy_raw ? x_raw : dy_raw) * 2) : 0);
    return d;
}

/* Whole tiles, adding them up after every chunk, and copying what is not read in place for each block. */
double fc_wgrad_gemm_cost(const fc_layer *layer, const fc_wgrad_gemm_plan *d) {
    const fc_costs *costs = fc_costs_of(layer->kernels);
    const double a_number = layer->view.src.c_pitch == 1 ? costs->wgrad_gemm_copied : costs->wgrad_gemm_gathered;
    const fc_conv_view *v = &layer->view;
    const double pixels = (double)fc_view_pixels(v),
                 run = (double)(d->joined ? fc_wgrad_gemm_run(v, d) : (size_t)v->src.c);
    const double cells = (double)(v->rows.count * d->runs_a_row) * __builtin_ceil(run / (double)d->tile.height) *
        (double)fc_parts((size_t)v->dst.c, d->tile.width);
    const double tiles = cells *
        (costs->wgrad_gemm_step * pixels / (double)d->fold * tile_cycles(&d->tile) +
            (double)d->chunks *
                (costs->wgrad_gemm_call + costs->wgrad_gemm_sum * (double)(d->tile.height * d->tile.vectors)));
    const double x_copies = d->x_copied ? (double)(v->n * v->src.h * v->src.w) * (double)v->src.c * (double)d->o_blocks
                                        : 0;
    const double dy_copies = d->dy_copied ? pixels * (double)v->dst.c * (double)d->c_blocks : 0;
    return (double)v->groups * (tiles + a_number * (x_copies + dy_copies));
}
