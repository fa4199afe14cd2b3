/* SPDX-License-Identifier: MIT */
/*
 * A plan: all that packing, running and describing a layer with one algorithm ask for, made once. Forward algorithms
 * (algorithm.h) and ways to a kernel's gradient (grad/kernel_grad.h) make them; plan_cache.h keeps them.
 */
#ifndef FC_OPS_CONV2D_PLAN_H
#define FC_OPS_CONV2D_PLAN_H

#include <string.h>

#include "fastconv_plans.h"
#include "ops/conv2d/layer.h"

/*
 * What the layout of a packed kernel depends on beyond the kernel's own shape, strides and dtype: tiles, panels, blocks
 * of k. One packed kernel serves every layer of equal form. Numbers not used are 0.
 */
typedef struct fc_packed_form {
    size_t numbers[6];
} fc_packed_form;

enum { FC_PLAN_BYTES = 704 };
typedef struct fc_layer_plan {
    int id;                /* of the algorithm: fc_conv2d_algorithm, or fc_kernel_grad_id */
    fc_layer layer;        /* as the algorithm reads it */
    double cycles;         /* estimated, of one core, for a run without packing */
    double packing_cycles; /* what packing adds; negative: a guess by packed_bytes */
    size_t packed_bytes;   /* of the kernel and bias */
    size_t packed_rows;    /* of its panels, each copied by itself */
    fc_packed_form form;   /* all 0 for one form whatever n, h, w and padding are */
    int packs_on_demand;   /* workers pack what they need where they need it: there is no packed kernel */
    int by_name_only;      /* neither estimates nor measurements choose it */
    int fuses_epilogue;    /* runs honour the layer's scale and added */
    int pixels_in_rows;    /* this and the next as fc_conv2d_plan has them */
    size_t tile_rows, tile_cols, block_pixels, block_k;
    size_t tasks, loops;               /* tasks of a parallel loop; loops, one after another */
    double work;                       /* of such a loop, as fc_parallel_workers takes it */
    size_t shared_bytes, worker_bytes; /* scratch of all workers together, and of each */
    unsigned char own[FC_PLAN_BYTES];  /* of the algorithm's own type: FC_SET_OWN, FC_GET_OWN */
} fc_layer_plan;

#define FC_SET_OWN(plan, value)                                                           \
    do {                                                                                  \
        _Static_assert(sizeof(value) <= FC_PLAN_BYTES, "FC_PLAN_BYTES holds every plan"); \
        memcpy((plan)->own, &(value), sizeof(value));                                     \
    } while (0)
#define FC_GET_OWN(plan, value) memcpy(&(value), (plan)->own, sizeof(value))

/* Plans a layer no size of which is 0. `plan` comes with its layer and id set and all else but `own` 0.
 * FC_BAD_ARGUMENT: the layer is not supported; FC_TOO_LARGE: too large for this algorithm, maybe not for all. */
typedef fc_status fc_plan_fn(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan);

/* The plan by the algorithm that the layer asks for, or by the one that is chosen for `runs` runs with one kernel. For
 * FC_RUN_TRANSPOSED the layer's view reads the kernel across; the plan's does where its algorithm can. */
fc_status fc_plan_layer(const fc_layer *layer, fc_purpose purpose, double runs, fc_layer_plan *plan);
/* The plan by one algorithm, whatever the layer asks for. */
fc_status fc_plan_with(const fc_layer *layer, fc_conv2d_algorithm id, fc_purpose purpose, fc_layer_plan *plan);
void fc_plan_begin(const fc_layer *layer, int id, fc_layer_plan *plan);

static inline size_t fc_plan_scratch(const fc_layer_plan *plan, size_t workers) {
    return plan->shared_bytes + workers * plan->worker_bytes;
}

/* Whether runs read the kernel that was packed, too. */
int fc_plan_reads_kernel(const fc_layer_plan *plan);
/* Allocates *packed; release with fc_scratch_free. */
fc_status fc_plan_pack(const fc_layer_plan *plan, const void *kernel, const void *bias, void **packed);
fc_status fc_plan_run(const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y);
/* The same with a tensor, or NULL, added before the activation. */
fc_status fc_plan_run_adding(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, const void *added, void *y);
/* Packs, where that is not done on demand, and runs. */
fc_status fc_plan_run_once(const fc_layer_plan *plan, const void *kernel, const void *bias, const void *x, void *y);
fc_status fc_plan_run_once_adding(
    const fc_layer_plan *plan, const void *kernel, const void *bias, const void *x, const void *added, void *y);

#endif
