/* SPDX-License-Identifier: MIT */
/* What the ways of the depthwise algorithm share. */
#ifndef FC_OPS_CONV2D_FORWARD_DEPTHWISE_DEPTHWISE_H
#define FC_OPS_CONV2D_FORWARD_DEPTHWISE_DEPTHWISE_H

#include "core/parallel.h"
#include "ops/conv2d/algorithm.h"

/* How the output is cut into tasks: bands of rows, and chunks of output channels or (n, channel) planes. Worker 0's
 * memory follows the shared. */
typedef struct fc_depthwise_cut {
    ptrdiff_t band, bands, chunk, chunks;
    size_t tasks, shared_bytes, worker_bytes;
} fc_depthwise_cut;

typedef struct fc_depthwise_job {
    const fc_kernels *kernels;
    const fc_conv_view *view;
    const fc_epilogue *epilogue;
    fc_depthwise_cut cut;
    const char *packed, *bias, *x; /* bias: NULL for none */
    char *y, *scratch;
} fc_depthwise_job;

enum {
    FC_DEPTHWISE_LONGEST = 4096 /* cells of a window or a stride along one axis: bounds the scratch */
};

static inline ptrdiff_t fc_depthwise_channels(const fc_conv_view *v) { return v->groups * v->dst.c; }
static inline size_t fc_depthwise_size(const fc_conv_view *v) { return fc_dtype_size(fc_compute_dtype(v->dtype)); }
/* Cells of a window along one axis. */
static inline ptrdiff_t fc_depthwise_span(const fc_taps *taps) { return (taps->count - 1) * taps->step + 1; }

/* Applies the activation to `count` results in the compute type, but for relu, which the kernels do. */
void fc_depthwise_activate(const fc_depthwise_job *job, size_t count, char *y);

/* Floating-point operations, or 4 a byte moved. */
double fc_depthwise_work(const fc_conv_view *view);
static inline ptrdiff_t fc_depthwise_tasks(const fc_conv_view *v) {
    return (ptrdiff_t)fc_task_count(fc_depthwise_work(v));
}

/* Channels as lanes (NHWC); packed kernel: (taps, channels). */
fc_depthwise_cut fc_depthwise_cut_cells(const fc_conv_view *view);
fc_task fc_depthwise_cells_task;
/* Columns as lanes (NCHW); packed kernel: (channels, taps). */
fc_depthwise_cut fc_depthwise_cut_planes(const fc_conv_view *view);
fc_task fc_depthwise_planes_task;
/* Whether the image is read where it lies, but for what is next to the ends of the tensor. */
int fc_depthwise_has_common_window(const fc_conv_view *view);
/* NCHW by way of channels as lanes, where planes are small; packed kernel: (taps, channels). */
int fc_depthwise_is_transposed(const fc_conv_view *view, ptrdiff_t lanes);
fc_depthwise_cut fc_depthwise_cut_transposed(const fc_conv_view *view);
fc_task fc_depthwise_transposed_task;

#endif
