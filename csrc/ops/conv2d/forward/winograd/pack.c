/* SPDX-License-Identifier: MIT */
/* Transforming the kernel. */
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/gather/pack.h"
#include "ops/conv2d/gemm/tile.h"
#include "ops/conv2d/forward/winograd/winograd.h"

enum {
    MOST_TAPS = 25,
    PACKED_TOGETHER = 16, /* channels that a task transforms */
    LEAST_TOGETHER = 8,   /* that are exchanged at a time under a kernel of most taps */
    AHEAD = 8 /* channels, be it of the next piece: many more would evict one another, as taps often lie in one set of
                 the caches */
};

/* All taps of a channel some channels on: they lie too far apart for the hardware to foresee them. */
static void ask_for(const char *const *taps, size_t count, ptrdiff_t distance, size_t bytes) {
    for (size_t t = 0; t < count; t++)
        for (size_t line = 0; line < bytes; line += FC_ALIGNMENT)
            __builtin_prefetch(taps[t] + distance + line);
}

/* Channels [c, end) of a panel from taps on, which advance by `step` bytes a channel; up to channel `there` more of
 * them lie behind. */
static void transform_channels(const fc_winograd_plan *plan, const fc_winograd_kernel *kernel, size_t p,
    const char **taps, ptrdiff_t step, size_t c, size_t end, size_t there) {
    const size_t width = fc_winograd_width(plan, p), outs = fc_least(plan->outs - p * plan->width, width),
                 e_pitch = kernel->rows * width;
    const size_t count = plan->set->r * plan->set->r;
    for (; c < end; c++) {
        if (c + AHEAD < there)
            ask_for(taps, count, AHEAD * step, outs * plan->size);
        char *to = kernel->u + fc_winograd_at(plan, kernel, p, 0, c) * plan->size;
        plan->set->kernel((const void *const *)taps, outs, to, e_pitch);
        for (size_t e = 0; e < plan->elements && outs < width; e++)
            memset(to + (e * e_pitch + outs) * plan->size, 0, (width - outs) * plan->size);
        for (size_t t = 0; t < count; t++)
            taps[t] += step;
    }
}

/* The same of a kernel that lies across, a few channels at a time exchanged with output channels, `apart` bytes from
 * one another. */
static void transform_across(const fc_winograd_plan *plan, const fc_winograd_kernel *kernel, size_t p,
    const char *const *taps, ptrdiff_t apart) {
    char exchanged[MOST_TAPS * LEAST_TOGETHER * FC_MAX_TILE_COLS * sizeof(double)];
    const size_t width = fc_winograd_width(plan, p), outs = fc_least(plan->outs - p * plan->width, width),
                 count = plan->set->r * plan->set->r;
    const size_t together = fc_least(PACKED_TOGETHER, MOST_TAPS * LEAST_TOGETHER / count),
                 tap_bytes = together * width * plan->size;
    fc_transpose_fn *transpose = fc_transpose_of(plan->direct.kernels, plan->size);
    for (size_t done = 0; done < kernel->count; done += together) {
        const size_t channels = fc_least(kernel->count - done, together);
        const char *there[MOST_TAPS];
        for (size_t t = 0; t < count; t++) {
            const void *rows[FC_MAX_TILE_COLS];
            for (size_t o = 0; o < outs; o++)
                rows[o] = taps[t] + (ptrdiff_t)o * apart + done * plan->size;
            there[t] = exchanged + t * tap_bytes;
            transpose(exchanged + t * tap_bytes, width, rows, outs, channels);
        }
        transform_channels(
            plan, kernel, p, there, (ptrdiff_t)(width * plan->size), kernel->c + done, kernel->c + done + channels, 0);
    }
}

void fc_winograd_transform(const fc_winograd_plan *plan, const fc_conv_view *view, const void *weights, size_t group,
    size_t p, const fc_winograd_kernel *kernel) {
    const ptrdiff_t size = (ptrdiff_t)plan->size, step = view->w_c_pitch * size, o = (ptrdiff_t)(p * plan->width);
    const size_t r = plan->set->r, count = r * r;
    const char *from = (const char *)weights + ((ptrdiff_t)group * view->w_group_pitch + o * view->w_out_pitch) * size;
    const char *taps[MOST_TAPS];
    for (size_t t = 0; t < count; t++)
        taps[t] = from + (ptrdiff_t)kernel->c * step +
            ((ptrdiff_t)(t / r) * view->w_row_pitch + (ptrdiff_t)(t % r) * view->w_col_pitch) * size;
    if (view->w_out_pitch == 1)
        transform_channels(plan, kernel, p, taps, step, kernel->c, kernel->c + kernel->count, plan->c);
    else
        transform_across(plan, kernel, p, taps, view->w_out_pitch * size);
}

typedef struct pack_job {
    const fc_winograd_plan *plan;
    const fc_conv_view *view;
    const void *weights;
    char *packed;
    size_t steps; /* tasks along the channels of a panel */
} pack_job;

static void pack_panel(void *job_, size_t task, size_t worker) {
    (void)worker;
    const pack_job *job = job_;
    const fc_winograd_plan *plan = job->plan;
    const size_t c = task % job->steps * PACKED_TOGETHER, panel = task / job->steps % plan->panels,
                 group = task / job->steps / plan->panels;
    const fc_winograd_kernel whole = {
        job->packed + group * plan->elements * plan->rows * plan->padded * plan->size, 0, plan->rows, 0, plan->c};
    char *from_c = whole.u + fc_winograd_at(plan, &whole, panel, 0, c) * plan->size;
    const fc_winograd_kernel part = {from_c, panel, plan->rows, c, fc_least(plan->c - c, PACKED_TOGETHER)};
    fc_winograd_transform(plan, job->view, job->weights, group, panel, &part);
}

void fc_winograd_pack_biases(const fc_winograd_plan *plan, const fc_conv_view *view, const void *bias, void *to) {
    for (size_t group = 0; group < (size_t)view->groups; group++)
        fc_pack_bias(plan->direct.kernels, view->dtype, (const char *)bias + group * plan->outs * plan->size,
            plan->outs, plan->padded, (char *)to + group * plan->padded * plan->size);
}

void fc_winograd_pack(
    const fc_winograd_plan *plan, const fc_conv_view *view, const void *weights, const void *bias, void *packed) {
    pack_job job = {plan, view, weights, packed, fc_parts(plan->c, PACKED_TOGETHER)};
    const size_t tasks = (size_t)view->groups * plan->panels * job.steps;
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 16.0 * (double)plan->packed_bytes), pack_panel, &job);
    if (bias)
        fc_winograd_pack_biases(plan, view, bias, (char *)packed + plan->bias_offset);
}
