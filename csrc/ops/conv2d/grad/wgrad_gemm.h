/* SPDX-License-Identifier: MIT */
/* How the kernel's gradient is cut for the micro-kernel that reads x and dy in place. */
#ifndef FC_OPS_CONV2D_GRAD_WGRAD_GEMM_H
#define FC_OPS_CONV2D_GRAD_WGRAD_GEMM_H

#include "ops/conv2d/grad/kernel_grad.h"

typedef struct fc_wgrad_gemm_plan {
    size_t size;    /* of the compute type */
    int joined;     /* a run is the channels under all taps of a row, else under one tap */
    ptrdiff_t fold; /* neighbouring pixels that share a vector, where joined and output channels are few; else 1 */
    int x_copied, dy_copied;     /* a chunk at a time */
    int padded;                  /* the copy of x has zeros wherever a tap lies outside */
    ptrdiff_t x_pitch, dy_pitch; /* of the copies, from pixel to pixel */
    ptrdiff_t runs_a_row;
    fc_wgrad_gemm_tile tile;
    size_t c_block, c_blocks, o_block, o_blocks, blocks;
    size_t tiles_a_run, block_numbers; /* of a whole block: tiles, and numbers in all of them */
    ptrdiff_t images, rows, cols;      /* pixels of a chunk: whole images, or rows of one, or a piece of a row */
    ptrdiff_t bands, pieces;           /* chunks of an image, and of a row */
    size_t chunks, slices;
    size_t patch_bytes, dy_bytes, worker_bytes;
} fc_wgrad_gemm_plan;

/* Numbers of x that a block's tiles cover at a pixel under one tap, or under a row of them. */
static inline size_t fc_wgrad_gemm_run(const fc_conv_view *v, const fc_wgrad_gemm_plan *d) {
    return d->c_block * (size_t)(d->joined ? v->cols.count + (d->fold - 1) * v->cols.stride : 1);
}

fc_wgrad_gemm_plan fc_wgrad_gemm_plan_of(const fc_layer *layer);
double fc_wgrad_gemm_cost(const fc_layer *layer, const fc_wgrad_gemm_plan *plan);

#endif
