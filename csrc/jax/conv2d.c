/* SPDX-License-Identifier: MIT */
/* Convolution with bias and activation, and its gradients: each by itself, and all in one call. */
#include "jax/call.h"

/* The numbers, in the order of Conv2D in fastconv/jax/convolution.py. */
enum {
    N,
    H,
    W,
    C_IN,
    OUT_H,
    OUT_W,
    C_OUT,
    K_H,
    K_W,
    STRIDE_H,
    STRIDE_W,
    DILATION_H,
    DILATION_W,
    PAD_TOP,
    PAD_BOTTOM,
    PAD_LEFT,
    PAD_RIGHT,
    GROUPS,
    LAYOUT,
    ACTIVATION,
    ALPHA_BITS,
    WANTED,
    NUMBERS
};

/* The geometry and the buffers' sizes; false after a failure. */
static int geometry(call *c, fc_conv2d_params *p, layer_sizes *size) {
    const int64_t *v = c->numbers;
    *p = (fc_conv2d_params){.dtype = c->dtype,
        .layout = (fc_layout)v[LAYOUT],
        .n = v[N],
        .h = v[H],
        .w = v[W],
        .c_in = v[C_IN],
        .c_out = v[C_OUT],
        .k_h = v[K_H],
        .k_w = v[K_W],
        .stride_h = v[STRIDE_H],
        .stride_w = v[STRIDE_W],
        .dilation_h = v[DILATION_H],
        .dilation_w = v[DILATION_W],
        .pad_top = v[PAD_TOP],
        .pad_bottom = v[PAD_BOTTOM],
        .pad_left = v[PAD_LEFT],
        .pad_right = v[PAD_RIGHT],
        .groups = v[GROUPS],
        .activation = (fc_activation)v[ACTIVATION],
        .alpha = alpha_of(v[ALPHA_BITS]),
        .precision = c->fc->get_precision(),
        .algorithm = FC_CONV_AUTO};
    ptrdiff_t out_h = 0, out_w = 0;
    call_check(c, c->fc->conv2d_output_size(p, &out_h, &out_w));
    if (out_h != v[OUT_H] || out_w != v[OUT_W])
        call_fail(c, FFI_INVALID_ARGUMENT, "the result is %td x %td; expected %td x %td", out_h, out_w,
            (ptrdiff_t)v[OUT_H], (ptrdiff_t)v[OUT_W]);
    if (c->error)
        return 0;
    *size = (layer_sizes){.x = (size_t)p->n * (size_t)p->h * (size_t)p->w * (size_t)p->c_in,
        .kernel = (size_t)p->k_h * (size_t)p->k_w * (size_t)(p->c_in / p->groups) * (size_t)p->c_out,
        .y = (size_t)p->n * (size_t)out_h * (size_t)out_w * (size_t)p->c_out,
        .bias = (size_t)p->c_out};
    return 1;
}

/* Arguments: x, kernel, and a bias or none. */
static void run_conv2d(call *c) {
    fc_conv2d_params p;
    layer_sizes size;
    if (!geometry(c, &p, &size))
        return;
    const void *x = call_argument(c, size.x), *kernel = call_argument(c, size.kernel);
    const void *bias = c->argument_count > 2 ? call_argument(c, size.bias) : NULL;
    void *y = call_result(c, size.y);
    if (call_complete(c) && size.y)
        call_check(c, c->fc->conv2d(&p, x, kernel, bias, y));
}

static void run_conv2d_input_grad(call *c) {
    fc_conv2d_params p;
    layer_sizes size;
    if (!geometry(c, &p, &size))
        return;
    const void *dy = call_argument(c, size.y), *kernel = call_argument(c, size.kernel);
    void *dx = call_result(c, size.x);
    if (call_complete(c) && size.x)
        call_check(c, c->fc->conv2d_input_grad(&p, dy, kernel, dx));
}

static void run_conv2d_kernel_grad(call *c) {
    fc_conv2d_params p;
    layer_sizes size;
    if (!geometry(c, &p, &size))
        return;
    const void *x = call_argument(c, size.x), *dy = call_argument(c, size.y);
    void *dkernel = call_result(c, size.kernel);
    if (call_complete(c))
        call_check(c, c->fc->conv2d_kernel_grad(&p, FC_KERNEL_GRAD_AUTO, x, dy, dkernel));
}

static void run_conv2d_grads(call *c) {
    fc_conv2d_params p;
    layer_sizes size;
    if (!geometry(c, &p, &size))
        return;
    layer_grads g = call_grads(c, c->numbers[WANTED], p.activation, size);
    if (call_complete(c))
        call_check(c, c->fc->conv2d_grads(&p, g.x, g.kernel, g.y, g.dy, g.dx, g.dkernel, g.dbias));
}

JAX_HANDLER(conv2d, NUMBERS)
JAX_HANDLER(conv2d_input_grad, NUMBERS)
JAX_HANDLER(conv2d_kernel_grad, NUMBERS)
JAX_HANDLER(conv2d_grads, NUMBERS)
