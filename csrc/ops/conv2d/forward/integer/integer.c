/* SPDX-License-Identifier: MIT */
/*
 * int8 and uint8 in any combination, summed in int32. The instruction multiplies bytes of unlike signedness, so where
 * both sides have the same one x is read as x - 128 or x + 128, by flipping its top bit, and every sum starts at what
 * that is off by: 128 times the sum of its weights. Blocks of output pixels stage what their windows read, padding
 * included, as (cell, channel), so that a row of a window, or at least a tap, is one run of bytes.
 */
#include "ops/conv2d/forward/integer/integer.h"

#include <string.h>

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/costs.h"

enum {
    TILES_AT_LEAST = 4 /* of a block, to reuse a panel of weights */
};

/* Cycles of a tile over runs of `length` groups of four. */
static double rows_cycles(const fc_igemm_tile *tile, size_t length) {
    const size_t latency = 5, dots = tile->height * tile->vectors, loads = tile->height + tile->vectors;
    const size_t most = dots > loads ? dots : loads;
    return (double)(most > latency ? most : latency) * (double)length;
}

/* A matrix unit takes 16 groups at a time: 16 cycles for each 16 columns. */
static double matrix_cycles(const fc_igemm_tile *tile, size_t length) {
    return (double)tile->width * (double)fc_parts(length, 16);
}

/* Takes the cheapest width of `tiles` if it is cheaper than what the form has. */
static void offer_tiles(
    fc_integer_form *form, size_t outs, const fc_igemm_tile *tiles, double (*cycles)(const fc_igemm_tile *, size_t)) {
    for (const fc_igemm_tile *tile = tiles; tile->height;) {
        const fc_igemm_tile *first = tile;
        while (tile->width == first->width)
            tile++;
        const size_t panels = fc_parts(outs, first->width);
        const double cost = (double)(panels * form->runs) * cycles(first, form->length) / (double)first->height;
        if (form->tiles && cost >= form->pixel_cycles)
            continue;
        form->pixel_cycles = cost;
        form->tiles = first;
        form->tile_count = (size_t)(tile - first);
        form->width = first->width;
        form->panels = panels;
    }
}

fc_integer_form fc_integer_choose(const fc_layer *layer) {
    const fc_conv2d_params *p = &layer->params;
    const fc_conv_view *v = &layer->view;
    const size_t outs = (size_t)v->dst.c, c = (size_t)v->src.c;
    fc_integer_form form = {.joined = v->cols.step == 1 || c < 4,
        .flip = p->dtype == p->kernel_dtype,
        .is_signed = p->kernel_dtype == FC_U8};
    const size_t run = form.joined ? c * (size_t)v->cols.count : c;
    form.runs = (size_t)(form.joined ? v->rows.count : v->rows.count * v->cols.count);
    form.length = fc_parts(run, 4);
    const fc_kernels *k = layer->kernels;
    const int b_signed = p->kernel_dtype == FC_I8;
    offer_tiles(&form, outs, b_signed ? k->igemm_u8s8 : k->igemm_s8u8, rows_cycles);
    offer_tiles(&form, outs, b_signed ? k->matrix_u8s8 : k->matrix_s8u8, matrix_cycles);
    return form;
}

/* Packed weights: [group][panel][run][group of four][width][4], then start [group][panels * width] in int32. */
static size_t panel_bytes(const fc_integer_form *f) { return f->runs * f->length * f->width * 4; }

static fc_status packed_bytes(const fc_layer *layer, const fc_integer_form *f, size_t *bytes) {
    const ptrdiff_t factors[] = {
        layer->view.groups, (ptrdiff_t)f->panels, (ptrdiff_t)f->width * 4, (ptrdiff_t)(f->runs * f->length + 1)};
    return fc_multiply(factors, 4, bytes);
}

typedef struct pack_job {
    const fc_layer *layer;
    const fc_integer_form *form;
    const uint8_t *kernel;
    const char *bias; /* int32_t, at any alignment */
    uint8_t *packed;
} pack_job;

static void add_weights(const fc_layer *layer, const uint8_t *row, size_t count, uint32_t *sums) {
    if (layer->params.kernel_dtype == FC_I8)
        for (size_t j = 0; j < count; j++)
            sums[j] += (uint32_t)(int8_t)row[j];
    else
        for (size_t j = 0; j < count; j++)
            sums[j] += row[j];
}

