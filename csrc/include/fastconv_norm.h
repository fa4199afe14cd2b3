/* SPDX-License-Identifier: MIT */
/* Batch normalization with the statistics of the batch, and its gradients; fastconv.h includes it. */
#ifndef FASTCONV_NORM_H
#define FASTCONV_NORM_H

#include "fastconv_types.h"

FC_BEGIN

/* x is (outer, channels, inner), all of it float or all of it double; a channel has outer * inner >= 1 cells. */
typedef struct fc_norm_params {
    fc_dtype dtype; /* FC_F32 or FC_F64 */
    size_t outer, channels, inner;
    double epsilon;
    int relu;
} fc_norm_params;

/*
 * y = relu((x - mean) / sqrt(variance + epsilon) * scale + offset + added): mean and variance are those of each
 * channel's cells, sums are held in double, and both are written. Without relu nothing is cut off and nothing added.
 * scale and offset have a number for each channel, added the shape of x; each may be NULL. y may be x or added.
 */
fc_status fc_norm(const fc_norm_params *p, const void *x, const void *scale, const void *offset, const void *added,
    double *mean, double *variance, void *y);

/* The arrays of the gradients: what fc_norm was given and gave, dy, and results, each of which may be NULL. */
typedef struct fc_norm_gradients {
    const void *x, *scale, *offset, *added;
    const double *mean, *variance;
    const void *dy;
    void *dx, *dscale, *doffset, *dadded; /* dx or dadded may be dy, not both */
} fc_norm_gradients;

/* Ioffe and Szegedy, "Batch normalization", 2015, section 3: through mean and variance too. */
fc_status fc_norm_grads(const fc_norm_params *p, const fc_norm_gradients *arrays);

FC_END

#endif
