/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/forward/packed/packed.h"

#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/gather/pack.h"
#include "ops/conv2d/gemm/pack_weights.h"
#include "ops/conv2d/gemm/tile.h"

enum {
    LONGEST_K =
        1024, /* of one call, in chains (kernels/body/chain.h): a longer list of their sums would lose accuracy */
};

fc_packed_blocking fc_packed_choose(const fc_kernels *kernels, const fc_conv_view *view) {
    const size_t k = fc_view_k(view), outs = (size_t)view->dst.c, size = fc_dtype_size(fc_compute_dtype(view->dtype));
    fc_packed_blocking best = {.kernels = kernels, .k = k};
    double best_cost = 0;
    for (const fc_gemm_tile *tile = fc_gemm_tiles(kernels, view->dtype); tile->rows; tile++)
        for (int pixels_in_rows = 0; pixels_in_rows < 2; pixels_in_rows++) {
            size_t pixel_panel = pixels_in_rows ? tile->rows : tile->cols,
                   out_panel = pixels_in_rows ? tile->cols : tile->rows;
            size_t out_panels = (outs + out_panel - 1) / out_panel;
            double cost = (double)out_panels * fc_tile_cycles(tile) / (double)pixel_panel;
            cost += fc_store_cycles(fc_costs_of(kernels), view, pixels_in_rows) * (double)outs / (double)(k ? k : 1);
            if (best.pixel_panel && cost >= best_cost)
                continue;
            best_cost = cost;
            best.tile = *tile;
            best.pixels_in_rows = pixels_in_rows;
            best.pixel_panel = pixel_panel;
            best.out_panel = out_panel;
            best.out_panels = out_panels;
        }
    size_t longest = fc_caches()->l2 / 4 / (FC_MAX_PANEL * size);
    longest = longest > LONGEST_K ? LONGEST_K : longest < 64 ? 64 : longest;
    best.k_blocks = k > longest ? (k + longest - 1) / longest : 1;
    best.block_k = (k + best.k_blocks - 1) / best.k_blocks;
    return best;
}

static fc_weight_panels weight_panels(const fc_packed_blocking *b) {
    return (fc_weight_panels){b->out_panel, b->out_panels, b->k, b->block_k};
}
static size_t group_elements(const fc_packed_blocking *b) { return b->out_panels * b->out_panel * b->k; }

fc_status fc_packed_bytes(const fc_packed_blocking *b, const fc_conv_view *view, size_t *bytes) {
    const fc_weight_panels p = weight_panels(b);
    return fc_weights_bytes(&p, view, bytes);
}

void fc_packed_pack(
    const fc_packed_blocking *b, const fc_conv_view *view, const void *weights, const void *bias, void *packed) {
    const fc_weight_panels p = weight_panels(b);
    fc_pack_weights(&p, b->kernels, view, weights, bias, packed);
}

/* Of the biases of all groups where the kernel is packed on demand. */
static size_t bias_bytes_of(const fc_packed_blocking *b, const fc_conv_view *view) {
    return fc_align_up(
        (size_t)view->groups * b->out_panels * b->out_panel * fc_dtype_size(fc_compute_dtype(view->dtype)));
}
static size_t tile_bytes(const fc_packed_blocking *b, size_t size) { return b->tile.rows * b->tile.cols * size; }

fc_packed_tasks fc_packed_cut(const fc_packed_blocking *b, const fc_conv_view *view) {
    const size_t tasks = fc_task_count(fc_view_flops(view));
    const size_t size = fc_dtype_size(fc_compute_dtype(view->dtype)), budget = fc_caches()->l2 / 4,
                 groups = (size_t)view->groups;
    const size_t panel_bytes = b->pixel_panel * (b->block_k ? b->block_k : 1) * size;
    const size_t panels = (fc_view_pixels(view) + b->pixel_panel - 1) / b->pixel_panel;
    fc_packed_tasks t = {.block_panels = budget / panel_bytes, .chunk_panels = b->out_panels};
    size_t share = (panels * groups + tasks - 1) / tasks;
    if (t.block_panels > share)
        t.block_panels = share;
    if (!t.block_panels)
        t.block_panels = 1;
    t.blocks = (panels + t.block_panels - 1) / t.block_panels;
    if (t.blocks * groups < tasks)
        t.chunk_panels = (b->out_panels * t.blocks * groups + tasks - 1) / tasks;
    if (b->k_blocks > 1) { /* the accumulators of a task stay in L2 */
        size_t most = budget / (t.block_panels * tile_bytes(b, size));
        t.chunk_panels = t.chunk_panels > most ? most : t.chunk_panels;
    }
    if (!t.chunk_panels)
        t.chunk_panels = 1;
    t.chunks = (b->out_panels + t.chunk_panels - 1) / t.chunk_panels;
    t.tasks = groups * t.blocks * t.chunks;
    t.worker_bytes = fc_align_up(t.block_panels * panel_bytes);
    if (fc_is_half(view->dtype))
        t.worker_bytes += fc_align_up(panel_bytes / 2);
    if (b->k_blocks > 1)
        t.worker_bytes += fc_align_up(t.block_panels * t.chunk_panels * tile_bytes(b, size));
    return t;
}

