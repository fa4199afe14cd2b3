/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_FILTER_H
#define FC_REF_FILTER_H

#include "kernels/types.h"

/* What the slots of numbers.h, sparse.h and box.h compute, an element at a time, in double: exact where that holds the
 * integers. */
double fc_ref_number(fc_dtype dtype, const void *numbers, size_t i);
/* x * scale, multiplied in float or double as `work` says, as a number of the integer type dtype. */
double fc_ref_narrow(fc_dtype work, fc_dtype dtype, double x, double scale);
double fc_ref_sparse(const fc_sparse_block *block, fc_dtype dtype, size_t row, size_t col);
double fc_ref_differences(const fc_sparse_block *block, fc_dtype dtype, size_t row, size_t col);
/* The length of pair i of numbers of dtype. */
double fc_ref_length(fc_dtype dtype, const void *a, const void *b, size_t i);
double fc_ref_box(const fc_box_columns *block, fc_dtype dtype, size_t row, size_t col);

#endif
