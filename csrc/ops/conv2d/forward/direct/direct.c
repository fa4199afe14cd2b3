/* SPDX-License-Identifier: MIT */
/*
 * The direct algorithm: the micro-kernel reads pixels where they lie, through a table of pointers for each panel of
 * pixels, so that only the kernel is packed. Where pixels are no runs of floats (channels apart, half types) or windows
 * of few channels cross the border, a block's input is copied into a padded patch first. Scratch a thread is one
 * block's patch and table.
 */
#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/forward/direct/direct.h"
#include "ops/conv2d/gemm/tile.h"

typedef struct direct_job {
    const fc_layer *layer;
    const fc_direct_plan *d;
    const fc_epilogue *epilogue;
    const fc_layer_weights *weights;
    const char *x;
    char *y, *scratch; /* the zeros, the biases unless they are packed, then a part a worker */
} direct_job;

typedef struct block {
    ptrdiff_t image, group;
    fc_pixel_block pixels;
    size_t first_panel, panels;   /* of output channels */
    const char *weights, *biases; /* of the group's first panel; biases NULL where there are none */
    size_t weights_step;          /* bytes from panel to panel */
    char *y;                      /* of the block's first pixel, the group's first channel */
} block;

/* A worker's part of the scratch, piece by piece. */
typedef struct space {
    fc_direct_panels pixels;
    char *patch, *raw, *on_demand;
} space;

static space space_of(const direct_job *job, size_t worker) {
    const fc_direct_plan *d = job->d;
    char *own = job->scratch + d->zero_bytes + d->bias_bytes + worker * d->worker_bytes;
    space at = {.pixels = {(fc_panels_made *)own, (fc_pixel_panel *)(own + d->made_bytes),
                    (const void **)(own + d->made_bytes + d->panel_bytes)}};
    at.patch = (char *)at.pixels.table + d->table_bytes;
    at.raw = at.patch + d->patch_bytes;
    at.on_demand = at.raw + d->raw_bytes;
    return at;
}

static void find_weights(const direct_job *job, const space *own, block *at) {
    const fc_direct_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const size_t group = (size_t)at->group, group_bytes = fc_weights_of_group(&d->weights) * d->size;
    at->weights_step = fc_panel_bytes(&d->weights, v);
    if (d->form == FC_DIRECT_UNPACKED) {
        at->weights = (const char *)job->weights->kernel + group * (size_t)v->dst.c * d->size;
        at->weights_step = d->weights.width * d->size;
    } else if (d->passing) {
        at->weights = own->on_demand;
        at->weights_step = 0;
    } else {
        at->weights = d->form == FC_DIRECT_PACKED
            ? (const char *)job->weights->packed + group * group_bytes
            : fc_pack_on_demand(&d->weights, job->layer->kernels, v, job->weights->kernel, group, at->first_panel,
                  at->first_panel + at->panels, own->on_demand);
    }
    at->biases = d->form == FC_DIRECT_PACKED ? (const char *)job->weights->packed + (size_t)v->groups * group_bytes
                                             : job->scratch + d->zero_bytes;
    at->biases = job->epilogue->has_bias ? at->biases + group * d->weights.panels * d->weights.width * d->size : NULL;
}

/* Over the panel before it. */
static void pack_passing(const direct_job *job, const block *at, size_t panel) {
    fc_pack_weights_panel(&job->d->weights, job->layer->kernels, &job->layer->view, job->weights->kernel,
        (size_t)at->group, panel, (char *)at->weights);
}

static block find_block(const direct_job *job, size_t task, const space *own) {
    const fc_direct_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype);
    const size_t chunk = task % d->chunks, col = task / d->chunks % d->col_blocks,
                 row = task / d->chunks / d->col_blocks % d->row_blocks;
    const size_t plane = task / d->chunks / d->col_blocks / d->row_blocks;
    block at = {.image = (ptrdiff_t)plane / v->groups,
        .group = (ptrdiff_t)plane % v->groups,
        .first_panel = chunk * d->chunk_panels};
    fc_pixel_block p = {.i = (ptrdiff_t)row * d->rows,
        .j = (ptrdiff_t)col * d->cols,
        .patched = d->patched,
        .zeros = job->scratch,
        .size = (ptrdiff_t)d->size};
    p.rows = fc_min(d->rows, v->dst.h - p.i);
    p.cols = fc_min(d->cols, v->dst.w - p.j);
    p.source = job->x + (at.image * v->src.n_pitch + at.group * v->src.group_pitch) * size;
    p.patch = fc_patch_of(v, p.i, p.rows, p.j, p.cols, d->pixel_pitch);
    at.pixels = p;
    at.panels = fc_least(d->chunk_panels, d->weights.panels - at.first_panel);
    at.y = job->y +
        (at.group * v->dst.group_pitch + at.image * v->dst.n_pitch + p.i * v->dst.h_pitch + p.j * v->dst.w_pitch) *
            size;
    find_weights(job, own, &at);
    return at;
}

