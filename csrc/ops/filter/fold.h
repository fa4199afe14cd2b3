/* SPDX-License-Identifier: MIT */
/* Kernels along one axis that are longer than the axis: taps that always meet the same cell are one. */
#ifndef FC_OPS_FILTER_FOLD_H
#define FC_OPS_FILTER_FOLD_H

#include <stddef.h>

#include "fastconv.h"

/* An axis of n cells, `outs` outputs, and cell `start` under the first of k taps of the first output. */
typedef struct fc_fold_axis {
    ptrdiff_t n, outs, start, k;
    fc_boundary boundary;
} fc_fold_axis;

/*
 * folded: room for as many taps as there were. Sets the axis to the new start and number of taps, at most 2 n, or n +
 * outs + 1 where the border repeats one number. Each tap is the sum of those folded into it to one rounding.
 */
void fc_fold(fc_fold_axis *axis, const double *taps, double *folded);

#endif
