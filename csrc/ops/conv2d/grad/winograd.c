/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/grad/winograd.h"

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/costs.h"
#include "ops/conv2d/gemm/tile.h"
#include "ops/conv2d/forward/winograd/patch.h"

static const fc_winograd *sets_of(const fc_layer *layer) {
    return layer->params.dtype == FC_F64 ? layer->kernels->winograd_f64 : layer->kernels->winograd_f32;
}

static const fc_wgrad_gemm_tile *tiles_of(const fc_layer *layer) {
    return layer->params.dtype == FC_F64 ? layer->kernels->wgrad_gemm_f64 : layer->kernels->wgrad_gemm_f32;
}

static size_t lanes_of(const fc_layer *layer) { return tiles_of(layer)->width / tiles_of(layer)->vectors; }

/* Cycles of a step, adding the tile to memory once a chain included. */
static double step_cycles(const fc_costs *costs, const fc_wgrad_gemm_tile *tile, size_t chain) {
    const fc_gemm_tile shape = {.rows = tile->height, .vectors = tile->vectors};
    return fc_tile_cycles(&shape) +
        (costs->wgrad_winograd_call + costs->wgrad_winograd_sum * (double)(tile->height * tile->vectors)) /
        (double)chain;
}

/* The cheapest tiles of so many vectors for `count` rows. */
static fc_winograd_rows rows_for(const fc_layer *layer, size_t vectors, size_t count, size_t chain) {
    fc_winograd_rows best = {.whole = NULL};
    for (const fc_wgrad_gemm_tile *tile = tiles_of(layer); tile->height; tile++) {
        if (tile->vectors != vectors)
            continue;
        const size_t wholes = count / tile->height, left = count % tile->height;
        fc_winograd_rows rows = {
            tile, NULL, count - left, (double)wholes * step_cycles(fc_costs_of(layer->kernels), tile, chain)};
        for (const fc_wgrad_gemm_tile *rest = tiles_of(layer); left && rest->height; rest++)
            if (rest->vectors == vectors && rest->height >= left && (!rows.rest || rest->height < rows.rest->height))
                rows.rest = rest;
        if (rows.rest) {
            rows.padded += rows.rest->height;
            rows.cycles += step_cycles(fc_costs_of(layer->kernels), rows.rest, chain);
        }
        if (!best.whole || rows.cycles < best.cycles)
            best = rows;
    }
    return best;
}

/* The fewest vectors of a tile that hold so many. */
static size_t narrowest(const fc_layer *layer, size_t needed) {
    size_t least = FC_MAX_TILE_COLS;
    for (const fc_wgrad_gemm_tile *tile = tiles_of(layer); tile->height; tile++)
        if (tile->vectors >= needed && tile->vectors < least)
            least = tile->vectors;
    return least;
}

/* Panels of the width that costs least. */
static void choose_panels(const fc_layer *layer, fc_winograd_grad_plan *plan) {
    double least = 0;
    const size_t lanes = lanes_of(layer);
    for (const fc_wgrad_gemm_tile *tile = tiles_of(layer); tile->height; tile++) {
        const size_t panels = fc_parts(plan->outs, tile->width), rest = plan->outs - (panels - 1) * tile->width;
        const size_t tail = narrowest(layer, fc_parts(rest, lanes));
        const double cycles = (double)(panels - 1) * rows_for(layer, tile->vectors, plan->c, plan->chain).cycles +
            rows_for(layer, tail, plan->c, plan->chain).cycles;
        if (plan->width && cycles >= least)
            continue;
        least = cycles;
        plan->width = tile->width;
        plan->tail_width = tail * lanes;
        plan->panels = panels;
    }
}

static size_t most_padded(const fc_winograd_rows rows[2]) {
    return rows[0].padded > rows[1].padded ? rows[0].padded : rows[1].padded;
}

/* Input channels of a block of so many panels: what is transformed fills L2, the sums lie past it and are read and
 * written in order. */
static size_t rows_that_fit(const fc_winograd_grad_plan *plan, size_t panels) {
    const size_t l2 = fc_caches()->l2 / plan->elements / plan->size, width = panels * plan->width;
    const size_t transformed = l2 / 5 * 6 / plan->chain, sums = l2 / 5 * 12 / width;
    const size_t fit = transformed > width ? fc_least(transformed - width, sums) : 0;
    return fit > FC_MAX_TILE_ROWS ? fit : FC_MAX_TILE_ROWS;
}

static void cut_blocks(const fc_layer *layer, size_t panels, size_t row_blocks, fc_winograd_grad_plan *plan) {
    plan->block_rows = fc_parts(plan->c, row_blocks);
    plan->row_blocks = fc_parts(plan->c, plan->block_rows);
    plan->block_panels = panels;
    plan->panel_blocks = fc_parts(plan->panels, panels);
    plan->blocks = plan->row_blocks * plan->panel_blocks;
    const size_t rest = plan->c - (plan->row_blocks - 1) * plan->block_rows;
    for (size_t last = 0; last < 2; last++)
        for (size_t tail = 0; tail < 2; tail++)
            plan->rows[last][tail] = rows_for(layer, (tail ? plan->tail_width : plan->width) / lanes_of(layer),
                last ? rest : plan->block_rows, plan->chain);
}

