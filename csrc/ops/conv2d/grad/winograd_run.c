/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/forward/winograd/patch.h"
#include "ops/conv2d/grad/winograd.h"

typedef struct winograd_job {
    const fc_winograd_grad_plan *plan;
    const fc_layer *layer;
    const char *x, *dy, *zeros;
    char *dkernel, *scratch;
    char *sums; /* [group][block][slice] where there are several slices */
    atomic_uchar not_finite;
} winograd_job;

/* A task: input channels [c0, c1), panels [p0, p1), tiles from `first` on. */
typedef struct winograd_block {
    size_t group, c0, c1, p0, p1, first, end;
    int last;                /* of the blocks of rows */
    fc_tensor_view views[2]; /* its channels of x and of dy */
    fc_winograd_patches x, dy;
    char *v, *m, *u, *stage;
    double *sums; /* [panel][c][tap][o] */
} winograd_block;

static const fc_winograd_rows *rows_of(const fc_winograd_grad_plan *plan, const winograd_block *at, size_t panel) {
    return &plan->rows[at->last][panel + 1 == plan->panels];
}

static void place_block(const winograd_job *job, size_t block, winograd_block *at) {
    const fc_winograd_grad_plan *plan = job->plan;
    const size_t row = block % plan->blocks / plan->panel_blocks;
    at->group = block / plan->blocks;
    at->c0 = row * plan->block_rows;
    at->c1 = fc_least(at->c0 + plan->block_rows, plan->c);
    at->last = row + 1 == plan->row_blocks;
    at->p0 = block % plan->panel_blocks * plan->block_panels;
    at->p1 = fc_least(at->p0 + plan->block_panels, plan->panels);
}

static fc_winograd_patches patches_of(const winograd_job *job, const fc_tensor_view *tensor, const char *base) {
    const fc_winograd_grad_plan *plan = job->plan;
    return (fc_winograd_patches){
        .kernels = job->layer->kernels,
        .tensor = tensor,
        .base = base,
        .size = plan->size,
        .tile_rows = plan->tile_rows,
        .tile_cols = plan->tile_cols,
        .step = plan->set->r,
        .zeros = job->zeros,
    };
}

static void describe_patches(const winograd_job *job, winograd_block *at) {
    const fc_winograd_grad_plan *plan = job->plan;
    const fc_conv_view *view = &job->layer->view;
    const size_t o = at->p0 * plan->width, size = plan->size;
    at->views[0] = view->src;
    at->views[0].c = (ptrdiff_t)(at->c1 - at->c0);
    at->x = patches_of(job, &at->views[0],
        job->x + (at->group * (size_t)view->src.group_pitch + at->c0 * (size_t)view->src.c_pitch) * size);
    at->x.side = plan->n;
    at->x.row = view->rows.first;
    at->x.col = view->cols.first;
    at->x.transform = plan->set->input;
    at->x.pitch = plan->v_pitch;
    at->x.element = plan->v_element;
    at->views[1] = view->dst;
    at->views[1].c = (ptrdiff_t)fc_least(plan->outs - o, (at->p1 - at->p0) * plan->width);
    at->dy = patches_of(job, &at->views[1],
        job->dy + (at->group * (size_t)view->dst.group_pitch + o * (size_t)view->dst.c_pitch) * size);
    at->dy.side = plan->set->r;
    at->dy.transform = plan->set->kernel;
    at->dy.pitch = plan->m_pitch;
    at->dy.element = plan->m_element;
}

/* What lies beyond the channels is multiplied as well: zeros. */
static void clear_padding(const winograd_job *job, const fc_winograd_patches *patches, char *to) {
    const size_t channels = (size_t)patches->tensor->c, bytes = (patches->pitch - channels) * patches->size;
    for (size_t e = 0; bytes && e < job->plan->elements; e++)
        for (size_t t = 0; t < job->plan->chain; t++)
            memset(to + (e * patches->element + t * patches->pitch + channels) * patches->size, 0, bytes);
}

/* Elements from an element of a block to one of its panels. */
static size_t panel_at(const fc_winograd_grad_plan *plan, const winograd_block *at, size_t panel) {
    return (panel - at->p0) * plan->width * rows_of(plan, at, at->p0)->padded;
}

