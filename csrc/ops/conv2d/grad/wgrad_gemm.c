/* SPDX-License-Identifier: MIT */
/*
 * The kernel's gradient by a micro-kernel that reads x and dy pixel by pixel: a tile of it is channels of x under one
 * tap (or under all taps of a row, where channels are few) times output channels, summed over the pixels whose tap lies
 * inside. It reads them where they lie, unless channels lie apart, numbers are halves, joined taps cross the border, or
 * neighbouring pixels share the sets of L1 and are read often enough: then a chunk is copied first.
 *
 * A chunk of pixels is summed in registers; chunks add up in double, so that the error does not grow with the batch.
 * Tasks are blocks of channels and output channels and, where these are few, slices of the chunks, added in order.
 */
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/gather/pack.h"
#include "ops/conv2d/gather/patch.h"
#include "ops/conv2d/grad/wgrad_gemm.h"

typedef struct wgrad_gemm_job {
    const fc_layer *layer;
    const fc_wgrad_gemm_plan *d;
    const char *x, *dy;
    char *dkernel, *scratch;
    double *sums; /* [block][slice][cells of the block] */
} wgrad_gemm_job;

/* The channels and output channels of a task, and its slice of the chunks. The last block of channels begins before
   `own`, the first channel that no other block has, so that each has whole tiles. */
typedef struct wgrad_gemm_block {
    size_t group, c, own, o, outs, slice;
    double *sums;
} wgrad_gemm_block;

static wgrad_gemm_block find_block(const wgrad_gemm_job *job, size_t task) {
    const fc_wgrad_gemm_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t block = task / d->slices, o = block % d->o_blocks * d->o_block,
                 c = block / d->o_blocks % d->c_blocks * d->c_block;
    return (wgrad_gemm_block){
        .group = block / d->o_blocks / d->c_blocks,
        .c = fc_least(c, (size_t)v->src.c - d->c_block),
        .own = c,
        .o = o,
        .outs = fc_least((size_t)v->dst.c - o, d->o_block),
        .slice = task % d->slices,
        .sums = job->sums + task * d->block_numbers,
    };
}

/* Where the numbers of a chunk lie, of the block's first channels. Pitches in elements. */
typedef struct wgrad_gemm_chunk {
    ptrdiff_t image, images, row, rows, col, cols; /* pixels of the output */
    const char *x, *dy; /* under the first tap of the first pixel, inside or not; of the first pixel */
    ptrdiff_t x_image, x_row, x_col, dy_image, dy_row, dy_col;
    ptrdiff_t tap_row, tap_col; /* of x, from tap to tap */
} wgrad_gemm_chunk;

static wgrad_gemm_chunk find_chunk(const wgrad_gemm_job *job, size_t index) {
    const fc_wgrad_gemm_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const ptrdiff_t at = (ptrdiff_t)index, bands = d->bands, pieces = d->pieces;
    wgrad_gemm_chunk k = {
        .col = at % pieces * d->cols, .row = at / pieces % bands * d->rows, .image = at / pieces / bands * d->images};
    k.cols = fc_min(v->dst.w - k.col, d->cols);
    k.rows = fc_min(v->dst.h - k.row, d->rows);
    k.images = fc_min(v->n - k.image, d->images);
    return k;
}

/* What a chunk reads of an image, padding left out unless it is copied too. */
static fc_patch patch_of(const wgrad_gemm_job *job, const fc_conv_view *v, const wgrad_gemm_chunk *k) {
    fc_patch patch = fc_patch_of(v, k->row, k->rows, k->col, k->cols, job->d->x_pitch);
    if (job->d->padded)
        return patch;
    const ptrdiff_t bottom = fc_min(patch.row + patch.rows, v->src.h), right = fc_min(patch.col + patch.cols, v->src.w);
    patch.row = fc_max(patch.row, 0);
    patch.col = fc_max(patch.col, 0);
    patch.rows = fc_max(bottom - patch.row, 0);
    patch.cols = fc_max(right - patch.col, 0);
    return patch;
}