static void shift(const void *const *rows, size_t count, size_t bytes, const void **shifted) {
    for (size_t r = 0; r < count; r++)
        shifted[r] = (const char *)rows[r] + bytes;
}

/* Panel `panel` of a tile whose results begin at c: what its sums begin with, and what is done to them in the end. */
static void begin_and_end(const direct_job *job, const block *at, size_t panel, fc_igemm_block *b) {
    const fc_direct_plan *d = job->d;
    const fc_epilogue *e = job->epilogue;
    const size_t offset = panel * d->weights.width * d->size;
    const char *bias = at->biases ? at->biases + offset : NULL;
    b->start = e->scale ? NULL : bias;
    b->scale = e->scale ? (const char *)e->scale + (size_t)at->group * (size_t)job->layer->view.dst.c * d->size + offset
                        : NULL;
    b->shift = bias;
    b->added = e->added ? (const char *)e->added + ((char *)b->c - job->y) : NULL;
    b->added_pitch = b->c_pitch;
}

/* The whole sum of one tile, step by step. */
static void multiply_tile(const direct_job *job, const fc_pixel_panel *p, fc_igemm_block b, const fc_igemm_tile *tile) {
    const fc_direct_plan *d = job->d;
    const int relu = fc_is_clamp(job->epilogue->activation);
    const void *const *next = b.next;
    const void *scale = b.scale, *added = b.added;
    const void *shifted[FC_MAX_TILE_HEIGHT], *shifted_next[FC_MAX_TILE_HEIGHT];
    for (size_t first = 0; first < p->runs; first += p->at_once)
        for (size_t piece = 0; piece < d->pieces; piece++) {
            const size_t offset = piece * d->piece;
            b.a = (const void *const *)p->table + first * tile->height;
            b.runs = fc_least(p->at_once, p->runs - first);
            b.length = d->pieces > 1 ? fc_least(d->piece, d->unit - offset) : p->length;
            if (offset) {
                shift(b.a, tile->height, offset * d->size, shifted);
                b.a = shifted;
            }
            if (offset && next) {
                shift(next, tile->height, offset * d->size, shifted_next);
                b.next = shifted_next;
            }
            const int last = first + p->at_once >= p->runs && piece + 1 == d->pieces;
            b.relu = relu && last;
            b.scale = last ? scale : NULL;
            b.added = last ? added : NULL;
            tile->run(&b);
            b.b = (const char *)b.b + b.runs * b.length * d->weights_pitch * d->size;
            if (b.b_next)
                b.b_next = (const char *)b.b_next + fc_asked_bytes(b.runs * b.length, b.b_next_lines);
            b.start = NULL;
            b.accumulate = 1;
            b.far = 0;
        }
}

/* A tile as tile.h takes it, in y or aside. */
static fc_finished_tile describe_tile(
    const direct_job *job, const block *at, const fc_pixel_panel *p, size_t o, size_t outs, void *tile, size_t cols) {
    const fc_conv_view *v = &job->layer->view;
    const fc_epilogue *e = job->epilogue;
    return (fc_finished_tile){
        .view = v,
        .kernels = job->layer->kernels,
        .tile = tile,
        .rows = (size_t)p->count,
        .cols = cols,
        .pixels_in_rows = 1,
        .pixel = (size_t)((at->image * v->dst.h + at->pixels.i + p->i) * v->dst.w + at->pixels.j + p->j),
        .pixels = (size_t)p->count,
        .out = o,
        .outs = outs,
        .activation = fc_is_clamp(e->activation) ? FC_LINEAR : e->activation,
        .alpha = e->alpha,
        .dst = job->y + at->group * v->dst.group_pitch * (ptrdiff_t)fc_dtype_size(v->dtype),
    };
}

/* Whether this is the tile that brings the panels of a kernel to the caches, unless the worker packed them itself. */
static int reads_first(const direct_job *job, const fc_pixel_panel *p) {
    return job->d->form != FC_DIRECT_ON_DEMAND && !p->i && !p->j;
}

/* What the tiles of a panel ask for of the next one, each its share. */
typedef struct next_panel {
    const char *weights;
    unsigned lines; /* every four steps of k */
} next_panel;

/* After `panel`, by `count` tiles; kernels that are packed by the worker or read in place have none. */
static next_panel panel_after(const direct_job *job, const block *at, size_t panel, size_t count) {
    const fc_direct_plan *d = job->d;
    next_panel next = {NULL, fc_asked_lines(d->weights.width * d->size, count)};
    if (d->form == FC_DIRECT_PACKED && panel + 1 < at->first_panel + at->panels)
        next.weights = at->weights + (panel + 1) * at->weights_step;
    return next;
}

