/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_CONV2D_LAYER_H
#define FC_OPS_CONV2D_LAYER_H

#include "ops/conv2d/algorithm.h"

/* Checks every field and every product of sizes, and gives the output's. */
fc_status fc_conv2d_check(const fc_conv2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w);

/* The steps of fc_conv2d, for operations built on it. */
fc_status fc_layer_make(const fc_conv2d_params *p, fc_layer *layer);
/* The same on given kernels. */
fc_status fc_layer_make_for(const fc_conv2d_params *p, const fc_kernels *kernels, fc_layer *layer);
int fc_layer_is_empty(const fc_layer *layer);
/* Whether the algorithm runs where the view reads a kernel across. */
int fc_layer_reads_across(fc_conv2d_algorithm id);
/* Whether the layer may have a scale and a tensor added with this algorithm. */
int fc_layer_fuses_epilogue(const fc_layer *layer, fc_conv2d_algorithm id);
/* Whether one run packs the kernel where it needs it. */
int fc_layer_packs_on_demand(const fc_layer *layer, fc_conv2d_algorithm id);
/* Allocates *packed; release with fc_scratch_free. */
fc_status fc_layer_pack(
    const fc_layer *layer, fc_conv2d_algorithm id, const void *kernel, const void *bias, void **packed);
fc_status fc_layer_run(
    const fc_layer *layer, fc_conv2d_algorithm id, const fc_layer_weights *weights, const void *x, void *y);
/* Packs, where the algorithm does not do so on demand, and runs. */
fc_status fc_layer_run_once(
    const fc_layer *layer, fc_conv2d_algorithm id, const void *kernel, const void *bias, const void *x, void *y);

#endif