typedef struct packed_job {
    const fc_packed_blocking *b;
    const fc_conv_view *view;
    const fc_packed_tasks *t;
    const fc_layer_weights *weights;
    const char *src, *biases;
    char *dst, *scratch;
    const fc_epilogue *epilogue;
    size_t size, worker_bytes;
} packed_job;

/* One task's place in the problem and in its worker's scratch. */
typedef struct block {
    size_t group, panel0, panels, out0, outs; /* pixel panels and output-channel panels */
    char *pixels, *raw, *sums;
    const char *weights;
} block;

static block find_block(const packed_job *job, size_t task, size_t worker) {
    const fc_packed_blocking *b = job->b;
    const fc_packed_tasks *t = job->t;
    size_t panels = (fc_view_pixels(job->view) + b->pixel_panel - 1) / b->pixel_panel;
    block at = {.group = task / (t->blocks * t->chunks)};
    at.panel0 = task / t->chunks % t->blocks * t->block_panels;
    at.panels = panels - at.panel0 < t->block_panels ? panels - at.panel0 : t->block_panels;
    at.out0 = task % t->chunks * t->chunk_panels;
    at.outs = b->out_panels - at.out0 < t->chunk_panels ? b->out_panels - at.out0 : t->chunk_panels;
    size_t panel_bytes = b->pixel_panel * (b->block_k ? b->block_k : 1) * job->size;
    at.pixels = job->scratch + worker * job->worker_bytes;
    at.raw = at.pixels + fc_align_up(t->block_panels * panel_bytes);
    at.sums = at.raw + (fc_is_half(job->view->dtype) ? fc_align_up(panel_bytes / 2) : 0);
    if (job->weights->packed) {
        at.weights = (const char *)job->weights->packed + at.group * group_elements(b) * job->size;
        return at;
    }
    const fc_weight_panels p = weight_panels(b);
    at.weights = fc_pack_on_demand(&p, b->kernels, job->view, job->weights->kernel, at.group, at.out0,
        at.out0 + at.outs, at.pixels + t->worker_bytes);
    return at;
}

static size_t panel_pixels(const packed_job *job, size_t panel) {
    size_t left = fc_view_pixels(job->view) - panel * job->b->pixel_panel;
    return left < job->b->pixel_panel ? left : job->b->pixel_panel;
}

static fc_finished_tile describe_tile(const packed_job *job, const block *at, size_t panel, size_t out) {
    const fc_packed_blocking *b = job->b;
    const fc_epilogue *e = job->epilogue;
    const size_t o = out * b->out_panel, outs = (size_t)job->view->dst.c;
    const char *bias = job->biases + (at->group * b->out_panels * b->out_panel + o) * job->size;
    return (fc_finished_tile){
        .view = job->view,
        .kernels = b->kernels,
        .rows = b->tile.rows,
        .cols = b->tile.cols,
        .pixels_in_rows = b->pixels_in_rows,
        .pixel = panel * b->pixel_panel,
        .pixels = panel_pixels(job, panel),
        .out = o,
        .outs = outs - o < b->out_panel ? outs - o : b->out_panel,
        .bias = e->has_bias ? bias : NULL,
        .activation = e->activation,
        .alpha = e->alpha,
        .dst = job->dst + at->group * (size_t)job->view->dst.group_pitch * fc_dtype_size(job->view->dtype),
    };
}

