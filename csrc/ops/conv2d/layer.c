/* SPDX-License-Identifier: MIT */
/* A layer: checked parameters and the steps that every operation on it is made of. */
#include "ops/conv2d/layer.h"

#include "core/caller.h"
#include "core/dispatch.h"
#include "core/scratch.h"
#include "core/size.h"

fc_status fc_layer_make_for(const fc_conv2d_params *p, const fc_kernels *kernels, fc_layer *layer) {
    ptrdiff_t out_h, out_w;
    FC_TRY(fc_conv2d_check(p, &out_h, &out_w));
    if (p->algorithm < FC_CONV_AUTO || p->algorithm >= FC_CONV_ALGORITHM_COUNT)
        return FC_BAD_ARGUMENT;
    *layer = (fc_layer){.params = *p, .kernels = kernels};
    return fc_forward_view(p, &layer->view);
}

int fc_layer_is_empty(const fc_layer *layer) { return !fc_view_pixels(&layer->view) || !layer->params.c_out; }

fc_status fc_layer_make(const fc_conv2d_params *p, fc_layer *layer) {
    const fc_kernels *kernels;
    FC_TRY(fc_find_kernels(&kernels));
    return fc_layer_make_for(p, kernels, layer);
}

int fc_layer_fuses_epilogue(const fc_layer *layer, fc_conv2d_algorithm id) {
    return fc_algorithm_of(id)->fuses_epilogue && fc_algorithm_of(id)->fuses_epilogue(layer);
}

int fc_layer_packs_on_demand(const fc_layer *layer, fc_conv2d_algorithm id) {
    return fc_algorithm_of(id)->packs_on_demand && fc_algorithm_of(id)->packs_on_demand(layer);
}

int fc_layer_reads_across(fc_conv2d_algorithm id) { return fc_algorithm_of(id)->reads_across; }

fc_status fc_layer_pack(
    const fc_layer *layer, fc_conv2d_algorithm id, const void *kernel, const void *bias, void **packed) {
    size_t bytes;
    FC_TRY(fc_algorithm_of(id)->packed_bytes(layer, &bytes));
    *packed = fc_scratch_alloc(bytes);
    if (!*packed)
        return FC_OUT_OF_MEMORY;
    fc_algorithm_of(id)->pack(layer, kernel, bias, *packed);
    if (!fc_interrupted())
        return FC_OK;
    fc_scratch_free(*packed); /* half packed: it might be kept */
    *packed = NULL;
    return FC_OUT_OF_MEMORY; /* means nothing: fc_leave tells that the call was ended */
}

fc_status fc_layer_run(
    const fc_layer *layer, fc_conv2d_algorithm id, const fc_layer_weights *weights, const void *x, void *y) {
    const fc_epilogue epilogue = {
        weights->bias != NULL, layer->params.activation, layer->params.alpha, layer->scale, layer->added};
    return fc_algorithm_of(id)->run(layer, weights, x, y, &epilogue);
}

fc_status fc_layer_run_once(
    const fc_layer *layer, fc_conv2d_algorithm id, const void *kernel, const void *bias, const void *x, void *y) {
    void *packed = NULL;
    if (fc_layer_is_empty(layer))
        return FC_OK;
    if (!fc_layer_packs_on_demand(layer, id))
        FC_TRY(fc_layer_pack(layer, id, kernel, bias, &packed));
    const fc_status status = fc_layer_run(layer, id, &(fc_layer_weights){kernel, bias, packed}, x, y);
    fc_scratch_free(packed);
    return status;
}
