/* SPDX-License-Identifier: MIT */
#include "ops/algo/winograd.h"

#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/algo/rows.h"
#include "ops/algo/tile.h"

enum {
    TASKS = 16,         /* aimed at, for balance on many cores */
    PACKED_TOGETHER = 16 /* channels of the kernel a task transforms */
};

static const fc_winograd *sets_of(const fc_layer *layer) {
    return layer->params.dtype == FC_F64 ? layer->kernels->winograd_f64 : layer->kernels->winograd_f32;
}

static size_t lanes_of(const fc_rows_tile *tile) { return tile->width / tile->vectors; }

/* Panels of the micro-kernel's widest tile, the last one as narrow as the rest of the channels allows. */
static void choose_panels(const fc_layer *layer, fc_winograd_plan *plan) {
    const size_t lanes = lanes_of(plan->tiles);
    plan->width = plan->tiles->width;
    plan->vectors = plan->tiles->vectors;
    plan->panels = (plan->outs + plan->width - 1) / plan->width;
    const size_t rest = plan->outs - (plan->panels - 1) * plan->width;
    plan->tail_vectors = fc_rows_narrowest(layer->kernels, layer->params.dtype, plan->vectors, rest);
    plan->tail_width = plan->tail_vectors * lanes;
    plan->padded = (plan->panels - 1) * plan->width + plan->tail_width;
}

fc_status fc_winograd_plan_of(const fc_layer *layer, int set, fc_winograd_plan *plan) {
    const fc_conv_view *view = &layer->view;
    size_t u_bytes, bias_bytes;
    *plan = (fc_winograd_plan){
        .set = &sets_of(layer)[set], .tiles = fc_rows_tiles(layer->kernels, layer->params.dtype),
        .size = fc_dtype_size(layer->params.dtype), .c = (size_t)view->src.c, .outs = (size_t)view->dst.c,
        .direct = fc_packed_choose(layer->kernels, view),
    };
    plan->n = plan->set->m + plan->set->r - 1;
    plan->elements = plan->n * plan->n;
    plan->chain = plan->set->r > 3 && layer->params.precision == FC_HIGHEST ? 32 : 64;
    choose_panels(layer, plan);
    FC_TRY(fc_multiply((ptrdiff_t[]){view->groups, (ptrdiff_t)plan->elements, view->src.c, (ptrdiff_t)plan->padded, (ptrdiff_t)plan->size}, 5, &u_bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){view->groups, (ptrdiff_t)plan->padded, (ptrdiff_t)plan->size}, 3, &bias_bytes));
    plan->bias_offset = u_bytes;
    plan->packed_bytes = u_bytes + fc_align_up(bias_bytes);
    return plan->packed_bytes > PTRDIFF_MAX ? FC_TOO_LARGE : FC_OK;
}

/* An odd number of cache lines, so that rows at this distance do not share the sets of L1. */
static size_t odd_lines(size_t elements, size_t size) {
    return (fc_align_up(elements * size) / FC_ALIGNMENT | 1) * FC_ALIGNMENT / size;
}

/* Tiles a block: some full heights of the micro-kernel, their patches and products in half of L2 at most. */
static size_t choose_block(const fc_winograd_plan *plan, size_t tiles, size_t chunk_width) {
    enum { LEAST = 14, MOST = 4 };
    const size_t height = plan->tiles->height, step = height < LEAST ? LEAST / height * height : height;
    const size_t tile_bytes = plan->elements * (odd_lines(plan->c, plan->size) + chunk_width) * plan->size;
    const size_t fit = fc_caches()->l2 / 2 / tile_bytes / step, most = (fit < 1 ? 1 : fit > MOST ? MOST : fit) * step;
    return most < tiles ? most : tiles;
}