static void multiply_block(const packed_job *job, const block *at, size_t k0, size_t k1) {
    const fc_packed_blocking *b = job->b;
    const size_t size = job->size, k = k1 - k0, bytes = tile_bytes(b, size);
    const char *weights = at->weights + k0 * b->out_panels * b->out_panel * size;
    _Alignas(FC_ALIGNMENT) char fresh[FC_MAX_TILE_ROWS * FC_MAX_TILE_COLS * sizeof(double)];
    for (size_t j = 0; j < at->outs; j++) {
        const char *w = weights + (at->out0 + j) * k * b->out_panel * size;
        for (size_t i = 0; i < at->panels; i++) {
            const char *p = at->pixels + i * b->pixel_panel * k * size;
            fc_finished_tile f = describe_tile(job, at, at->panel0 + i, at->out0 + j);
            size_t pitch = b->tile.cols;
            char *in_output = fc_tile_in_output(&f, &pitch);
            f.tile = in_output ? in_output : b->k_blocks > 1 ? at->sums + (j * at->panels + i) * bytes : fresh;
            if (!in_output)
                pitch = b->tile.cols;
            if (b->pixels_in_rows)
                b->tile.run(k, p, b->pixel_panel, w, b->out_panel, f.tile, pitch, k0 > 0);
            else
                b->tile.run(k, w, b->out_panel, p, b->pixel_panel, f.tile, pitch, k0 > 0);
            if (k1 < b->k)
                continue;
            if (in_output)
                fc_finish_in_place(&f, pitch);
            else
                fc_finish_tile(&f);
        }
    }
}

static void run_block(void *job_, size_t task, size_t worker) {
    const packed_job *job = job_;
    const fc_packed_blocking *b = job->b;
    const block at = find_block(job, task, worker);
    const fc_gather gather = {job->view, b->kernels,
        job->src + at.group * (size_t)job->view->src.group_pitch * fc_dtype_size(job->view->dtype)};
    for (size_t step = 0; step < b->k_blocks; step++) {
        size_t k0 = step * b->block_k, k1 = k0 + b->block_k < b->k ? k0 + b->block_k : b->k;
        for (size_t i = 0; i < at.panels; i++)
            fc_pack_pixel_panel(&gather, (at.panel0 + i) * b->pixel_panel, panel_pixels(job, at.panel0 + i),
                b->pixel_panel, k0, k1, at.raw, at.pixels + i * b->pixel_panel * (k1 - k0) * job->size);
        multiply_block(job, &at, k0, k1);
    }
}

static fc_status run_tasks(packed_job *job, size_t workers) {
    const fc_packed_blocking *b = job->b;
    const fc_packed_tasks *t = job->t;
    const fc_weight_panels p = weight_panels(b);
    const fc_conv_view *v = job->view;
    const int on_demand = !job->weights->packed;
    const size_t groups = (size_t)v->groups, all = groups * group_elements(b) * job->size,
                 bias_bytes = on_demand ? bias_bytes_of(b, v) : 0;
    job->worker_bytes = t->worker_bytes + (on_demand ? fc_on_demand_bytes(&p, v) : 0);
    char *scratch = fc_scratch_alloc(bias_bytes + workers * job->worker_bytes);
    if (!scratch)
        return FC_OUT_OF_MEMORY;
    job->scratch = scratch + bias_bytes;
    job->biases = on_demand ? scratch : (const char *)job->weights->packed + all;
    if (on_demand && job->weights->bias)
        fc_pack_biases(&p, b->kernels, v, job->weights->bias, scratch);
    for (size_t worker = 0; worker < workers && on_demand; worker++)
        memset(job->scratch + worker * job->worker_bytes + t->worker_bytes, 0, fc_panel_flag_bytes(&p, v));
    fc_parallel_for(t->tasks, workers, run_block, job);
    fc_scratch_free(scratch);
    return FC_OK;
}

fc_status fc_packed_run(const fc_packed_blocking *b, const fc_conv_view *view, const void *packed, const void *src,
    void *dst, const fc_epilogue *epilogue) {
    if (!fc_view_pixels(view) || !view->dst.c)
        return FC_OK;
    const fc_packed_tasks t = fc_packed_cut(b, view);
    packed_job job = {.b = b,
        .view = view,
        .t = &t,
        .weights = &(fc_layer_weights){.packed = packed},
        .src = src,
        .dst = dst,
        .epilogue = epilogue,
        .size = fc_dtype_size(fc_compute_dtype(view->dtype))};
    return run_tasks(&job, fc_parallel_workers(t.tasks, fc_view_flops(view)));
}

