/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_DEPTHWISE_H
#define FC_REF_DEPTHWISE_H

#include "kernels/types.h"

/* What the slots of depthwise.h, depthwise_planes.h and depthwise_image.h compute, in plain loops and wider sums. */
void fc_ref_depthwise_cells_f32(const fc_depthwise_cells *block);
void fc_ref_depthwise_cells_f64(const fc_depthwise_cells *block);
void fc_ref_depthwise_planes_f32(const fc_depthwise_planes *block);
void fc_ref_depthwise_planes_f64(const fc_depthwise_planes *block);
void fc_ref_depthwise_image_f32(const fc_depthwise_image *block);
void fc_ref_depthwise_image_f64(const fc_depthwise_image *block);
void fc_ref_deinterleave_f32(const fc_deinterleave *block);
void fc_ref_deinterleave_f64(const fc_deinterleave *block);
void fc_ref_repeat_f32(size_t n, size_t times, const void *x, void *y);
void fc_ref_repeat_f64(size_t n, size_t times, const void *x, void *y);

#endif
