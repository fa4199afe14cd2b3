/* SPDX-License-Identifier: MIT */
/* A convolution and a tensor added to it: in registers where the algorithm finishes its sums there, or to its result.
 */
#include "core/size.h"
#include "ops/conv2d/epilogue.h"
#include "ops/conv2d/plan.h"

fc_status fc_plan_run_adding(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, const void *added, void *y) {
    if (!added)
        return fc_plan_run(plan, weights, x, y);
    fc_layer_plan own = *plan;
    if (plan->fuses_epilogue) {
        own.layer.added = added;
        return fc_plan_run(&own, weights, x, y);
    }
    own.layer.params.activation = FC_LINEAR;
    FC_TRY(fc_plan_run(&own, weights, x, y));
    fc_layer_add(&plan->layer, added, y);
    return FC_OK;
}

fc_status fc_conv2d_added(
    const fc_conv2d_params *p, const void *x, const void *kernel, const void *bias, const void *added, void *y) {
    fc_layer layer;
    fc_layer_plan plan;
    FC_TRY(fc_layer_make(p, &layer));
    if (p->dtype != FC_F32 && p->dtype != FC_F64)
        return FC_BAD_DTYPE;
    FC_TRY(fc_plan_layer(&layer, FC_RUN_ONCE, 1, &plan));
    return fc_plan_run_once_adding(&plan, kernel, bias, x, added, y);
}
