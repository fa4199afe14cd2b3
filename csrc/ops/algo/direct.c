/* SPDX-License-Identifier: MIT */
/*
 * The direct algorithm: the micro-kernel reads pixels where they lie, through a table of pointers for each panel of pixels, so that
 * only the kernel is packed. Where pixels are no runs of floats (channels apart, half types) or windows of few channels cross the
 * border, a block's input is copied into a padded patch first. Scratch a thread is one block's patch and table.
 */
#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/activation.h"
#include "ops/algo/algorithm.h"
#include "ops/algo/pack_weights.h"
#include "ops/algo/pixels.h"
#include "ops/algo/rows.h"
#include "ops/algo/tile.h"

enum {
    LONGEST_K = 768,    /* of one register chain: longer ones would lose accuracy */
    JOINED_K = 512,     /* taps of a row are joined to one run up to this length */
    FEW_CHANNELS = 24,  /* up to here borders go through a patch: runs of single taps would be too short */
    TASKS = 16,         /* aimed at, for balance on many cores */
    LEAST_PANELS = 4    /* pixel panels that a block is not cut below */
};

/* Pixels of a block that make a tile, and their part of the table. */
typedef struct pixel_panel {
    ptrdiff_t count, i, j;          /* i, j: of the first pixel, in the block */
    const fc_rows_tile *tile, *narrow;
    int joined;
    const void **table;
} pixel_panel;

typedef struct direct_plan {
    fc_weight_panels weights;
    size_t vectors, last_vectors, height;   /* of the highest tile; the last panel of output channels may be narrower */
    const fc_rows_tile *tiles[FC_MAX_TILE_HEIGHT + 1], *narrow_tiles[FC_MAX_TILE_HEIGHT + 1];   /* by the number of pixels */
    size_t size;                            /* bytes of an element in the compute type */
    int unpacked;                           /* the kernel is read in place */
    size_t weights_pitch;                   /* of a step of k */
    int patched, joined;
    size_t unit;                            /* elements of a run where taps are joined as far as `joined` says */
    size_t pieces, piece, units;            /* a step of k: a piece of one run (pieces > 1), or up to `units` whole runs */
    ptrdiff_t pixel_pitch;                  /* of the patch */
    ptrdiff_t rows, cols;                   /* output pixels of a block */
    size_t row_blocks, col_blocks, chunk_panels, chunks, tasks, workers;
    size_t panel_bytes, table_bytes, patch_bytes, raw_bytes, worker_bytes, zero_bytes;
} direct_plan;

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static int has_border(const fc_conv_view *v) {
    const fc_patch whole = fc_patch_of(v, 0, v->dst.h, 0, v->dst.w, 0);
    return whole.row < 0 || whole.col < 0 || whole.row + whole.rows > v->src.h || whole.col + whole.cols > v->src.w;
}

/* Whether neighbouring pixels fall into so few sets of L1 that the rows of a tile evict one another. */
static int shares_sets(ptrdiff_t pitch, size_t size) {
    enum { SETS_BYTES = 4096, FEW_SETS = 1024 };
    const size_t bytes = (size_t)pitch * size % SETS_BYTES;
    return (size_t)pitch * size >= FEW_SETS * 2 && bytes % FEW_SETS == 0 && (bytes == 0 || bytes == SETS_BYTES / 2);
}

static void plan_runs(const fc_layer *layer, direct_plan *d) {
    const fc_conv_view *v = &layer->view;
    const int together = v->src.c_pitch == 1 || v->src.c == 1;
    d->patched = fc_is_half(v->dtype) || !together || (v->src.c < FEW_CHANNELS && has_border(v)) || shares_sets(v->src.w_pitch * v->cols.stride, d->size);
    d->joined = v->cols.step == 1 && (d->patched || v->src.w_pitch == v->src.c) && v->cols.count * v->src.c <= JOINED_K;
    d->unit = (size_t)(d->joined ? v->cols.count * v->src.c : v->src.c);
    d->pixel_pitch = v->src.c + (!d->joined && shares_sets(v->src.c * v->cols.stride, d->size) ? FC_ALIGNMENT / (ptrdiff_t)d->size : 0);
    d->pieces = ceil_div(d->unit, LONGEST_K);
    d->piece = ceil_div(d->unit, d->pieces);
    d->units = d->pieces > 1 ? 1 : LONGEST_K / d->unit;
}

