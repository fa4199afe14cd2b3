/* SPDX-License-Identifier: MIT */
/* A forward algorithm behind the plan. ops/conv2d/choose.c lists them all, asks each what it supports and what it
 * costs, and runs one. */
#ifndef FC_OPS_CONV2D_ALGORITHM_H
#define FC_OPS_CONV2D_ALGORITHM_H

#include "ops/conv2d/view.h"

/*
 * Checked parameters, their forward view, and the kernels to run on. scale (c_out numbers, and readable for a whole
 * tile more): NULL, or the result is that times scale before the bias is added; added: NULL, or a tensor laid out as
 * the result that is added to it, before the activation. Only for algorithms that finish such a layer.
 */
typedef struct fc_layer {
    fc_conv2d_params params;
    fc_conv_view view;
    const fc_kernels *kernels;
    const void *scale, *added;
} fc_layer;

/* A kernel and bias (or NULL) as the caller gave them, and packed; packed is NULL where the algorithm packs on demand.
 */
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

/*
 * What the layout of a packed kernel depends on beyond the kernel's own shape, strides and dtype: tiles, panels, blocks
 * of k. One packed kernel serves every layer of equal form. Numbers not used are 0.
 */
typedef struct fc_packed_form {
    size_t numbers[6];
} fc_packed_form;

typedef struct fc_algorithm {
    const char *name;
    const char *
        requires;     /* what it supports, as the end of "algorithm 'x' needs ..." */
    int integers;     /* 1: of int8 and uint8, and no other dtype; 0: of floats */
    int reads_across; /* 1: reads a kernel by the view's pitches, also where output channels lie apart and those of a
                         step of k together */
    int (*supports)(const fc_layer *layer); /* a layer of such a dtype */
    /* Estimated cycles of one core for one run, packing left out: the cheapest that supports the layer is chosen. */
    double (*cost)(const fc_layer *layer);
    /* Of the packed kernel and bias; NULL for one form whatever n, h, w and padding are. */
    fc_packed_form (*form)(const fc_layer *layer);
    fc_status (*packed_bytes)(const fc_layer *layer, size_t *bytes);
    void (*pack)(const fc_layer *layer, const void *kernel, const void *bias, void *packed);
    /* Whether one run of a kernel had better pack what it needs where it needs it, or NULL for never. */
    int (*packs_on_demand)(const fc_layer *layer);
    /* Estimated cycles that packing adds to one run, or NULL for a guess by packed_bytes. */
    double (*packing_cost)(const fc_layer *layer);
    /* Whether runs honour scale and added, or NULL for never. */
    int (*fuses_epilogue)(const fc_layer *layer);
    /* Neither n, h, w, nor a channel count is 0. */
    fc_status (*run)(
        const fc_layer *layer, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue);
    /* tile, blocks, tasks, threads; scratch_bytes of the run (the packed kernel is added by the caller). */
    void (*describe)(const fc_layer *layer, fc_conv2d_plan *plan);
} fc_algorithm;

#define FC_ALGORITHM(id, word) extern const fc_algorithm fc_algorithm_##word;
#include "ops/conv2d/list.inc"
#undef FC_ALGORITHM

/* id: neither AUTO nor out of range. */
const fc_algorithm *fc_algorithm_of(fc_conv2d_algorithm id);

#endif