/* x in place or copied. */
static void place_x(
    const wgrad_gemm_job *job, const wgrad_gemm_block *at, char *patches, char *raw, wgrad_gemm_chunk *k) {
    const fc_wgrad_gemm_plan *d = job->d;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(job->layer->view.dtype);
    fc_conv_view v = job->layer->view;
    const char *x = job->x +
        ((ptrdiff_t)at->group * v.src.group_pitch + (ptrdiff_t)at->c * v.src.c_pitch + k->image * v.src.n_pitch) * size;
    ptrdiff_t row_pitch = v.src.h_pitch, pixel_pitch = v.src.w_pitch;
    fc_patch patch = {0};
    k->x_image = v.src.n_pitch;
    k->x = x;
    if (d->x_copied) {
        v.src.c = (ptrdiff_t)d->c_block;
        patch = patch_of(job, &v, k);
        pixel_pitch = patch.pitch;
        row_pitch = patch.cols * pixel_pitch;
        k->x_image = patch.rows * row_pitch;
        for (ptrdiff_t n = 0; n < k->images; n++)
            fc_fill_patch(&v, job->layer->kernels, &patch, x + n * v.src.n_pitch * size, raw,
                patches + (size_t)(n * k->x_image) * d->size);
        k->x = patches;
    }
    const ptrdiff_t row = k->row * v.rows.stride + v.rows.first - patch.row,
                    col = k->col * v.cols.stride + v.cols.first - patch.col;
    k->x += (row * row_pitch + col * pixel_pitch) * (ptrdiff_t)d->size;
    k->x_row = v.rows.stride * row_pitch;
    k->x_col = v.cols.stride * pixel_pitch;
    k->tap_row = v.rows.step * row_pitch;
    k->tap_col = v.cols.step * pixel_pitch;
}

/* dy in place or copied. A chunk's pixels follow one another. */
static void place_dy(
    const wgrad_gemm_job *job, const wgrad_gemm_block *at, char *rows, char *raw, wgrad_gemm_chunk *k) {
    const fc_wgrad_gemm_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t size = fc_dtype_size(v->dtype), pixel = (size_t)((k->image * v->dst.h + k->row) * v->dst.w + k->col);
    const char *dy = job->dy + at->group * (size_t)v->dst.group_pitch * size;
    k->dy_col = d->dy_copied ? d->dy_pitch : v->dst.w_pitch;
    k->dy_row = v->dst.w * k->dy_col;
    k->dy_image = d->dy_copied ? v->dst.h * k->dy_row : v->dst.n_pitch;
    if (!d->dy_copied) {
        k->dy = dy +
            (size_t)(k->image * v->dst.n_pitch + k->row * v->dst.h_pitch + k->col * v->dst.w_pitch + (ptrdiff_t)at->o) *
                size;
        return;
    }
    const fc_gather gather = {v, job->layer->kernels, NULL};
    fc_pack_output_rows(&gather, dy, pixel, (size_t)(k->images * k->rows * k->cols), at->o, at->o + at->outs,
        (size_t)d->dy_pitch, raw, rows);
    k->dy = rows;
}

/* Of count pixels from `at` on, those whose tap, `first` from the first one's, lies inside [0, size). */
static void inside(
    ptrdiff_t at, ptrdiff_t count, ptrdiff_t stride, ptrdiff_t tap, ptrdiff_t size, ptrdiff_t *begin, ptrdiff_t *end) {
    const ptrdiff_t low = -(at * stride + tap), high = size - (at * stride + tap);
    *begin = low > 0 ? fc_ceil_div(low, stride) : 0;
    *end = high > 0 ? fc_min(fc_ceil_div(high, stride), count) : 0;
}

/* The chunk's part under tap (s, t), as the micro-kernel takes it; 0 where no pixel's tap lies inside. */
static int tap_block(
    const wgrad_gemm_job *job, const wgrad_gemm_chunk *k, ptrdiff_t s, ptrdiff_t t, fc_wgrad_gemm_block *b) {
    const fc_conv_view *v = &job->layer->view;
    ptrdiff_t top = 0, bottom = k->rows, left = 0, right = k->cols;
    if (!job->d->padded)
        inside(k->row, k->rows, v->rows.stride, v->rows.first + s * v->rows.step, v->src.h, &top, &bottom);
    if (!job->d->padded && !job->d->joined)
        inside(k->col, k->cols, v->cols.stride, v->cols.first + t * v->cols.step, v->src.w, &left, &right);
    if (top >= bottom || left >= right)
        return 0;
    const ptrdiff_t size = (ptrdiff_t)job->d->size;
    *b = (fc_wgrad_gemm_block){
        .images = (size_t)k->images,
        .rows = (size_t)(bottom - top),
        .cols = (size_t)(right - left),
        .a = k->x + (s * k->tap_row + t * k->tap_col + top * k->x_row + left * k->x_col) * size,
        .b = k->dy + (top * k->dy_row + left * k->dy_col) * size,
        .a_image = k->x_image,
        .a_row = k->x_row,
        .a_col = k->x_col,
        .b_image = k->dy_image,
        .b_row = k->dy_row,
        .b_col = k->dy_col,
    };
    return 1;
}

/* Where tile `index` of a run begins: the last one overlaps its neighbour rather than reach past the end. */
static size_t tile_begin(const fc_wgrad_gemm_plan *d, size_t run, size_t index) {
    return fc_least(index * d->tile.height, run - d->tile.height);
}