static size_t patch_elements(const fc_conv_view *v, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t pitch) {
    const fc_patch p = fc_patch_of(v, 0, rows, 0, cols, pitch);
    return (size_t)(p.rows * p.cols * pitch);
}

/* Blocks are whole output rows as long as a row's input fits the budget, then pieces of one row. */
static void plan_blocks(const fc_layer *layer, direct_plan *d) {
    const fc_conv_view *v = &layer->view;
    const size_t budget = fc_caches()->l2 / 3 / d->size, pixels = (size_t)(v->dst.h * v->dst.w), images = (size_t)(v->n * v->groups);
    d->rows = v->dst.h;
    d->cols = v->dst.w;
    while (d->rows > 1 && patch_elements(v, d->rows, d->cols, d->pixel_pitch) > budget)
        d->rows = (d->rows + 1) / 2;
    while (d->cols > (ptrdiff_t)(LEAST_PANELS * d->height) && patch_elements(v, 1, d->cols, d->pixel_pitch) > budget)
        d->cols = (d->cols + 1) / 2;
    if (images * ceil_div(pixels, (size_t)(d->rows * d->cols)) < TASKS) {
        const size_t share = ceil_div(pixels * images, TASKS), few = LEAST_PANELS * d->height;
        d->rows = fc_min(d->rows, fc_max(1, (ptrdiff_t)((share > few ? share : few) / (size_t)d->cols)));
    }
    d->row_blocks = ceil_div((size_t)v->dst.h, (size_t)d->rows);
    d->rows = (ptrdiff_t)ceil_div((size_t)v->dst.h, d->row_blocks);
    d->col_blocks = ceil_div((size_t)v->dst.w, (size_t)d->cols);
    d->cols = (ptrdiff_t)ceil_div((size_t)v->dst.w, d->col_blocks);
    const size_t blocks = images * d->row_blocks * d->col_blocks;
    d->chunk_panels = blocks < TASKS ? ceil_div(d->weights.panels * blocks, TASKS) : d->weights.panels;
    d->chunks = ceil_div(d->weights.panels, d->chunk_panels);
    d->tasks = blocks * d->chunks;
}

static direct_plan make_plan(const fc_layer *layer, int unpacked) {
    const fc_conv_view *v = &layer->view;
    const fc_dtype dtype = fc_compute_dtype(v->dtype);
    direct_plan d = {.unpacked = unpacked, .size = fc_dtype_size(dtype), .vectors = fc_rows_vectors(layer->kernels, dtype, (size_t)v->dst.c)};
    const fc_rows_tile *tile = fc_rows_tile_for(layer->kernels, dtype, d.vectors, FC_MAX_TILE_HEIGHT);
    const size_t k = fc_view_k(v), outs = (size_t)v->dst.c;
    d.height = tile->height;
    d.weights = (fc_weight_panels){tile->width, ceil_div(outs, tile->width), k, k};
    d.weights_pitch = unpacked ? (size_t)v->w_c_pitch : tile->width;
    d.last_vectors = fc_rows_narrowest(layer->kernels, dtype, d.vectors, outs - (d.weights.panels - 1) * tile->width);
    for (size_t rows = 1; rows <= d.height; rows++) {
        d.tiles[rows] = fc_rows_tile_for(layer->kernels, dtype, d.vectors, rows);
        d.narrow_tiles[rows] = fc_rows_tile_for(layer->kernels, dtype, d.last_vectors, rows);
    }
    plan_runs(layer, &d);
    plan_blocks(layer, &d);
    const size_t pixel_panels = (size_t)d.rows * ceil_div((size_t)d.cols, d.height);
    d.table_bytes = fc_align_up(pixel_panels * d.height * (size_t)(v->rows.count * v->cols.count) * sizeof(void *));
    d.patch_bytes = d.patched ? fc_align_up(patch_elements(v, d.rows, d.cols, d.pixel_pitch) * d.size) : 0;
    d.raw_bytes = fc_is_half(v->dtype) ? fc_align_up((size_t)(v->src.w * d.pixel_pitch) * sizeof(uint16_t)) : 0;
    d.panel_bytes = fc_align_up(pixel_panels * sizeof(pixel_panel));
    d.worker_bytes = d.panel_bytes + d.table_bytes + d.patch_bytes + d.raw_bytes;
    d.zero_bytes = d.patched ? 0 : fc_align_up((size_t)v->cols.count * (size_t)v->src.c * d.size);
    d.workers = fc_parallel_workers(d.tasks, 2.0 * (double)fc_view_pixels(v) * (double)k * (double)v->dst.c * (double)v->groups);
    return d;
}

