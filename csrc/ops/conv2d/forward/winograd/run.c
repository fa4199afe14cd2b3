/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/elementwise/activation.h"
#include "ops/conv2d/gather/fetch.h"
#include "ops/conv2d/gather/pack.h"
#include "ops/conv2d/gemm/igemm.h"
#include "ops/conv2d/forward/winograd/winograd.h"
#include "ops/conv2d/forward/winograd/patch.h"

typedef struct winograd_job {
    const fc_winograd_plan *plan;
    const fc_conv_view *view;
    const fc_winograd_cut *cut;
    const fc_kernels *kernels;
    const fc_epilogue *epilogue;
    const void *weights;  /* as the caller gave them */
    char *u;              /* of one group; NULL where tasks transform it */
    int asks;             /* whether u, which no L2 holds, is asked for ahead */
    const char *bias, *x; /* of one group */
    char *y;
    size_t group;
    atomic_uchar *flags; /* a tile row of an image: whether it met a number that is not finite */
    const char *zeros;
    char *shared, *scratch;
    size_t workers, block0, held; /* blocks in `shared` */
} winograd_job;

/* Where a worker's scratch lies. */
typedef struct winograd_space {
    char *u, *v, *m, *stage;
    const void **rows;
} winograd_space;

static winograd_space space_of(const winograd_job *job, size_t worker) {
    const fc_winograd_cut *cut = job->cut;
    char *at = job->scratch + worker * cut->worker_bytes;
    winograd_space space = {.u = at, .m = at + cut->u_bytes};
    space.stage = space.m + cut->m_bytes;
    space.rows = (const void **)(space.stage + cut->stage_bytes);
    space.v = (char *)space.rows + cut->rows_bytes;
    return space;
}

static void transform_patches(const winograd_job *job, size_t tile, size_t end, char *v, char *stage) {
    const fc_winograd_plan *plan = job->plan;
    const fc_winograd_patches patches = {
        .kernels = job->kernels,
        .tensor = &job->view->src,
        .base = job->x,
        .size = plan->size,
        .tile_rows = job->cut->tile_rows,
        .tile_cols = job->cut->tile_cols,
        .side = plan->n,
        .step = plan->set->m,
        .row = job->view->rows.first,
        .col = job->view->cols.first,
        .zeros = job->zeros,
        .transform = plan->set->input,
        .pitch = job->cut->v_pitch,
        .element = job->cut->v_element,
    };
    fc_winograd_transform_patches(&patches, tile, end, v, stage);
}

/* The micro-kernel's tiles for all tiles of a block but the last few, and for those. */
typedef struct winograd_heights {
    const fc_igemm_tile *whole, *rest;
} winograd_heights;

/* Of about equal heights: 16 tiles as 8 and 8 rather than 14 and 2, which would overlap too few FMAs. */
static winograd_heights heights_for(const winograd_job *job, size_t vectors, size_t tiles) {
    const size_t highest = fc_igemm_tile_for(job->kernels, job->view->dtype, vectors, FC_MAX_TILE_HEIGHT)->height;
    winograd_heights heights = {
        fc_igemm_tile_for(job->kernels, job->view->dtype, vectors, fc_parts(tiles, fc_parts(tiles, highest))), NULL};
    heights.rest = fc_igemm_tile_for(job->kernels, job->view->dtype, vectors, tiles % heights.whole->height);
    return heights;
}

/* What a block is multiplied by: output channels of panels [p0, p1), and their part of the kernel. */
typedef struct winograd_part {
    size_t p0, p1;
    fc_winograd_kernel kernel;
} winograd_part;

static winograd_part part_of(const winograd_job *job, size_t chunk) {
    const size_t first = chunk * job->cut->chunk;
    return (winograd_part){.p0 = first, .p1 = fc_least(first + job->cut->chunk, job->plan->panels)};
}