static void pack_panel(void *job_, size_t task, size_t worker) {
    (void)worker;
    const pack_job *job = job_;
    const fc_integer_form *f = job->form;
    const fc_conv_view *v = &job->layer->view;
    const size_t group = task / f->panels, panel = task % f->panels, outs = (size_t)v->dst.c, o = panel * f->width;
    const size_t count = outs - o < f->width ? outs - o : f->width,
                 run = (size_t)v->src.c * (size_t)(f->joined ? v->cols.count : 1);
    const uint8_t *row = job->kernel + (ptrdiff_t)group * v->w_group_pitch + o;
    uint8_t *to = job->packed + task * panel_bytes(f);
    uint32_t sums[FC_MAX_TILE_COLS] = {0};
    /* The kernel's rows of output channels follow one another in the order of the runs. */
    for (size_t t = 0; t < f->runs; t++)
        for (size_t i = 0; i < f->length; i++, to += 4 * f->width) {
            memset(to, 0, 4 * f->width);
            for (size_t l = 0; l < 4 && 4 * i + l < run; l++, row += v->w_c_pitch) {
                const size_t place = f->tiles->wide && (l == 1 || l == 2) ? 3 - l : l;
                for (size_t j = 0; j < count; j++)
                    to[4 * j + place] = row[j];
                add_weights(job->layer, row, count, sums);
            }
        }
    uint32_t start[FC_MAX_TILE_COLS] = {0};
    const uint32_t off = !f->flip ? 0 : job->layer->params.dtype == FC_I8 ? -128u : 128u;
    for (size_t j = 0; j < count; j++)
        start[j] = off * sums[j];
    for (size_t j = 0; job->bias && j < count; j++) {
        uint32_t bias;
        memcpy(&bias, job->bias + (group * outs + o + j) * sizeof bias, sizeof bias);
        start[j] += bias;
    }
    memcpy(job->packed + (size_t)v->groups * f->panels * panel_bytes(f) + task * f->width * 4, start, f->width * 4);
}

/* Windows are kept apart where that takes less than 1 / gain of the cells. */
static fc_staged_axis choose_axis(const fc_taps *taps, ptrdiff_t outs, double gain) {
    const double dense = (double)(outs - 1) * (double)taps->stride + (double)(taps->count - 1) * (double)taps->step + 1;
    return fc_stage_axis(taps, outs, gain * (double)outs * (double)taps->count < dense);
}

static double stage_axes(const fc_layer *layer, const fc_integer_form *f, fc_integer_cut *cut) {
    const fc_conv_view *v = &layer->view;
    const double planes_gain = 4; /* whole rows of a channel transpose that much faster than single cells */
    cut->staged_rows = choose_axis(&v->rows, cut->rows, 1);
    cut->staged_cols = choose_axis(&v->cols, cut->cols,
        f->joined && v->cols.step != 1 ? 0
            : v->src.c_pitch == 1      ? 1
                                       : planes_gain);
    return (double)cut->staged_rows.count * (double)cut->staged_cols.count * (double)v->src.c;
}

/* In floating-point operations, which take four times as long. */
static double work_of(const fc_conv_view *v) { return fc_view_flops(v) / 4; }
static size_t task_count(const fc_conv_view *v) { return fc_task_count(work_of(v)); }

/* A block is whole rows of outputs, or part of one where a row is too long. */
static void cut_block(const fc_layer *layer, const fc_integer_form *f, fc_integer_cut *cut) {
    const fc_conv_view *v = &layer->view;
    const size_t l2 = fc_caches()->l2;
    const ptrdiff_t most = fc_max((ptrdiff_t)(l2 / 16 / (f->runs * sizeof(void *))), FC_MAX_TILE_HEIGHT);
    const ptrdiff_t h = fc_max(v->dst.h, 1), w = fc_max(v->dst.w, 1),
                    least = fc_ceil_div((ptrdiff_t)(TILES_AT_LEAST * f->tiles->height), w);
    const double share = (double)h * (double)v->n * (double)v->groups / (double)task_count(v),
                 budget = (double)l2 / (f->tiles->wide ? 8 : 4);
    cut->cols = w;
    cut->rows = share < (double)h ? fc_min(fc_max((ptrdiff_t)share, least), h) : h;
    while (cut->rows > 1 && (cut->rows > fc_max(most / w, 1) || stage_axes(layer, f, cut) > budget))
        cut->rows = fc_ceil_div(cut->rows, 2);
    while (cut->cols > 1 && (cut->cols > most || stage_axes(layer, f, cut) > budget))
        cut->cols = fc_ceil_div(cut->cols, 2);
    cut->rows = fc_ceil_div(h, fc_ceil_div(h, cut->rows));
    cut->cols = fc_ceil_div(w, fc_ceil_div(w, cut->cols));
    cut->staged_bytes = fc_align_up((size_t)stage_axes(layer, f, cut) + 4);
    cut->wide_bytes = f->tiles->wide ? 2 * cut->staged_bytes : 0;
    cut->row_blocks = fc_ceil_div(h, cut->rows);
    cut->col_blocks = fc_ceil_div(w, cut->cols);
}

