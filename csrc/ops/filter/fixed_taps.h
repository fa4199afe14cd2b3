/* SPDX-License-Identifier: MIT */
/* Kernels that are a number times a column and a row of integers, and how their sums of 8- and 16-bit cells are
 * rounded. */
#ifndef FC_OPS_FILTER_FIXED_TAPS_H
#define FC_OPS_FILTER_FIXED_TAPS_H

#include "ops/filter/filter.h"

enum { FC_FIXED_MOST = 128 }; /* taps of a column or a row: bytes under so many ones stay within 15 bits */

typedef struct fc_fixed_axis {
    int32_t taps[FC_FIXED_MOST];
    size_t k;
    int symmetry; /* as in fc_fixed_taps */
    int slides;   /* all taps the same, and so many that sums are taken from their neighbours */
    int64_t size, sum;
} fc_fixed_axis;

struct fc_fixed_plan {
    fc_fixed_axis column, row;
    fc_fixed_finish finish;
    int narrow;    /* sums along a row fit in 16 bits */
    int32_t value; /* of cells outside, for FC_FILL */
};

/* Whether the kernel is of this form, and the sums of such cells fit; equal: its taps are known to be all the same. */
int fc_fixed_plan_filter(const fc_filter *f, int equal, fc_fixed_plan *plan);

#endif
