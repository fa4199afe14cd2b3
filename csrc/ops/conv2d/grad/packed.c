/* SPDX-License-Identifier: MIT */
/*
 * dkernel[k][o] = sum over pixels of G[pixel][k] * dy[pixel][o]: a product with a short, wide result and a reduction as
 * long as the batch. Pixels come in chunks of CHUNK, summed in registers; chunks add up in double, so that the error
 * does not grow with the batch. Tasks are blocks of (k, o) and, where these are few, slices of the pixels, added in
 * order.
 */
#include <string.h>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/costs.h"
#include "ops/conv2d/gather/pack.h"
#include "ops/conv2d/gemm/tile.h"
#include "ops/conv2d/grad/kernel_grad.h"

enum { CHUNK = 256 };

typedef struct grad_job {
    const fc_kernels *kernels;
    fc_conv_view view;
    fc_gemm_tile tile;
    int k_in_rows; /* 1: tile rows run along k, columns along o */
    size_t k, outs, k_panel, o_panel;
    size_t k_block, o_block, k_blocks, o_blocks; /* blocks in elements, whole panels */
    size_t chunks, slices, worker_bytes, block_doubles;
    size_t size; /* of the compute type */
    const char *x, *dy;
    char *dkernel, *scratch;
    double *sums; /* [group][k block][o block][slice][tiles of the block] */
} grad_job;

static void choose_tile(grad_job *job) {
    double best = 0;
    job->tile.rows = 0;
    for (const fc_gemm_tile *tile = fc_gemm_tiles(job->kernels, job->view.dtype); tile->rows; tile++)
        for (int k_in_rows = 0; k_in_rows < 2; k_in_rows++) {
            size_t k_panel = k_in_rows ? tile->rows : tile->cols, o_panel = k_in_rows ? tile->cols : tile->rows;
            double cost = (double)((job->k + k_panel - 1) / k_panel * ((job->outs + o_panel - 1) / o_panel)) *
                fc_tile_cycles(tile);
            if (job->tile.rows && cost >= best)
                continue;
            best = cost;
            job->tile = *tile;
            job->k_in_rows = k_in_rows;
            job->k_panel = k_panel;
            job->o_panel = o_panel;
        }
}

static size_t block_of(size_t total, size_t panel, size_t budget) {
    size_t padded = (total + panel - 1) / panel * panel, most = budget / panel * panel;
    size_t blocks = most ? (padded + most - 1) / most : padded / panel;
    return ((padded / panel + blocks - 1) / blocks) * panel;
}

static void cut(grad_job *job) {
    const size_t l2 = fc_caches()->l2, pixels = fc_view_pixels(&job->view), budget = l2 / 4 / (CHUNK * job->size);
    job->k_block = block_of(job->k, job->k_panel, budget);
    job->o_block = block_of(job->outs, job->o_panel, budget);
    job->k_blocks = (job->k + job->k_block - 1) / job->k_block;
    job->o_blocks = (job->outs + job->o_block - 1) / job->o_block;
    job->chunks = (pixels + CHUNK - 1) / CHUNK;
    const size_t blocks = (size_t)job->view.groups * job->k_blocks * job->o_blocks;
    job->slices = fc_parts(fc_task_count_of_sums(fc_view_flops(&job->view)), blocks);
    if (job->slices > job->chunks)
        job->slices = job->chunks;
    job->block_doubles = job->k_block * job->o_block;
    job->worker_bytes = fc_align_up(CHUNK * job->k_block * job->size) + fc_align_up(CHUNK * job->o_block * job->size) +
        (fc_is_half(job->view.dtype)
                ? fc_align_up(CHUNK * (job->k_block > job->o_block ? job->k_block : job->o_block) * 2)
                : 0);
}

typedef struct grad_block {
    size_t group, k0, k1, o0, o1, slice;
    double *sums;
} grad_block;

static grad_block find_block(const grad_job *job, size_t task) {
    grad_block at = {.slice = task % job->slices, .sums = job->sums + task * job->block_doubles};
    size_t block = task / job->slices;
    at.o0 = block % job->o_blocks * job->o_block;
    at.k0 = block / job->o_blocks % job->k_blocks * job->k_block;
    at.group = block / job->o_blocks / job->k_blocks;
    at.o1 = job->outs - at.o0 < job->o_block ? job->outs : at.o0 + job->o_block;
    at.k1 = job->k - at.k0 < job->k_block ? job->k : at.k0 + job->k_block;
    return at;
}

