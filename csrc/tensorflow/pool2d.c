/* SPDX-License-Identifier: MIT */
/* Max and average pooling, their gradients, and the gradient of max pooling's gradient. */
#include "tensorflow/op.h"

typedef struct pool_kernel {
    op_kernel base;
    fc_pool_mode mode;
    fc_layout layout;
    ptrdiff_t window[2], strides[2];
    window_padding padding;
} pool_kernel;

/* The geometry for an input x, and the shape of the pooled image. */
static int geometry(call *c, const input *x, fc_pool2d_params *p, int64_t pooled[4]) {
    const pool_kernel *k = (const pool_kernel *)c->kernel;
    if (!call_ok(c))
        return 0;
    static const ptrdiff_t no_dilation[2] = {1, 1};
    image_size size = size_of(k->layout, x->dims);
    ptrdiff_t pad[4];
    fc_status status = padding_amounts(&k->padding, size.h, size.w, k->window, k->strides, no_dilation, pad);
    *p = (fc_pool2d_params){.dtype = k->base.dtype,
        .layout = k->layout,
        .mode = k->mode,
        .n = size.n,
        .h = size.h,
        .w = size.w,
        .c = size.c,
        .pool_h = k->window[0],
        .pool_w = k->window[1],
        .stride_h = k->strides[0],
        .stride_w = k->strides[1],
        .pad_top = pad[0],
        .pad_bottom = pad[1],
        .pad_left = pad[2],
        .pad_right = pad[3]};
    ptrdiff_t out_h = 0, out_w = 0;
    if (status == FC_OK)
        status = fc->pool2d_output_size(p, &out_h, &out_w);
    if (status != FC_OK)
        call_fail(c, TF_INVALID_ARGUMENT, "%s: input %td x %td, window %td x %td", fc->status_text(status), size.h,
            size.w, k->window[0], k->window[1]);
    dims_of(k->layout, (image_size){size.n, out_h, out_w, size.c}, pooled);
    return call_ok(c);
}

static void run_pool(const op_kernel *base, call *c) {
    (void)base;
    fc_pool2d_params p;
    int64_t pooled[4];
    input x = call_image(c, 0, "x");
    if (!geometry(c, &x, &p, pooled))
        return;
    void *y = call_output(c, pooled, 4);
    if (y && !is_empty(pooled, 4))
        call_check(c, fc->pool2d(&p, x.data, y));
}

static void run_pool_grad(const op_kernel *base, call *c) {
    (void)base;
    fc_pool2d_params p;
    int64_t pooled[4];
    input x = call_image(c, 0, "x"), dy = call_image(c, 1, "dy");
    if (!geometry(c, &x, &p, pooled) || !call_same_dims(c, "dy", &dy, pooled))
        return;
    void *dx = call_output(c, x.dims, 4);
    if (dx && !is_empty(x.dims, 4))
        call_check(c, fc->pool2d_grad(&p, x.data, dy.data, dx));
}

static void run_grad_grad(const op_kernel *base, call *c) {
    (void)base;
    fc_pool2d_params p;
    int64_t pooled[4];
    input x = call_image(c, 0, "x"), ddx = call_image(c, 1, "ddx");
    if (!geometry(c, &x, &p, pooled) || !call_same_dims(c, "ddx", &ddx, x.dims))
        return;
    void *ddy = call_output(c, pooled, 4);
    if (ddy && !is_empty(pooled, 4))
        call_check(c, fc->max_pool2d_grad_grad(&p, x.data, ddx.data, ddy));
}

static creation create_window(TF_OpKernelConstruction *ctx, const char *op, void (*run)(const op_kernel *, call *)) {
    creation c = creation_begin(ctx, op, run, sizeof(pool_kernel));
    pool_kernel *k = (pool_kernel *)c.kernel;
    if (!creation_ok(&c))
        return c;
    k->mode = FC_MAX_POOL;
    k->layout = creation_layout(&c);
    creation_ints(&c, "window", 2, 1, k->window);
    creation_ints(&c, "strides", 2, 1, k->strides);
    k->padding = creation_padding(&c);
    for (int i = 0; i < 4 && creation_ok(&c); i++)
        if (k->padding.amounts[i] >= k->window[i / 2])
            creation_fail(&c, "`explicit_paddings` must be smaller than the window");
    return c;
}

static void *create_moded(TF_OpKernelConstruction *ctx, const char *op, void (*run)(const op_kernel *, call *)) {
    creation c = create_window(ctx, op, run);
    if (creation_ok(&c))
        ((pool_kernel *)c.kernel)->mode = creation_bool(&c, "average") ? FC_AVG_POOL : FC_MAX_POOL;
    return creation_end(&c);
}

static void *create_pool(TF_OpKernelConstruction *ctx) { return create_moded(ctx, "FastconvPool2D", run_pool); }

static void *create_pool_grad(TF_OpKernelConstruction *ctx) {
    return create_moded(ctx, "FastconvPool2DGrad", run_pool_grad);
}

static void *create_grad_grad(TF_OpKernelConstruction *ctx) {
    creation c = create_window(ctx, "FastconvMaxPool2DGradGrad", run_grad_grad);
    return creation_end(&c);
}

#define ATTR_WINDOW "window: list(int)"
#define ATTR_AVERAGE "average: bool = false"

static const op_spec pool = {"FastconvPool2D", {"x: T"}, {"y: T"},
    {ATTR_T, ATTR_WINDOW, ATTR_STRIDES, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT, ATTR_AVERAGE}, shape_window,
    create_pool};
/* x: read by max pooling, only its shape counts for average pooling. */
static const op_spec pool_grad = {"FastconvPool2DGrad", {"x: T", "dy: T"}, {"dx: T"},
    {ATTR_T, ATTR_WINDOW, ATTR_STRIDES, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT, ATTR_AVERAGE}, shape_as_first_image,
    create_pool_grad};
static const op_spec max_pool_grad_grad = {"FastconvMaxPool2DGradGrad", {"x: T", "ddx: T"}, {"ddy: T"},
    {ATTR_T, ATTR_WINDOW, ATTR_STRIDES, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT}, shape_window, create_grad_grad};

const op_spec *const fc_tf_pool2d_ops[] = {&pool, &pool_grad, &max_pool_grad_grad, NULL};
