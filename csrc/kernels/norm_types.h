/* SPDX-License-Identifier: MIT */
/* The types of the kernels of batch normalization; the contract of types.h holds. */
#ifndef FC_KERNELS_NORM_TYPES_H
#define FC_KERNELS_NORM_TYPES_H

#include <stddef.h>

/*
 * A part of a tensor: rows of `width` numbers, `pitch` elements apart in every array of the tensor's shape. mean,
 * factor, offset, slope and shift have a number for each column. With
 *
 *     z = (x - mean) * factor + offset + added,   g = dy, with relu: dy * relu'(z)
 *
 *     norm_moments:   sums[c], sums[width + c] = the sums over the rows of x - mean and of its square
 *     norm_apply:     to = z, with relu: relu(z)
 *     norm_grad_sums: sums[c], sums[width + c] = the sums over the rows of g and of g * (x - mean)
 *     norm_grad:      to = g * factor + (x - mean) * slope + shift, masked = g
 *
 * added and masked may be NULL; without relu they are not looked at. to may be x, added or dy, masked may be dy.
 */
typedef struct fc_norm_block {
    size_t rows, width, pitch;
    int relu;
    const void *x, *added, *dy;
    const void *mean, *factor, *offset, *slope, *shift;
    void *sums, *to, *masked;
} fc_norm_block;
typedef void fc_norm_fn(const fc_norm_block *block);

/* What follows (x - mean) * factor + offset in a block: nothing, a rectifier, or a sum and a rectifier. */
typedef enum fc_norm_mode { FC_NORM_PLAIN, FC_NORM_RELU, FC_NORM_ADDED } fc_norm_mode;

#endif