/* dy as the micro-kernel reads it: as it lies in memory where that is whole panels, else copied. */
static const char *output_rows(
    const grad_job *job, const grad_block *at, size_t pixel, size_t count, char *rows, char *raw, size_t *pitch) {
    const fc_conv_view *v = &job->view;
    const char *dy = job->dy + at->group * (size_t)v->dst.group_pitch * fc_dtype_size(v->dtype);
    if (v->dst.c_pitch == 1 && !fc_is_half(v->dtype) && (at->o1 - at->o0) % job->o_panel == 0) {
        *pitch = (size_t)(v->dst.h * v->dst.w == 1 ? v->dst.n_pitch : v->dst.w_pitch); /* NCHW of one pixel is NHWC */
        return dy + (pixel * *pitch + at->o0) * job->size;
    }
    const fc_gather gather = {v, job->kernels, NULL};
    *pitch = (at->o1 - at->o0 + job->o_panel - 1) / job->o_panel * job->o_panel;
    fc_pack_output_rows(&gather, dy, pixel, count, at->o0, at->o1, *pitch, raw, rows);
    return rows;
}

static void multiply_chunk(const grad_job *job, const grad_block *at, size_t count, const char *g, size_t g_pitch,
    const char *dy, size_t dy_pitch) {
    _Alignas(FC_ALIGNMENT) char tile[FC_MAX_TILE_ROWS * FC_MAX_TILE_COLS * sizeof(double)];
    const size_t elements = job->tile.rows * job->tile.cols;
    fc_accumulate_fn *accumulate = job->size == 8 ? job->kernels->accumulate_f64 : job->kernels->accumulate_f32;
    double *sums = at->sums;
    for (size_t k = at->k0; k < at->k1; k += job->k_panel)
        for (size_t o = at->o0; o < at->o1; o += job->o_panel, sums += elements) {
            const char *a = g + (k - at->k0) * job->size, *b = dy + (o - at->o0) * job->size;
            if (job->k_in_rows)
                job->tile.run(count, a, g_pitch, b, dy_pitch, tile, job->tile.cols, 0);
            else
                job->tile.run(count, b, dy_pitch, a, g_pitch, tile, job->tile.cols, 0);
            accumulate(tile, sums, elements);
        }
}

static void run_task(void *job_, size_t task, size_t worker) {
    const grad_job *job = job_;
    const fc_conv_view *v = &job->view;
    const grad_block at = find_block(job, task);
    const size_t pixels = fc_view_pixels(v);
    char *g_rows = job->scratch + worker * job->worker_bytes,
         *dy_rows = g_rows + fc_align_up(CHUNK * job->k_block * job->size);
    char *raw = dy_rows + fc_align_up(CHUNK * job->o_block * job->size);
    const fc_gather gather = {
        v, job->kernels, job->x + at.group * (size_t)v->src.group_pitch * fc_dtype_size(v->dtype)};
    const size_t g_pitch = (at.k1 - at.k0 + job->k_panel - 1) / job->k_panel * job->k_panel;
    memset(at.sums, 0, job->block_doubles * sizeof(double));
    for (size_t chunk = job->chunks * at.slice / job->slices; chunk < job->chunks * (at.slice + 1) / job->slices;
        chunk++) {
        size_t pixel = chunk * CHUNK, count = pixels - pixel < CHUNK ? pixels - pixel : CHUNK, dy_pitch;
        fc_pack_gather_rows(&gather, pixel, count, at.k0, at.k1, g_pitch, raw, g_rows);
        const char *dy = output_rows(job, &at, pixel, count, dy_rows, raw, &dy_pitch);
        multiply_chunk(job, &at, count, g_rows, g_pitch, dy, dy_pitch);
    }
}

static void store(const grad_job *job, double sum, char *to) {
    const float narrow = (float)sum;
    if (job->view.dtype == FC_F64)
        memcpy(to, &sum, 8);
    else if (job->view.dtype == FC_F32)
        memcpy(to, &narrow, 4);
    else
        fc_narrow(job->kernels, job->view.dtype, &narrow, to, 1);
}

/* Adds the slices of one block into the first and stores it. */
static void finish_block(void *job_, size_t block, size_t worker) {
    (void)worker;
    const grad_job *job = job_;
    const fc_conv_view *v = &job->view;
    const size_t size = fc_dtype_size(v->dtype), c_out = job->outs * (size_t)v->groups;
    const grad_block at = find_block(job, block * job->slices);
    for (size_t slice = 1; slice < job->slices; slice++)
        job->kernels->accumulate_f64(at.sums + slice * job->block_doubles, at.sums, job->block_doubles);
    const double *tile = at.sums;
    for (size_t k = at.k0; k < at.k1; k += job->k_panel)
        for (size_t o = at.o0; o < at.o1; o += job->o_panel, tile += job->tile.rows * job->tile.cols)
            for (size_t i = 0; i < job->k_panel && k + i < at.k1; i++)
                for (size_t j = 0; j < job->o_panel && o + j < at.o1; j++)
                    store(job, tile[job->k_in_rows ? i * job->tile.cols + j : j * job->tile.cols + i],
                        job->dkernel + ((k + i) * c_out + at.group * job->outs + o + j) * size);
}