/* An element of a chain of tiles. */
static void multiply(const winograd_job *job, const winograd_block *at, size_t e, size_t tiles, int accumulate) {
    const fc_winograd_grad_plan *plan = job->plan;
    const size_t size = plan->size;
    fc_wgrad_gemm_block block = {
        .images = 1,
        .rows = 1,
        .cols = tiles,
        .a_col = (ptrdiff_t)plan->v_pitch,
        .b_col = (ptrdiff_t)plan->m_pitch,
        .accumulate = accumulate,
    };
    for (size_t p = at->p0; p < at->p1; p++) {
        const fc_winograd_rows *rows = rows_of(plan, at, p);
        char *u = at->u + (e * plan->u_element + panel_at(plan, at, p)) * size;
        block.b = at->m + (e * plan->m_element + (p - at->p0) * plan->width) * size;
        block.outs = fc_winograd_grad_width(plan, p);
        for (size_t c = 0, count = at->c1 - at->c0; c < count;) {
            const fc_wgrad_gemm_tile *tile = count - c < rows->whole->height ? rows->rest : rows->whole;
            block.a = at->v + (e * plan->v_element + c) * size;
            block.c = u + c * block.outs * size;
            tile->run(&block);
            c += tile->height;
        }
    }
}

/* The sums of one input channel and a panel into the kernel, in its type. */
static void round_sums(const winograd_job *job, const double *sums, size_t width, size_t outs, char *to) {
    const fc_winograd_grad_plan *plan = job->plan;
    const size_t tap_pitch = plan->c * (size_t)job->layer->params.c_out;
    for (size_t tap = 0; tap < plan->taps; tap++, sums += width) {
        if (plan->size == sizeof(double)) {
            memcpy(to + tap * tap_pitch * sizeof(double), sums, outs * sizeof(double));
            continue;
        }
        for (size_t o = 0; o < outs; o++) {
            const float narrow = (float)sums[o];
            memcpy(to + (tap * tap_pitch + o) * sizeof narrow, &narrow, sizeof narrow);
        }
    }
}

/* One input channel of a block under one of its panels: its sums, and where it goes in the kernel. */
typedef struct winograd_row {
    size_t width, outs, sums;
    char *to;
} winograd_row;

static winograd_row row_at(const winograd_job *job, const winograd_block *at, size_t c, size_t panel) {
    const fc_winograd_grad_plan *plan = job->plan;
    const size_t width = fc_winograd_grad_width(plan, panel), first = panel * plan->width,
                 c_out = (size_t)job->layer->params.c_out;
    return (winograd_row){
        width,
        fc_least(plan->outs - first, width),
        ((panel - at->p0) * (at->c1 - at->c0) * plan->width + (c - at->c0) * width) * plan->taps,
        job->dkernel + (c * c_out + at->group * plan->outs + first) * plan->size,
    };
}

/* Transforms the sums of a row back and adds them up; right into the kernel where they are all. */
static int flush_row(const winograd_job *job, const winograd_block *at, size_t c, size_t panel, int begins, int ends) {
    const fc_winograd_grad_plan *plan = job->plan;
    _Alignas(FC_ALIGNMENT) char values[FC_WINOGRAD_LARGEST * FC_WINOGRAD_LARGEST * FC_MAX_TILE_COLS * sizeof(double)];
    const winograd_row row = row_at(job, at, c, panel);
    const size_t side = plan->set->m;
    fc_winograd_tile tile = {
        .values = at->u + (panel_at(plan, at, panel) + (c - at->c0) * row.width) * plan->size,
        .e_pitch = plan->u_element,
        .rows = side,
        .cols = side,
        .channels = row.outs,
        .y = row.to,
        .col_pitch = plan->c * (size_t)job->layer->params.c_out,
    };
    tile.row_pitch = side * tile.col_pitch;
    if (begins && ends && plan->slices == 1)
        return plan->set->output(&tile);
    tile.channels = tile.col_pitch = row.width;
    tile.row_pitch = side * row.width;
    tile.y = values;
    const int finite = plan->set->output(&tile);
    double *sums = at->sums + row.sums;
    if (begins)
        memset(sums, 0, plan->taps * row.width * sizeof *sums);
    (plan->size == sizeof(double) ? job->layer->kernels->accumulate_f64 : job->layer->kernels->accumulate_f32)(
        values, sums, plan->taps * row.width);
    if (ends && plan->slices == 1)
        round_sums(job, sums, row.width, row.outs, row.to);
    return finite;
}

static void flush(winograd_job *job, const winograd_block *at, int begins, int ends) {
    int finite = 1;
    for (size_t p = at->p0; p < at->p1; p++)
        for (size_t c = at->c0; c < at->c1; c++)
            finite &= flush_row(job, at, c, p, begins, ends);
    if (!finite)
        atomic_store_explicit(&job->not_finite, 1, memory_order_relaxed);
}

