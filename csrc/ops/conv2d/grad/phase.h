/* SPDX-License-Identifier: MIT */
/* The convolutions that the input gradient is made of, and their kernels. */
#ifndef FC_OPS_CONV2D_GRAD_PHASE_H
#define FC_OPS_CONV2D_GRAD_PHASE_H

#include "ops/conv2d/view.h"

/* Taps first, first + step, ... of an axis of the kernel. */
typedef struct fc_tap_subset {
    ptrdiff_t first, step, count;
} fc_tap_subset;

/*
 * The part of the input gradient with input rows = i modulo stride_h and columns = j modulo stride_w: a convolution of
 * dy, with strides of 1, with the transposed kernel of these taps. offset: of its first pixel in dx, in elements.
 */
typedef struct fc_phase {
    fc_conv_view view;
    fc_tap_subset rows, cols;
    ptrdiff_t offset;
} fc_phase;
fc_phase fc_phase_of(const fc_conv2d_params *p, const fc_conv_view *forward, ptrdiff_t i, ptrdiff_t j);

/*
 * The kernel of those taps turned by half a turn, input and output channels exchanged:
 *
 *     (*transposed)[s][t][o][group, c] = kernel[the last but s-th row][the last but t-th column][c][group, o]
 *
 * Release with fc_scratch_free.
 */
fc_status fc_transpose_kernel(const fc_conv2d_params *p, const fc_tap_subset *rows, const fc_tap_subset *cols,
    const void *kernel, void **transposed);

/* Has a view read that transposed kernel where the kernel lies, for algorithms that read across; gives its first
 * element.
 */
const void *fc_read_across(const fc_conv2d_params *p, const fc_tap_subset *rows, const fc_tap_subset *cols,
    const void *kernel, fc_conv_view *view);

#endif
