/* SPDX-License-Identifier: MIT */
/* A layer: checked parameters, their view, and the kernels to run on. */
#ifndef FC_OPS_CONV2D_LAYER_H
#define FC_OPS_CONV2D_LAYER_H

#include "fastconv_quantized.h"
#include "ops/conv2d/view.h"

/*
 * y = act(conv * scale + bias + added). scale (c_out numbers, and readable for a whole tile more) and added (laid out
 * as y) may be NULL, and are where a plan does not fuse its epilogue.
 */
typedef struct fc_layer {
    fc_conv2d_params params;
    fc_conv_view view;
    const fc_kernels *kernels;
    const void *scale, *added;
    const fc_requantization *requantized; /* NULL, or of bytes, whose results are bytes then */
} fc_layer;

/* A kernel and bias (or NULL) as the caller gave them, and packed; packed is NULL where the plan packs on demand. */
typedef struct fc_layer_weights {
    const void *kernel, *bias, *packed;
} fc_layer_weights;

/* has_bias is 1 where scale is given. */
typedef struct fc_epilogue {
    int has_bias;
    fc_activation activation;
    double alpha;
    const void *scale, *added;
} fc_epilogue;

/* Whether the micro-kernels that take relu and a ceiling compute an activation in registers, and its ceiling there. */
static inline int fc_is_clamp(fc_activation activation) { return activation == FC_RELU || activation == FC_RELU6; }
static inline float fc_ceiling_of(fc_activation activation) { return activation == FC_RELU6 ? 6 : 0; }

/* Checks every field and every product of sizes, and gives the output's. */
fc_status fc_conv2d_check(const fc_conv2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w);

fc_status fc_layer_make(const fc_conv2d_params *p, fc_layer *layer);
/* The same on given kernels. */
fc_status fc_layer_make_for(const fc_conv2d_params *p, const fc_kernels *kernels, fc_layer *layer);
/* Whether it has no outputs. */
static inline int fc_layer_is_empty(const fc_layer *layer) {
    return !fc_view_pixels(&layer->view) || !layer->params.c_out;
}

#endif
