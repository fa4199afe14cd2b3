/* SPDX-License-Identifier: MIT */
/*
 * Winograd's F(m x m, r x r): patches of n x n input cells, n = m + r - 1, that overlap by r - 1, each give m x m
 * pixels. The patches and the kernel are transformed, multiplied element by element and channel by channel (n * n
 * products of matrices tiles x channels x output channels), and the products transformed back: n * n multiplications in
 * place of m * m * r * r.
 *
 * Scratch a thread is one block of tiles: transformed patches of all channels and the products of a chunk of output
 * channels. In a run that is given no packed kernel it is also the part of the transformed kernel that it multiplies
 * next: that never leaves its L2.
 */
#ifndef FC_OPS_CONV2D_FORWARD_WINOGRAD_WINOGRAD_H
#define FC_OPS_CONV2D_FORWARD_WINOGRAD_WINOGRAD_H

#include "ops/conv2d/forward/packed/packed.h"

/* What the kernel's shape fixes. */
typedef struct fc_winograd_plan {
    const fc_winograd *set;
    const fc_igemm_tile *tiles; /* the micro-kernel's */
    size_t size, elements;      /* of a number in bytes; n * n */
    size_t n, c, outs;          /* c and outs: channels of a group */
    size_t rows; /* channels that an element of a packed panel has room for: odd, lest elements share sets of L1 */
    size_t step, chain;    /* channels summed in one call of the micro-kernel, and in one register chain of it */
    size_t width, vectors; /* of a whole panel of output channels, elements and vectors */
    size_t tail_width, tail_vectors; /* of the last one */
    size_t panels, padded;           /* padded: outs in whole panels */
    fc_packed_blocking direct;
    size_t bias_offset, packed_bytes;
} fc_winograd_plan;

/* How one run is cut. */
typedef struct fc_winograd_cut {
    size_t tile_rows, tile_cols, tiles; /* of one image, of one image, of all */
    size_t block, blocks;               /* tiles a block, blocks */
    size_t shared;          /* blocks whose patches are transformed at a time for all threads; 0: each thread its own */
    size_t chunk, chunks;   /* panels of output channels a task, tasks along output channels */
    size_t piece;           /* channels multiplied at a time */
    size_t u_rows, u_bytes; /* channels that an element of a transformed panel has room for; bytes a thread */
    size_t tasks;
    double work; /* of a group */
    size_t v_pitch, v_element,
        v_bytes; /* transformed patches of a block: elements between tiles and between the n * n, bytes */
    size_t m_pitch, m_element, m_bytes; /* products likewise */
    size_t stage_bytes, rows_bytes, worker_bytes, flag_bytes, zero_bytes, bias_bytes, shared_bytes;
} fc_winograd_cut;

fc_status fc_winograd_plan_of(const fc_layer *layer, int set, fc_winograd_plan *plan);
/* on_demand: the tasks of the run transform the kernel. threads: so many may share the tasks, SIZE_MAX for as many as
 * the call has; no bit of the result depends on the cut. */
fc_winograd_cut fc_winograd_cut_of(
    const fc_winograd_plan *plan, const fc_conv_view *view, int on_demand, size_t threads);

/* Of the transformed kernel of a group. */
static inline size_t fc_winograd_group_bytes(const fc_winograd_plan *plan) {
    return plan->elements * plan->rows * plan->padded * plan->size;
}

static inline size_t fc_winograd_width(const fc_winograd_plan *plan, size_t p) {
    return p + 1 < plan->panels ? plan->width : plan->tail_width;
}

/* Channels [c, c + count) of a transformed kernel from panel `panel` on, with room for `rows` channels in each element
 * of a panel. */
typedef struct fc_winograd_kernel {
    char *u;
    size_t panel, rows, c, count;
} fc_winograd_kernel;
/* Elements from u to channel c, element e of panel p. */
static inline size_t fc_winograd_at(
    const fc_winograd_plan *plan, const fc_winograd_kernel *kernel, size_t p, size_t e, size_t c) {
    return (p - kernel->panel) * plan->width * kernel->rows * plan->elements +
        (e * kernel->rows + c - kernel->c) * fc_winograd_width(plan, p);
}

/* Transforms those channels of panel p of a group. */
void fc_winograd_transform(const fc_winograd_plan *plan, const fc_conv_view *view, const void *weights, size_t group,
    size_t p, const fc_winograd_kernel *kernel);
/* The biases of all groups, each in whole panels. */
void fc_winograd_pack_biases(const fc_winograd_plan *plan, const fc_conv_view *view, const void *bias, void *to);
/* Kernel and bias of all groups, as the plan has them. */
void fc_winograd_pack(
    const fc_winograd_plan *plan, const fc_conv_view *view, const void *weights, const void *bias, void *packed);

/* weights->packed: NULL to transform the kernel in the run. */
fc_status fc_winograd_run(const fc_winograd_plan *plan, const fc_winograd_cut *cut, const fc_conv_view *view,
    const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue);

#endif
