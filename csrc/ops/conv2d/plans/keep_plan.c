/* SPDX-License-Identifier: MIT */
/* A choice that comes from outside, as from a file of plans: checked, then kept. */
#include "core/dispatch.h"
#include "core/size.h"
#include "ops/conv2d/choose.h"
#include "ops/conv2d/grad/kernel_grad.h"
#include "ops/conv2d/kept_plans.h"

/* Whether the algorithm can plan the layer. */
static fc_status check_algorithm(const fc_layer *layer, fc_purpose purpose, int id) {
    const fc_algorithms algorithms = purpose == FC_KERNEL_GRADIENT ? fc_kernel_grad_algorithms()
                                                                   : fc_forward_algorithms(purpose);
    fc_layer_plan plan;
    if (id < 1 || id >= algorithms.count || fc_layer_is_empty(layer) || !fc_view_k(&layer->view))
        return FC_BAD_ARGUMENT;
    if (purpose != FC_RUN_ONCE && purpose != FC_RUN_PREPARED && fc_is_integer(layer->params.dtype))
        return FC_BAD_DTYPE;
    return algorithms.make(layer, id, purpose, &plan);
}

fc_status fc_keep_plan(const fc_kept_plan *plan) {
    fc_layer layer;
    fc_conv2d_params params = plan->params;
    params.algorithm = FC_CONV_AUTO;
    if (plan->purpose < FC_RUN_PREPARED || plan->purpose >= FC_PURPOSE_COUNT)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_layer_make(&params, &layer));
    if (strcmp(plan->isa, fc_active_isa()) != 0)
        return FC_UNKNOWN_ISA;
    FC_TRY(check_algorithm(&layer, plan->purpose, plan->algorithm));
    return fc_keep_given(&layer, plan->purpose, plan->algorithm) ? FC_OK : FC_OUT_OF_MEMORY;
}