/* Slices, so that there are tasks enough, of some chains at least: each has its sums. */
static void cut_slices(const fc_layer *layer, fc_winograd_grad_plan *plan) {
    enum { FEWEST_CHAINS = 2 };
    const size_t tasks = plan->blocks * (size_t)layer->view.groups, chains = fc_parts(plan->tiles, plan->chain);
    const size_t most = chains / FEWEST_CHAINS ? chains / FEWEST_CHAINS : 1,
                 slices = fc_least(fc_parts(fc_task_count_of_sums(fc_view_flops(&layer->view)), tasks), most);
    plan->slice = fc_parts(chains, slices) * plan->chain;
    plan->slices = fc_parts(plan->tiles, plan->slice);
}

/*
 * The products, on whole register tiles; the transforms, bound by what they load and store, of x for each block of
 * panels and of dy for each block of rows; moving channels next to each other; the transforms back and adding up.
 */
static double cycles_of(const fc_layer *layer, const fc_winograd_grad_plan *plan) {
    const fc_costs *costs = fc_costs_of(layer->kernels);
    const fc_conv_view *v = &layer->view;
    const double tiles = (double)plan->tiles, elements = (double)plan->elements, n = (double)plan->n,
                 r = (double)plan->set->r, c = (double)plan->c;
    const double lanes = (double)lanes_of(layer), vectors = __builtin_ceil((double)plan->outs / lanes),
                 c_vectors = __builtin_ceil(c / lanes);
    const double block_c = (double)plan->block_rows, block_o = (double)(plan->block_panels * plan->width),
                 chain = (double)plan->chain;
    const double bytes = elements * (double)plan->size * (block_c * block_o + chain * (block_c + block_o));
    const double past = bytes / (double)fc_caches()->l2 - 1,
                 number = costs->wgrad_winograd_near * n + (past > 0 ? costs->wgrad_winograd_far * past : 0);
    double step = 0;
    for (size_t last = 0; last < 2; last++)
        for (size_t tail = 0; tail < 2; tail++)
            step += plan->rows[last][tail].cycles * (last ? 1 : (double)plan->row_blocks - 1) *
                (tail ? 1 : (double)plan->panels - 1);
    const double in = elements * (costs->wgrad_winograd_address * (double)plan->row_blocks + number * c_vectors) +
        (v->src.c_pitch == 1 ? 0 : costs->wgrad_winograd_moved * n * r * c);
    const double out = elements * (costs->wgrad_winograd_address * (double)plan->panel_blocks + number * vectors) +
        (v->dst.c_pitch == 1 ? 0 : costs->wgrad_winograd_moved * r * r * (double)plan->outs);
    const double transforms = in * (double)plan->panel_blocks + out * (double)plan->row_blocks;
    const size_t flushes = plan->slices * fc_parts(plan->slice, plan->flush);
    const double added = flushes == 1 ? 0
        : plan->slices == 1           ? costs->wgrad_winograd_added
                                      : costs->wgrad_winograd_added + costs->wgrad_winograd_slice;
    const double flush = c * vectors * (costs->wgrad_winograd_back * elements + added * (double)plan->taps);
    return (double)v->groups *
        (tiles * (costs->wgrad_winograd_product * elements * step + transforms) + (double)flushes * flush) +
        costs->wgrad_winograd_setup;
}

/* The cheapest blocks and slices. */
static void choose_blocks(const fc_layer *layer, fc_winograd_grad_plan *plan) {
    static const size_t counts[] = {1, 2, 3, 4, 6, 8};
    fc_winograd_grad_plan best = *plan;
    for (size_t i = 0; i < sizeof counts / sizeof *counts && counts[i] <= plan->panels; i++)
        for (size_t finer = 1; finer <= 2; finer++) {
            const size_t row_blocks = finer * fc_parts(plan->c, rows_that_fit(plan, counts[i]));
            if (row_blocks > plan->c)
                continue;
            cut_blocks(layer, counts[i], row_blocks, plan);
            cut_slices(layer, plan);
            plan->cycles = cycles_of(layer, plan);
            if (!best.blocks || plan->cycles < best.cycles)
                best = *plan;
        }
    *plan = best;
}

