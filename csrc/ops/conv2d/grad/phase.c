/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/grad/phase.h"

#include <string.h>

#include "core/dispatch.h"
#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/gather/pack.h"

/*
 * Input row q * stride + phase gets dy[o] * kernel[t] wherever o * stride + t * dilation = q * stride + phase + pad.
 * The taps that can meet it are t = first + m * step, and tap m reads dy row q + at - m * dilation / gcd.
 */
static fc_taps phase_taps(
    ptrdiff_t taps, ptrdiff_t stride, ptrdiff_t dilation, ptrdiff_t pad, ptrdiff_t phase, fc_tap_subset *subset) {
    const ptrdiff_t common = (ptrdiff_t)fc_gcd((uint64_t)stride, (uint64_t)dilation), apart = dilation / common;
    ptrdiff_t t = 0;
    *subset = (fc_tap_subset){.step = stride / common};
    while (t < taps && t < subset->step && (phase + pad - t * dilation) % stride)
        t++;
    if (t == subset->step || t >= taps)
        return (fc_taps){0, 0, 1, 1};
    subset->first = t;
    subset->count = (taps - t - 1) / subset->step + 1;
    return (fc_taps){subset->count, (phase + pad - t * dilation) / stride - (subset->count - 1) * apart, apart, 1};
}

fc_phase fc_phase_of(const fc_conv2d_params *p, const fc_conv_view *forward, ptrdiff_t i, ptrdiff_t j) {
    fc_phase phase = {.view = *forward, .offset = i * forward->src.h_pitch + j * forward->src.w_pitch};
    fc_conv_view *v = &phase.view;
    v->src = forward->dst;
    v->dst = forward->src;
    v->rows = phase_taps(p->k_h, p->stride_h, p->dilation_h, p->pad_top, i, &phase.rows);
    v->cols = phase_taps(p->k_w, p->stride_w, p->dilation_w, p->pad_left, j, &phase.cols);
    v->dst.h = p->h > i ? (p->h - i - 1) / p->stride_h + 1 : 0;
    v->dst.w = p->w > j ? (p->w - j - 1) / p->stride_w + 1 : 0;
    v->dst.h_pitch *= p->stride_h;
    v->dst.w_pitch *= p->stride_w;
    v->w_out_pitch = 1;
    v->w_c_pitch = p->c_in;
    v->w_col_pitch = v->src.c * p->c_in;
    v->w_row_pitch = v->cols.count * v->w_col_pitch;
    v->w_group_pitch = v->dst.c;
    return phase;
}

typedef struct transpose_job {
    const fc_conv2d_params *p;
    const fc_tap_subset *rows, *cols;
    fc_transpose_fn *transpose;
    ptrdiff_t size, c, outs; /* bytes of a number; channels and output channels of a group */
    ptrdiff_t bands;         /* of input channels */
    const char *kernel;
    char *transposed;
} transpose_job;

/*
 * dst[o][i] = src[i][o] for `count` rows that lie `pitch` apart. Columns are taken a line at a time, so that the lines
 * they are written to are whole before they leave L1, where rows a power of 2 apart have few places.
 */
static void transpose_rows(const transpose_job *job, const char *src, ptrdiff_t pitch, ptrdiff_t count, char *dst) {
    const ptrdiff_t line = FC_ALIGNMENT / job->size;
    for (ptrdiff_t o = 0; o < job->outs; o += line) {
        const void *rows[FC_MAX_PANEL];
        for (ptrdiff_t i = 0; i < count; i++)
            rows[i] = src + (i * pitch + o) * job->size;
        job->transpose(dst + o * job->p->c_in * job->size, (size_t)job->p->c_in, rows, (size_t)count,
            (size_t)fc_min(line, job->outs - o));
    }
}

/* Of one tap, for input channels [c, c + count) of a group. */
static void transpose_channels(
    const transpose_job *job, const char *src, char *dst, ptrdiff_t group, ptrdiff_t c, ptrdiff_t count) {
    transpose_rows(job, src + (c * job->p->c_out + group * job->outs) * job->size, job->p->c_out, count,
        dst + (group * job->c + c) * job->size);
}

/* One input channel a group: groups take the place of input channels. */
static void transpose_groups(const transpose_job *job, const char *src, char *dst, ptrdiff_t group, ptrdiff_t count) {
    transpose_rows(job, src + group * job->outs * job->size, job->outs, count, dst + group * job->size);
}

static void transpose_tap(void *job_, size_t task, size_t worker) {
    (void)worker;
    const transpose_job *job = job_;
    const ptrdiff_t band = (ptrdiff_t)task % job->bands, tap = (ptrdiff_t)task / job->bands, cols = job->cols->count;
    const ptrdiff_t s = job->rows->first + (job->rows->count - 1 - tap / cols) * job->rows->step;
    const ptrdiff_t t = job->cols->first + (cols - 1 - tap % cols) * job->cols->step;
    const char *src = job->kernel + (s * job->p->k_w + t) * job->c * job->p->c_out * job->size;
    char *dst = job->transposed + tap * job->outs * job->p->c_in * job->size;
    const ptrdiff_t begin = band * FC_MAX_PANEL;
    if (job->c == 1) {
        transpose_groups(job, src, dst, begin, fc_min(job->p->groups - begin, FC_MAX_PANEL));
        return;
    }
    for (ptrdiff_t group = 0; group < job->p->groups; group++)
        transpose_channels(job, src, dst, group, begin, fc_min(job->c - begin, FC_MAX_PANEL));
}

fc_status fc_transpose_kernel(const fc_conv2d_params *p, const fc_tap_subset *rows, const fc_tap_subset *cols,
    const void *kernel, void **transposed) {
    const size_t size = fc_dtype_size(p->dtype);
    transpose_job job = {
        .p = p,
        .rows = rows,
        .cols = cols,
        .transpose = fc_transpose_of(fc_active_kernels(), size),
        .size = (ptrdiff_t)size,
        .c = p->c_in / p->groups,
        .outs = p->c_out / p->groups,
        .kernel = kernel,
    };
    size_t bytes;
    FC_TRY(fc_multiply((ptrdiff_t[]){rows->count, cols->count, job.outs, p->c_in, job.size}, 5, &bytes));
    *transposed = job.transposed = fc_scratch_alloc(bytes);
    if (!*transposed)
        return FC_OUT_OF_MEMORY;
    job.bands = fc_ceil_div(job.c == 1 ? p->groups : job.c, FC_MAX_PANEL);
    const size_t tasks = (size_t)(rows->count * cols->count * job.bands);
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 8.0 * (double)bytes), transpose_tap, &job);
    return FC_OK;
}

const void *fc_read_across(const fc_conv2d_params *p, const fc_tap_subset *rows, const fc_tap_subset *cols,
    const void *kernel, fc_conv_view *view) {
    const ptrdiff_t tap = p->c_in / p->groups * p->c_out, last_row = rows->first + (rows->count - 1) * rows->step,
                    last_col = cols->first + (cols->count - 1) * cols->step;
    view->w_row_pitch = -rows->step * p->k_w * tap;
    view->w_col_pitch = -cols->step * tap;
    view->w_c_pitch = 1;
    view->w_out_pitch = p->c_out;
    view->w_group_pitch = p->c_out / p->groups;
    return (const char *)kernel + (last_row * p->k_w + last_col) * tap * (ptrdiff_t)fc_dtype_size(p->dtype);
}