fc_winograd_cut fc_winograd_cut_of(const fc_winograd_plan *plan, const fc_conv_view *view) {
    const size_t side = plan->set->m, size = plan->size, chunk = 64 / plan->width;
    fc_winograd_cut cut = {
        .tile_rows = ((size_t)view->dst.h + side - 1) / side, .tile_cols = ((size_t)view->dst.w + side - 1) / side,
        .chunk = !chunk ? 1 : chunk < plan->panels ? chunk : plan->panels,
    };
    cut.tiles = (size_t)view->n * cut.tile_rows * cut.tile_cols;
    cut.block = choose_block(plan, cut.tiles, cut.chunk * plan->width);
    cut.blocks = (cut.tiles + cut.block - 1) / cut.block;
    cut.v_pitch = odd_lines(plan->c, size);
    cut.v_element = odd_lines(cut.v_pitch * cut.block, size);
    cut.v_bytes = plan->elements * cut.v_element * size;
    const size_t u_bytes = plan->elements * plan->c * plan->padded * size;
    if (cut.blocks < TASKS || u_bytes > fc_caches()->l3 / 2) {
        const size_t fit = fc_caches()->l3 / 8 / cut.v_bytes, chunks = (TASKS + cut.blocks - 1) / cut.blocks;
        cut.shared = !fit ? 1 : fit < cut.blocks ? fit : cut.blocks;
        const size_t share = (plan->panels + chunks - 1) / chunks;
        cut.chunk = share < cut.chunk ? share : cut.chunk;
    }
    cut.chunks = (plan->panels + cut.chunk - 1) / cut.chunk;
    cut.m_pitch = cut.chunk * plan->width;
    cut.m_element = odd_lines(cut.m_pitch * cut.block, size);
    cut.m_bytes = plan->elements * cut.m_element * size;
    const size_t in = plan->n * (FC_WINOGRAD_PIECE * side + plan->set->r - 1) * FC_WINOGRAD_STAGED, out = side * side * FC_WINOGRAD_PIECE * cut.m_pitch;
    cut.stage_bytes = view->src.c_pitch == 1 && view->dst.c_pitch == 1 ? 0 : fc_align_up((in > out ? in : out) * size);
    cut.rows_bytes = fc_align_up((cut.block + FC_MAX_TILE_HEIGHT) * sizeof(void *));
    cut.worker_bytes = cut.m_bytes + cut.stage_bytes + cut.rows_bytes + (cut.shared ? 0 : cut.v_bytes);
    cut.tasks = cut.shared ? cut.shared * cut.chunks : cut.blocks;
    cut.workers = fc_parallel_workers(cut.tasks, 2.0 * (double)(plan->elements * cut.tiles) * (double)plan->c * (double)plan->outs);
    cut.flag_bytes = fc_align_up((size_t)view->n * cut.tile_rows);
    cut.zero_bytes = fc_align_up(plan->c * size);
    cut.bytes = cut.flag_bytes + cut.zero_bytes + cut.shared * cut.v_bytes + cut.workers * cut.worker_bytes;
    return cut;
}

typedef struct pack_job {
    const fc_winograd_plan *plan;
    const fc_conv_view *view;
    const char *weights;
    char *u;
    size_t steps;       /* tasks along the channels of a panel */
} pack_job;

static void pack_panel(void *job_, size_t task, size_t worker) {
    (void)worker;
    const pack_job *job = job_;
    const fc_winograd_plan *plan = job->plan;
    const fc_conv_view *v = job->view;
    const size_t step = task % job->steps, panel = task / job->steps % plan->panels, group = task / job->steps / plan->panels;
    const size_t width = fc_winograd_width(plan, panel), o = panel * plan->width, outs = plan->outs - o < width ? plan->outs - o : width;
    const size_t end = (size_t)fc_min((ptrdiff_t)plan->c, (ptrdiff_t)((step + 1) * PACKED_TOGETHER)), e_pitch = plan->c * width;
    const ptrdiff_t size = (ptrdiff_t)plan->size, r = (ptrdiff_t)plan->set->r;
    const char *weights = job->weights + ((ptrdiff_t)group * v->w_group_pitch + (ptrdiff_t)o * v->w_out_pitch) * size;
    char *u = job->u + (group * plan->elements * plan->c * plan->padded + fc_winograd_panel(plan, panel)) * plan->size;
    const void *taps[25];
    for (size_t c = step * PACKED_TOGETHER; c < end; c++) {
        for (ptrdiff_t i = 0; i < r * r; i++)
            taps[i] = weights + (i / r * v->w_row_pitch + i % r * v->w_col_pitch + (ptrdiff_t)c * v->w_c_pitch) * size;
        char *to = u + c * width * plan->size;
        plan->set->kernel(taps, outs, to, e_pitch);
        for (size_t e = 0; e < plan->elements && outs < width; e++)
            memset(to + (e * e_pitch + outs) * plan->size, 0, (width - outs) * plan->size);
    }
}