/* A tile of pixels of a block, and the pointers its kernel reads by: [run][height]. */
typedef struct pixel_tile {
    ptrdiff_t pixel;
    size_t rows;
    const fc_igemm_tile *tile;
    const void **pointers;
} pixel_tile;

fc_integer_cut fc_integer_cut_layer(const fc_layer *layer, const fc_integer_form *f) {
    const fc_conv_view *v = &layer->view;
    fc_integer_cut cut = {.chunk_panels = f->panels};
    cut_block(layer, f, &cut);
    const size_t blocks = fc_view_pixels(v) ? (size_t)(v->n * v->groups * cut.row_blocks * cut.col_blocks) : 0;
    const size_t pixels = (size_t)(cut.rows * cut.cols);
    const size_t tasks = task_count(&layer->view);
    if (blocks < tasks)
        cut.chunk_panels = fc_parts(f->panels * blocks, tasks);
    if (!cut.chunk_panels)
        cut.chunk_panels = 1;
    cut.chunks = fc_parts(f->panels, cut.chunk_panels);
    cut.tasks = blocks * cut.chunks;
    const size_t segments = cut.cols == v->dst.w ? 1 : (size_t)cut.rows;
    cut.tile_bytes = fc_align_up((pixels + 1) * sizeof(pixel_tile));
    cut.worker_bytes = cut.staged_bytes + cut.wide_bytes + cut.tile_bytes +
        fc_align_up((pixels + segments * FC_MAX_TILE_HEIGHT) * f->runs * sizeof(void *));
    return cut;
}

typedef struct integer_job {
    const fc_layer *layer;
    const fc_integer_form *form;
    const fc_integer_cut *cut;
    const uint8_t *packed, *src;
    void *dst; /* int32_t, or bytes of a requantized layer */
    uint8_t *scratch;
    int relu;
} integer_job;

/* One task's place in the problem and in its worker's scratch. */
typedef struct block {
    ptrdiff_t n, group, row, col, rows, cols;
    fc_staged_axis staged_rows, staged_cols;
    size_t panel0, panel1;
    uint8_t *staged, *read; /* read: what the kernels read, 16-bit numbers of what is staged where tiles are wide */
    pixel_tile *tiles;      /* ends with rows == 0 */
    const void **pointers;
} block;

static block find_block(const integer_job *job, size_t task, size_t worker) {
    const fc_integer_cut *cut = job->cut;
    const fc_conv_view *v = &job->layer->view;
    block at = {.panel0 = task % cut->chunks * cut->chunk_panels};
    at.panel1 = job->form->panels - at.panel0 < cut->chunk_panels ? job->form->panels : at.panel0 + cut->chunk_panels;
    ptrdiff_t left = (ptrdiff_t)(task / cut->chunks);
    at.col = left % cut->col_blocks * cut->cols;
    left /= cut->col_blocks;
    at.row = left % cut->row_blocks * cut->rows;
    left /= cut->row_blocks;
    at.group = left % v->groups;
    at.n = left / v->groups;
    at.rows = fc_min(v->dst.h - at.row, cut->rows);
    at.cols = fc_min(v->dst.w - at.col, cut->cols);
    at.staged_rows = fc_stage_axis(&v->rows, at.rows, cut->staged_rows.apart);
    at.staged_cols = fc_stage_axis(&v->cols, at.cols, cut->staged_cols.apart);
    at.staged = job->scratch + worker * cut->worker_bytes;
    at.read = at.staged + (cut->wide_bytes ? cut->staged_bytes : 0);
    at.tiles = (pixel_tile *)(at.staged + cut->staged_bytes + cut->wide_bytes);
    at.pointers = (const void **)((uint8_t *)at.tiles + cut->tile_bytes);
    return at;
}

static const fc_igemm_tile *tile_for(const fc_integer_form *f, size_t rows) {
    const fc_igemm_tile *tile = f->tiles;
    while (tile + 1 < f->tiles + f->tile_count && tile[1].height >= rows)
        tile++;
    return tile;
}

