/* SPDX-License-Identifier: MIT */
/* The direct algorithm with the kernel read in place, too: where there are few pixels, packing would cost more than it
 * saves. */
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

/* The kernel's rows lie far apart, in few sets of the caches: each tile of pixels reads them slowly. */
static double cost(const fc_layer *layer) {
    const double slower = 1.35;
    const fc_layer own = fc_direct_layer(layer);
    const fc_direct_plan d = fc_direct_plan_of(&own, FC_DIRECT_UNPACKED);
    return slower * fc_direct_cost(&own, &d);
}

static fc_status nothing_packed(const fc_layer *layer, size_t *bytes) {
    (void)layer;
    *bytes = 0;
    return FC_OK;
}

static void pack_nothing(const fc_layer *layer, const void *kernel, const void *bias, void *packed) {
    (void)layer;
    (void)kernel;
    (void)bias;
    (void)packed;
}

static int always(const fc_layer *layer) {
    (void)layer;
    return 1;
}

static fc_status run(
    const fc_layer *layer, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue) {
    return fc_direct_run(layer, FC_DIRECT_UNPACKED, weights, x, y, epilogue);
}

static void describe(const fc_layer *layer, fc_conv2d_plan *plan) {
    const fc_layer own = fc_direct_layer(layer);
    const fc_direct_plan d = fc_direct_plan_of(&own, FC_DIRECT_UNPACKED);
    fc_direct_describe(&d, plan);
}

const fc_algorithm fc_algorithm_unpacked = {
    .name = "unpacked",
    .requires = "float32 or float64 and output channels a group that fill whole vectors",
    .supports = supports,
    .cost = cost,
    .packed_bytes = nothing_packed,
    .pack = pack_nothing,
    .packs_on_demand = always,
    .fuses_epilogue = fc_direct_fuses_epilogue,
    .run = run,
    .describe = describe,
};