/* One tile of pixels times one panel of output channels. next: NULL, or the pixels to ask for meanwhile; after: NULL,
 * or the weights. */
static void multiply(const direct_job *job, const block *at, const fc_pixel_panel *p, size_t panel,
    const fc_pixel_panel *next, const next_panel *after) {
    const fc_direct_plan *d = job->d;
    const size_t o = panel * d->weights.width, outs = fc_least((size_t)job->layer->view.dst.c - o, d->weights.width);
    const fc_igemm_tile *tile = panel + 1 == d->weights.panels ? p->narrow : p->tile;
    fc_igemm_block b = {.b = at->weights + panel * at->weights_step,
        .b_pitch = d->weights_pitch,
        .rows = (size_t)p->count,
        .chain = d->chain,
        .ceiling = fc_ceiling_of(job->epilogue->activation),
        .b_far = reads_first(job, p) && (!after || panel == at->first_panel),
        .next = next && next->tile == p->tile ? (const void *const *)next->table : NULL,
        .b_next = after ? after->weights : NULL,
        .b_next_lines = after ? after->lines : 0};
    if (d->in_place) {
        b.c = at->y + p->y + o * d->size;
        b.c_pitch = (size_t)job->layer->view.dst.w_pitch;
        b.cols = outs;
        b.far = 1;
        begin_and_end(job, at, panel, &b);
        multiply_tile(job, p, b, tile);
        if (job->epilogue->activation != FC_LINEAR && !fc_is_clamp(job->epilogue->activation)) {
            const fc_finished_tile done = describe_tile(job, at, p, o, outs, b.c, outs);
            fc_finish_in_place(&done, b.c_pitch);
        }
        return;
    }
    _Alignas(FC_ALIGNMENT) char aside[FC_MAX_TILE_HEIGHT * FC_MAX_TILE_COLS * sizeof(double)];
    b.c = aside;
    b.c_pitch = b.cols = tile->width;
    begin_and_end(job, at, panel, &b);
    multiply_tile(job, p, b, tile);
    const fc_finished_tile done = describe_tile(job, at, p, o, outs, aside, tile->width);
    fc_finish_tile(&done);
}

/* Where the results of panel `panel` of p lie from those that will be written a few tiles later, of `count` tiles of
 * pixels from p on: their lines are asked for that early, as one tile of few steps takes less time than memory does. */
static ptrdiff_t bytes_ahead(const block *at, const fc_pixel_panel *p, size_t count, size_t panel, size_t step) {
    enum { TILES = 4 };
    const size_t end = at->first_panel + at->panels;
    size_t pixels = TILES / at->panels, other = panel + TILES % at->panels;
    if (other >= end) {
        other -= at->panels;
        pixels++;
    }
    return pixels < count ? p[pixels].y - p->y + ((ptrdiff_t)other - (ptrdiff_t)panel) * (ptrdiff_t)step : 0;
}

/* All panels of output channels for the first of `count` tiles of pixels, each in one step of k and straight to y: what
 * multiply does, without its detours. */
static void multiply_panels(
    const direct_job *job, const block *at, const fc_pixel_panel *p, size_t count, const fc_pixel_panel *next) {
    const fc_direct_plan *d = job->d;
    const size_t first = at->first_panel, end = first + at->panels;
    const size_t all = (size_t)job->layer->view.dst.c, width = d->weights.width, step = width * d->size;
    fc_igemm_block b = {
        .runs = p->runs,
        .length = p->length,
        .a = (const void *const *)p->table,
        .b = at->weights + first * at->weights_step,
        .b_pitch = d->weights_pitch,
        .chain = d->chain,
        .c = at->y + p->y + first * step,
        .c_pitch = (size_t)job->layer->view.dst.w_pitch,
        .rows = (size_t)p->count,
        .cols = width,
        .relu = fc_is_clamp(job->epilogue->activation),
        .ceiling = fc_ceiling_of(job->epilogue->activation),
        .far = 1,
        .b_far = reads_first(job, p),
        .next = next && next->tile == p->tile ? (const void *const *)next->table : NULL,
    };
    for (size_t panel = first; panel < end; panel++) {
        const int last = panel + 1 == d->weights.panels;
        if (last)
            b.cols = all - panel * width;
        b.ahead = bytes_ahead(at, p, count, panel, step);
        begin_and_end(job, at, panel, &b);
        (last ? p->narrow : p->tile)->run(&b);
        b.b = (const char *)b.b + at->weights_step;
        b.c = (char *)b.c + step;
        b.next = NULL;
    }
}