/* Where the windows of a tile's pixels begin their runs; the spare rows repeat the last pixel. */
static void point_tile(const integer_job *job, const block *at, const pixel_tile *tile) {
    const fc_conv_view *v = &job->layer->view;
    const fc_staged_axis *rows = &at->staged_rows, *cols = &at->staged_cols;
    const ptrdiff_t taps = job->form->joined ? 1 : v->cols.count;
    const size_t height = tile->tile->height;
    const ptrdiff_t size = tile->tile->wide ? 2 : 1;
    for (size_t r = 0; r < height; r++) {
        const ptrdiff_t pixel = tile->pixel + (ptrdiff_t)(r < tile->rows ? r : tile->rows - 1), i = pixel / at->cols,
                        j = pixel % at->cols;
        const void **to = tile->pointers + r;
        for (ptrdiff_t s = 0; s < v->rows.count; s++)
            for (ptrdiff_t t = 0; t < taps; t++, to += height)
                *to = at->read +
                    size *
                        ((i * rows->out_step + s * rows->tap_step) * cols->count + j * cols->out_step +
                            t * cols->tap_step) *
                        v->src.c;
    }
}

/* Tiles run across the rows of a block that has whole ones, since those follow one another in the output. */
static void place_tiles(const integer_job *job, const block *at) {
    const ptrdiff_t segment = at->cols == job->layer->view.dst.w ? at->rows * at->cols : at->cols;
    const void **pointers = at->pointers;
    pixel_tile *tile = at->tiles;
    for (ptrdiff_t pixel = 0; pixel < at->rows * at->cols; pixel += (ptrdiff_t)tile++->rows) {
        const size_t left = (size_t)(segment - pixel % segment);
        const fc_igemm_tile *kernel = tile_for(job->form, left);
        *tile = (pixel_tile){pixel, left < kernel->height ? left : kernel->height, kernel, pointers};
        point_tile(job, at, tile);
        pointers += kernel->height * job->form->runs;
    }
    tile->rows = 0;
}

/* A tile of sums to planes of channels. */
static void give_planes(const integer_job *job, const fc_igemm_block *b, int32_t *to) {
    const void *rows[FC_MAX_TILE_HEIGHT];
    for (size_t r = 0; r < b->rows; r++)
        rows[r] = (const int32_t *)b->c + r * b->c_pitch;
    job->layer->kernels->transpose_b32(to, (size_t)job->layer->view.dst.c_pitch, rows, b->rows, b->cols);
}

/* A tile of sums as bytes; factors: those of its columns. */
static void give_bytes(const integer_job *job, const fc_igemm_block *b, const float *factors, uint8_t *to) {
    const fc_tensor_view *dst = &job->layer->view.dst;
    uint8_t bytes[FC_MAX_TILE_HEIGHT * FC_MAX_TILE_COLS];
    const void *rows[FC_MAX_TILE_HEIGHT];
    if (dst->c_pitch == 1) {
        fc_requantize_rows(job->layer, b->rows, b->cols, factors, b->c, b->c_pitch, to, (size_t)dst->w_pitch);
        return;
    }
    fc_requantize_rows(job->layer, b->rows, b->cols, factors, b->c, b->c_pitch, bytes, b->cols);
    for (size_t r = 0; r < b->rows; r++)
        rows[r] = bytes + r * b->cols;
    job->layer->kernels->transpose_b8(to, (size_t)dst->c_pitch, rows, b->rows, b->cols);
}

static void multiply_tile(const integer_job *job, const block *at, const pixel_tile *tile, size_t panel) {
    const fc_integer_form *f = job->form;
    const fc_conv_view *v = &job->layer->view;
    const fc_tensor_view *dst = &v->dst;
    const size_t task = (size_t)at->group * f->panels + panel, o = panel * f->width, outs = (size_t)dst->c - o;
    int32_t aside[FC_MAX_TILE_HEIGHT * FC_MAX_TILE_COLS];
    const ptrdiff_t first = at->n * dst->n_pitch + at->group * dst->group_pitch +
        (at->row + tile->pixel / at->cols) * dst->h_pitch + (at->col + tile->pixel % at->cols) * dst->w_pitch +
        (ptrdiff_t)o * dst->c_pitch;
    fc_igemm_block b = {.runs = f->runs,
        .length = f->length,
        .a = tile->pointers,
        .b = job->packed + task * panel_bytes(f),
        .b_pitch = f->width,
        .c = aside,
        .c_pitch = f->width,
        .rows = tile->rows,
        .cols = outs < f->width ? outs : f->width,
        .start = job->packed + (size_t)v->groups * f->panels * panel_bytes(f) + task * f->width * 4,
        .relu = job->relu};
    const int in_place = dst->c_pitch == 1 && !job->layer->requantized;
    if (in_place) {
        b.c = (int32_t *)job->dst + first;
        b.c_pitch = (size_t)dst->w_pitch;
    }
    tile->tile->run(&b);
    if (job->layer->requantized)
        give_bytes(
            job, &b, job->layer->requantized->factors + (size_t)(at->group * dst->c) + o, (uint8_t *)job->dst + first);
    else if (!in_place)
        give_planes(job, &b, (int32_t *)job->dst + first);
}

