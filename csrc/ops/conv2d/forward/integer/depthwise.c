/* SPDX-License-Identifier: MIT */
/* int8 and uint8, one input and one output channel a group: bytes are widened as they are read. */
#include "ops/conv2d/forward/integer/integer.h"

#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/costs.h"

static int supports(const fc_layer *layer) {
    const fc_conv2d_params *p = &layer->params;
    return p->groups > 1 && p->groups == p->c_in && p->c_out == p->c_in;
}

/* The bias or zeros, then the kernel (taps, channels), in int32. */
static fc_status packed_bytes(const fc_layer *layer, size_t *bytes) {
    const fc_conv2d_params *p = &layer->params;
    const ptrdiff_t factors[] = {p->k_h * p->k_w + 1, p->c_out, (ptrdiff_t)sizeof(int32_t)};
    return fc_multiply(factors, 3, bytes);
}

static void pack(const fc_layer_plan *plan, const void *kernel, const void *bias, void *packed) {
    const fc_conv2d_params *p = &plan->layer.params;
    const size_t channels = (size_t)p->c_out, count = (size_t)(p->k_h * p->k_w) * channels;
    int32_t *to = (int32_t *)packed + channels;
    if (bias)
        memcpy(packed, bias, channels * sizeof *to);
    else
        memset(packed, 0, channels * sizeof *to);
    for (size_t i = 0; i < count; i++)
        to[i] = p->kernel_dtype == FC_I8 ? ((const int8_t *)kernel)[i] : ((const uint8_t *)kernel)[i];
}

typedef struct integer_depthwise_job {
    const fc_layer *layer;
    const int32_t *packed;
    const uint8_t *x;
    char *y;       /* int32_t, like the bias at any alignment; bytes of a requantized layer */
    char *scratch; /* a row of padded cells, then a worker's pointers of the taps and a row of its sums, or, of planes,
                      a row of factors and one of sums */
    size_t channels, taps, zero_bytes, worker_bytes;
    int relu;
} integer_depthwise_job;

static const size_t SIZE = sizeof(int32_t);

static void finish(const integer_depthwise_job *job, size_t count, char *y) {
    for (size_t i = 0; job->relu && i < count; i++) {
        int32_t value;
        memcpy(&value, y + i * SIZE, SIZE);
        value = value > 0 ? value : 0;
        memcpy(y + i * SIZE, &value, SIZE);
    }
}

/* The taps of output column j of row i of image n; padded cells are in the row that the scratch begins with. */
static void point_taps(const integer_depthwise_job *job, ptrdiff_t n, ptrdiff_t i, ptrdiff_t j, const void **tap) {
    const fc_conv_view *v = &job->layer->view;
    for (ptrdiff_t s = 0; s < v->rows.count; s++)
        for (ptrdiff_t t = 0; t < v->cols.count; t++) {
            const ptrdiff_t row = i * v->rows.stride + v->rows.first + s * v->rows.step;
            const ptrdiff_t col = j * v->cols.stride + v->cols.first + t * v->cols.step;
            const int there = row >= 0 && row < v->src.h && col >= 0 && col < v->src.w;
            *tap++ = there ? job->x + n * v->src.n_pitch + row * v->src.h_pitch + col * v->src.w_pitch
                           : (const void *)job->scratch;
        }
}

/* The taps of the column after one, if both lie inside: those of rows that do move on. */
static void move_taps(const integer_depthwise_job *job, const void **tap) {
    const fc_conv_view *v = &job->layer->view;
    const ptrdiff_t step = v->cols.stride * v->src.w_pitch;
    for (size_t t = 0; t < job->taps; t++)
        if (tap[t] != job->scratch)
            tap[t] = (const uint8_t *)tap[t] + step;
}

