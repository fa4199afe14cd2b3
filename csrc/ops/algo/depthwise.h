/* SPDX-License-Identifier: MIT */
/* One input channel a group, one output channel each: no reuse between channels, so straight loops at memory speed. */
#ifndef FC_OPS_ALGO_DEPTHWISE_H
#define FC_OPS_ALGO_DEPTHWISE_H

#include "ops/algo/direct.h"

int fc_depthwise_serves(const fc_conv2d_params *p);
/* The kernel (taps, channels), then the bias or zeros. */
fc_status fc_depthwise_packed_bytes(const fc_conv2d_params *p, size_t *bytes);
void fc_depthwise_pack(const fc_conv2d_params *p, const void *kernel, const void *bias, void *packed);
fc_status fc_depthwise_run(const fc_kernels *kernels, const fc_conv2d_params *p, const fc_conv_view *view, const void *packed,
                           const void *x, void *y, const fc_epilogue *epilogue);
void fc_depthwise_plan(const fc_conv2d_params *p, const fc_conv_view *view, size_t packed_bytes, fc_conv2d_plan *plan);

#endif
