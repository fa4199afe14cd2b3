/* SPDX-License-Identifier: MIT */
/* The forward pass, and what is known of it before it runs. */
#include "core/dispatch.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/choose.h"
#include "ops/conv2d/layer.h"

const char *fc_conv2d_algorithm_name(fc_conv2d_algorithm id) {
    if (id == FC_CONV_AUTO)
        return "auto";
    return id > FC_CONV_AUTO && id < FC_CONV_ALGORITHM_COUNT ? fc_algorithm_of(id)->name : NULL;
}

const char *fc_conv2d_algorithm_requires(fc_conv2d_algorithm id) {
    return id > FC_CONV_AUTO && id < FC_CONV_ALGORITHM_COUNT ? fc_algorithm_of(id)->
                                                                   requires
                                                             : "nothing";
}

fc_status fc_conv2d(const fc_conv2d_params *p, const void *x, const void *kernel, const void *bias, void *y) {
    fc_layer layer;
    fc_conv2d_algorithm id;
    FC_TRY(fc_layer_make(p, &layer));
    FC_TRY(fc_layer_choose(&layer, &id));
    return fc_layer_run_once(&layer, id, kernel, bias, x, y);
}

fc_status fc_conv2d_supports(const fc_conv2d_params *p) {
    fc_layer layer;
    fc_conv2d_algorithm id;
    FC_TRY(fc_layer_make(p, &layer));
    return fc_layer_choose(&layer, &id);
}

fc_status fc_plan_conv2d(const fc_conv2d_params *p, fc_conv2d_plan *plan) {
    fc_layer layer;
    size_t packed;
    *plan = (fc_conv2d_plan){0};
    FC_TRY(fc_layer_make(p, &layer));
    plan->isa = fc_active_isa();
    FC_TRY(fc_layer_choose(&layer, &plan->algorithm));
    plan->out_h = layer.view.dst.h;
    plan->out_w = layer.view.dst.w;
    const double size = (double)fc_dtype_size(p->dtype),
                 outputs = (double)fc_view_pixels(&layer.view) * (double)p->c_out;
    const double k = (double)fc_view_k(&layer.view);
    plan->flops = 2 * outputs * k;
    plan->bytes = size * ((double)p->n * (double)p->h * (double)p->w * (double)p->c_in + k * (double)p->c_out) +
        (double)fc_dtype_size(fc_output_dtype(p->dtype)) * outputs;
    if (fc_layer_is_empty(&layer))
        return FC_OK;
    FC_TRY(fc_layer_estimate(&layer, plan->algorithm, (fc_occasion){FC_FORWARD_AND_PACKING, 1}, &plan->cycles));
    FC_TRY(fc_algorithm_of(plan->algorithm)->packed_bytes(&layer, &packed));
    fc_algorithm_of(plan->algorithm)->describe(&layer, plan);
    plan->scratch_bytes += fc_layer_packs_on_demand(&layer, plan->algorithm) ? 0 : packed;
    return FC_OK;
}