/* Channels from c on, a piece of them: where they lie, or transformed. */
static void find_kernel(const winograd_job *job, size_t c, const winograd_space *space, winograd_part *part) {
    const fc_winograd_cut *cut = job->cut;
    const size_t count = fc_least(job->plan->c - c, cut->piece);
    if (job->u) {
        part->kernel = (fc_winograd_kernel){job->u, 0, cut->u_rows, c, count};
        return;
    }
    part->kernel = (fc_winograd_kernel){space->u, part->p0, cut->u_rows, c, count};
    for (size_t p = part->p0; p < part->p1; p++)
        fc_winograd_transform(job->plan, job->view, job->weights, job->group, p, &part->kernel);
}

/* A step of k of element e: channels [c, c + length) of the block's tiles, which lie at `rows`. */
typedef struct winograd_step {
    size_t e, c, length, tiles;
    const void **rows;
} winograd_step;

static void multiply_panel(const winograd_job *job, const winograd_step *at, const winograd_part *part, size_t p,
    const winograd_heights *fit, char *m) {
    const fc_winograd_plan *plan = job->plan;
    const fc_winograd_cut *cut = job->cut;
    const size_t size = plan->size, width = fc_winograd_width(plan, p);
    const char *u = part->kernel.u + fc_winograd_at(plan, &part->kernel, p, at->e, at->c) * size;
    const char *after = job->asks && at->e + 1 < plan->elements /* the same channels of the next element */
        ? part->kernel.u + fc_winograd_at(plan, &part->kernel, p, at->e + 1, at->c) * size
        : NULL;
    fc_igemm_block block = {
        .runs = 1,
        .length = at->length,
        .chain = plan->chain,
        .b = u,
        .b_pitch = width,
        .c_pitch = cut->m_pitch,
        .cols = width,
        .accumulate = at->c > 0,
        .b_next_lines = after ? fc_asked_lines(width * size, fc_parts(at->tiles, fit->whole->height)) : 0,
    };
    for (size_t t = 0; t < at->tiles; t += block.rows) {
        const fc_igemm_tile *tile = at->tiles - t < fit->whole->height ? fit->rest : fit->whole;
        block.rows = fc_least(at->tiles - t, tile->height);
        block.a = at->rows + t;
        block.next = cut->shared && p == part->p0 && t + block.rows < at->tiles ? at->rows + t + block.rows : NULL;
        block.b_next = after;
        block.c = m + (at->e * cut->m_element + t * cut->m_pitch + (p - part->p0) * plan->width) * size;
        tile->run(&block);
        if (after)
            after += fc_asked_bytes(block.length, block.b_next_lines);
    }
}

/* Element e of all tiles of a block times the kernel's. heights: of whole panels, of the last. */
static void multiply_element(const winograd_job *job, size_t e, size_t tiles, const winograd_part *part,
    const winograd_heights *heights, const char *v, char *m, const void **rows) {
    const fc_winograd_plan *plan = job->plan;
    const fc_winograd_cut *cut = job->cut;
    const size_t end = part->kernel.c + part->kernel.count;
    for (size_t c = part->kernel.c; c < end; c += plan->step) {
        const winograd_step at = {e, c, fc_least(end - c, plan->step), tiles, rows};
        for (size_t t = 0; t < tiles; t++)
            rows[t] = v + (e * cut->v_element + t * cut->v_pitch + c) * plan->size;
        for (size_t t = tiles; t < tiles + FC_MAX_TILE_HEIGHT; t++)
            rows[t] = rows[0];
        for (size_t p = part->p0; p < part->p1; p++)
            multiply_panel(job, &at, part, p, &heights[p + 1 == plan->panels], m);
    }
}

/* Where the pixels of a piece go: y, or a stage of channels side by side where they lie apart in y. */
typedef struct winograd_pixels {
    size_t rows, cols, channels;
    char *at;
    size_t row_pitch, col_pitch;
} winograd_pixels;

static void activate_pixels(const winograd_job *job, const winograd_pixels *p) {
    const fc_epilogue *epilogue = job->epilogue;
    if (epilogue->activation == FC_LINEAR || epilogue->activation == FC_RELU)
        return;
    fc_activation_fn *activate = fc_activation_kernel(job->kernels, job->view->dtype, epilogue->activation);
    for (size_t r = 0; r < p->rows; r++)
        for (size_t c = 0; c < p->cols; c++) {
            char *pixel = p->at + (r * p->row_pitch + c * p->col_pitch) * job->plan->size;
            activate(p->channels, epilogue->alpha, pixel, pixel);
        }
}

