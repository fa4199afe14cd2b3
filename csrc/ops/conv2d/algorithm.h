/* SPDX-License-Identifier: MIT */
/* The forward algorithms, each a way to plan a layer, pack its kernel and run it. ops/conv2d/plan.c chooses among them.
 */
#ifndef FC_OPS_CONV2D_ALGORITHM_H
#define FC_OPS_CONV2D_ALGORITHM_H

#include "ops/conv2d/plan.h"

typedef struct fc_algorithm {
    const char *name;
    const char *
        requires;     /* what it supports, as the end of "algorithm 'x' needs ..." */
    int integers;     /* 1: of int8 and uint8, and no other dtype; 0: of floats */
    int reads_across; /* 1: reads a kernel by the view's pitches, also where output channels lie apart and those of a
                         step of k together */
    int keeps_kernel; /* 1: the packed kernel points at the one it was packed from */
    fc_plan_fn *plan; /* of a layer of such a dtype */
    /* What choosing does not ask for, once the plan is chosen; NULL where there is no more. */
    void (*complete)(fc_layer_plan *plan);
    /* NULL where nothing is packed. */
    void (*pack)(const fc_layer_plan *plan, const void *kernel, const void *bias, void *packed);
    /* Neither n, h, w, nor a channel count is 0. */
    fc_status (*run)(const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y,
        const fc_epilogue *epilogue);
} fc_algorithm;

#define FC_ALGORITHM(id, word) extern const fc_algorithm fc_algorithm_##word;
#include "ops/conv2d/list.inc"
#undef FC_ALGORITHM

/* id: neither AUTO nor out of range. */
const fc_algorithm *fc_algorithm_of(int id);

#endif
