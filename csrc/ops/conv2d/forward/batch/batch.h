/* SPDX-License-Identifier: MIT */
/* How a layer is cut for the algorithm with images in the lanes. */
#ifndef FC_OPS_CONV2D_FORWARD_BATCH_BATCH_H
#define FC_OPS_CONV2D_FORWARD_BATCH_BATCH_H

#include "ops/conv2d/algorithm.h"
#include "ops/conv2d/gemm/pack_weights.h"

typedef struct fc_batch_plan {
    const fc_batch_tile *tile;
    fc_weight_panels weights;
    size_t size;                /* of an element */
    ptrdiff_t lots, bands;      /* of as many images as there are lanes; of rows of the output */
    ptrdiff_t rows, cols;       /* output rows of a band; output columns, in whole tiles */
    ptrdiff_t in_rows, in_cols; /* of x that a band reads, at most */
    size_t tasks;
    size_t cells_bytes, worker_bytes; /* the band's cells, and with them a row of results */
} fc_batch_plan;

fc_batch_plan fc_batch_plan_of(const fc_layer *layer);
double fc_batch_cost(const fc_layer *layer, const fc_batch_plan *plan);

#endif