static void store_stage(const winograd_job *job, const winograd_pixels *p, char *y) {
    enum { LINES = 8 }; /* of the output written side by side: more would evict each other */
    const fc_tensor_view *dst = &job->view->dst;
    const size_t size = job->plan->size;
    const void *pixels[FC_WINOGRAD_PIECE * FC_WINOGRAD_LARGEST];
    for (size_t r = 0; r < p->rows; r++)
        for (size_t k = 0; k < p->channels; k += LINES) {
            for (size_t c = 0; c < p->cols; c++)
                pixels[c] = p->at + (r * p->row_pitch + c * p->col_pitch + k) * size;
            fc_transpose_of(job->kernels, size)(
                y + ((ptrdiff_t)r * dst->h_pitch + (ptrdiff_t)k * dst->c_pitch) * (ptrdiff_t)size, (size_t)dst->c_pitch,
                pixels, p->cols, fc_least(p->channels - k, LINES));
        }
}

/* The tiles of a piece transformed back; whether all is finite. */
static int transform_products(
    const winograd_job *job, const winograd_pixels *p, size_t tiles, const char *m, const char *bias) {
    const size_t size = job->plan->size, side = job->plan->set->m;
    int finite = 1;
    for (size_t tile = 0; tile < tiles; tile++) {
        const fc_winograd_tile t = {
            m + tile * job->cut->m_pitch * size,
            job->cut->m_element,
            p->channels,
            bias,
            job->epilogue->activation == FC_RELU,
            p->at + tile * side * p->col_pitch * size,
            p->row_pitch,
            p->col_pitch,
            p->rows,
            p->cols - tile * side,
        };
        finite &= job->plan->set->output(&t);
    }
    return finite;
}

/* The pixels of one piece, channels of panels from p0 on. */
static void finish_piece(
    const winograd_job *job, const fc_winograd_piece *piece, const char *m, size_t p0, size_t channels, char *stage) {
    const fc_winograd_plan *plan = job->plan;
    const fc_winograd_cut *cut = job->cut;
    const fc_tensor_view *dst = &job->view->dst;
    const size_t size = plan->size, side = plan->set->m, channel = p0 * plan->width;
    const ptrdiff_t row = piece->row * (ptrdiff_t)side, col = piece->col * (ptrdiff_t)side;
    char *y = job->y +
        (piece->n * dst->n_pitch + row * dst->h_pitch + col * dst->w_pitch + (ptrdiff_t)channel * dst->c_pitch) *
            (ptrdiff_t)size;
    winograd_pixels p = {
        .rows = (size_t)fc_min(dst->h - row, (ptrdiff_t)side),
        .cols = (size_t)fc_min(dst->w - col, (ptrdiff_t)(piece->count * side)),
        .channels = channels,
        .at = y,
        .row_pitch = (size_t)dst->h_pitch,
        .col_pitch = (size_t)dst->w_pitch,
    };
    const int staged = dst->c_pitch != 1;
    if (staged) {
        p.at = stage;
        p.col_pitch = cut->chunk * plan->width;
        p.row_pitch = p.col_pitch * FC_WINOGRAD_PIECE * side;
    }
    const char *bias = job->epilogue->has_bias ? job->bias + channel * size : NULL;
    if (!transform_products(job, &p, piece->count, m, bias))
        atomic_store_explicit(
            &job->flags[(size_t)piece->n * cut->tile_rows + (size_t)piece->row], 1, memory_order_relaxed);
    activate_pixels(job, &p);
    if (staged)
        store_stage(job, &p, y);
}

static size_t tiles_of(const fc_winograd_cut *cut, size_t block) {
    return fc_least(cut->tiles - block * cut->block, cut->block);
}

/* A block whose patches are in v. */
static void multiply_block(
    const winograd_job *job, size_t block, const winograd_part *part, const char *v, const winograd_space *space) {
    const fc_winograd_plan *plan = job->plan;
    const size_t tiles = tiles_of(job->cut, block);
    const winograd_heights heights[] = {
        heights_for(job, plan->vectors, tiles), heights_for(job, plan->tail_vectors, tiles)};
    for (size_t e = 0; e < plan->elements; e++)
        multiply_element(job, e, tiles, part, heights, v, space->m, space->rows);
}

