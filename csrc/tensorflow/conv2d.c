/* SPDX-License-Identifier: MIT */
/* Convolution with bias and activation, and its gradients: each by itself, and all in one op. */
#include "tensorflow/conv2d.h"

int conv_geometry(call *c, const input *x, const input *kernel, fc_conv2d_params *p, int64_t out[4]) {
    const conv_kernel *k = (const conv_kernel *)c->kernel;
    if (!call_ok(c))
        return 0;
    image_size size = size_of(k->layout, x->dims);
    ptrdiff_t window[2] = {kernel->dims[0], kernel->dims[1]}, c_out = kernel->dims[3], pad[4], out_h = 0, out_w = 0;
    if (size.c % k->groups || size.c / k->groups != kernel->dims[2] || c_out % k->groups) {
        call_fail(c, TF_INVALID_ARGUMENT,
            "`x` has %td channels, which in %td groups do not fit a `kernel` of shape "
            "(%td, %td, %td, %td), read as (k_h, k_w, c_in // groups, c_out)",
            size.c, k->groups, window[0], window[1], (ptrdiff_t)kernel->dims[2], c_out);
        return 0;
    }
    fc_status status = padding_amounts(&k->padding, size.h, size.w, window, k->strides, k->dilations, pad);
    *p = (fc_conv2d_params){.dtype = k->base.dtype,
        .layout = k->layout,
        .n = size.n,
        .h = size.h,
        .w = size.w,
        .c_in = size.c,
        .c_out = c_out,
        .k_h = window[0],
        .k_w = window[1],
        .stride_h = k->strides[0],
        .stride_w = k->strides[1],
        .dilation_h = k->dilations[0],
        .dilation_w = k->dilations[1],
        .pad_top = pad[0],
        .pad_bottom = pad[1],
        .pad_left = pad[2],
        .pad_right = pad[3],
        .groups = k->groups,
        .activation = k->activation,
        .alpha = k->alpha,
        .precision = fc->get_precision(),
        .algorithm = FC_CONV_AUTO};
    if (status == FC_OK)
        status = fc->conv2d_output_size(p, &out_h, &out_w);
    if (status != FC_OK)
        call_fail(c, TF_INVALID_ARGUMENT,
            "%s: input %td x %td, kernel %td x %td, the first two of (k_h, k_w, c_in // groups, c_out)",
            fc->status_text(status), size.h, size.w, window[0], window[1]);
    dims_of(k->layout, (image_size){size.n, out_h, out_w, c_out}, out);
    return call_ok(c);
}

const void *conv_channels_input(call *c, int index, const char *name, const fc_conv2d_params *p) {
    input b = call_input(c, index);
    if (call_ok(c) && (b.rank != 1 || b.dims[0] != p->c_out))
        call_fail(c, TF_INVALID_ARGUMENT,
            "`%s` must have shape (%td,), as many numbers as the kernel, (k_h, k_w, c_in // groups, "
            "c_out), has output channels",
            name, p->c_out);
    return b.data;
}

/* The bias, the last input where there is one, else NULL. */
static const void *bias_of(call *c, int index, const fc_conv2d_params *p) {
    return tf.NumInputs(c->ctx) <= index ? NULL : conv_channels_input(c, index, "bias", p);
}

static void run_conv(const op_kernel *base, call *c) {
    (void)base;
    fc_conv2d_params p;
    int64_t out[4];
    input x = call_image(c, 0, "x"), kernel = call_image(c, 1, "kernel");
    if (!conv_geometry(c, &x, &kernel, &p, out))
        return;
    const void *bias = bias_of(c, 2, &p);
    void *y = call_ok(c) ? call_output(c, out, 4) : NULL;
    if (y && !is_empty(out, 4))
        call_check(c, fc->conv2d(&p, x.data, kernel.data, bias, y));
}

/* A tensor of the output's shape. */
static const void *added_input(call *c, int index, const int64_t out[4]) {
    const input added = call_image(c, index, "added");
    call_same_dims(c, "added", &added, out);
    return added.data;
}

static void run_added(const op_kernel *base, call *c) {
    (void)base;
    fc_conv2d_params p;
    int64_t out[4];
    input x = call_image(c, 0, "x"), kernel = call_image(c, 1, "kernel");
    if (!conv_geometry(c, &x, &kernel, &p, out))
        return;
    const void *bias = bias_of(c, 3, &p), *added = call_ok(c) ? added_input(c, 2, out) : NULL;
    void *y = call_ok(c) ? call_output(c, out, 4) : NULL;
    if (y && !is_empty(out, 4))
        call_check(c, fc->conv2d_added(&p, x.data, kernel.data, bias, added, y));
}