/* Cycles that the packer takes for a pixel. Rows of pixels are copied, but short ones and borders cost by the piece. */
static double packing_cycles(const fc_costs *costs, const fc_conv_view *v) {
    const double k = (double)fc_view_k(v);
    if (v->src.w_pitch * v->cols.stride != 1) {
        const int joined = v->cols.step == 1 && v->src.w_pitch == v->src.c;
        const double runs = (double)v->rows.count * (joined ? 1 : (double)v->cols.count);
        return v->src.c_pitch == 1 ? costs->packed_transposed * k + costs->packed_pixel * runs
                                   : costs->packed_gathered * k;
    }
    const double pieces = costs->packed_piece + costs->packed_border * (double)(v->cols.count - 1);
    return k * (costs->packed_copied + pieces / (double)v->dst.w);
}

/* Arithmetic on whole register tiles, every element of G through the packer, once a chunk of output channels, and
 * stores. */
static double cycles_of(const fc_conv_view *v, const fc_packed_blocking *b, const fc_packed_tasks *t) {
    const fc_costs *costs = fc_costs_of(b->kernels);
    const size_t pixels = fc_view_pixels(v), panels = fc_parts(pixels, b->pixel_panel);
    const double arithmetic = costs->packed_step * (double)b->k * fc_tile_cycles(&b->tile) *
        (double)(panels * b->out_panels);
    const double each = (double)t->chunks * packing_cycles(costs, v) +
        (fc_store_cycles(costs, v, b->pixels_in_rows) + costs->packed_finished) * (double)v->dst.c;
    return (double)v->groups * (arithmetic + (double)pixels * each) + fc_far_cycles(costs, v);
}

typedef struct packed_plan {
    fc_packed_blocking b;
    fc_packed_tasks t;
} packed_plan;

static fc_status plan_layer(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) {
    const fc_conv_view *v = &layer->view;
    packed_plan own = {.b = fc_packed_choose(layer->kernels, v)};
    own.t = fc_packed_cut(&own.b, v);
    const fc_weight_panels p = weight_panels(&own.b);
    FC_TRY(fc_weights_bytes(&p, v, &plan->packed_bytes));
    plan->form = fc_weights_form(&p);
    plan->packed_rows = fc_weights_rows(&p, v);
    plan->cycles = cycles_of(v, &own.b, &own.t);
    plan->packs_on_demand = purpose != FC_RUN_PREPARED && fc_packs_on_demand(&p, v);
    plan->tile_rows = own.b.tile.rows;
    plan->tile_cols = own.b.tile.cols;
    plan->pixels_in_rows = own.b.pixels_in_rows;
    plan->block_pixels = own.t.block_panels * own.b.pixel_panel;
    plan->block_k = own.b.block_k;
    plan->tasks = own.t.tasks;
    plan->work = fc_view_flops(v);
    plan->shared_bytes = plan->packs_on_demand ? bias_bytes_of(&own.b, v) : 0;
    plan->worker_bytes = own.t.worker_bytes + (plan->packs_on_demand ? fc_on_demand_bytes(&p, v) : 0);
    FC_SET_OWN(plan, own);
    return FC_OK;
}

static void pack(const fc_layer_plan *plan, const void *kernel, const void *bias, void *packed) {
    packed_plan own;
    FC_GET_OWN(plan, own);
    fc_packed_pack(&own.b, &plan->layer.view, kernel, bias, packed);
}

static fc_status run(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    packed_plan own;
    FC_GET_OWN(plan, own);
    packed_job job = {.b = &own.b,
        .view = &plan->layer.view,
        .t = &own.t,
        .weights = weights,
        .src = x,
        .dst = y,
        .epilogue = epilogue,
        .size = fc_dtype_size(fc_compute_dtype(plan->layer.view.dtype))};
    return run_tasks(&job, fc_parallel_workers(plan->tasks, plan->work));
}

const fc_algorithm fc_algorithm_packed = {
    .name = "packed",
    .requires = "any layer",
    .reads_across = 1,
    .plan = plan_layer,
    .pack = pack,
    .run = run,
};
