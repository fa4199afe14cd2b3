/* SPDX-License-Identifier: MIT */
/* Kernels as sums of products of a column and a row. */
#ifndef FC_OPS_FILTER_FACTOR_H
#define FC_OPS_FILTER_FACTOR_H

#include <stddef.h>

#include "fastconv.h"

/* The most factors worth looking for in a kernel of this type, where the direct sum takes `gain` times what one factor
 * does; 0 where none is. */
size_t fc_factor_most(fc_dtype dtype, double gain);

/*
 * kernel[j][i] = sum over r < *rank of columns[j * most + r] * rows[r * k_w + i]: exactly for integers (modulo 2^bits),
 * to the rounding of a tap for other types. *rank is 0 where more than `most` are needed. Columns, which are summed
 * first, sum to a magnitude between 1/2 and 1, so that no intermediate result overflows where the whole does not; those
 * of integers are as small as they can be.
 */
fc_status fc_factor(
    fc_dtype dtype, const void *kernel, size_t k_h, size_t k_w, size_t most, void *columns, void *rows, size_t *rank);

#endif