/* A list of no or one tensor of a number an output channel, the next input where there is one. */
static const void *optional_channels(call *c, int there, int *index, const char *name, const fc_conv2d_params *p) {
    return there && call_ok(c) ? conv_channels_input(c, (*index)++, name, p) : NULL;
}

typedef struct normalized_kernel {
    conv_kernel conv;
    double epsilon;
    int gammas, betas, biases, addeds;
} normalized_kernel;

static void run_normalized(const op_kernel *base, call *c) {
    const normalized_kernel *k = (const normalized_kernel *)base;
    fc_conv2d_params p;
    int64_t out[4];
    int index = 4;
    input x = call_image(c, 0, "x"), kernel = call_image(c, 1, "kernel");
    if (!conv_geometry(c, &x, &kernel, &p, out))
        return;
    fc_normalization by = {.mean = conv_channels_input(c, 2, "mean", &p), .epsilon = k->epsilon};
    by.variance = call_ok(c) ? conv_channels_input(c, 3, "variance", &p) : NULL;
    by.gamma = optional_channels(c, k->gammas, &index, "gamma", &p);
    by.beta = optional_channels(c, k->betas, &index, "beta", &p);
    const void *bias = optional_channels(c, k->biases, &index, "bias", &p);
    const void *added = k->addeds && call_ok(c) ? added_input(c, index, out) : NULL;
    void *y = call_ok(c) ? call_output(c, out, 4) : NULL;
    if (y && !is_empty(out, 4))
        call_check(c, fc->conv2d_normalized(&p, &by, x.data, kernel.data, bias, added, y));
}

typedef struct pooled_kernel {
    conv_kernel conv;
    fc_pool_mode mode;
    ptrdiff_t window[2], strides[2];
    window_padding padding;
} pooled_kernel;