static void finish_block(
    const winograd_job *job, size_t block, const winograd_part *part, const winograd_space *space) {
    const fc_winograd_plan *plan = job->plan;
    const fc_winograd_cut *cut = job->cut;
    const size_t first = block * cut->block, end = first + tiles_of(cut, block);
    const size_t channel = part->p0 * plan->width,
                 channels = fc_least(plan->outs - channel, (part->p1 - part->p0) * plan->width);
    for (size_t tile = first; tile < end;) {
        const fc_winograd_piece piece = fc_winograd_piece_at(cut->tile_rows, cut->tile_cols, tile, end);
        finish_piece(
            job, &piece, space->m + (tile - first) * cut->m_pitch * plan->size, part->p0, channels, space->stage);
        tile += piece.count;
    }
}

/* Task: a block by itself. */
static void run_block(void *job_, size_t task, size_t worker) {
    const winograd_job *job = job_;
    const fc_winograd_cut *cut = job->cut;
    const winograd_space space = space_of(job, worker);
    transform_patches(job, task * cut->block, task * cut->block + tiles_of(cut, task), space.v, space.stage);
    for (size_t chunk = 0; chunk < cut->chunks; chunk++) {
        winograd_part part = part_of(job, chunk);
        find_kernel(job, 0, &space, &part);
        multiply_block(job, task, &part, space.v, &space);
        finish_block(job, task, &part, &space);
    }
}

/* Tasks on shared patches: first the patches of a few tiles each, then a chunk of output channels of a block each. */
static size_t transform_tiles(const winograd_job *job) {
    size_t tiles = FC_WINOGRAD_PIECE;
    while (tiles > 1 && job->held * fc_parts(job->cut->block, tiles) < job->workers)
        tiles /= 2;
    return tiles;
}

static void transform_shared(void *job_, size_t task, size_t worker) {
    const winograd_job *job = job_;
    const fc_winograd_cut *cut = job->cut;
    const size_t piece = transform_tiles(job), pieces = fc_parts(cut->block, piece), block = task / pieces,
                 within = task % pieces * piece;
    const size_t tile = (job->block0 + block) * cut->block + within, whole = fc_least(cut->block - within, piece);
    if (tile >= cut->tiles)
        return;
    transform_patches(job, tile, cut->tiles - tile < whole ? cut->tiles : tile + whole,
        job->shared + block * cut->v_bytes + within * cut->v_pitch * job->plan->size, space_of(job, worker).stage);
}

static void run_shared(void *job_, size_t task, size_t worker) {
    const winograd_job *job = job_;
    const winograd_space space = space_of(job, worker);
    const size_t held = task % job->held, block = job->block0 + held;
    winograd_part part = part_of(job, task / job->held);
    for (size_t c = 0; c < job->plan->c; c += job->cut->piece) {
        find_kernel(job, c, &space, &part);
        multiply_block(job, block, &part, job->shared + held * job->cut->v_bytes, &space);
    }
    finish_block(job, block, &part, &space);
}

static void run_group(winograd_job *job) {
    const fc_winograd_cut *cut = job->cut;
    if (!cut->shared) {
        fc_parallel_for(cut->blocks, job->workers, run_block, job);
        return;
    }
    for (job->block0 = 0; job->block0 < cut->blocks; job->block0 += job->held) {
        job->held = cut->blocks - job->block0 < cut->shared ? cut->blocks - job->block0 : cut->shared;
        fc_parallel_for(job->held * fc_parts(cut->block, transform_tiles(job)), job->workers, transform_shared, job);
        fc_parallel_for(job->held * cut->chunks, job->workers, run_shared, job);
    }
}

