/* SPDX-License-Identifier: MIT */
/* Choosing the algorithm of a layer: the one asked for, or the cheapest that supports the layer. */
#include "ops/conv2d/choose.h"

#include "core/cpu.h"
#include "core/shape.h"
#include "core/size.h"

static const fc_occasion once = {FC_FORWARD_AND_PACKING, 1};

static int supports(const fc_layer *layer, fc_conv2d_algorithm id) {
    return fc_algorithm_of(id)->integers == fc_is_integer(layer->params.dtype) && fc_algorithm_of(id)->supports(layer);
}

/* Cycles that a kernel which lies across adds to one run: those of transposing it, or of exchanging its channels in
 * packing. */
static double transposing(const fc_layer *layer, fc_conv2d_algorithm id) {
    const double transposed = 2.0, exchanged = 0.25; /* a byte */
    const double bytes = (double)fc_view_k(&layer->view) * (double)layer->params.c_out *
        (double)fc_dtype_size(layer->params.dtype);
    return (fc_layer_reads_across(id) ? exchanged : transposed) * bytes;
}

static fc_status estimate_packed(const fc_layer *layer, fc_conv2d_algorithm id, fc_occasion occasion, double *cycles) {
    const double on_demand = 0.5, in_cache = 1.2,
                 in_memory = 2.4; /* cycles a packed byte; other cores fetch what is not packed on demand */
    const int packs = occasion.computed != FC_FORWARD;
    size_t bytes = 0;
    if (packs && fc_algorithm_of(id)->packing_cost) {
        *cycles = occasion.runs * fc_algorithm_of(id)->cost(layer) + fc_algorithm_of(id)->packing_cost(layer);
        return FC_OK;
    }
    if (packs)
        FC_TRY(fc_algorithm_of(id)->packed_bytes(layer, &bytes));
    *cycles = occasion.runs * fc_algorithm_of(id)->cost(layer) +
        (fc_layer_packs_on_demand(layer, id)  ? on_demand
                : bytes > fc_caches()->l3 / 2 ? in_memory
                                              : in_cache) *
            (double)bytes;
    return FC_OK;
}

fc_status fc_layer_estimate(const fc_layer *layer, fc_conv2d_algorithm id, fc_occasion occasion, double *cycles) {
    FC_TRY(estimate_packed(layer, id, occasion, cycles));
    *cycles += occasion.computed == FC_FORWARD_AND_TRANSPOSING ? transposing(layer, id) : 0;
    return FC_OK;
}

static fc_conv2d_algorithm cheapest(const fc_layer *layer, fc_occasion occasion) {
    fc_conv2d_algorithm best = FC_CONV_AUTO;
    double least = 0;
    for (fc_conv2d_algorithm id = FC_CONV_AUTO + 1; id < FC_CONV_ALGORITHM_COUNT; id++) {
        double cost;
        if (!supports(layer, id) || fc_layer_estimate(layer, id, occasion, &cost))
            continue; /* too large for this one is not too large for all */
        if (best == FC_CONV_AUTO || cost < least) {
            best = id;
            least = cost;
        }
    }
    return best;
}

/*
 * A layer of the same kind with a few outputs and no size of 0: an image too narrow for some algorithm says nothing of
 * others. Algorithms ask of a dilation only whether it is 1.
 */
static fc_status make_stand_in(const fc_layer *layer, fc_layer *stand_in) {
    enum { MORE = 3, DILATED = 2 };
    fc_conv2d_params p = layer->params;
    p.n = 1;
    p.c_in = fc_max(p.c_in, p.groups);
    p.c_out = fc_max(p.c_out, p.groups);
    p.pad_top = p.pad_bottom = p.pad_left = p.pad_right = 0;
    p.dilation_h = fc_min(p.dilation_h, DILATED);
    p.dilation_w = fc_min(p.dilation_w, DILATED);
    FC_TRY(fc_window_span(p.k_h, p.dilation_h, &p.h));
    FC_TRY(fc_window_span(p.k_w, p.dilation_w, &p.w));
    p.h = fc_min(p.h, PTRDIFF_MAX - MORE) + MORE;
    p.w = fc_min(p.w, PTRDIFF_MAX - MORE) + MORE;
    return fc_layer_make_for(&p, layer->kernels, stand_in);
}

/* No outputs, or the bias alone in them: the result is the same whatever is asked for, and the algorithms need not
 * expect such sizes. */
static fc_status choose_trivial(const fc_layer *layer, fc_conv2d_algorithm *chosen) {
    const fc_conv2d_algorithm wanted = layer->params.algorithm;
    fc_layer stand_in;
    *chosen = fc_is_integer(layer->params.dtype) ? FC_CONV_INTEGER : FC_CONV_PACKED;
    if (wanted == FC_CONV_AUTO)
        return FC_OK;
    FC_TRY(make_stand_in(layer, &stand_in));
    return supports(&stand_in, wanted) ? FC_OK : FC_BAD_ARGUMENT;
}

/* The algorithm asked for, or the cheapest that supports the layer. */
fc_status fc_layer_choose_for(const fc_layer *layer, fc_occasion occasion, fc_conv2d_algorithm *chosen) {
    const fc_conv2d_algorithm wanted = layer->params.algorithm;
    if (fc_layer_is_empty(layer) || !layer->params.c_in || !layer->params.h || !layer->params.w)
        return choose_trivial(layer, chosen);
    *chosen = wanted;
    if (wanted != FC_CONV_AUTO)
        return supports(layer, wanted) ? FC_OK : FC_BAD_ARGUMENT;
    *chosen = (fc_conv2d_algorithm)fc_chosen_before(layer, occasion);
    if (*chosen != FC_CONV_AUTO)
        return FC_OK;
    *chosen = cheapest(layer, occasion);
    fc_remember_choice(layer, occasion, *chosen);
    return *chosen == FC_CONV_AUTO ? FC_TOO_LARGE : FC_OK;
}

fc_status fc_layer_choose(const fc_layer *layer, fc_conv2d_algorithm *chosen) {
    return fc_layer_choose_for(layer, once, chosen);
}

fc_status fc_layer_choose_transposed(const fc_layer *layer, fc_conv2d_algorithm *chosen) {
    return fc_layer_choose_for(layer, (fc_occasion){FC_FORWARD_AND_TRANSPOSING, 1}, chosen);
}

fc_status fc_layer_choose_by_image(const fc_layer *layer, fc_conv2d_algorithm *chosen) {
    fc_layer one = *layer;
    if (fc_layer_is_empty(layer))
        return fc_layer_choose_for(layer, once, chosen);
    one.params.n = one.view.n = 1;
    return fc_layer_choose_for(&one, (fc_occasion){FC_FORWARD_AND_PACKING, (double)layer->view.n}, chosen);
}
