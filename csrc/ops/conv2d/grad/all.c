/* SPDX-License-Identifier: MIT */
/* All gradients of a convolution with bias and activation; that of the activation is taken in the pass that sums the
 * bias's. */
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/layer.h"
#include "ops/conv2d/grad/bias.h"

typedef struct output_size {
    ptrdiff_t h, w;
    size_t count;
} output_size;

static fc_status from_dz(
    const fc_conv2d_params *p, const void *x, const void *kernel, const void *dz, void *dx, void *dkernel) {
    fc_conv2d_params plain = *p;
    plain.activation = FC_LINEAR;
    plain.algorithm = FC_CONV_AUTO; /* p's is the forward pass's */
    if (dx)
        FC_TRY(fc_conv2d_input_grad(&plain, dz, kernel, dx));
    return dkernel ? fc_conv2d_kernel_grad(&plain, FC_KERNEL_GRAD_AUTO, x, dz, dkernel) : FC_OK;
}

static fc_status through_activation(
    const fc_conv2d_params *p, output_size out, const void *y, const void *dy, void *dz, void *dbias) {
    const fc_activation_pass pass = {p->activation, p->alpha, y, dy, dz};
    if (dbias)
        return fc_bias_grad_of(p->dtype, p->layout, p->n, out.h, out.w, p->c_out, &pass, dz, dbias);
    return fc_activate_grad(p->dtype, p->activation, p->alpha, out.count, NULL, y, dy, dz);
}

fc_status fc_conv2d_grads(const fc_conv2d_params *p, const void *x, const void *kernel, const void *y, const void *dy,
    void *dx, void *dkernel, void *dbias) {
    output_size out;
    size_t bytes;
    FC_TRY(fc_conv2d_check(p, &out.h, &out.w));
    if (fc_is_integer(p->dtype))
        return FC_BAD_DTYPE;
    if (!fc_activation_from_output(p->activation, p->alpha))
        return FC_NEEDS_INPUT;
    FC_TRY(fc_multiply((ptrdiff_t[]){p->n, out.h, out.w, p->c_out}, 4, &out.count));
    if (p->activation == FC_LINEAR || !out.count) {
        if (dbias)
            FC_TRY(fc_bias_grad(p->dtype, p->layout, p->n, out.h, out.w, p->c_out, dy, dbias));
        return from_dz(p, x, kernel, dy, dx, dkernel);
    }
    if (!y)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_multiply((ptrdiff_t[]){(ptrdiff_t)out.count, (ptrdiff_t)fc_dtype_size(p->dtype)}, 2, &bytes));
    void *dz = fc_scratch_alloc(bytes);
    if (!dz)
        return FC_OUT_OF_MEMORY;
    fc_status status = through_activation(p, out, y, dy, dz, dbias);
    if (status == FC_OK)
        status = from_dz(p, x, kernel, dz, dx, dkernel);
    fc_scratch_free(dz);
    return status;
}