/* Task: one row of the output of one image, all channels. */
static void nhwc_row(void *job_, size_t task, size_t worker) {
    const integer_depthwise_job *job = job_;
    const fc_conv_view *v = &job->layer->view;
    const fc_kernels *kernels = job->layer->kernels;
    fc_depthwise_bytes_fn *kernel = v->dtype == FC_I8 ? kernels->depthwise_i8 : kernels->depthwise_u8;
    const ptrdiff_t n = (ptrdiff_t)task / v->dst.h, i = (ptrdiff_t)task % v->dst.h;
    const void **taps = (const void **)(job->scratch + job->zero_bytes + worker * job->worker_bytes);
    const ptrdiff_t first = n * v->dst.n_pitch + i * v->dst.h_pitch, stride = v->cols.stride;
    const ptrdiff_t begin = fc_ceil_div(fc_max(-v->cols.first, 0), stride),
                    reach = v->src.w - v->cols.first - (v->cols.count - 1) * v->cols.step;
    const ptrdiff_t end = reach > 0 ? (reach - 1) / stride + 1 : 0;
    char *y = job->layer->requantized ? (char *)(taps + job->taps) : job->y + (size_t)first * SIZE;
    for (ptrdiff_t j = 0; j < v->dst.w; j++) {
        if (j > begin && j < end)
            move_taps(job, taps);
        else
            point_taps(job, n, i, j, taps);
        kernel(job->taps, taps, job->packed, job->channels, job->channels,
            (void *)(y + (size_t)(j * v->dst.w_pitch) * SIZE));
    }
    if (job->layer->requantized)
        fc_requantize_rows(job->layer, (size_t)v->dst.w, job->channels, job->layer->requantized->factors,
            (const int32_t *)y, job->channels, (uint8_t *)job->y + first, job->channels);
    else
        finish(job, (size_t)v->dst.w * job->channels, y);
}

/* What a tap adds where it meets padded cells. */
static void add_padding(int32_t weight, int32_t x_zero, ptrdiff_t begin, ptrdiff_t end, char *y) {
    for (ptrdiff_t i = begin; x_zero && i < end; i++) {
        uint32_t sum;
        memcpy(&sum, y + (size_t)i * SIZE, SIZE);
        sum += (uint32_t)(weight * x_zero);
        memcpy(y + (size_t)i * SIZE, &sum, SIZE);
    }
}

/* One row of the output of one channel: a tap adds to the columns whose window cell lies inside. */
static void nchw_row(const integer_depthwise_job *job, const uint8_t *x, const int32_t *weights, ptrdiff_t i, char *y) {
    const fc_conv_view *v = &job->layer->view;
    const int32_t x_zero = job->layer->requantized ? job->layer->requantized->x_zero : 0;
    const fc_kernels *kernels = job->layer->kernels;
    fc_axpy_fn *axpy = v->dtype == FC_I8 ? kernels->axpy_i8 : kernels->axpy_u8;
    for (ptrdiff_t s = 0; s < v->rows.count; s++) {
        const ptrdiff_t row = i * v->rows.stride + v->rows.first + s * v->rows.step, stride = v->cols.stride;
        const int there = row >= 0 && row < v->src.h;
        for (ptrdiff_t t = 0; t < v->cols.count; t++) {
            const int32_t *weight = weights + (s * v->cols.count + t) * (ptrdiff_t)job->channels;
            const ptrdiff_t col = v->cols.first + t * v->cols.step;
            const ptrdiff_t begin = col < 0 ? fc_min(fc_ceil_div(-col, stride), v->dst.w) : 0;
            const ptrdiff_t last = v->src.w > col ? fc_min((v->src.w - col - 1) / stride + 1, v->dst.w) : 0;
            const ptrdiff_t end = there ? fc_max(last, begin) : begin;
            if (begin < end)
                axpy((size_t)(end - begin), weight, x + row * v->src.w + col + begin * stride, (size_t)stride,
                    y + (size_t)begin * SIZE);
            add_padding(*weight, x_zero, 0, begin, y);
            add_padding(*weight, x_zero, end, v->dst.w, y);
        }
    }
}

/* One row of sums, which the bias begins. */
static void begin_row(const integer_depthwise_job *job, size_t channel, size_t count, char *y) {
    for (size_t i = 0; i < count; i++)
        memcpy(y + i * SIZE, &job->packed[channel], SIZE);
}

