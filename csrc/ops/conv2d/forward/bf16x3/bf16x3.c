/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/forward/bf16x3/bf16x3.h"

#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/forward/packed/packed.h"
#include "ops/conv2d/gemm/tile.h"

/* Panels of pixels and of output channels a task, and the tasks along both. */
typedef struct cut {
    size_t panels, block_panels, blocks, chunk_panels, chunks, tasks;
    size_t pixel_bytes, panel_scratch, patch_bytes, sum_bytes, worker_bytes;
} cut;

static size_t block_pixels(const fc_bf16x3_blocking *b, const cut *t, size_t index) {
    const size_t block = t->block_panels * FC_BF16X3_PANEL, left = fc_view_pixels(b->view) - index * block;
    return left < block ? left : block;
}

static fc_bf16x3_patch patch_of(const fc_bf16x3_blocking *b, const cut *t, size_t index, void *planes) {
    return fc_bf16x3_patch_of(b, index * t->block_panels * FC_BF16X3_PANEL, block_pixels(b, t, index), planes);
}

static size_t largest_patch(const fc_bf16x3_blocking *b, const cut *t) {
    size_t most = 0;
    for (size_t i = 0; i < t->blocks; i++) {
        const fc_bf16x3_patch patch = patch_of(b, t, i, NULL);
        const size_t bytes = fc_bf16x3_patch_bytes(b, &patch);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static cut cut_up(const fc_bf16x3_blocking *b) {
    const size_t tasks = fc_task_count(fc_view_flops(b->view));
    const fc_conv_view *v = b->view;
    const size_t budget = fc_caches()->l2 / 3, panel_bytes = fc_bf16x3_panel_elements(b, b->block_k) * sizeof(uint16_t);
    const size_t groups = (size_t)v->groups, tile_bytes = FC_BF16X3_PANEL * FC_BF16X3_PANEL * sizeof(float);
    cut t = {.panels = (fc_view_pixels(v) + FC_BF16X3_PANEL - 1) / FC_BF16X3_PANEL, .chunk_panels = b->out_panels};
    const size_t share = (t.panels * groups + tasks - 1) / tasks;
    t.block_panels = budget / panel_bytes;
    if (t.block_panels > share)
        t.block_panels = share;
    t.block_panels = t.block_panels > 1 ? t.block_panels / 2 * 2 : 1;
    t.blocks = (t.panels + t.block_panels - 1) / t.block_panels;
    if (t.blocks * groups < tasks)
        t.chunk_panels = (b->out_panels * t.blocks * groups + tasks - 1) / tasks;
    if (b->k_blocks > 1) { /* a task's results stay in L2 */
        const size_t most = budget / (t.block_panels * tile_bytes);
        t.chunk_panels = t.chunk_panels > most ? most : t.chunk_panels;
    }
    t.chunk_panels = (size_t)fc_round_up((ptrdiff_t)(t.chunk_panels ? t.chunk_panels : 1), FC_BF16X3_SLICE);
    if (t.chunk_panels > b->out_panels)
        t.chunk_panels = b->out_panels;
    t.chunks = (b->out_panels + t.chunk_panels - 1) / t.chunk_panels;
    t.tasks = groups * t.blocks * t.chunks;
    t.pixel_bytes = t.block_panels * panel_bytes;
    t.panel_scratch = fc_align_up(fc_bf16x3_panel_scratch(b));
    t.sum_bytes = t.block_panels * tile_bytes *
        (b->k_blocks > 1                           ? t.chunk_panels
                : t.chunk_panels < FC_BF16X3_SLICE ? t.chunk_panels
                                                   : FC_BF16X3_SLICE);
    t.patch_bytes = b->patched ? largest_patch(b, &t) : 0;
    t.worker_bytes = t.pixel_bytes + t.panel_scratch + t.patch_bytes + t.sum_bytes;
    return t;
}

typedef struct bf16x3_job {
    const fc_bf16x3_blocking *b;
    const cut *t;
    fc_bf16x3_kernel *kernel;
    const char *src;
    char *dst, *scratch;
    unsigned char *out_of_range; /* of each block of pixels: recomputed afterwards */
    const fc_epilogue *epilogue;
} bf16x3_job;

/* One task's place in the problem and in its worker's scratch; sizes in panels. */
typedef struct block {
    size_t index, group, panel0, panels, out0, outs;
    uint16_t *pixels;
    void *panel, *patch;
    float *sums;
} block;

static block find_block(const bf16x3_job *job, size_t task, size_t worker) {
    const cut *t = job->t;
    block at = {.index = task / t->chunks % t->blocks, .group = task / (t->blocks * t->chunks)};
    at.panel0 = at.index * t->block_panels;
    at.panels = t->panels - at.panel0 < t->block_panels ? t->panels - at.panel0 : t->block_panels;
    at.out0 = task % t->chunks * t->chunk_panels;
    at.outs = job->b->out_panels - at.out0 < t->chunk_panels ? job->b->out_panels - at.out0 : t->chunk_panels;
    char *own = job->scratch + worker * t->worker_bytes;
    at.pixels = (uint16_t *)own;
    at.panel = own + t->pixel_bytes;
    at.patch = own + t->pixel_bytes + t->panel_scratch;
    at.sums = (float *)(own + t->pixel_bytes + t->panel_scratch + t->patch_bytes);
    return at;
}

static size_t pixels_of(const bf16x3_job *job, size_t panel, size_t panels) {
    const size_t left = fc_view_pixels(job->b->view) - panel * FC_BF16X3_PANEL;
    return left < panels * FC_BF16X3_PANEL ? left : panels * FC_BF16X3_PANEL;
}

/* A slice: pixel panels [i, i + is) times output panels [j, j + js) of a block. */
typedef struct slice {
    size_t i, is, j, js;
} slice;

static fc_finished_tile describe_tile(const bf16x3_job *job, const block *at, const slice *s) {
    const fc_conv_view *v = job->b->view;
    const fc_epilogue *e = job->epilogue;
    const size_t o = (at->out0 + s->j) * FC_BF16X3_PANEL, outs = s->js * FC_BF16X3_PANEL;
    return (fc_finished_tile){
        .view = v,
        .kernels = job->b->kernels,
        .pixels_in_rows = job->b->pixels_in_rows,
        .rows = (job->b->pixels_in_rows ? s->is : s->js) * FC_BF16X3_PANEL,
        .cols = (job->b->pixels_in_rows ? s->js : s->is) * FC_BF16X3_PANEL,
        .pixel = (at->panel0 + s->i) * FC_BF16X3_PANEL,
        .pixels = pixels_of(job, at->panel0 + s->i, s->is),
        .out = o,
        .outs = (size_t)v->dst.c - o < outs ? (size_t)v->dst.c - o : outs,
        .bias = e->has_bias ? fc_bf16x3_bias(job->b, job->kernel, at->group) + o : NULL,
        .activation = e->activation,
        .alpha = e->alpha,
        .dst = job->dst + at->group * (size_t)v->dst.group_pitch * fc_dtype_size(v->dtype),
    };
}

/* Stores a slice computed aside, a panel of its rows at a time. */
static void finish_slice(const bf16x3_job *job, const block *at, slice s, float *sums) {
    const int by_pixels = job->b->pixels_in_rows;
    for (size_t row = 0, rows = by_pixels ? s.is : s.js; row < rows; row++) {
        const slice one = by_pixels ? (slice){s.i + row, 1, s.j, s.js} : (slice){s.i, s.is, s.j + row, 1};
        fc_finished_tile f = describe_tile(job, at, &one);
        f.tile = sums + row * FC_BF16X3_PANEL * f.cols;
        fc_finish_tile(&f);
    }
}

static void multiply_slice(const bf16x3_job *job, const block *at, slice s, size_t k0, size_t k1, float *sums) {
    const fc_bf16x3_blocking *b = job->b;
    const size_t panel = fc_bf16x3_panel_elements(b, k1 - k0);
    const uint16_t *pixels = at->pixels + s.i * panel,
                   *outs = fc_bf16x3_planes(b, job->kernel, at->group, k0) + (at->out0 + s.j) * panel;
    fc_finished_tile f = describe_tile(job, at, &s);
    size_t pitch;
    char *in_output = fc_tile_in_output(&f, &pitch);
    const fc_bf16x3_block product = {
        .planes = b->planes,
        .tiles = panel / (b->planes * FC_BF16X3_TILE),
        .left = b->pixels_in_rows ? pixels : outs,
        .right = b->pixels_in_rows ? outs : pixels,
        .left_panels = f.rows / FC_BF16X3_PANEL,
        .right_panels = f.cols / FC_BF16X3_PANEL,
        .left_pitch = panel,
        .right_pitch = panel,
        .c = in_output ? (float *)in_output : sums,
        .c_pitch = in_output ? pitch : f.cols,
        .accumulate = k0 > 0,
    };
    b->kernels->bf16x3_gemm.run(&product);
    if (k1 < b->k)
        return;
    if (!in_output) {
        finish_slice(job, at, s, sums);
        return;
    }
    f.tile = in_output;
    fc_finish_in_place(&f, pitch);
}

/* The kernel's slice stays in L2 while the block's pixels pass by. */
static void multiply_block(const bf16x3_job *job, const block *at, size_t k0, size_t k1) {
    const size_t tile = FC_BF16X3_PANEL * FC_BF16X3_PANEL, most = job->b->pixels_in_rows ? at->panels : FC_BF16X3_SLICE;
    for (size_t j = 0; j < at->outs; j += FC_BF16X3_SLICE) {
        const size_t js = at->outs - j < FC_BF16X3_SLICE ? at->outs - j : FC_BF16X3_SLICE;
        for (size_t i = 0; i < at->panels; i += most) {
            const size_t is = at->panels - i < most ? at->panels - i : most;
            float *sums = at->sums + (job->b->k_blocks > 1 ? j * at->panels + i * js : 0) * tile;
            multiply_slice(job, at, (slice){i, is, j, js}, k0, k1, sums);
        }
    }
}

/* The block's panels for k0 <= k < k1. Gives 1 if a value is out of range. */
static int pack_pixels(const bf16x3_job *job, const block *at, size_t k0, size_t k1) {
    const fc_bf16x3_blocking *b = job->b;
    const fc_conv_view *v = b->view;
    const size_t panel = fc_bf16x3_panel_elements(b, k1 - k0);
    const fc_gather gather = {
        &b->moved, b->kernels, job->src + at->group * (size_t)v->src.group_pitch * fc_dtype_size(v->dtype)};
    fc_bf16x3_patch patch;
    int out_of_range = 0;
    if (b->patched) {
        patch = patch_of(b, job->t, at->index, at->patch);
        out_of_range = fc_bf16x3_fill_patch(b, &patch, gather.src, k0, k1, at->panel);
    }
    for (size_t i = 0; i < at->panels && !out_of_range; i++) {
        const size_t pixel = (at->panel0 + i) * FC_BF16X3_PANEL, count = pixels_of(job, at->panel0 + i, 1);
        if (b->patched)
            fc_bf16x3_patch_panel(b, &patch, pixel, count, k0, k1, at->pixels + i * panel);
        else
            out_of_range = fc_bf16x3_pixel_panel(b, &gather, pixel, count, k0, k1, at->panel, at->pixels + i * panel);
    }
    return out_of_range;
}

static void run_block(void *job_, size_t task, size_t worker) {
    const bf16x3_job *job = job_;
    const fc_bf16x3_blocking *b = job->b;
    const block at = find_block(job, task, worker);
    for (size_t k0 = 0; k0 < b->k; k0 += b->block_k) {
        const size_t k1 = b->k - k0 < b->block_k ? b->k : k0 + b->block_k;
        if (pack_pixels(job, &at, k0, k1)) { /* every chunk and group of the block writes the same */
            __atomic_store_n(&job->out_of_range[at.index], 1, __ATOMIC_RELAXED);
            return;
        }
        multiply_block(job, &at, k0, k1);
    }
}

/* Pixels [begin, end) with the packed engine, as parts of rows and whole rows of an image. */
static fc_status run_packed(
    const bf16x3_job *job, const fc_packed_blocking *packed, const void *weights, size_t begin, size_t end) {
    const fc_conv_view *v = job->b->view;
    const size_t size = fc_dtype_size(v->dtype);
    while (begin < end) {
        const fc_pixel at = fc_pixel_at(v, begin);
        const ptrdiff_t left = (ptrdiff_t)(end - begin);
        fc_conv_view part = *v;
        part.n = 1;
        part.dst.h = at.col ? 1 : fc_max(fc_min(left / v->dst.w, v->dst.h - at.row), 1);
        part.dst.w = fc_min(v->dst.w - at.col, left);
        part.rows.first += at.row * v->rows.stride;
        part.cols.first += at.col * v->cols.stride;
        FC_TRY(fc_packed_run(packed, &part, weights, job->src + at.n * v->src.n_pitch * (ptrdiff_t)size,
            job->dst + (at.n * v->dst.n_pitch + at.row * v->dst.h_pitch + at.col * v->dst.w_pitch) * (ptrdiff_t)size,
            job->epilogue));
        begin += (size_t)(part.dst.h * part.dst.w);
    }
    return FC_OK;
}

/* Blocks with values that the planes cannot hold, on a kernel packed for the purpose. */
static fc_status recompute(const bf16x3_job *job, const fc_packed_blocking *packed) {
    const fc_conv_view *v = job->b->view;
    const size_t pixels = job->t->block_panels * FC_BF16X3_PANEL;
    size_t bytes;
    FC_TRY(fc_packed_bytes(packed, v, &bytes));
    void *weights = fc_scratch_alloc(bytes);
    if (!weights)
        return FC_OUT_OF_MEMORY;
    fc_packed_pack(packed, v, job->kernel->kernel, job->kernel->bias, weights);
    fc_status status = FC_OK;
    for (size_t i = 0; i < job->t->blocks && !status; i++)
        if (job->out_of_range[i])
            status = run_packed(job, packed, weights, i * pixels,
                fc_view_pixels(v) - i * pixels < pixels ? fc_view_pixels(v) : (i + 1) * pixels);
    fc_scratch_free(weights);
    return status;
}

typedef struct bf16x3_plan {
    fc_bf16x3_blocking b; /* its view is set where it is read */
    fc_packed_blocking packed;
    cut t;
} bf16x3_plan;

static bf16x3_plan own_plan(const fc_layer_plan *plan) {
    bf16x3_plan own;
    FC_GET_OWN(plan, own);
    own.b.view = &plan->layer.view;
    return own;
}

static fc_status run(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    const bf16x3_plan own = own_plan(plan);
    const cut *t = &own.t;
    bf16x3_job job = {
        .b = &own.b, .t = t, .kernel = (fc_bf16x3_kernel *)weights->packed, .src = x, .dst = y, .epilogue = epilogue};
    if (job.kernel->out_of_range)
        return fc_packed_run(&own.packed, own.b.view, job.kernel + 1, x, y, epilogue);
    const size_t workers = fc_parallel_workers(plan->tasks, plan->work);
    char *scratch = fc_scratch_alloc(fc_plan_scratch(plan, workers));
    if (!scratch)
        return FC_OUT_OF_MEMORY;
    job.scratch = scratch;
    job.out_of_range = (unsigned char *)scratch + workers * t->worker_bytes;
    memset(job.out_of_range, 0, t->blocks);
    fc_parallel_for(plan->tasks, workers, run_block, &job);
    const fc_status status = memchr(job.out_of_range, 1, t->blocks) ? recompute(&job, &own.packed) : FC_OK;
    fc_scratch_free(scratch);
    return status;
}

/* Of the planes, or of the kernel that is kept where values are out of range. */
static fc_status packed_bytes(const bf16x3_plan *own, const fc_conv_view *v, size_t *bytes) {
    const fc_bf16x3_blocking *b = &own->b;
    const ptrdiff_t factors[] = {v->groups, (ptrdiff_t)(b->out_panels * FC_BF16X3_PANEL), (ptrdiff_t)b->padded_k + 32,
        (ptrdiff_t)(b->planes * sizeof(uint16_t))};
    size_t otherwise;
    FC_TRY(fc_multiply(factors, 4, bytes));
    FC_TRY(fc_packed_bytes(&own->packed, v, &otherwise));
    *bytes = sizeof(fc_bf16x3_kernel) + (otherwise > *bytes ? otherwise : *bytes);
    return FC_OK;
}

static fc_status plan_planes(const fc_layer *layer, fc_layer_plan *plan) {
    const bf16x3_plan own = {.b = fc_bf16x3_choose(layer), .packed = fc_packed_choose(layer->kernels, &layer->view)};
    FC_TRY(packed_bytes(&own, &layer->view, &plan->packed_bytes));
    plan->form = (fc_packed_form){{own.b.planes, (size_t)own.b.pixels_in_rows, (size_t)own.b.patched, own.b.block_k,
        own.packed.out_panel, own.packed.block_k}};
    plan->cycles = fc_bf16x3_cost(layer, &own.b);
    plan->by_name_only = layer->params.dtype != FC_BF16 && !fc_bf16x3_pays(layer, &own.b);
    plan->tile_rows = plan->tile_cols = FC_BF16X3_PANEL;
    plan->pixels_in_rows = own.b.pixels_in_rows;
    plan->block_k = own.b.block_k;
    plan->work = fc_view_flops(&layer->view);
    FC_SET_OWN(plan, own);
    return FC_OK;
}

static void complete(fc_layer_plan *plan) {
    bf16x3_plan own = own_plan(plan);
    own.t = cut_up(&own.b);
    plan->block_pixels = own.t.block_panels * FC_BF16X3_PANEL;
    plan->tasks = own.t.tasks;
    plan->shared_bytes = own.t.blocks;
    plan->worker_bytes = own.t.worker_bytes;
    FC_SET_OWN(plan, own);
}

static void pack(const fc_layer_plan *plan, const void *kernel, const void *bias, void *packed) {
    const bf16x3_plan own = own_plan(plan);
    fc_bf16x3_kernel *made = packed;
    fc_bf16x3_pack_kernel(&own.b, kernel, bias, made);
    if (made->out_of_range)
        fc_packed_pack(&own.packed, own.b.view, kernel, bias, made + 1);
}

static fc_status plan_split(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) {
    (void)purpose;
    const fc_dtype dtype = layer->params.dtype;
    return dtype == FC_F32 || dtype == FC_F16 ? plan_planes(layer, plan) : FC_BAD_ARGUMENT;
}

static fc_status plan_bfloat16(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) {
    (void)purpose;
    const fc_conv2d_params *p = &layer->params;
    return p->dtype == FC_BF16 || (p->dtype == FC_F32 && p->precision == FC_MEDIUM) ? plan_planes(layer, plan)
                                                                                    : FC_BAD_ARGUMENT;
}

const fc_algorithm fc_algorithm_bf16x3 = {
    .name = "split",
    .requires = "float32 or float16",
    .keeps_kernel = 1,
    .plan = plan_split,
    .complete = complete,
    .pack = pack,
    .run = run,
};
const fc_algorithm fc_algorithm_bfloat16 = {
    .name = "bfloat16",
    .requires = "bfloat16, or float32 at precision 'medium'",
    .keeps_kernel = 1,
    .plan = plan_bfloat16,
    .complete = complete,
    .pack = pack,
    .run = run,
};