/* The rows of tiles that are flagged, computed by the packed algorithm. */
static fc_status run_flagged(const winograd_job *job, const void *packed, const void *x, void *y) {
    const fc_winograd_plan *plan = job->plan;
    const fc_conv_view *view = job->view;
    const ptrdiff_t rows = (ptrdiff_t)job->cut->tile_rows, side = (ptrdiff_t)plan->set->m, size = (ptrdiff_t)plan->size;
    for (ptrdiff_t n = 0; n < view->n; n++)
        for (ptrdiff_t begin = 0, end; begin < rows; begin = end + 1) {
            for (end = begin; end < rows && atomic_load_explicit(&job->flags[n * rows + end], memory_order_relaxed);)
                end++;
            if (begin == end)
                continue;
            ptrdiff_t src, dst;
            const fc_conv_view band = fc_view_band(view, n, begin * side, fc_min(end * side, view->dst.h), &src, &dst);
            FC_TRY(fc_packed_run(
                &plan->direct, &band, packed, (const char *)x + src * size, (char *)y + dst * size, job->epilogue));
        }
    return FC_OK;
}

/* An inf or NaN spreads over its whole tile: the rows that met one are computed again. */
static fc_status repair(const winograd_job *job, const fc_layer_weights *weights, const void *x, void *y) {
    const fc_packed_blocking *direct = &job->plan->direct;
    const size_t rows = (size_t)job->view->n * job->cut->tile_rows;
    size_t flagged = 0, bytes;
    for (size_t row = 0; row < rows; row++)
        flagged += atomic_load_explicit(&job->flags[row], memory_order_relaxed);
    if (!flagged)
        return FC_OK;
    FC_TRY(fc_packed_bytes(direct, job->view, &bytes));
    void *packed = fc_scratch_alloc(bytes);
    if (!packed)
        return FC_OUT_OF_MEMORY;
    fc_packed_pack(direct, job->view, weights->kernel, weights->bias, packed);
    const fc_status status = run_flagged(job, packed, x, y);
    fc_scratch_free(packed);
    return status;
}

/* Pitches of taps may be negative. */
static const char *first_of_kernel(const fc_conv_view *view, const void *weights, size_t size) {
    const ptrdiff_t row = fc_min(view->w_row_pitch, 0) * (view->rows.count - 1),
                    col = fc_min(view->w_col_pitch, 0) * (view->cols.count - 1);
    return (const char *)weights + (row + col) * (ptrdiff_t)size;
}

fc_status fc_winograd_run(const fc_winograd_plan *plan, const fc_winograd_cut *cut, const fc_conv_view *view,
    const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    const size_t workers = fc_parallel_workers(cut->tasks, cut->work);
    char *scratch = fc_scratch_alloc(cut->shared_bytes + workers * cut->worker_bytes);
    if (!scratch)
        return FC_OUT_OF_MEMORY;
    memset(scratch, 0, cut->flag_bytes + cut->zero_bytes);
    winograd_job job = {
        .plan = plan,
        .view = view,
        .cut = cut,
        .workers = workers,
        .kernels = plan->direct.kernels,
        .epilogue = epilogue,
        .weights = weights->kernel,
        .flags = (atomic_uchar *)scratch,
        .zeros = scratch + cut->flag_bytes,
        .shared = scratch + cut->flag_bytes + cut->zero_bytes + cut->bias_bytes,
        .asks = weights->packed && fc_winograd_group_bytes(plan) > fc_caches()->l2,
    };
    char *packed = (char *)weights->packed,
         *biases = packed ? packed + plan->bias_offset : scratch + cut->flag_bytes + cut->zero_bytes;
    if (!packed && weights->bias)
        fc_winograd_pack_biases(plan, view, weights->bias, biases);
    if (!packed)
        fc_fetch_kernel(first_of_kernel(view, weights->kernel, plan->size),
            (size_t)view->groups * plan->set->r * plan->set->r * plan->c * plan->outs * plan->size, workers);
    job.scratch = job.shared + cut->shared * cut->v_bytes;
    for (job.group = 0; job.group < (size_t)view->groups; job.group++) {
        job.u = packed ? packed + job.group * fc_winograd_group_bytes(plan) : NULL;
        job.bias = biases + job.group * plan->padded * plan->size;
        job.x = (const char *)x + job.group * (size_t)view->src.group_pitch * plan->size;
        job.y = (char *)y + job.group * (size_t)view->dst.group_pitch * plan->size;
        run_group(&job);
    }
    const fc_status status = repair(&job, weights, x, y);
    fc_scratch_free(scratch);
    return status;
}