/* Kernels that stay in L2 are run through for every tile of pixels, so that x and y are passed over once; of others one
 * panel at a time. */
static void multiply_block(const direct_job *job, const block *at, const fc_pixel_panel *panels, size_t count) {
    const fc_direct_plan *d = job->d;
    const size_t end = at->first_panel + at->panels;
    const fc_activation activation = job->epilogue->activation;
    const int once = job->layer->view.rows.count * job->layer->view.cols.count == 1 &&
        !d->patched; /* each pixel is read once */
    const int plain = d->in_place && d->pieces == 1 && (activation == FC_LINEAR || fc_is_clamp(activation));
    if (!d->kernel_in_l2) {
        for (size_t panel = at->first_panel; panel < end; panel++) {
            if (d->passing)
                pack_passing(job, at, panel);
            next_panel after = panel_after(job, at, panel, count);
            for (size_t m = 0; m < count; m++) {
                multiply(job, at, &panels[m], panel, NULL, &after);
                if (after.weights)
                    after.weights += fc_asked_bytes(d->weights.k, after.lines);
            }
        }
        return;
    }
    for (size_t m = 0; m < count; m++) {
        const fc_pixel_panel *next = once && m + 1 < count ? &panels[m + 1] : NULL;
        if (plain && panels[m].runs <= panels[m].at_once) {
            multiply_panels(job, at, &panels[m], count - m, next);
            continue;
        }
        for (size_t panel = at->first_panel; panel < end; panel++)
            multiply(job, at, &panels[m], panel, panel == at->first_panel ? next : NULL, NULL);
    }
}

static void run_block(void *job_, size_t task, size_t worker) {
    const direct_job *job = job_;
    const fc_direct_plan *d = job->d;
    const fc_conv_view *v = &job->layer->view;
    const space own = space_of(job, worker);
    block at = find_block(job, task, &own);
    const size_t after = task / d->chunks + 1;
    const int is_other = own.pixels.made->after != after; /* than the worker's last task had: other pixels */
    if (d->patched && is_other)
        fc_fill_patch(v, job->layer->kernels, &at.pixels.patch, at.pixels.source, own.raw, own.patch);
    if (d->patched)
        at.pixels.source = own.patch;
    if (is_other)
        fc_direct_make_panels(v, d, &at.pixels, &own.pixels);
    own.pixels.made->after = after;
    multiply_block(job, &at, own.pixels.panels, own.pixels.made->count);
}

fc_status fc_direct_run(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    fc_direct_plan d;
    FC_GET_OWN(plan, d);
    const fc_layer *layer = &plan->layer;
    const size_t workers = fc_parallel_workers(plan->tasks, plan->work);
    direct_job job = {layer, &d, epilogue, weights, x, y, fc_scratch_alloc(fc_plan_scratch(plan, workers))};
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    memset(job.scratch, 0, d.zero_bytes);
    if (weights->bias && d.form != FC_DIRECT_PACKED)
        fc_pack_biases(&d.weights, layer->kernels, &layer->view, weights->bias, job.scratch + d.zero_bytes);
    for (size_t worker = 0; worker < workers; worker++) {
        const space part = space_of(&job, worker);
        *part.pixels.made = (fc_panels_made){0};
        memset(part.on_demand, 0, d.flag_bytes);
    }
    fc_parallel_for(plan->tasks, workers, run_block, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}

static fc_status plan_layer(const fc_layer *given, fc_purpose purpose, fc_layer_plan *plan) {
    if (!fc_direct_supports(given))
        return FC_BAD_ARGUMENT;
    fc_direct_plan d = fc_direct_cut(given, FC_DIRECT_PACKED, plan);
    const fc_layer *layer = &plan->layer;
    FC_TRY(fc_weights_bytes(&d.weights, &layer->view, &plan->packed_bytes));
    plan->form = fc_weights_form(&d.weights);
    plan->packed_rows = fc_weights_rows(&d.weights, &plan->layer.view);
    plan->cycles = fc_direct_cost(layer, &d);
    if (purpose != FC_RUN_PREPARED)
        fc_direct_choose_form(layer, &d);
    fc_direct_keep(&d, plan);
    return FC_OK;
}

static void pack(const fc_layer_plan *plan, const void *kernel, const void *bias, void *packed) {
    fc_direct_plan d;
    FC_GET_OWN(plan, d);
    fc_pack_weights(&d.weights, plan->layer.kernels, &plan->layer.view, kernel, bias, packed);
}

const fc_algorithm fc_algorithm_direct = {
    .name = "direct",
    .requires = "floating-point arrays with input channels",
    .reads_across = 1,
    .plan = plan_layer,
    .complete = fc_direct_complete,
    .pack = pack,
    .run = fc_direct_run,
};
