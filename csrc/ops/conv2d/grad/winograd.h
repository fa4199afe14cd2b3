/* SPDX-License-Identifier: MIT */
/*
 * The gradient of an r x r kernel by Winograd's algorithm. A tile of m x m pixels of dy and the n x n patch of x under
 * it, n = m + r - 1, give r x r sums, as a patch and a kernel give pixels in the forward pass: F(r x r, m x m), in the
 * words of kernels/types.h. Patches and tiles are transformed, multiplied element by element, every input channel by
 * every output channel, and summed over the tiles; then the n * n sums are transformed back: n * n multiplications in
 * place of m * m * r * r.
 *
 * A task is a block of input and output channels and a slice of the tiles. What it has at a time stays in its caches,
 * for which blocks transform the same patches again: a chain of tiles, v[element][tile][c] of x and m[element][tile][o]
 * of dy, and the sums u[element][panel of o][c][o].
 */
#ifndef FC_OPS_CONV2D_GRAD_WINOGRAD_H
#define FC_OPS_CONV2D_GRAD_WINOGRAD_H

#include "ops/conv2d/grad/kernel_grad.h"

/* Register tiles for some input channels, side by side: `whole` ones, then one for the rest or NULL; padded: the
 * channels that they cover. */
typedef struct fc_winograd_rows {
    const fc_wgrad_gemm_tile *whole, *rest;
    size_t padded;
    double cycles;
} fc_winograd_rows;

typedef struct fc_winograd_grad_plan {
    const fc_winograd *set;             /* m: the kernel's side; r: the tile's */
    size_t size, n, elements, taps;     /* of a number in bytes; n * n; r * r */
    size_t c, outs;                     /* channels of a group */
    size_t tile_rows, tile_cols, tiles; /* of one image, of one image, of all */
    size_t chain, flush;  /* tiles summed in registers, and before the sums are transformed back and added in double */
    size_t slice, slices; /* tiles of a slice, and how many slices */
    size_t width, tail_width, panels; /* output channels of a register tile, of the last one, how many of them */
    size_t block_rows, row_blocks, block_panels, panel_blocks, blocks; /* blocks: of a group */
    fc_winograd_rows rows[2][2]; /* of all blocks but the last, of the last; under whole panels, under the last */
    size_t v_pitch, v_element, m_pitch, m_element, u_element; /* elements between tiles, and between the n * n */
    size_t zero_bytes, v_bytes, m_bytes, u_bytes, stage_bytes, sum_bytes, worker_bytes; /* sums: of a block */
    double cycles;                                                                      /* of one core */
} fc_winograd_grad_plan;

fc_status fc_winograd_grad_plan_of(const fc_layer *layer, int set, fc_winograd_grad_plan *plan);
fc_status fc_winograd_grad_run(
    const fc_winograd_grad_plan *plan, const fc_layer *layer, const void *x, const void *dy, void *dkernel);

static inline size_t fc_winograd_grad_width(const fc_winograd_grad_plan *plan, size_t panel) {
    return panel + 1 < plan->panels ? plan->width : plan->tail_width;
}

#endif