/* The tiles of a run, added to `sums`; single: of pixels alone, whose other lanes count for nothing. */
static void add_run(const wgrad_gemm_job *job, const fc_wgrad_gemm_block *run, int single, double *sums) {
    _Alignas(FC_ALIGNMENT) char tile[FC_MAX_TILE_ROWS * FC_MAX_TILE_COLS * sizeof(double)];
    const fc_wgrad_gemm_plan *d = job->d;
    const size_t length = fc_wgrad_gemm_run(&job->layer->view, d),
                 own = d->c_block * (size_t)job->layer->view.cols.count, numbers = d->tile.height * d->tile.width;
    fc_accumulate_fn *accumulate = d->size == 8 ? job->layer->kernels->accumulate_f64
                                                : job->layer->kernels->accumulate_f32;
    for (size_t i = 0; i < d->tiles_a_run; i++, sums += numbers) {
        const size_t begin = tile_begin(d, length, i);
        fc_wgrad_gemm_block b = *run;
        b.a = (const char *)run->a + begin * d->size;
        b.c = tile;
        d->tile.run(&b);
        if (!single)
            accumulate(tile, sums, numbers);
        for (size_t r = 0; single && r < d->tile.height && begin + r < own; r++)
            accumulate(tile + r * d->tile.width * d->size, sums + r * d->tile.width, b.outs);
    }
}

/* As many pixels as share a vector at a time; the last ones of a row are too few for that and go alone. */
static void add_folded(const wgrad_gemm_job *job, const fc_wgrad_gemm_block *all, double *sums) {
    const fc_wgrad_gemm_plan *d = job->d;
    const ptrdiff_t whole = (ptrdiff_t)all->cols / d->fold * d->fold;
    fc_wgrad_gemm_block b = *all;
    b.cols = (size_t)(whole / d->fold);
    b.a_col *= d->fold;
    b.b_col *= d->fold;
    b.outs *= (size_t)d->fold;
    if (b.cols)
        add_run(job, &b, 0, sums);
    b = *all;
    b.cols -= (size_t)whole;
    b.a = (const char *)b.a + whole * b.a_col * (ptrdiff_t)d->size;
    b.b = (const char *)b.b + whole * b.b_col * (ptrdiff_t)d->size;
    if (b.cols)
        add_run(job, &b, 1, sums);
}

static void multiply_chunk(const wgrad_gemm_job *job, const wgrad_gemm_block *at, const wgrad_gemm_chunk *k) {
    const fc_wgrad_gemm_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t numbers = d->tiles_a_run * d->tile.height * d->tile.width,
                 taps = (size_t)(v->rows.count * d->runs_a_row);
    for (size_t o = 0, column = 0; o < at->outs; o += d->tile.width, column++)
        for (size_t tap = 0; tap < taps; tap++) {
            fc_wgrad_gemm_block b;
            double *sums = at->sums + (column * taps + tap) * numbers;
            if (!tap_block(job, k, (ptrdiff_t)tap / d->runs_a_row, (ptrdiff_t)tap % d->runs_a_row, &b))
                continue;
            b.b = (const char *)b.b + o * d->size;
            b.outs = fc_least(at->outs - o, d->tile.width);
            if (d->fold > 1)
                add_folded(job, &b, sums);
            else
                add_run(job, &b, 0, sums);
        }
}

static void run_task(void *job_, size_t task, size_t worker) {
    const wgrad_gemm_job *job = job_;
    const fc_wgrad_gemm_plan *d = job->d;
    const wgrad_gemm_block at = find_block(job, task);
    char *patches = job->scratch + worker * d->worker_bytes, *rows = patches + d->patch_bytes,
         *raw = rows + d->dy_bytes;
    memset(at.sums, 0, d->block_numbers * sizeof *at.sums);
    for (size_t chunk = d->chunks * at.slice / d->slices; chunk < d->chunks * (at.slice + 1) / d->slices; chunk++) {
        wgrad_gemm_chunk k = find_chunk(job, chunk);
        place_x(job, &at, patches, raw, &k);
        place_dy(job, &at, rows, raw, &k);
        multiply_chunk(job, &at, &k);
    }
}

/* Row r of a tile to dkernel. */
static void store_row(const wgrad_gemm_job *job, const double *sums, size_t count, char *to) {
    float narrow[FC_MAX_TILE_COLS];
    const fc_dtype dtype = job->layer->view.dtype;
    for (size_t j = 0; j < count; j++)
        narrow[j] = (float)sums[j];
    if (dtype == FC_F64)
        memcpy(to, sums, count * sizeof *sums);
    else if (dtype == FC_F32)
        memcpy(to, narrow, count * sizeof *narrow);
    else
        fc_narrow(job->layer->kernels, dtype, narrow, to, count);
}