/* What the unpacked form keeps of a kernel; the bias follows at FC_ALIGNMENT. */
typedef struct in_place_kernel { const void *kernel; } in_place_kernel;

typedef struct direct_job {
    const fc_layer *layer;
    const direct_plan *d;
    const fc_epilogue *epilogue;
    const char *packed, *x;
    char *y, *scratch;      /* the zeros, then a part a worker */
} direct_job;

typedef struct block {
    ptrdiff_t image, group;
    fc_pixel_block pixels;
    size_t first_panel, panels;     /* of output channels */
} block;

static block find_block(const direct_job *job, size_t task) {
    const direct_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t chunk = task % d->chunks, col = task / d->chunks % d->col_blocks, row = task / d->chunks / d->col_blocks % d->row_blocks;
    const size_t plane = task / d->chunks / d->col_blocks / d->row_blocks;
    block at = {.image = (ptrdiff_t)plane / v->groups, .group = (ptrdiff_t)plane % v->groups, .first_panel = chunk * d->chunk_panels};
    fc_pixel_block p = {.i = (ptrdiff_t)row * d->rows, .j = (ptrdiff_t)col * d->cols, .patched = d->patched, .zeros = job->scratch, .size = (ptrdiff_t)d->size};
    p.rows = fc_min(d->rows, v->dst.h - p.i);
    p.cols = fc_min(d->cols, v->dst.w - p.j);
    p.source = job->x + (at.image * v->src.n_pitch + at.group * v->src.group_pitch) * (ptrdiff_t)fc_dtype_size(v->dtype);
    p.patch = fc_patch_of(v, p.i, p.rows, p.j, p.cols, d->pixel_pitch);
    at.pixels = p;
    at.panels = least(d->chunk_panels, d->weights.panels - at.first_panel);
    return at;
}

/* The next panel: up to `height` pixels, within one row unless the block holds whole rows. */
static ptrdiff_t panel_count(const direct_job *job, const block *at, ptrdiff_t pixel) {
    const ptrdiff_t rows = at->pixels.rows, cols = at->pixels.cols, left = cols == job->layer->view.dst.w ? rows * cols - pixel : cols - pixel % cols;
    return fc_min(left, (ptrdiff_t)job->d->height);
}

static pixel_panel next_panel(const direct_job *job, const block *at, ptrdiff_t pixel, const void **table) {
    const direct_plan *d = job->d;
    const ptrdiff_t cols = at->pixels.cols;
    pixel_panel p = {.count = panel_count(job, at, pixel), .i = pixel / cols, .j = pixel % cols, .table = table};
    p.tile = d->tiles[p.count];
    p.narrow = d->narrow_tiles[p.count];
    p.joined = fc_point_pixels(&job->layer->view, &at->pixels, p.i, p.j, p.count, p.tile->height, d->joined, table);
    return p;
}

