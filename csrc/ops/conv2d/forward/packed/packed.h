/* SPDX-License-Identifier: MIT */
/*
 * The packed algorithm: the implicit GEMM of a view on register tiles, packed in cache blocks. Scratch a thread is one
 * block of pixels (at most a quarter of L2) plus, where k is cut, its accumulators; the input is never unrolled whole.
 */
#ifndef FC_OPS_CONV2D_FORWARD_PACKED_PACKED_H
#define FC_OPS_CONV2D_FORWARD_PACKED_PACKED_H

#include "ops/conv2d/algorithm.h"

/* What depends on the kernel's shape alone, so that results depend neither on the batch nor on the image's size. */
typedef struct fc_packed_blocking {
    const fc_kernels *kernels;
    fc_gemm_tile tile;
    int pixels_in_rows;            /* 1: tile rows are pixels and columns output channels, 0: the other way round */
    size_t pixel_panel, out_panel; /* tile sizes along pixels and output channels */
    size_t out_panels;             /* of one group */
    size_t k, block_k, k_blocks;
} fc_packed_blocking;

fc_packed_blocking fc_packed_choose(const fc_kernels *kernels, const fc_conv_view *view);

/* Bytes of the packed weights and bias of all groups. */
fc_status fc_packed_bytes(const fc_packed_blocking *b, const fc_conv_view *view, size_t *bytes);
/* weights: of group 0; bias: c_out elements or NULL. */
void fc_packed_pack(
    const fc_packed_blocking *b, const fc_conv_view *view, const void *weights, const void *bias, void *packed);

typedef struct fc_packed_tasks {
    size_t block_panels, blocks; /* pixel panels a task, tasks along pixels */
    size_t chunk_panels, chunks; /* output-channel panels a task, tasks along output channels */
    size_t tasks, worker_bytes;
} fc_packed_tasks;

fc_packed_tasks fc_packed_cut(const fc_packed_blocking *b, const fc_conv_view *view);

fc_status fc_packed_run(const fc_packed_blocking *b, const fc_conv_view *view, const void *packed, const void *src,
    void *dst, const fc_epilogue *epilogue);

#endif
