/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_CONV2D_FORWARD_PLANAR_PLANAR_H
#define FC_OPS_CONV2D_FORWARD_PLANAR_PLANAR_H

#include "ops/conv2d/algorithm.h"
#include "ops/conv2d/gemm/pack_weights.h"
#include "ops/conv2d/gather/planes.h"

typedef struct fc_planar_plan {
    const fc_planes_tile *tile; /* the widest of its rows; narrower ones follow it */
    fc_weight_panels weights;
    size_t size;          /* bytes of an element in the compute type */
    int in_place;         /* x is read where it lies */
    int flat;             /* output pixels follow one another in y as in the planes */
    int on_demand;        /* each worker packs the panels it needs */
    ptrdiff_t rows, cols; /* output pixels of a block */
    size_t row_blocks, col_blocks;
    size_t task_panels, task_chunks; /* panels of output channels of a task */
    size_t chunk_panels;             /* of them whose results are held aside at a time; 1 where flat */
    size_t tasks;
    fc_planes planes; /* of a whole block, unless x is read in place */
    size_t run;       /* results of a channel, whole tiles, unless flat */
    size_t planes_bytes, results_bytes, flag_bytes,
        worker_bytes;                 /* planes: or what stands for the end of x; results: or one tile */
    size_t offsets_bytes, bias_bytes; /* offsets: two tables */
} fc_planar_plan;

/* The layer as the algorithm sees it: an image whose pixels are each by themselves and follow one another is one row.
 */
fc_layer fc_planar_layer(const fc_layer *layer);
/* Of such a layer, on a packed kernel. */
fc_planar_plan fc_planar_cut(const fc_layer *layer);
void fc_planar_pack_on_demand(const fc_layer *layer, fc_planar_plan *plan);
/* Estimated cycles of a run. */
double fc_planar_cost(const fc_layer *layer, const fc_planar_plan *plan);
size_t fc_planar_run_of(const fc_planar_plan *plan, ptrdiff_t rows, ptrdiff_t cols);

#endif