static grad_job job_of(const fc_layer *layer) {
    grad_job job = {.kernels = layer->kernels,
        .view = layer->view,
        .k = fc_view_k(&layer->view),
        .outs = (size_t)layer->view.dst.c};
    job.size = fc_dtype_size(fc_compute_dtype(layer->view.dtype));
    choose_tile(&job);
    cut(&job);
    return job;
}

/* The share of an axis of the output whose taps all lie inside. */
static double inside(const fc_taps *taps, ptrdiff_t size, ptrdiff_t positions) {
    const ptrdiff_t room = size - 1 - taps->first - (taps->count - 1) * taps->step;
    const ptrdiff_t begin = taps->first < 0 ? fc_ceil_div(-taps->first, taps->stride) : 0;
    const ptrdiff_t end = room < 0 ? 0 : fc_min(room / taps->stride + 1, positions);
    return (double)fc_max(end - begin, 0) / (double)positions;
}

/* Whole tiles, and copying G, a run a tap row, and dy for each block. A pixel whose window crosses a border is copied a
 * tap at a time. */
static double cycles_of(const grad_job *job) {
    const fc_conv_view *v = &job->view;
    const fc_costs *costs = fc_costs_of(job->kernels);
    const double a_number = v->src.c_pitch == 1 ? costs->wgrad_packed_copied : costs->wgrad_packed_gathered;
    const double crossing = 1 - inside(&v->rows, v->src.h, v->dst.h) * inside(&v->cols, v->src.w, v->dst.w);
    const double k_panels = (double)fc_parts(job->k, job->k_panel),
                 o_panels = (double)fc_parts(job->outs, job->o_panel);
    const double rows = (double)(job->o_blocks * job->k) + (double)job->outs * (double)job->k_blocks;
    const double taps = crossing * (double)(v->rows.count * v->cols.count * (v->src.c_pitch == 1 ? 1 : v->src.c));
    const double copies = a_number * rows +
        (double)job->o_blocks * (costs->wgrad_packed_run * (double)v->rows.count + costs->wgrad_packed_tap * taps);
    return (double)v->groups * (double)fc_view_pixels(v) *
        (costs->wgrad_packed_step * fc_tile_cycles(&job->tile) * k_panels * o_panels + copies);
}

static fc_status plan_layer(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) {
    (void)purpose;
    const grad_job job = job_of(layer);
    plan->cycles = cycles_of(&job);
    plan->tasks = (size_t)job.view.groups * job.k_blocks * job.o_blocks * job.slices;
    plan->work = fc_view_flops(&job.view);
    plan->worker_bytes = job.worker_bytes;
    FC_SET_OWN(plan, job);
    return FC_OK;
}

static fc_status run(const fc_layer_plan *plan, const void *x, const void *dy, void *dkernel) {
    grad_job job;
    FC_GET_OWN(plan, job);
    const size_t workers = fc_parallel_workers(plan->tasks, plan->work), blocks = plan->tasks / job.slices;
    size_t bytes;
    FC_TRY(fc_multiply(
        (ptrdiff_t[]){(ptrdiff_t)plan->tasks, (ptrdiff_t)job.block_doubles, (ptrdiff_t)sizeof(double)}, 3, &bytes));
    job.x = x;
    job.dy = dy;
    job.dkernel = dkernel;
    job.sums = fc_scratch_alloc(bytes);
    job.scratch = fc_scratch_alloc(fc_plan_scratch(plan, workers));
    const fc_status status = job.sums && job.scratch ? FC_OK : FC_OUT_OF_MEMORY;
    if (status == FC_OK) {
        fc_parallel_for(plan->tasks, workers, run_task, &job);
        fc_parallel_for(blocks, fc_parallel_workers(blocks, (double)bytes), finish_block, &job);
    }
    fc_scratch_free(job.sums);
    fc_scratch_free(job.scratch);
    return status;
}

const fc_kernel_grad_algorithm fc_kernel_grad_packed = {
    .name = "packed", .requires = "nothing", .plan = plan_layer, .run = run};
