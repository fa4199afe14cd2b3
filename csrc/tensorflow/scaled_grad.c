/* SPDX-License-Identifier: MIT */
/* The input's gradient of a convolution whose results were scaled, as a normalization does it, and activated. */
#include "tensorflow/conv2d.h"

#define SCALE(NAME, TYPE)                                                                                   \
    static void NAME(size_t count, size_t channels, size_t inner, const TYPE *x, const TYPE *s, TYPE *to) { \
        if (inner == 1)                                                                                     \
            for (size_t i = 0; i < count; i += channels)                                                    \
                for (size_t c = 0; c < channels; c++)                                                       \
                    to[i + c] = x[i + c] * s[c];                                                            \
        else                                                                                                \
            for (size_t i = 0; i < count; i += channels * inner)                                            \
                for (size_t c = 0; c < channels; c++)                                                       \
                    for (size_t j = i + c * inner; j < i + (c + 1) * inner; j++)                            \
                        to[j] = x[j] * s[c];                                                                \
    }
SCALE(scale_f32, float)
SCALE(scale_f64, double)

/* to = x times a number of each channel: x[i][c][j] for c in channels and j in inner. */
static void scale_channels(
    fc_dtype dtype, size_t count, size_t channels, size_t inner, const void *x, const void *scale, void *to) {
    if (dtype == FC_F64)
        scale_f64(count, channels, inner, x, scale, to);
    else
        scale_f32(count, channels, inner, x, scale, to);
}

/* dx of the convolution by kernel * scale with an activation: the smaller of the kernel and the gradient is scaled. */
static void scaled_input_grad(call *c, const fc_conv2d_params *p, const int64_t out[4], const input *kernel,
    const void *y, const void *dy, const void *scale, void *dx) {
    const size_t dz_count = count_of(out, 4), kernel_count = count_of(kernel->dims, 4);
    const int scales_dz = dz_count < kernel_count;
    const size_t inner = p->layout == FC_NCHW ? (size_t)(out[2] * out[3]) : 1, channels = (size_t)p->c_out;
    const void *dz = dy, *by = kernel->data;
    void *gradient = scales_dz || y ? call_scratch(c, out, 4) : NULL;
    void *scaled = scales_dz ? gradient : call_scratch(c, kernel->dims, 4);
    fc_conv2d_params plain = *p;
    plain.activation = FC_LINEAR;
    if (y && call_ok(c)) {
        call_check(c, fc->activate_grad(p->dtype, p->activation, p->alpha, dz_count, NULL, y, dy, gradient));
        dz = gradient;
    }
    if (!call_ok(c))
        return;
    if (scales_dz)
        scale_channels(p->dtype, dz_count, channels, inner, dz, scale, scaled);
    else
        scale_channels(p->dtype, kernel_count, channels, 1, by, scale, scaled);
    call_check(c, fc->conv2d_input_grad(&plain, scales_dz ? scaled : dz, scales_dz ? by : scaled, dx));
}

static void run_scaled_input_grad(const op_kernel *base, call *c) {
    const conv_kernel *k = (const conv_kernel *)base;
    fc_conv2d_params p;
    int64_t out[4];
    input x = call_image(c, 0, "x"), kernel = call_image(c, 1, "kernel"), dy = call_image(c, 2, "dy"), y = {0};
    if (!conv_geometry(c, &x, &kernel, &p, out) || !call_same_dims(c, "dy", &dy, out))
        return;
    const void *scale = conv_channels_input(c, 3, "scale", &p);
    if (k->activation != FC_LINEAR) {
        y = call_image(c, 4, "y");
        if (!call_same_dims(c, "y", &y, out))
            return;
    }
    void *dx = call_ok(c) ? call_output(c, x.dims, 4) : NULL;
    if (!dx || is_empty(x.dims, 4))
        return;
    scaled_input_grad(c, &p, out, &kernel, y.data, dy.data, scale, dx);
}

static void *create_scaled_input_grad(TF_OpKernelConstruction *ctx) {
    creation c = conv_create_activated(ctx, "FastconvConv2DScaledInputGrad", run_scaled_input_grad);
    if (creation_ok(&c) && (creation_int(&c, "ys") == 1) != (((conv_kernel *)c.kernel)->activation != FC_LINEAR))
        creation_fail(&c, "an activation other than linear needs `y`, and that one has none");
    return creation_end(&c);
}

/* Of the convolution by kernel * scale, a number an output channel; y: its output, with an activation only. */
const op_spec fc_tf_scaled_input_grad = {"FastconvConv2DScaledInputGrad",
    {"x: T", "kernel: T", "dy: T", "scale: T", "y: ys * T"}, {"dx: T"},
    {"T: {float, double}", "ys: int >= 0", ATTR_STRIDES, ATTR_DILATIONS, ATTR_PADDING, ATTR_EXPLICIT, ATTR_FORMAT,
        ATTR_GROUPS, ATTR_ACTIVATION, ATTR_ALPHA},
    shape_as_first_image, create_scaled_input_grad};
