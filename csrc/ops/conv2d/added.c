/* SPDX-License-Identifier: MIT */
/* A convolution and a tensor added to it: in registers where the algorithm finishes its sums there, or to its result.
 */
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/epilogue.h"
#include "ops/conv2d/plan.h"

fc_status fc_plan_run_adding(
    fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, const void *added, void *y) {
    if (!added || plan->fuses_epilogue) {
        plan->layer.added = added;
        return fc_plan_run(plan, weights, x, y);
    }
    const fc_layer layer = plan->layer;
    plan->layer.params.activation = FC_LINEAR;
    FC_TRY(fc_plan_run(plan, weights, x, y));
    fc_layer_add(&layer, added, y);
    return FC_OK;
}

fc_status fc_conv2d_added(
    const fc_conv2d_params *p, const void *x, const void *kernel, const void *bias, const void *added, void *y) {
    fc_layer layer;
    fc_layer_plan plan;
    void *packed = NULL;
    FC_TRY(fc_layer_make(p, &layer));
    if (p->dtype != FC_F32 && p->dtype != FC_F64)
        return FC_BAD_DTYPE;
    FC_TRY(fc_plan_layer(&layer, FC_RUN_ONCE, 1, &plan));
    if (fc_layer_is_empty(&layer))
        return FC_OK;
    if (!plan.packs_on_demand)
        FC_TRY(fc_plan_pack(&plan, kernel, bias, &packed));
    const fc_status status = fc_plan_run_adding(&plan, &(fc_layer_weights){kernel, bias, packed}, x, added, y);
    fc_scratch_free(packed);
    return status;
}