/* Where row `row` of a run's sums lies. */
static const double *sums_of(const wgrad_gemm_job *job, const double *run, size_t row) {
    const fc_wgrad_gemm_plan *d = job->d;
    const size_t i = fc_least(row / d->tile.height, d->tiles_a_run - 1);
    return run + (i * d->tile.height + row - tile_begin(d, fc_wgrad_gemm_run(&job->layer->view, d), i)) * d->tile.width;
}

/* Row `row` of a run: the sums of the pixels that share a vector, each a stride further, are one. */
static void store_sums(const wgrad_gemm_job *job, const double *run, size_t row, size_t outs, char *to) {
    const fc_wgrad_gemm_plan *d = job->d;
    const double *sums = sums_of(job, run, row);
    double folded[FC_MAX_TILE_COLS];
    if (d->fold == 1) {
        store_row(job, sums, outs, to);
        return;
    }
    memcpy(folded, sums, outs * sizeof *folded);
    for (size_t q = 1; q < (size_t)d->fold; q++)
        for (size_t o = 0; o < outs; o++)
            folded[o] += sums_of(job, run, row + q * (size_t)job->layer->view.cols.stride * d->c_block)[q * outs + o];
    store_row(job, folded, outs, to);
}

/* Adds the slices of a block into the first and stores the sums. */
static void finish_block(void *job_, size_t block, size_t worker) {
    (void)worker;
    const wgrad_gemm_job *job = job_;
    const fc_wgrad_gemm_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const wgrad_gemm_block at = find_block(job, block * d->slices);
    const size_t size = fc_dtype_size(v->dtype), taps = (size_t)(v->rows.count * d->runs_a_row),
                 in_row = d->joined ? (size_t)v->cols.count : 1;
    for (size_t slice = 1; slice < d->slices; slice++)
        job->layer->kernels->accumulate_f64(at.sums + slice * d->block_numbers, at.sums, d->block_numbers);
    for (size_t o = 0, column = 0; o < at.outs; o += d->tile.width, column++)
        for (size_t tap = 0; tap < taps; tap++) {
            const double *run = at.sums + (column * taps + tap) * d->tiles_a_run * d->tile.height * d->tile.width;
            for (size_t row = at.own - at.c; row < d->c_block * in_row; row++) {
                const size_t k = tap * (size_t)v->src.c * in_row + at.c + row;
                store_sums(job, run, row, fc_least(at.outs - o, d->tile.width),
                    job->dkernel + (k * (size_t)v->w_c_pitch + at.group * (size_t)v->w_group_pitch + at.o + o) * size);
            }
        }
}

static fc_status run(const fc_layer_plan *plan, const void *x, const void *dy, void *dkernel) {
    fc_wgrad_gemm_plan d;
    FC_GET_OWN(plan, d);
    const size_t workers = fc_parallel_workers(plan->tasks, plan->work);
    size_t bytes;
    FC_TRY(fc_multiply(
        (ptrdiff_t[]){(ptrdiff_t)plan->tasks, (ptrdiff_t)d.block_numbers, (ptrdiff_t)sizeof(double)}, 3, &bytes));
    wgrad_gemm_job job = {.layer = &plan->layer,
        .d = &d,
        .x = x,
        .dy = dy,
        .dkernel = dkernel,
        .sums = fc_scratch_alloc(bytes),
        .scratch = fc_scratch_alloc(fc_plan_scratch(plan, workers))};
    const fc_status status = job.sums && job.scratch ? FC_OK : FC_OUT_OF_MEMORY;
    if (status == FC_OK) {
        fc_parallel_for(plan->tasks, workers, run_task, &job);
        fc_parallel_for(d.blocks, fc_parallel_workers(d.blocks, (double)bytes), finish_block, &job);
    }
    fc_scratch_free(job.sums);
    fc_scratch_free(job.scratch);
    return status;
}

static fc_status plan_layer(const fc_layer *given, fc_purpose purpose, fc_layer_plan *plan) {
    (void)given;
    (void)purpose;
    fc_view_fold_strides(&plan->layer.view); /* a single tap under a stride: the pixels that it never reads are gone */
    const fc_wgrad_gemm_plan d = fc_wgrad_gemm_plan_of(&plan->layer);
    plan->cycles = fc_wgrad_gemm_cost(&plan->layer, &d);
    plan->tasks = d.blocks * d.slices;
    plan->work = fc_view_flops(&plan->layer.view);
    plan->worker_bytes = d.worker_bytes;
    FC_SET_OWN(plan, d);
    return FC_OK;
}

const fc_kernel_grad_algorithm fc_kernel_grad_wgrad_gemm = {
    .name = "outer", .requires = "nothing", .plan = plan_layer, .run = run};