static void pack_set(const fc_layer *layer, int set, const void *kernel, const void *bias, void *packed) {
    fc_winograd_plan plan;
    if (fc_winograd_plan_of(layer, set, &plan))
        return;
    pack_job job = {&plan, &layer->view, kernel, packed, (plan.c + PACKED_TOGETHER - 1) / PACKED_TOGETHER};
    const size_t groups = (size_t)layer->view.groups, tasks = groups * plan.panels * job.steps;
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 16.0 * (double)plan.packed_bytes), pack_panel, &job);
    for (size_t group = 0; group < groups && bias; group++)
        fc_pack_bias(layer->kernels, layer->params.dtype, (const char *)bias + group * plan.outs * plan.size, plan.outs, plan.padded,
                     (char *)packed + plan.bias_offset + group * plan.padded * plan.size);
}

/* Measured on random data: every error grows with the number of chains added, and F(2, 3) alone has room for any. */
static int is_precise(const fc_layer *layer, const fc_winograd_plan *plan) {
    enum { MOST_CHAINS = 32, SMALLEST = 4 };
    return layer->params.dtype == FC_F64 || layer->params.precision != FC_HIGHEST || plan->n == SMALLEST || plan->c <= MOST_CHAINS * plan->chain;
}

static int serves_set(const fc_layer *layer, int set, fc_precision loosest) {
    const fc_conv2d_params *p = &layer->params;
    const ptrdiff_t r = (ptrdiff_t)sets_of(layer)[set].r;
    fc_winograd_plan plan;
    return (p->dtype == FC_F32 || p->dtype == FC_F64) && p->precision >= loosest && p->k_h == r && p->k_w == r
        && p->stride_h == 1 && p->stride_w == 1 && p->dilation_h == 1 && p->dilation_w == 1 && p->c_in
        && !fc_winograd_plan_of(layer, set, &plan) && is_precise(layer, &plan);
}

/*
 * The products, on whole register tiles and no faster than the transformed kernel can be read; the transforms, bound by what they load
 * and store; and moving channels next to each other and back.
 */
static double cost_set(const fc_layer *layer, int set) {
    const double products = 1.15, moved = 0.6, setup = 4000, bytes_a_cycle = 8, load = 1.7, store = 1.9, address = 6;
    const fc_conv_view *v = &layer->view;
    fc_winograd_plan plan;
    if (fc_winograd_plan_of(layer, set, &plan))
        return __builtin_inf();
    const fc_winograd_cut cut = fc_winograd_cut_of(&plan, v);
    const double tiles = (double)cut.tiles, elements = (double)plan.elements, c = (double)plan.c, outs = (double)plan.outs;
    const double lanes = (double)lanes_of(plan.tiles), vectors = (double)plan.padded / lanes, n = (double)plan.n, m = (double)plan.set->m;
    const double u_bytes = elements * c * (double)(plan.padded * plan.size);
    const double reads = u_bytes > (double)fc_caches()->l2 ? (double)cut.blocks * u_bytes / bytes_a_cycle : 0;
    double gemm = products * elements * tiles * c * vectors;
    gemm = gemm > reads ? gemm : reads;
    const double in = elements * (address + load * n * __builtin_ceil(c / lanes)) + (v->src.c_pitch == 1 ? 0 : moved * n * m * c);
    const double out = elements * store * m * vectors + (v->dst.c_pitch == 1 ? 0 : moved * m * m * outs);
    return (double)v->groups * (setup + gemm + tiles * (in + out));
}