/* What is staged as 16-bit numbers. */
static void widen(const block *at, ptrdiff_t channels, int is_signed) {
    const size_t count = (size_t)(at->staged_rows.count * at->staged_cols.count * channels);
    const uint8_t *restrict from = at->staged;
    int16_t *restrict to = (int16_t *)at->read;
    if (is_signed)
        for (size_t i = 0; i < count; i++)
            to[i] = (int16_t)((from[i] ^ 0x80) - 0x80);
    else
        for (size_t i = 0; i < count; i++)
            to[i] = from[i];
}

static void run_block(void *job_, size_t task, size_t worker) {
    const integer_job *job = job_;
    const fc_conv_view *v = &job->layer->view;
    const block at = find_block(job, task, worker);
    fc_stage_block(job->layer, &at.staged_rows, &at.staged_cols, job->form->flip, fc_padded_byte(job->layer),
        job->src + at.n * v->src.n_pitch + at.group * v->src.group_pitch, at.row, at.col, at.staged);
    if (job->form->tiles->wide)
        widen(&at, v->src.c, job->form->is_signed);
    place_tiles(job, &at);
    for (size_t panel = at.panel0; panel < at.panel1; panel++)
        for (const pixel_tile *tile = at.tiles; tile->rows; tile++)
            multiply_tile(job, &at, tile, panel);
}

typedef struct integer_plan {
    fc_integer_form form;
    fc_integer_cut cut;
} integer_plan;

static void pack(const fc_layer_plan *plan, const void *kernel, const void *bias, void *packed) {
    integer_plan own;
    FC_GET_OWN(plan, own);
    pack_job job = {&plan->layer, &own.form, kernel, bias, packed};
    const size_t tasks = (size_t)plan->layer.view.groups * own.form.panels;
    fc_parallel_for(
        tasks, fc_parallel_workers(tasks, 4.0 * (double)tasks * (double)panel_bytes(&own.form)), pack_panel, &job);
}

static fc_status run(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    integer_plan own;
    FC_GET_OWN(plan, own);
    const size_t workers = fc_parallel_workers(plan->tasks, plan->work);
    uint8_t *scratch = fc_scratch_alloc(fc_plan_scratch(plan, workers));
    if (!scratch)
        return FC_OUT_OF_MEMORY;
    integer_job job = {
        &plan->layer, &own.form, &own.cut, weights->packed, x, y, scratch, epilogue->activation == FC_RELU};
    fc_parallel_for(plan->tasks, workers, run_block, &job);
    fc_scratch_free(scratch);
    return FC_OK;
}

/* Arithmetic on register tiles, and every staged byte once. */
static double cycles_of(
    const fc_costs *costs, const fc_conv_view *v, const fc_integer_form *f, const fc_integer_cut *cut) {
    const double pixels = (double)v->groups * (double)fc_view_pixels(v),
                 staged_byte = v->src.c_pitch == 1 ? costs->integer_staged : costs->integer_staged_across;
    return pixels *
        (f->pixel_cycles +
            staged_byte * (double)cut->chunks * (double)cut->staged_bytes / ((double)cut->rows * (double)cut->cols));
}

static fc_status plan_layer(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) {
    (void)purpose;
    integer_plan own = {.form = fc_integer_choose(layer)};
    const fc_integer_form *f = &own.form;
    own.cut = fc_integer_cut_layer(layer, f);
    FC_TRY(packed_bytes(layer, f, &plan->packed_bytes));
    plan->form = (fc_packed_form){{f->width, f->panels, f->runs, f->length}};
    plan->cycles = cycles_of(fc_costs_of(layer->kernels), &layer->view, f, &own.cut);
    plan->tile_rows = f->tiles->height;
    plan->tile_cols = f->width;
    plan->pixels_in_rows = 1;
    plan->block_pixels = (size_t)(own.cut.rows * own.cut.cols);
    plan->block_k = fc_view_k(&layer->view);
    plan->tasks = own.cut.tasks;
    plan->work = work_of(&layer->view);
    plan->worker_bytes = own.cut.worker_bytes;
    FC_SET_OWN(plan, own);
    return FC_OK;
}

const fc_algorithm fc_algorithm_integer = {
    .name = "integer",
    .requires = "`x` and `kernel` of int8 or uint8",
    .integers = 1,
    .plan = plan_layer,
    .pack = pack,
    .run = run,
};
