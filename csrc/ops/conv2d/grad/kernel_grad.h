/* SPDX-License-Identifier: MIT */
/*
 * A way to the gradient of a kernel,
 *
 *     dkernel[s][t][c][o] = sum over the pixels of the output of x under tap (s, t), channel c, times dy[pixel][o],
 *
 * a reduction as long as the batch. ops/conv2d/grad/kernel.c has each plan the layer, and runs
 * the cheapest.
 */
#ifndef FC_OPS_CONV2D_GRAD_KERNEL_GRAD_H
#define FC_OPS_CONV2D_GRAD_KERNEL_GRAD_H

#include "ops/conv2d/choose.h"

typedef struct fc_kernel_grad_algorithm {
    const char *name;
    const char *
        requires;     /* what it supports, as the end of "algorithm 'x' needs ..." */
    fc_plan_fn *plan; /* of floating-point arrays */
    fc_status (*run)(const fc_layer_plan *plan, const void *x, const void *dy, void *dkernel);
} fc_kernel_grad_algorithm;

#define FC_KERNEL_GRAD(id, word) extern const fc_kernel_grad_algorithm fc_kernel_grad_##word;
#include "ops/conv2d/grad/list.inc"
#undef FC_KERNEL_GRAD

/* For layers that ask for no forward algorithm. */
fc_algorithms fc_kernel_grad_algorithms(void);

#endif