static fc_status bytes_set(const fc_layer *layer, int set, size_t *bytes) {
    fc_winograd_plan plan;
    FC_TRY(fc_winograd_plan_of(layer, set, &plan));
    *bytes = plan.packed_bytes;
    return FC_OK;
}

static fc_status run_set(const fc_layer *layer, int set, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    fc_winograd_plan plan;
    FC_TRY(fc_winograd_plan_of(layer, set, &plan));
    return fc_winograd_run(&plan, &layer->view, weights, x, y, epilogue);
}

static void describe_set(const fc_layer *layer, int set, fc_conv2d_plan *described) {
    fc_winograd_plan plan;
    if (fc_winograd_plan_of(layer, set, &plan))
        return;
    const fc_winograd_cut cut = fc_winograd_cut_of(&plan, &layer->view);
    described->tile_rows = plan.tiles->height;
    described->tile_cols = plan.width;
    described->pixels_in_rows = 1;
    described->block_pixels = cut.block * plan.set->m * plan.set->m;
    described->block_k = plan.c;
    described->tasks = cut.tasks * (size_t)layer->view.groups;
    described->threads = (int)cut.workers;
    described->scratch_bytes = cut.bytes;
}

#define WINOGRAD(M, R, SET, LOOSEST, NEEDS)                                                                                              \
    static int serves_##M##x##R(const fc_layer *layer) { return serves_set(layer, SET, LOOSEST); }                                        \
    static double cost_##M##x##R(const fc_layer *layer) { return cost_set(layer, SET); }                                                  \
    static fc_status bytes_##M##x##R(const fc_layer *layer, size_t *bytes) { return bytes_set(layer, SET, bytes); }                       \
    static void pack_##M##x##R(const fc_layer *layer, const void *kernel, const void *bias, void *packed) {                               \
        pack_set(layer, SET, kernel, bias, packed);                                                                                       \
    }                                                                                                                                     \
    static fc_status run_##M##x##R(const fc_layer *layer, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) { \
        return run_set(layer, SET, weights, x, y, epilogue);                                                                              \
    }                                                                                                                                     \
    static void describe_##M##x##R(const fc_layer *layer, fc_conv2d_plan *plan) { describe_set(layer, SET, plan); }                       \
    const fc_algorithm fc_algorithm_winograd_##M##x##R = {                                                                                \
        .name = "winograd_" #M "x" #R, .needs = NEEDS, .serves = serves_##M##x##R, .cost = cost_##M##x##R,                                \
        .packed_bytes = bytes_##M##x##R, .pack = pack_##M##x##R, .run = run_##M##x##R, .describe = describe_##M##x##R,                    \
    };
#define WINOGRAD_NEEDS(R) "a " #R " x " #R " kernel with strides and dilation 1, in float32 or float64"
WINOGRAD(2, 3, FC_WINOGRAD_2X3, FC_HIGHEST, WINOGRAD_NEEDS(3))
WINOGRAD(4, 3, FC_WINOGRAD_4X3, FC_HIGHEST, WINOGRAD_NEEDS(3) ", with at most 2048 channels a group at precision 'highest'")
WINOGRAD(6, 3, FC_WINOGRAD_6X3, FC_HIGH, WINOGRAD_NEEDS(3) ", at precision 'high' or lower")
WINOGRAD(2, 5, FC_WINOGRAD_2X5, FC_HIGHEST, WINOGRAD_NEEDS(5) ", with at most 1024 channels a group at precision 'highest'")
WINOGRAD(4, 5, FC_WINOGRAD_4X5, FC_HIGH, WINOGRAD_NEEDS(5) ", at precision 'high' or lower")
