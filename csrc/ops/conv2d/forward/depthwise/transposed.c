/* SPDX-License-Identifier: MIT */
/*
 * Depthwise convolution of NCHW tensors with planes too small to fill vectors with columns: a few planes are transposed
 * to channels side by side, in the compute type, convolved there, and their results turned back.
 */
#include "ops/conv2d/forward/depthwise/depthwise.h"

#include "core/cpu.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/gather/pack.h"

enum {
    PLANES = 16,        /* transposed at once: a cache line of float */
    TASK_CYCLES = 16384 /* aimed at for a task: some microseconds */
};

static ptrdiff_t pixels_in(const fc_conv_view *v) { return v->src.h * v->src.w; }
static ptrdiff_t pixels_out(const fc_conv_view *v) { return v->dst.h * v->dst.w; }
static ptrdiff_t blocks_of(const fc_conv_view *v) { return fc_ceil_div(fc_depthwise_channels(v), PLANES); }

/* One worker's memory: pointers to the rows under a window, and to the transposed outputs; those of half types widened,
 * before and after. */
enum piece { ROWS, CELLS, INPUT, OUTPUT, WIDE, RESULT, PIECES };
typedef struct transposed_scratch {
    size_t at[PIECES + 1];
} transposed_scratch;

static transposed_scratch lay_out(const fc_conv_view *v) {
    const size_t size = fc_depthwise_size(v), in = (size_t)pixels_in(v) * PLANES * size,
                 out = (size_t)pixels_out(v) * PLANES * size;
    const int is_half = fc_is_half(v->dtype);
    const size_t bytes[PIECES] = {
        [ROWS] = (size_t)(v->rows.count + 1) * sizeof(void *),
        [CELLS] = (size_t)pixels_out(v) * sizeof(void *),
        [INPUT] = in,
        [OUTPUT] = out,
        [WIDE] = is_half ? in : 0,
        [RESULT] = is_half ? out : 0,
    };
    transposed_scratch s = {{0}};
    for (int i = 0; i < PIECES; i++)
        s.at[i + 1] = s.at[i] + fc_align_up(bytes[i]);
    return s;
}

/* A plane: vectors of outputs times their taps, and the elements transposed. */
static double transposed_cycles(const fc_conv_view *v, ptrdiff_t lanes) {
    const double vectors = (double)(pixels_out(v) * fc_ceil_div(PLANES, lanes)) / PLANES;
    return vectors * (double)(fc_view_k(v) + 3) + 0.75 * (double)(pixels_in(v) + pixels_out(v));
}

/* The same for columns as lanes: vectors of outputs and calls, and staging where the image is not read in place. */
static double planes_cycles(const fc_conv_view *v, ptrdiff_t lanes) {
    const double vectors = (double)(v->dst.h * fc_ceil_div(v->dst.w, lanes)),
                 staged = (double)(v->src.h * fc_ceil_div(v->src.w, lanes)), taps = (double)fc_view_k(v);
    if (fc_depthwise_has_common_window(v)) /* narrow planes go in pairs */
        return (2 * v->dst.w <= lanes ? 0.5 : 1) * vectors * (v->cols.stride == 1 ? 1.15 * taps + 1 : 2 * taps + 8) +
            25;
    return vectors * (taps + 6) + (v->cols.stride == 1 ? 6 : 10) * staged + 100;
}

int fc_depthwise_is_transposed(const fc_conv_view *v, ptrdiff_t lanes) {
    const ptrdiff_t fit = (ptrdiff_t)(fc_caches()->l2 / 2 / fc_depthwise_size(v)) / PLANES;
    if (v->src.h > fit || v->src.w > fit || v->dst.h > fit || v->dst.w > fit || fc_depthwise_channels(v) < PLANES)
        return 0;
    return pixels_in(v) + pixels_out(v) <= fit && transposed_cycles(v, lanes) < planes_cycles(v, lanes);
}

fc_depthwise_cut fc_depthwise_cut_transposed(const fc_conv_view *v) {
    const ptrdiff_t blocks = v->n * blocks_of(v),
                    cycles = pixels_out(v) * (ptrdiff_t)fc_view_k(v) + PLANES * pixels_in(v);
    fc_depthwise_cut c = {.band = v->dst.h, .bands = 1};
    c.chunk = fc_max(fc_min(TASK_CYCLES / fc_max(cycles, 1), blocks / fc_depthwise_tasks(v)), 1);
    c.chunks = fc_ceil_div(blocks, c.chunk);
    c.tasks = (size_t)c.chunks;
    c.shared_bytes = fc_align_up((size_t)(v->src.w * PLANES) * fc_depthwise_size(v));
    c.worker_bytes = lay_out(v).at[PIECES];
    return c;
}

/* Output channels [channel, channel + count) of image n; `plane` is the first of them in y. */
typedef struct transposed_block {
    const fc_depthwise_job *job;
    char *piece[PIECES];
    ptrdiff_t plane, channel, count;
} transposed_block;