/* Where the results of a panel go: straight to y, or to a tile aside that is stored by fc_finish_tile. */
typedef struct target { int in_place; char *c; size_t pitch; fc_finished_tile tile; } target;

static target find_target(const direct_job *job, const block *at, const pixel_panel *p, size_t panel, size_t width, char *aside) {
    const direct_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const fc_epilogue *e = job->epilogue;
    const size_t o = panel * d->weights.width, outs = least((size_t)v->dst.c - o, d->weights.width);
    const ptrdiff_t i = at->pixels.i + p->i, j = at->pixels.j + p->j;
    target t = {.in_place = !fc_is_half(v->dtype) && v->dst.c_pitch == 1, .c = aside, .pitch = width};
    char *y = job->y + at->group * v->dst.group_pitch * (ptrdiff_t)fc_dtype_size(v->dtype);
    if (t.in_place) {
        t.c = y + (at->image * v->dst.n_pitch + i * v->dst.h_pitch + j * v->dst.w_pitch + (ptrdiff_t)o) * (ptrdiff_t)d->size;
        t.pitch = (size_t)v->dst.w_pitch;
    }
    t.tile = (fc_finished_tile){
        .view = v, .kernels = job->layer->kernels, .tile = t.c, .rows = (size_t)p->count, .cols = t.in_place ? outs : width, .pixels_in_rows = 1,
        .pixel = (size_t)((at->image * v->dst.h + i) * v->dst.w + j), .pixels = (size_t)p->count, .out = o, .outs = outs,
        .activation = e->activation == FC_RELU ? FC_LINEAR : e->activation, .alpha = e->alpha, .dst = y,
    };
    return t;
}

/* The whole sum of one tile, step by step. */
static void multiply_tile(const direct_job *job, const pixel_panel *p, const char *weights, const char *bias, const target *to, fc_rows_fn *run) {
    const direct_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t split = d->joined && !p->joined ? (size_t)v->cols.count : 1, length = d->unit / split;
    const size_t all = d->weights.k / d->unit * split, at_once = d->units * split;
    const void *shifted[FC_MAX_TILE_HEIGHT];
    fc_rows_block b = {.b_pitch = d->weights_pitch, .b = weights, .c = to->c, .c_pitch = to->pitch, .rows = (size_t)p->count,
                       .cols = to->tile.cols, .start = bias};
    for (size_t first = 0; first < all; first += at_once)
        for (size_t piece = 0; piece < d->pieces; piece++) {
            const size_t offset = piece * d->piece;
            b.a = (const void *const *)p->table + first * p->tile->height;
            b.runs = least(at_once, all - first);
            b.length = d->pieces > 1 ? least(d->piece, d->unit - offset) : length;
            if (offset) {
                for (size_t r = 0; r < p->tile->height; r++)
                    shifted[r] = (const char *)b.a[r] + offset * d->size;
                b.a = shifted;
            }
            b.relu = job->epilogue->activation == FC_RELU && first + at_once >= all && piece + 1 == d->pieces;
            run(&b);
            b.b = (const char *)b.b + b.runs * b.length * d->weights_pitch * d->size;
            b.start = NULL;
            b.accumulate = 1;
        }
}

