/* SPDX-License-Identifier: MIT */
/* What is done to a result after its sums, where the algorithm did not do it in registers. */
#ifndef FC_OPS_CONV2D_EPILOGUE_H
#define FC_OPS_CONV2D_EPILOGUE_H

#include "ops/conv2d/layer.h"

/* to[row][c] = f(from[row][c] * scale[c] + shift[c] + added[row][c]). Planes: a row is a channel of an image, `count`
 * channels of them, and scaled as one. */
typedef struct fc_scale_job {
    fc_dtype dtype;
    size_t rows, length, count;
    int planes;
    const char *from, *scale, *shift,
        *added; /* scale: NULL where nothing but `added` changes; shift, added: may be NULL */
    char *to;
    fc_activation_fn *activate; /* or NULL */
    double alpha;
} fc_scale_job;

void fc_scale_rows(const fc_scale_job *job);
/* y = f(y + added), f the layer's activation. */
void fc_layer_add(const fc_layer *layer, const void *added, void *y);

#endif
