/* SPDX-License-Identifier: MIT */
/* The rectifier with arguments; fastconv.h includes it. */
#ifndef FASTCONV_RELU_H
#define FASTCONV_RELU_H

#include "fastconv_types.h"

FC_BEGIN

/*
 * y = min(max(x, low), high) where x > threshold, else negative_slope * (x - threshold), which is 0 also at
 * -infinity where negative_slope is 0. NaN stays NaN. Its derivative at the threshold is 0, at low and high 1. The
 * arguments are rounded to the dtype, in which threshold has to be finite; low <= high, infinite where there is no such
 * bound. y may be x; dx may be x or dy.
 */
typedef struct fc_relu_params {
    double negative_slope, threshold, low, high;
} fc_relu_params;
fc_status fc_relu(fc_dtype dtype, const fc_relu_params *params, size_t count, const void *x, void *y);
fc_status fc_relu_grad(
    fc_dtype dtype, const fc_relu_params *params, size_t count, const void *x, const void *dy, void *dx);

FC_END

#endif
