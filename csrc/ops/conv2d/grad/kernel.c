/* SPDX-License-Identifier: MIT */
/* The gradient of a kernel: check, choose the algorithm, run. */
#include <string.h>

#include "core/size.h"
#include "ops/conv2d/grad/kernel_grad.h"

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

static fc_status make_plan(const fc_layer *layer, int id, fc_purpose purpose, fc_layer_plan *plan) {
    fc_plan_begin(layer, id, plan);
    return algorithms[id]->plan(layer, purpose, plan);
}

static fc_status run_trial(const void *call, const fc_layer_plan *plan, const fc_trial *on) {
    (void)call;
    return algorithms[plan->id]->run(plan, on->x, on->y, on->kernel);
}

fc_algorithms fc_kernel_grad_algorithms(void) {
    return (fc_algorithms){
        .purpose = FC_KERNEL_GRADIENT, .count = FC_KERNEL_GRAD_COUNT, .make = make_plan, .run = run_trial};
}

static fc_status choose_plan(const fc_layer *layer, fc_layer_plan *plan) {
    const fc_algorithms all = fc_kernel_grad_algorithms();
    return fc_choose_plan(&all, layer, 1, plan);
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
    fc_layer_plan plan;
    if (id == FC_KERNEL_GRAD_AUTO)
        FC_TRY(choose_plan(&layer, &plan));
    else
        FC_TRY(make_plan(&layer, (int)id, FC_KERNEL_GRADIENT, &plan));
    return algorithms[plan.id]->run(&plan, x, dy, dkernel);
}
