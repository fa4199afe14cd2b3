/* SPDX-License-Identifier: MIT */
/* How conv2d and its gradients choose their algorithms, and the choices that are kept. */
#ifndef FASTCONV_PLANS_H
#define FASTCONV_PLANS_H

#include "fastconv_types.h"

FC_BEGIN

typedef enum fc_planning {
    FC_PLANNING_ESTIMATE, /* the least estimated cycles */
    FC_PLANNING_MEASURE,  /* the least time among estimates of at most twice the least; measured once for a layer */
    FC_PLANNING_COUNT
} fc_planning;

/* What was measured holds while the setting is MEASURE; what fc_keep_plan was given holds always. */
fc_status fc_set_planning(fc_planning planning);
fc_planning fc_get_planning(void);

/* What a plan is made for. */
typedef enum fc_purpose {
    FC_RUN_PREPARED,   /* fc_conv2d_run: the kernel is packed before, and packing costs nothing */
    FC_RUN_ONCE,       /* fc_conv2d: a call packs the kernel and runs */
    FC_RUN_TRANSPOSED, /* the same, in fc_conv2d_input_grad; the layer is the forward pass of dy that it runs */
    FC_KERNEL_GRADIENT,
    FC_PURPOSE_COUNT
} fc_purpose;

/* The algorithm of a layer, for any activation and number of threads. */
typedef struct fc_kept_plan {
    const char *isa;
    fc_purpose purpose;
    fc_conv2d_params params; /* activation, alpha and algorithm are not read */
    int algorithm;           /* fc_conv2d_algorithm, or fc_kernel_grad_id */
} fc_kept_plan;

enum { FC_MOST_KEPT_PLANS = 4096 }; /* further layers are planned by estimates */

size_t fc_kept_plan_count(void);
/* FC_BAD_ARGUMENT past the end. */
fc_status fc_get_kept_plan(size_t index, fc_kept_plan *plan);
/*
 * Takes the place of what is kept for the layer. FC_UNKNOWN_ISA where it is of another instruction set than the active
 * one, FC_OUT_OF_MEMORY where no more are kept, FC_BAD_ARGUMENT where the algorithm does not support the layer, and
 * what else is wrong with that.
 */
fc_status fc_keep_plan(const fc_kept_plan *plan);
void fc_forget_plans(void);

FC_END

#endif
