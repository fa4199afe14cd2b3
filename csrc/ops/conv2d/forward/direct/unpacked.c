/* SPDX-License-Identifier: MIT */
/* The direct algorithm with the kernel read in place, too: where there are few pixels, packing would cost more than it
 * saves. */
#include "core/cpu.h"
#include "ops/conv2d/costs.h"
#include "ops/conv2d/forward/direct/direct.h"

/* Only output channels that fill the vectors of every tile: else the kernel's last row would be read past its end. */
static int supports(const fc_layer *layer) {
    const fc_conv_view *v = &layer->view;
    if (!fc_direct_supports(layer) || fc_is_half(v->dtype))
        return 0;
    const fc_weight_panels p = fc_direct_weights(layer);
    const fc_igemm_tile *tile = fc_igemm_tiles(layer->kernels, v->dtype);
    const size_t lanes = tile->width / tile->vectors, rest = (size_t)v->dst.c - (p.panels - 1) * p.width;
    return v->dst.c && rest == lanes * fc_igemm_narrowest(layer->kernels, v->dtype, p.width / lanes, rest);
}

/* Whether the rows of a panel evict one another: from L1 where neighbouring ones share a set, or from L2, of whose sets
 * rows reach only one in as many as lie between them, by the power of 2 in their distance. */
static int evicts_itself(const fc_direct_plan *d) {
    const size_t pitch = d->weights_pitch * d->size, apart = pitch & -pitch;
    return fc_shares_sets((ptrdiff_t)d->weights_pitch, d->size) || d->weights.k > fc_caches()->l2 / apart;
}

static fc_status plan_layer(const fc_layer *layer, fc_purpose purpose, fc_layer_plan *plan) {
    (void)purpose;
    if (!supports(layer))
        return FC_BAD_ARGUMENT;
    const fc_direct_plan d = fc_direct_cut(layer, FC_DIRECT_UNPACKED, plan);
    const fc_costs *costs = fc_costs_of(layer->kernels);
    const double slower = evicts_itself(&d) ? costs->unpacked_aliased
        : d.kernel_in_l2                    ? costs->unpacked_step
                                            : costs->unpacked_far;
    plan->cycles = slower * fc_direct_cost(&plan->layer, &d);
    fc_direct_keep(&d, plan);
    return FC_OK;
}

const fc_algorithm fc_algorithm_unpacked = {
    .name = "unpacked",
    .requires = "float32 or float64 and output channels a group that fill whole vectors",
    .plan = plan_layer,
    .complete = fc_direct_complete,
    .run = fc_direct_run,
};
