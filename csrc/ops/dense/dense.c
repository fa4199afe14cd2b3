/* SPDX-License-Identifier: MIT */
/* Dense layers and their gradients. Halves are computed as the 1 x 1 convolution that a dense layer is. */
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/layer.h"
#include "ops/conv2d/grad/bias.h"
#include "ops/dense/matrix.h"

typedef struct sizes {
    size_t rows, inputs, outputs;
} sizes;

static fc_status check(const fc_dense_params *p, sizes *s) {
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(p->dtype);
    size_t bytes;
    if (p->dtype != FC_F16 && p->dtype != FC_BF16 && p->dtype != FC_F32 && p->dtype != FC_F64)
        return FC_BAD_DTYPE;
    if (p->activation < FC_LINEAR || p->activation >= FC_ACTIVATION_COUNT)
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_multiply((ptrdiff_t[]){p->rows, p->inputs, size}, 3, &bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){p->rows, p->outputs, size}, 3, &bytes));
    FC_TRY(fc_multiply((ptrdiff_t[]){p->inputs, p->outputs, size}, 3, &bytes));
    *s = (sizes){(size_t)p->rows, (size_t)p->inputs, (size_t)p->outputs};
    return FC_OK;
}

static int is_half(const fc_dense_params *p) { return p->dtype == FC_F16 || p->dtype == FC_BF16; }

static fc_conv2d_params as_conv2d(const fc_dense_params *p) {
    return (fc_conv2d_params){.dtype = p->dtype,
        .layout = FC_NHWC,
        .n = 1,
        .h = 1,
        .w = p->rows,
        .c_in = p->inputs,
        .c_out = p->outputs,
        .k_h = 1,
        .k_w = 1,
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
        .groups = 1,
        .activation = p->activation,
        .alpha = p->alpha,
        .precision = fc_get_precision(),
        .algorithm = FC_CONV_AUTO};
}

fc_status fc_dense(const fc_dense_params *p, const void *x, const void *kernel, const void *bias, void *y) {
    sizes s;
    FC_TRY(check(p, &s));
    if (is_half(p)) {
        const fc_conv2d_params conv = as_conv2d(p);
        return fc_conv2d(&conv, x, kernel, bias, y);
    }
    return fc_matrix_product(&(fc_product){.dtype = p->dtype,
        .rows = s.rows,
        .cols = s.outputs,
        .depth = s.inputs,
        .a = {x, s.inputs, 0},
        .b = {kernel, s.outputs, 0},
        .bias = bias,
        .activation = p->activation,
        .alpha = p->alpha,
        .c = y});
}

static fc_status from_dz(const fc_dense_params *p, const sizes *s, const void *x, const void *kernel, const void *dz,
    void *dx, void *dkernel) {
    if (dx)
        FC_TRY(fc_matrix_product(&(fc_product){.dtype = p->dtype,
            .rows = s->rows,
            .cols = s->inputs,
            .depth = s->outputs,
            .a = {dz, s->outputs, 0},
            .b = {kernel, s->outputs, 1},
            .c = dx}));
    if (!dkernel)
        return FC_OK;
    return fc_matrix_product(&(fc_product){.dtype = p->dtype,
        .rows = s->inputs,
        .cols = s->outputs,
        .depth = s->rows,
        .a = {x, s->inputs, 1},
        .b = {dz, s->outputs, 0},
        .c = dkernel});
}

fc_status fc_dense_grads(const fc_dense_params *p, const void *x, const void *kernel, const void *y, const void *dy,
    void *dx, void *dkernel, void *dbias) {
    sizes s;
    FC_TRY(check(p, &s));
    if (!fc_activation_from_output(p->activation, p->alpha))
        return FC_NEEDS_INPUT;
    if (is_half(p)) {
        const fc_conv2d_params conv = as_conv2d(p);
        return fc_conv2d_grads(&conv, x, kernel, y, dy, dx, dkernel, dbias);
    }
    const size_t count = s.rows * s.outputs;
    const int linear = p->activation == FC_LINEAR || !count;
    void *dz = linear ? NULL : fc_scratch_alloc(count * fc_dtype_size(p->dtype));
    if (!linear && !dz)
        return FC_OUT_OF_MEMORY;
    const fc_activation_pass pass = {p->activation, p->alpha, y, dy, dz};
    fc_status status = FC_OK;
    if (dbias)
        status = fc_bias_grad_of(
            p->dtype, FC_NHWC, 1, 1, p->rows, p->outputs, linear ? NULL : &pass, linear ? dy : dz, dbias);
    else if (!linear)
        status = fc_activate_grad(p->dtype, p->activation, p->alpha, count, NULL, y, dy, dz);
    if (status == FC_OK)
        status = from_dz(p, &s, x, kernel, linear ? dy : dz, dx, dkernel);
    fc_scratch_free(dz);
    return status;
}
