/* SPDX-License-Identifier: MIT */
/* The gradient of a kernel: check, choose the algorithm, run. */
#include <string.h>

#include "ops/conv2d/plan_cache.h"
#include "ops/conv2d/layer.h"
#include "ops/conv2d/grad/kernel_grad.h"

#include "core/size.h"

static const fc_kernel_grad_algorithm *const algorithms[FC_KERNEL_GRAD_COUNT] = {
#define FC_KERNEL_GRAD(id, word) [id] = &fc_kernel_grad_##word,
#include "ops/conv2d/grad/list.inc"
#undef FC_KERNEL_GRAD
};

const char *fc_kernel_grad_name(fc_kernel_grad_id id) {
    if (id == FC_KERNEL_GRAD_AUTO)
        return "auto";
    return id > FC_KERNEL_GRAD_AUTO && id < FC_KERNEL_GRAD_COUNT ? algorithms[id]->name : NULL;
}

const char *fc_kernel_grad_requires(fc_kernel_grad_id id) {
    return id > FC_KERNEL_GRAD_AUTO && id < FC_KERNEL_GRAD_COUNT ? algorithms[id]->
                                                                       requires
                                                                 : "nothing";
}

static fc_kernel_grad_id cheapest(const fc_layer *layer) {
    fc_kernel_grad_id best = FC_KERNEL_GRAD_AUTO;
    double least = 0;
    for (fc_kernel_grad_id id = FC_KERNEL_GRAD_AUTO + 1; id < FC_KERNEL_GRAD_COUNT; id++) {
        if (!algorithms[id]->supports(layer))
            continue;
        const double cost = algorithms[id]->cost(layer);
        if (best == FC_KERNEL_GRAD_AUTO || cost < least) {
            best = id;
            least = cost;
        }
    }
    return best;
}

static fc_kernel_grad_id choose(const fc_layer *layer) {
    const fc_occasion occasion = {FC_KERNEL_GRADIENT, 1};
    fc_kernel_grad_id chosen = (fc_kernel_grad_id)fc_chosen_before(layer, occasion);
    if (chosen == FC_KERNEL_GRAD_AUTO) {
        chosen = cheapest(layer);
        fc_remember_choice(layer, occasion, chosen);
    }
    return chosen;
}

fc_status fc_conv2d_kernel_grad(
    const fc_conv2d_params *p, fc_kernel_grad_id id, const void *x, const void *dy, void *dkernel) {
    fc_layer layer;
    if (id < FC_KERNEL_GRAD_AUTO || id >= FC_KERNEL_GRAD_COUNT)
        return FC_BAD_ARGUMENT;
    fc_conv2d_params plain = *p;
    plain.algorithm = FC_CONV_AUTO; /* p's is the forward pass's */
    FC_TRY(fc_layer_make(&plain, &layer));
    if (fc_is_integer(p->dtype))
        return FC_BAD_DTYPE;
    const size_t k = fc_view_k(&layer.view), bytes = k * (size_t)p->c_out * fc_dtype_size(p->dtype);
    if (!bytes)
        return FC_OK;
    if (!fc_view_pixels(&layer.view)) {
        memset(dkernel, 0, bytes);
        return FC_OK;
    }
    if (id == FC_KERNEL_GRAD_AUTO)
        id = choose(&layer);
    else if (!algorithms[id]->supports(&layer))
        return FC_BAD_ARGUMENT;
    return algorithms[id]->run(&layer, x, dy, dkernel);
}