static void multiply_panel(const direct_job *job, const block *at, const pixel_panel *panels, size_t count, size_t panel) {
    const direct_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t group_weights = fc_weights_of_group(&d->weights);
    const int narrow = panel + 1 == d->weights.panels;
    const size_t bias = ((size_t)at->group * d->weights.panels + panel) * d->weights.width;
    const char *weights = job->packed + ((size_t)at->group * group_weights + panel * d->weights.k * d->weights.width) * d->size;
    const char *biases = job->packed + ((size_t)v->groups * group_weights + bias) * d->size;
    if (d->unpacked) {
        const in_place_kernel *in_place = (const in_place_kernel *)job->packed;
        weights = (const char *)in_place->kernel + ((size_t)at->group * (size_t)v->dst.c + panel * d->weights.width) * d->size;
        biases = job->packed + FC_ALIGNMENT + bias * d->size;
    }
    _Alignas(FC_ALIGNMENT) char aside[FC_MAX_TILE_HEIGHT * FC_MAX_TILE_COLS * sizeof(double)];
    for (size_t m = 0; m < count; m++) {
        const fc_rows_tile *tile = narrow ? panels[m].narrow : panels[m].tile;
        const target to = find_target(job, at, &panels[m], panel, tile->width, aside);
        multiply_tile(job, &panels[m], weights, job->epilogue->has_bias ? biases : NULL, &to, tile->run);
        if (to.in_place)
            fc_finish_in_place(&to.tile, to.pitch);
        else
            fc_finish_tile(&to.tile);
    }
}

static void run_block(void *job_, size_t task, size_t worker) {
    const direct_job *job = job_;
    const direct_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    block at = find_block(job, task);
    char *own = job->scratch + d->zero_bytes + worker * d->worker_bytes;
    pixel_panel *panels = (pixel_panel *)own;
    const void **table = (const void **)(own + d->panel_bytes);
    if (d->patched) {
        char *patch = own + d->panel_bytes + d->table_bytes;
        fc_fill_patch(v, job->layer->kernels, &at.pixels.patch, at.pixels.source, patch + d->patch_bytes, patch);
        at.pixels.source = patch;
    }
    size_t count = 0;
    for (ptrdiff_t pixel = 0; pixel < at.pixels.rows * at.pixels.cols; pixel += panels[count++].count)
        panels[count] = next_panel(job, &at, pixel, table + count * d->height * (size_t)(v->rows.count * v->cols.count));
    for (size_t panel = at.first_panel; panel < at.first_panel + at.panels; panel++)
        multiply_panel(job, &at, panels, count, panel);
}