static void run_task(void *job_, size_t task, size_t worker) {
    winograd_job *job = job_;
    const fc_winograd_grad_plan *plan = job->plan;
    const size_t first = task % plan->slices * plan->slice, end = fc_least(first + plan->slice, plan->tiles);
    winograd_block at;
    if (atomic_load_explicit(&job->not_finite, memory_order_relaxed))
        return;
    place_block(job, task / plan->slices, &at);
    describe_patches(job, &at);
    at.v = job->scratch + worker * plan->worker_bytes;
    at.m = at.v + plan->v_bytes;
    at.u = at.m + plan->m_bytes;
    at.stage = at.u + plan->u_bytes;
    at.sums = (double *)(plan->slices == 1 ? at.stage + plan->stage_bytes : job->sums + task * plan->sum_bytes);
    clear_padding(job, &at.x, at.v);
    clear_padding(job, &at.dy, at.m);
    for (size_t tile = first, flushed = first, tiles; tile < end; tile += tiles) {
        tiles = fc_least(end - tile, plan->chain);
        fc_winograd_transform_patches(&at.x, tile, tile + tiles, at.v, at.stage);
        fc_winograd_transform_patches(&at.dy, tile, tile + tiles, at.m, at.stage);
        for (size_t e = 0; e < plan->elements; e++)
            multiply(job, &at, e, tiles, tile > flushed);
        if (tile + tiles == end || tile + tiles - flushed == plan->flush) {
            flush(job, &at, flushed == first, tile + tiles == end);
            flushed = tile + tiles;
        }
    }
}

enum { ADDED_TOGETHER = 8 };

static size_t rows_tasks(const fc_winograd_grad_plan *plan) { return fc_parts(plan->block_rows, ADDED_TOGETHER); }

/* Task: adds the slices of a few input channels of a block, in order. */
static void add_slices(void *job_, size_t task, size_t worker) {
    (void)worker;
    const winograd_job *job = job_;
    const fc_winograd_grad_plan *plan = job->plan;
    const size_t block = task / rows_tasks(plan);
    winograd_block at;
    place_block(job, block, &at);
    const size_t first = at.c0 + task % rows_tasks(plan) * ADDED_TOGETHER,
                 end = fc_least(first + ADDED_TOGETHER, at.c1);
    char *sums = job->sums + block * plan->slices * plan->sum_bytes;
    for (size_t p = at.p0; p < at.p1; p++)
        for (size_t c = first; c < end; c++) {
            const winograd_row row = row_at(job, &at, c, p);
            double *total = (double *)sums + row.sums;
            for (size_t slice = 1; slice < plan->slices; slice++)
                job->layer->kernels->accumulate_f64(
                    (char *)total + slice * plan->sum_bytes, total, row.width * plan->taps);
            round_sums(job, total, row.width, row.outs, row.to);
        }
}

/* An inf or NaN spreads over all sums of its channel: they are computed again as they are defined. */
/* An inf or NaN spreads over all sums: without transforms it stays where it belongs. */
static fc_status run_packed(const fc_layer *layer, const void *x, const void *dy, void *dkernel) {
    fc_layer_plan plan;
    fc_plan_begin(layer, FC_KERNEL_GRAD_PACKED, &plan);
    FC_TRY(fc_kernel_grad_packed.plan(layer, FC_KERNEL_GRADIENT, &plan));
    return fc_kernel_grad_packed.run(&plan, x, dy, dkernel);
}

fc_status fc_winograd_grad_run(
    const fc_winograd_grad_plan *plan, const fc_layer *layer, const void *x, const void *dy, void *dkernel) {
    const size_t blocks = (size_t)layer->view.groups * plan->blocks, tasks = blocks * plan->slices,
                 rows = blocks * rows_tasks(plan);
    const double numbers = (double)layer->view.groups * (double)plan->elements * (double)plan->c * (double)plan->outs;
    const size_t workers = fc_parallel_workers(tasks, 2 * numbers * (double)plan->tiles),
                 sum_bytes = plan->slices > 1 ? tasks * plan->sum_bytes : 0;
    char *scratch = fc_scratch_alloc(plan->zero_bytes + sum_bytes + workers * plan->worker_bytes);
    if (!scratch)
        return FC_OUT_OF_MEMORY;
    winograd_job job = {
        .plan = plan,
        .layer = layer,
        .x = x,
        .dy = dy,
        .dkernel = dkernel,
        .zeros = scratch,
        .sums = scratch + plan->zero_bytes,
        .scratch = scratch + plan->zero_bytes + sum_bytes,
    };
    memset(scratch, 0, plan->zero_bytes);
    fc_parallel_for(tasks, workers, run_task, &job);
    const int again = atomic_load_explicit(&job.not_finite, memory_order_relaxed);
    if (plan->slices > 1 && !again)
        fc_parallel_for(rows, fc_parallel_workers(rows, 4 * (double)sum_bytes), add_slices, &job);
    fc_scratch_free(scratch);
    return again ? run_packed(layer, x, dy, dkernel) : FC_OK;
}