/* One channel of one image, whose sums become bytes row by row. */
static void plane_of_bytes(const integer_depthwise_job *job, size_t task, size_t worker) {
    const fc_conv_view *v = &job->layer->view;
    const size_t c = task % job->channels, cols = (size_t)v->dst.w;
    float *factors = (float *)(job->scratch + job->zero_bytes + worker * job->worker_bytes);
    int32_t *sums = (int32_t *)(factors + cols);
    uint8_t *y = (uint8_t *)job->y + task * (size_t)v->dst.c_pitch;
    for (size_t i = 0; i < cols; i++)
        factors[i] = job->layer->requantized->factors[c];
    for (ptrdiff_t i = 0; i < v->dst.h; i++, y += cols) {
        begin_row(job, c, cols, (char *)sums);
        nchw_row(job, job->x + (ptrdiff_t)task * v->src.c_pitch, job->packed + job->channels + c, i, (char *)sums);
        fc_requantize_rows(job->layer, 1, cols, factors, sums, cols, y, cols);
    }
}

/* Task: one channel of one image. */
static void nchw_plane(void *job_, size_t task, size_t worker) {
    const integer_depthwise_job *job = job_;
    const fc_conv_view *v = &job->layer->view;
    const size_t c = task % job->channels, pixels = (size_t)(v->dst.h * v->dst.w);
    if (job->layer->requantized) {
        plane_of_bytes(job, task, worker);
        return;
    }
    char *y = job->y + task * (size_t)v->dst.c_pitch * SIZE;
    begin_row(job, c, pixels, y);
    for (ptrdiff_t i = 0; i < v->dst.h; i++)
        nchw_row(job, job->x + (ptrdiff_t)task * v->src.c_pitch, job->packed + job->channels + c, i,
            y + (size_t)(i * v->dst.w) * SIZE);
    finish(job, pixels, y);
}

static double cycles_of(const fc_costs *costs, const fc_conv_view *v) {
    const double a_multiplication = v->dst.layout == FC_NHWC ? costs->integer_depthwise
        : v->cols.stride == 1                                ? costs->integer_depthwise_planes
                                                             : costs->integer_depthwise_strided;
    return a_multiplication * fc_view_flops(v) / 2;
}

static fc_status plan_layer(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) {
    const fc_conv_view *v = &layer->view;
    const int last = v->dst.layout == FC_NHWC;
    (void)purpose;
    if (!supports(layer))
        return FC_BAD_ARGUMENT;
    FC_TRY(packed_bytes(layer, &plan->packed_bytes));
    plan->cycles = cycles_of(fc_costs_of(layer->kernels), v);
    plan->tile_rows = 1;
    plan->tile_cols = 1;
    plan->pixels_in_rows = last;
    plan->block_pixels = (size_t)(last ? v->dst.w : v->dst.h * v->dst.w);
    plan->block_k = fc_view_k(v);
    plan->tasks = (size_t)v->n * (size_t)(last ? v->dst.h : v->groups);
    plan->work = fc_view_flops(v);
    plan->shared_bytes = fc_align_up((size_t)v->groups);
    plan->worker_bytes = last ? fc_align_up(fc_view_k(v) * sizeof(void *) + (size_t)(v->dst.w * v->groups) * SIZE)
                              : fc_align_up((size_t)v->dst.w * (sizeof(float) + SIZE));
    return FC_OK;
}

static fc_status run(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    const size_t workers = fc_parallel_workers(plan->tasks, plan->work);
    integer_depthwise_job job = {.layer = &plan->layer,
        .packed = weights->packed,
        .x = x,
        .y = y,
        .channels = (size_t)plan->layer.view.groups,
        .taps = fc_view_k(&plan->layer.view),
        .relu = epilogue->activation == FC_RELU,
        .zero_bytes = plan->shared_bytes,
        .worker_bytes = plan->worker_bytes,
        .scratch = fc_scratch_alloc(fc_plan_scratch(plan, workers))};
    if (!job.scratch)
        return FC_OUT_OF_MEMORY;
    memset(job.scratch, fc_padded_byte(&plan->layer), job.zero_bytes);
    fc_parallel_for(plan->tasks, workers, plan->pixels_in_rows ? nhwc_row : nchw_plane, &job);
    fc_scratch_free(job.scratch);
    return FC_OK;
}

const fc_algorithm fc_algorithm_integer_depthwise = {
    .name = "integer_depthwise",
    .requires = "`x` and `kernel` of int8 or uint8, one input and one output channel a group",
    .integers = 1,
    .plan = plan_layer,
    .pack = pack,
    .run = run,
};