static fc_status run_plan(const fc_layer *layer, const direct_plan *d, const void *packed, const void *x, void *y, const fc_epilogue *epilogue) {
    direct_job job = {layer, d, epilogue, packed, x, y, fc_scratch_alloc(d->zero_bytes + d->workers * d->worker_bytes)};
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    memset(job.scratch, 0, d->zero_bytes);
    fc_parallel_for(d->tasks, d->workers, run_block, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}

/* FMAs on the lanes that are used and idle, pointers, the patch, and stores. */
static double cost_of(const fc_layer *layer, const direct_plan *d) {
    const fc_conv_view *v = &layer->view;
    const double pixels = (double)v->groups * (double)fc_view_pixels(v), outs = (double)v->dst.c, lanes = (double)d->weights.width / (double)d->vectors;
    const double element = d->patched ? v->src.c_pitch == 1 || v->src.c == 1 ? 0.15 : 0.7 : 0;
    const double overlap = (double)patch_elements(v, d->rows, d->cols, d->pixel_pitch) / (double)(d->rows * d->cols);
    const double vectors = __builtin_ceil(outs / lanes), runs = (double)v->rows.count * (double)(d->joined ? 1 : v->cols.count);
    const double arithmetic = 1.05 * vectors * (double)d->weights.k;
    return pixels * (arithmetic + runs + 3 * (double)d->weights.panels + element * overlap * (double)d->chunks + fc_store_cycles(v, 1) * outs);
}

static void describe_plan(const direct_plan *d, fc_conv2d_plan *plan) {
    plan->tile_rows = d->height;
    plan->tile_cols = d->weights.width;
    plan->pixels_in_rows = 1;
    plan->block_pixels = (size_t)(d->rows * d->cols);
    plan->block_k = d->pieces > 1 ? d->piece : least(d->units * d->unit, d->weights.k);
    plan->tasks = d->tasks;
    plan->threads = (int)d->workers;
    plan->scratch_bytes = d->zero_bytes + d->workers * d->worker_bytes;
}

static int serves(const fc_layer *layer) { return layer->params.c_in > 0 && !fc_is_integer(layer->view.dtype); }

static double cost(const fc_layer *layer) {
    const direct_plan d = make_plan(layer, 0);
    return cost_of(layer, &d);
}

static fc_status packed_bytes(const fc_layer *layer, size_t *bytes) {
    const direct_plan d = make_plan(layer, 0);
    return fc_weights_bytes(&d.weights, &layer->view, bytes);
}

static void pack(const fc_layer *layer, const void *kernel, const void *bias, void *packed) {
    const direct_plan d = make_plan(layer, 0);
    fc_pack_weights(&d.weights, layer->kernels, &layer->view, kernel, bias, packed);
}

static fc_status run(const fc_layer *layer, const void *packed, const void *x, void *y, const fc_epilogue *epilogue) {
    const direct_plan d = make_plan(layer, 0);
    return run_plan(layer, &d, packed, x, y, epilogue);
}

static void describe(const fc_layer *layer, fc_conv2d_plan *plan) {
    const direct_plan d = make_plan(layer, 0);
    describe_plan(&d, plan);
}

const fc_algorithm fc_algorithm_direct = {
    .name = "direct", .needs = "floating-point arrays with input channels", .serves = serves, .cost = cost, .packed_bytes = packed_bytes, .pack = pack,
    .run = run, .describe = describe,
};

/* Whole vectors of output channels only: the last one of the kernel's last row would be read past its end. */
static int unpacked_serves(const fc_layer *layer) {
    const fc_conv_view *v = &layer->view;
    const fc_rows_tile *tile = fc_rows_tiles(layer->kernels, fc_compute_dtype(v->dtype));
    return serves(layer) && !fc_is_half(v->dtype) && (size_t)v->dst.c % (tile->width / tile->vectors) == 0;
}

static double unpacked_cost(const fc_layer *layer) {
    const direct_plan d = make_plan(layer, 1);
    return 1.05 * cost_of(layer, &d);
}

static fc_status unpacked_bytes(const fc_layer *layer, size_t *bytes) {
    const direct_plan d = make_plan(layer, 1);
    *bytes = FC_ALIGNMENT + (size_t)layer->view.groups * d.weights.panels * d.weights.width * d.size;
    return FC_OK;
}

static void keep(const fc_layer *layer, const void *kernel, const void *bias, void *packed) {
    const direct_plan d = make_plan(layer, 1);
    const size_t outs = (size_t)layer->view.dst.c, padded = d.weights.panels * d.weights.width;
    *(in_place_kernel *)packed = (in_place_kernel){kernel};
    for (size_t group = 0; bias && group < (size_t)layer->view.groups; group++)
        fc_pack_bias(layer->kernels, layer->view.dtype, (const char *)bias + group * outs * d.size, outs, padded, (char *)packed + FC_ALIGNMENT + group * padded * d.size);
}

static fc_status unpacked_run(const fc_layer *layer, const void *packed, const void *x, void *y, const fc_epilogue *epilogue) {
    const direct_plan d = make_plan(layer, 1);
    return run_plan(layer, &d, packed, x, y, epilogue);
}

static void unpacked_describe(const fc_layer *layer, fc_conv2d_plan *plan) {
    const direct_plan d = make_plan(layer, 1);
    describe_plan(&d, plan);
}

const fc_algorithm fc_algorithm_unpacked = {
    .name = "unpacked", .needs = "float32 or float64 and output channels a group that fill whole vectors", .serves = unpacked_serves, .cost = unpacked_cost,
    .packed_bytes = unpacked_bytes, .pack = keep, .run = unpacked_run, .describe = unpacked_describe,
};
