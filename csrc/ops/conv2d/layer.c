/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/layer.h"

#include "core/dispatch.h"
#include "core/size.h"

fc_status fc_layer_make_for(const fc_conv2d_params *p, const fc_kernels *kernels, fc_layer *layer) {
    ptrdiff_t out_h, out_w;
    FC_TRY(fc_conv2d_check(p, &out_h, &out_w));
    if (p->algorithm < FC_CONV_AUTO || p->algorithm >= FC_CONV_ALGORITHM_COUNT)
        return FC_BAD_ARGUMENT;
    *layer = (fc_layer){.params = *p, .kernels = kernels};
    return fc_forward_view(p, &layer->view);
}

fc_status fc_layer_make(const fc_conv2d_params *p, fc_layer *layer) {
    const fc_kernels *kernels;
    FC_TRY(fc_find_kernels(&kernels));
    return fc_layer_make_for(p, kernels, layer);
}