static void transpose_input(const transposed_block *b) {
    const fc_conv_view *v = b->job->view;
    const fc_kernels *k = b->job->kernels;
    const ptrdiff_t m = v->dst.c, first = b->plane / m, planes = (b->plane + b->count - 1) / m + 1 - first;
    const size_t size = fc_depthwise_size(v), pixels = (size_t)pixels_in(v);
    const char *from = b->job->x + (size_t)first * pixels * fc_dtype_size(v->dtype);
    const void *rows[PLANES];
    if (fc_is_half(v->dtype)) {
        fc_widen(k, v->dtype, from, b->piece[WIDE], (size_t)planes * pixels);
        from = b->piece[WIDE];
    }
    for (ptrdiff_t i = 0; i < b->count; i++)
        rows[i] = from + (size_t)((b->plane + i) / m - first) * pixels * size;
    fc_transpose_of(k, size)(b->piece[INPUT], PLANES, rows, (size_t)b->count, pixels);
}

/* Output rows [row, row + count), one or two. */
static void run_rows(const transposed_block *b, ptrdiff_t row, ptrdiff_t count) {
    const fc_depthwise_job *job = b->job;
    const fc_conv_view *v = job->view;
    const ptrdiff_t size = (ptrdiff_t)fc_depthwise_size(v);
    const void **rows = (const void **)b->piece[ROWS];
    for (ptrdiff_t s = 0; s < v->rows.count + count - 1; s++) {
        const ptrdiff_t at = row * v->rows.stride + v->rows.first + s * v->rows.step;
        rows[s] = at < 0 || at >= v->src.h ? job->scratch : b->piece[INPUT] + at * v->src.w * PLANES * size;
    }
    (v->dtype == FC_F64 ? job->kernels->depthwise_cells_f64 : job->kernels->depthwise_cells_f32)(&(fc_depthwise_cells){
        .k_h = (size_t)v->rows.count,
        .k_w = (size_t)v->cols.count,
        .stride = v->cols.stride,
        .dilation = v->cols.step,
        .first = v->cols.first,
        .width = v->src.w,
        .rows = rows,
        .x_pitch = PLANES,
        .w = job->packed + b->channel * size,
        .w_pitch = (size_t)fc_depthwise_channels(v),
        .start = job->bias ? job->bias + b->channel * size : NULL,
        .channels = (size_t)b->count,
        .count = (size_t)v->dst.w,
        .out_rows = (size_t)count,
        .y = b->piece[OUTPUT] + row * v->dst.w * PLANES * size,
        .y_pitch = PLANES,
        .y_row_pitch = v->dst.w * PLANES,
        .relu = fc_is_clamp(job->epilogue->activation),
        .ceiling = fc_ceiling_of(job->epilogue->activation),
    });
}

static void transpose_output(const transposed_block *b) {
    const fc_conv_view *v = b->job->view;
    const fc_kernels *k = b->job->kernels;
    const size_t size = fc_depthwise_size(v), pixels = (size_t)pixels_out(v), count = (size_t)b->count * pixels;
    const int is_half = fc_is_half(v->dtype);
    char *y = b->job->y + (size_t)b->plane * pixels * fc_dtype_size(v->dtype), *result = is_half ? b->piece[RESULT] : y;
    fc_transpose_of(k, size)(result, pixels, (const void *const *)b->piece[CELLS], pixels, (size_t)b->count);
    fc_depthwise_activate(b->job, count, result);
    if (is_half)
        fc_narrow(k, v->dtype, result, y, count);
}

void fc_depthwise_transposed_task(void *job_, size_t task, size_t worker) {
    const fc_depthwise_job *job = job_;
    const fc_conv_view *v = job->view;
    const fc_depthwise_cut *c = &job->cut;
    const transposed_scratch scratch = lay_out(v);
    const ptrdiff_t blocks = blocks_of(v), channels = fc_depthwise_channels(v), begin = (ptrdiff_t)task * c->chunk;
    const ptrdiff_t pair = v->rows.stride == 1 && v->rows.step == 1 ? 2 : 1; /* neighbours read neighbouring rows */
    transposed_block b = {.job = job};
    for (int i = 0; i < PIECES; i++)
        b.piece[i] = job->scratch + c->shared_bytes + worker * c->worker_bytes + scratch.at[i];
    for (ptrdiff_t i = 0; i < pixels_out(v); i++)
        ((const void **)b.piece[CELLS])[i] = b.piece[OUTPUT] + (size_t)(i * PLANES) * fc_depthwise_size(v);
    for (ptrdiff_t block = begin; block < fc_min(begin + c->chunk, v->n * blocks); block++) {
        b.channel = block % blocks * PLANES;
        b.count = fc_min(PLANES, channels - b.channel);
        b.plane = block / blocks * channels + b.channel;
        transpose_input(&b);
        for (ptrdiff_t row = 0; row < v->dst.h; row += pair)
            run_rows(&b, row, fc_min(pair, v->dst.h - row));
        transpose_output(&b);
    }
}