static void run_conv_pool(const op_kernel *base, call *c) {
    const pooled_kernel *k = (const pooled_kernel *)base;
    static const ptrdiff_t no_dilation[2] = {1, 1};
    fc_conv2d_params p;
    int64_t out[4];
    ptrdiff_t pad[4], out_h = 0, out_w = 0;
    input x = call_image(c, 0, "x"), kernel = call_image(c, 1, "kernel");
    if (!conv_geometry(c, &x, &kernel, &p, out))
        return;
    image_size size = size_of(p.layout, out);
    call_check(c, padding_amounts(&k->padding, size.h, size.w, k->window, k->strides, no_dilation, pad));
    const fc_pool2d_params q = {.dtype = p.dtype,
        .layout = p.layout,
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
    if (call_ok(c))
        call_check(c, fc->pool2d_output_size(&q, &out_h, &out_w));
    dims_of(p.layout, (image_size){size.n, out_h, out_w, size.c}, out);
    const void *bias = bias_of(c, 2, &p);
    void *y = call_ok(c) ? call_output(c, out, 4) : NULL;
    if (y && !is_empty(out, 4))
        call_check(c, fc->conv2d_pool2d(&p, &q, x.data, kernel.data, bias, y));
}

static void run_input_grad(const op_kernel *base, call *c) {
    (void)base;
    fc_conv2d_params p;
    int64_t out[4];
    input x = call_image(c, 0, "x"), kernel = call_image(c, 1, "kernel"), dy = call_image(c, 2, "dy");
    if (!conv_geometry(c, &x, &kernel, &p, out) || !call_same_dims(c, "dy", &dy, out))
        return;
    void *dx = call_output(c, x.dims, 4);
    if (dx && !is_empty(x.dims, 4))
        call_check(c, fc->conv2d_input_grad(&p, dy.data, kernel.data, dx));
}

static void run_kernel_grad(const op_kernel *base, call *c) {
    (void)base;
    fc_conv2d_params p;
    int64_t out[4];
    input kernel = call_image(c, 0, "kernel"), x = call_image(c, 1, "x"), dy = call_image(c, 2, "dy");
    if (!conv_geometry(c, &x, &kernel, &p, out) || !call_same_dims(c, "dy", &dy, out))
        return;
    void *dkernel = call_output(c, kernel.dims, 4);
    if (dkernel && !is_empty(kernel.dims, 4))
        call_check(c, fc->conv2d_kernel_grad(&p, FC_KERNEL_GRAD_AUTO, x.data, dy.data, dkernel));
}

static void run_bias_grad(const op_kernel *base, call *c) {
    fc_layout layout = ((const conv_kernel *)base)->layout;
    input dy = call_image(c, 0, "dy");
    if (!call_ok(c))
        return;
    image_size size = size_of(layout, dy.dims);
    int64_t dims[1] = {size.c};
    void *dbias = call_output(c, dims, 1);
    if (dbias && size.c)
        call_check(c, fc->bias_grad(base->dtype, layout, size.n, size.h, size.w, size.c, dy.data, dbias));
}

static void run_grads(const op_kernel *base, call *c) {
    const conv_kernel *k = (const conv_kernel *)base;
    fc_conv2d_params p;
    int64_t out[4];
    int index = 0;
    input x = call_image(c, 0, "x"), kernel = call_image(c, 1, "kernel"), dy = call_image(c, 2, "dy"), y = dy;
    if (!conv_geometry(c, &x, &kernel, &p, out) || !call_same_dims(c, "dy", &dy, out))
        return;
    if (k->activation != FC_LINEAR) {
        y = call_image(c, 3, "y");
        if (!call_same_dims(c, "y", &y, out))
            return;
    }
    const int64_t channels[1] = {p.c_out};
    void *dx = call_output_if(c, k->wanted[0], &index, x.dims, 4);
    void *dkernel = call_output_if(c, k->wanted[1], &index, kernel.dims, 4);
    void *dbias = call_output_if(c, k->wanted[2], &index, channels, 1);
    if (call_ok(c))
        call_check(c, fc->conv2d_grads(&p, x.data, kernel.data, y.data, dy.data, dx, dkernel, dbias));
}

/* Height or width of a transposed convolution's result: Keras' rule, as transposed_size() in fastconv/nn/transpose.py.
 */
static ptrdiff_t transposed_size(const conv_kernel *k, int axis, int64_t cells, int64_t taps) {
    const window_padding *padding = &k->padding;
    ptrdiff_t stride = k->strides[axis], reach = ((ptrdiff_t)taps - 1) * k->dilations[axis] + 1, more = 0, end = 0;
    int same = !padding->is_explicit && padding->mode == FC_PAD_SAME;
    if (k->has_output_padding)
        more = k->output_padding[axis];
    else if (same)
        return (ptrdiff_t)cells * stride;
    else if (stride > reach)
        more = stride - reach;
    if (same)
        end = reach % 2 + more;
    else
        end = reach + more - padding->amounts[2 * axis] - padding->amounts[2 * axis + 1];
    return cells ? ((ptrdiff_t)cells - 1) * stride + end : 0;
}

static void run_transpose(const op_kernel *base, call *c) {
    const conv_kernel *k = (const conv_kernel *)base;
    fc_conv2d_params p;
    int64_t small[4];
    input x = call_image(c, 0, "x"), kernel = call_image(c, 1, "kernel"), y = {.rank = 4};
    if (!call_ok(c))
        return;
    image_size size = size_of(k->layout, x.dims);
    if (kernel.dims[3] != size.c)
        call_fail(c, TF_INVALID_ARGUMENT,
            "`kernel` must have %td input channels; received shape (%td, %td, %td, %td), read as "
            "(k_h, k_w, c_out, c_in)",
            size.c, (ptrdiff_t)kernel.dims[0], (ptrdiff_t)kernel.dims[1], (ptrdiff_t)kernel.dims[2],
            (ptrdiff_t)kernel.dims[3]);
    size.h = transposed_size(k, 0, size.h, kernel.dims[0]);
    size.w = transposed_size(k, 1, size.w, kernel.dims[1]);
    size.c = kernel.dims[2];
    if (size.h < 0 || size.w < 0) {
        call_fail(c, TF_INVALID_ARGUMENT, "the padding cuts off more than there is: output %td x %td", size.h, size.w);
        return;
    }
    dims_of(k->layout, size, y.dims);
    if (!conv_geometry(c, &y, &kernel, &p, small) || !call_same_dims(c, "x", &x, small))
        return;
    void *data = call_output(c, y.dims, 4);
    if (data && !is_empty(y.dims, 4))
        call_check(c, fc->conv2d_input_grad(&p, x.data, kernel.data, data));
}

/* What begins with a conv_kernel. */
union largest {
    pooled_kernel pooled;
    normalized_kernel normalized;
};

static creation create_conv_kernel(
    TF_OpKernelConstruction *ctx, const char *op, void (*run)(const op_kernel *, call *)) {
    creation c = creation_begin(ctx, op, run, sizeof(union largest));
    conv_kernel *k = (conv_kernel *)c.kernel;
    if (!creation_ok(&c))
        return c;
    k->layout = creation_layout(&c);
    creation_ints(&c, "strides", 2, 1, k->strides);
    creation_ints(&c, "dilations", 2, 1, k->dilations);
    k->padding = creation_padding(&c);
    k->groups = (ptrdiff_t)creation_int(&c, "groups");
    if (k->groups < 1)
        creation_fail(&c, "`groups` must be at least 1; received %td", k->groups);
    return c;
}

creation conv_create_activated(TF_OpKernelConstruction *ctx, const char *op, void (*run)(const op_kernel *, call *)) {
    creation c = create_conv_kernel(ctx, op, run);
    conv_kernel *k = (conv_kernel *)c.kernel;
    if (creation_ok(&c)) {
        k->activation = creation_activation(&c);
        k->alpha = creation_alpha(&c);
    }
    return c;
}

static void *create_conv(TF_OpKernelConstruction *ctx) {
    creation c = conv_create_activated(ctx, "FastconvConv2D", run_conv);
    return creation_end(&c);
}

static void *create_added(TF_OpKernelConstruction *ctx) {
    creation c = conv_create_activated(ctx, "FastconvConv2DAdded", run_added);
    return creation_end(&c);
}

static void *create_normalized(TF_OpKernelConstruction *ctx) {
    creation c = conv_create_activated(ctx, "FastconvConv2DNormalized", run_normalized);
    normalized_kernel *k = (normalized_kernel *)c.kernel;
    if (creation_ok(&c)) {
        k->epsilon = creation_double(&c, "epsilon_bits");
        k->gammas = creation_int(&c, "gammas") > 0;
        k->betas = creation_int(&c, "betas") > 0;
        k->biases = creation_int(&c, "biases") > 0;
        k->addeds = creation_int(&c, "addeds") > 0;
    }
    return creation_end(&c);
}

static void *create_conv_pool(TF_OpKernelConstruction *ctx) {
    creation c = conv_create_activated(ctx, "FastconvConv2DPool2D", run_conv_pool);
    pooled_kernel *k = (pooled_kernel *)c.kernel;
    if (creation_ok(&c)) {
        k->mode = creation_bool(&c, "average") ? FC_AVG_POOL : FC_MAX_POOL;
        k->padding.mode = creation_bool(&c, "pool_same") ? FC_PAD_SAME : FC_PAD_VALID;
        creation_ints(&c, "window", 2, 1, k->window);
        creation_ints(&c, "pool_strides", 2, 1, k->strides);
    }
    return creation_end(&c);
}

static void *create_grads(TF_OpKernelConstruction *ctx) {
    creation c = conv_create_activated(ctx, "FastconvConv2DGrads", run_grads);
    if (creation_ok(&c))
        creation_wanted(&c, ((conv_kernel *)c.kernel)->activation, ((conv_kernel *)c.kernel)->wanted);
    return creation_end(&c);
}

static void *create_input_grad(TF_OpKernelConstruction *ctx) {
    creation c = create_conv_kernel(ctx, "FastconvConv2DInputGrad", run_input_grad);
    return creation_end(&c);
}

static void *create_transpose(TF_OpKernelConstruction *ctx) {
    creation c = create_conv_kernel(ctx, "FastconvConv2DTranspose", run_transpose);
    conv_kernel *k = (conv_kernel *)c.kernel;
    if (creation_ok(&c) && (k->has_output_padding = creation_bool(&c, "has_output_padding")))
        creation_ints(&c, "output_padding", 2, 0, k->output_padding);
    return creation_end(&c);
}

static void *create_kernel_grad(TF_OpKernelConstruction *ctx) {
    creation c = create_conv_kernel(ctx, "FastconvConv2DKernelGrad", run_kernel_grad);
    return creation_end(&c);
}

static void *create_bias_grad(TF_OpKernelConstruction *ctx) {
    creation c = creation_begin(ctx, "FastconvBiasGrad", run_bias_grad, sizeof(conv_kernel));
    if (creation_ok(&c))
        ((conv_kernel *)c.kernel)->layout = creation_layout(&c);
    return creation_end(&c);
}

/* bias: none or one. */
static const op_spec conv = {"FastconvConv2D", {"x: T", "kernel: T", "bias: biases * T"}, {"y: T"},
    {ATTR_T, "biases: int >= 0", ATTR_STRIDES, ATTR_DILATIONS, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT, ATTR_GROUPS,
        ATTR_ACTIVATION, ATTR_ALPHA},
    shape_window, create_conv};
static const op_spec added = {"FastconvConv2DAdded", {"x: T", "kernel: T", "added: T", "bias: biases * T"}, {"y: T"},
    {ATTR_T, "biases: int >= 0", ATTR_STRIDES, ATTR_DILATIONS, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT, ATTR_GROUPS,
        ATTR_ACTIVATION, ATTR_ALPHA},
    shape_window, create_added};
/* gamma, beta, bias, added: none or one each. */
static const op_spec normalized = {"FastconvConv2DNormalized",
    {"x: T", "kernel: T", "mean: T", "variance: T", "gamma: gammas * T", "beta: betas * T", "bias: biases * T",
        "added: addeds * T"},
    {"y: T"},
    {ATTR_T, "gammas: int >= 0", "betas: int >= 0", "biases: int >= 0", "addeds: int >= 0", "epsilon_bits: int",
        ATTR_STRIDES, ATTR_DILATIONS, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT, ATTR_GROUPS, ATTR_ACTIVATION,
        ATTR_ALPHA},
    shape_window, create_normalized};
static const op_spec conv_pool = {"FastconvConv2DPool2D", {"x: T", "kernel: T", "bias: biases * T"}, {"y: T"},
    {ATTR_T, "biases: int >= 0", ATTR_STRIDES, ATTR_DILATIONS, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT, ATTR_GROUPS,
        ATTR_ACTIVATION, ATTR_ALPHA, "window: list(int)", "pool_strides: list(int)", "pool_same: bool = false",
        "average: bool = false"},
    shape_window, create_conv_pool};
/* x: only its shape counts, which is known where the graph's is not. */
static const op_spec input_grad = {"FastconvConv2DInputGrad", {"x: T", "kernel: T", "dy: T"}, {"dx: T"},
    {ATTR_T, ATTR_STRIDES, ATTR_DILATIONS, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT, ATTR_GROUPS}, shape_as_first_image,
    create_input_grad};
/* kernel: only its shape counts. */
static const op_spec kernel_grad = {"FastconvConv2DKernelGrad", {"kernel: T", "x: T", "dy: T"}, {"dkernel: T"},
    {ATTR_T, ATTR_STRIDES, ATTR_DILATIONS, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT, ATTR_GROUPS}, shape_as_first_image,
    create_kernel_grad};
static const op_spec bias_grad = {
    "FastconvBiasGrad", {"dy: T"}, {"dbias: T"}, {ATTR_T, ATTR_FORMAT}, shape_vector, create_bias_grad};

/* kernel: (k_h, k_w, c_out, c_in). */
static const op_spec transpose = {"FastconvConv2DTranspose", {"x: T", "kernel: T"}, {"y: T"},
    {ATTR_T, ATTR_STRIDES, ATTR_DILATIONS, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT, ATTR_GROUPS,
        "has_output_padding: bool = false", "output_padding: list(int) = [0, 0]"},
    shape_window, create_transpose};

/* y: the convolution's output, with an activation only; outputs: those that are wanted. */
static const op_spec grads = {"FastconvConv2DGrads", {"x: T", "kernel: T", "dy: T", "y: ys * T"},
    {"dx: dxs * T", "dkernel: dkernels * T", "dbias: dbiases * T"},
    {ATTR_T, ATTR_WANTED, ATTR_STRIDES, ATTR_DILATIONS, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT, ATTR_GROUPS,
        ATTR_ACTIVATION, ATTR_ALPHA},
    shape_unknown, create_grads};

const op_spec *const fc_tf_conv2d_ops[] = {&conv, &added, &normalized, &conv_pool, &input_grad,
    &fc_tf_scaled_input_grad, &kernel_grad, &bias_grad, &grads, &transpose, NULL};