static fc_status size_memory(const fc_conv_view *view, fc_winograd_grad_plan *plan) {
    const size_t size = plan->size, width = plan->block_panels * plan->width;
    const size_t rows = most_padded(plan->rows[0]) > most_padded(plan->rows[1]) ? most_padded(plan->rows[0])
                                                                                : most_padded(plan->rows[1]);
    const int staged = view->src.c_pitch != 1 || view->dst.c_pitch != 1;
    plan->v_pitch = fc_align_up(rows * size) / size;
    plan->m_pitch = fc_align_up(width * size) / size;
    plan->v_element = fc_odd_lines(plan->v_pitch * plan->chain, size);
    plan->m_element = fc_odd_lines(plan->m_pitch * plan->chain, size);
    plan->u_element = fc_odd_lines(rows * width, size);
    plan->v_bytes = plan->elements * plan->v_element * size;
    plan->m_bytes = plan->elements * plan->m_element * size;
    plan->u_bytes = plan->elements * plan->u_element * size;
    plan->stage_bytes = staged ? fc_align_up(fc_winograd_stage_elements(plan->n, plan->set->r) * size) : 0;
    plan->sum_bytes = fc_align_up(plan->block_rows * width * plan->taps * sizeof(double));
    plan->zero_bytes = fc_align_up((plan->block_rows > width ? plan->block_rows : width) * size);
    plan->worker_bytes = plan->v_bytes + plan->m_bytes + plan->u_bytes + plan->stage_bytes +
        (plan->slices == 1 ? plan->sum_bytes : 0);
    size_t all;
    return fc_multiply(
        (ptrdiff_t[]){view->groups, (ptrdiff_t)plan->blocks, (ptrdiff_t)plan->slices, (ptrdiff_t)plan->sum_bytes}, 4,
        &all);
}

fc_status fc_winograd_grad_plan_of(const fc_layer *layer, int set, fc_winograd_grad_plan *plan) {
    const fc_conv_view *view = &layer->view;
    const int brief = layer->params.dtype == FC_F32 && layer->params.precision == FC_HIGHEST;
    *plan = (fc_winograd_grad_plan){
        .set = &sets_of(layer)[set],
        .size = fc_dtype_size(view->dtype),
        .c = (size_t)view->src.c,
        .outs = (size_t)view->dst.c,
        .chain = 32,
        .flush = brief
            ? 256
            : 1024, /* the error of a sum in float grows with its length and is magnified by the transform back */
    };
    plan->n = plan->set->m + plan->set->r - 1;
    plan->elements = plan->n * plan->n;
    plan->taps = plan->set->m * plan->set->m;
    plan->tile_rows = fc_parts((size_t)view->dst.h, plan->set->r);
    plan->tile_cols = fc_parts((size_t)view->dst.w, plan->set->r);
    plan->tiles = (size_t)view->n * plan->tile_rows * plan->tile_cols;
    choose_panels(layer, plan);
    choose_blocks(layer, plan);
    return size_memory(view, plan);
}

/* Whether the promise of 'highest' is kept: what the transforms of the larger tiles lose averages out over whole tiles,
 * enough of them. */
static int keeps_precision(const fc_layer *layer, const fc_winograd *set) {
    enum { LEAST_TILES = 16, SMALLEST = 4 };
    const fc_conv_view *v = &layer->view;
    const size_t r = set->r, tiles = (size_t)v->n * fc_parts((size_t)v->dst.h, r) * fc_parts((size_t)v->dst.w, r);
    const int small = set->m + r - 1 <= SMALLEST;
    return small || layer->params.precision != FC_HIGHEST ||
        (tiles >= LEAST_TILES && fc_min(v->dst.h, v->dst.w) >= (ptrdiff_t)r);
}

static int supports_set(const fc_layer *layer, int set) {
    const fc_conv2d_params *p = &layer->params;
    const ptrdiff_t side = (ptrdiff_t)sets_of(layer)[set].m;
    return (p->dtype == FC_F32 || p->dtype == FC_F64) && p->k_h == side && p->k_w == side && p->stride_h == 1 &&
        p->stride_w == 1 && p->dilation_h == 1 && p->dilation_w == 1 && keeps_precision(layer, &sets_of(layer)[set]);
}

static fc_status plan_set(const fc_layer *layer, int set, fc_layer_plan *plan) {
    fc_winograd_grad_plan own;
    if (!supports_set(layer, set))
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_winograd_grad_plan_of(layer, set, &own));
    plan->cycles = own.cycles;
    FC_SET_OWN(plan, own);
    return FC_OK;
}

static fc_status run(const fc_layer_plan *plan, const void *x, const void *dy, void *dkernel) {
    fc_winograd_grad_plan own;
    FC_GET_OWN(plan, own);
    return fc_winograd_grad_run(&own, &plan->layer, x, dy, dkernel);
}

#define WINOGRAD(SIDE, TILE, SET)                                                                              \
    static fc_status plan_##SIDE##_by_##TILE(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) { \
        (void)purpose;                                                                                         \
        return plan_set(layer, SET, plan);                                                                     \
    }                                                                                                          \
    const fc_kernel_grad_algorithm fc_kernel_grad_winograd_##SIDE##x##SIDE##_by_##TILE = {                     \
        .name = "winograd_" #SIDE "x" #SIDE "_by_" #TILE,                                                      \
        .requires = "a " #SIDE " x " #SIDE " kernel with strides and dilation 1, in float32 or float64; "      \
                    "at precision 'highest' 16 tiles of y too, whole ones",                                    \
        .plan = plan_##SIDE##_by_##TILE,                                                                       \
        .run = run,                                                                                            \
    };
WINOGRAD(3, 4, FC_WINOGRAD_3X4)
WINOGRAD(3, 2, FC_WINOGRAD_3X2)
WINOGRAD(5, 2, FC_WINOGRAD_5X2)
WINOGRAD(2, 3, FC_WINOGRAD_2X3)
