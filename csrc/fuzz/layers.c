/* SPDX-License-Identifier: MIT */
/* Pooling, dense layers, activations, softmax and normalization. */
#include "fuzz/fuzz.h"

void fuzz_pool2d(fuzz_input *input) {
    const unsigned kinds = fuzz_byte(input);
    const fc_pool2d_params p = {
        .dtype = fuzz_float(input),
        .layout = kinds & 1 ? FC_NCHW : FC_NHWC,
        .mode = kinds & 2 ? FC_MAX_POOL : FC_AVG_POOL,
        .n = fuzz_size(input, 3),
        .h = fuzz_size(input, 20),
        .w = fuzz_size(input, 20),
        .c = fuzz_size(input, 40),
        .pool_h = fuzz_step(input, 1, 5),
        .pool_w = fuzz_step(input, 1, 5),
        .stride_h = fuzz_step(input, 1, 5),
        .stride_w = fuzz_step(input, 1, 5),
        .pad_top = fuzz_step(input, 0, 3),
        .pad_bottom = fuzz_step(input, 0, 3),
        .pad_left = fuzz_step(input, 0, 3),
        .pad_right = fuzz_step(input, 0, 3),
    };
    ptrdiff_t h = 0, w = 0;
    const fc_status status = fc_pool2d_output_size(&p, &h, &w);
    const size_t x_bytes = status ? SIZE_MAX : fuzz_bytes(p.dtype, p.n, p.h, p.w, p.c);
    const size_t y_bytes = status ? SIZE_MAX : fuzz_bytes(p.dtype, p.n, h, w, p.c);
    if (!status && (x_bytes == SIZE_MAX || y_bytes == SIZE_MAX || !fuzz_is_quick(p.n, h, w, p.c, p.pool_h, p.pool_w)))
        return;
    void *x = fuzz_buffer(input, x_bytes), *y = fuzz_buffer(input, y_bytes), *dx = fuzz_buffer(input, x_bytes);
    fuzz_require(!status || fc_pool2d(&p, x, y), "fc_pool2d refuses what has no size");
    if (status)
        return;
    fuzz_status(fc_pool2d(&p, x, y));
    fuzz_status(fc_pool2d_grad(&p, x, y, dx));
    fuzz_status(fc_max_pool2d_grad_grad(&p, x, dx, y));
}

static fc_activation activation(fuzz_input *input) { return (fc_activation)fuzz_below(input, FC_ACTIVATION_COUNT + 1); }

void fuzz_dense(fuzz_input *input) {
    const fc_dense_params p = {
        .dtype = fuzz_float(input),
        .rows = fuzz_size(input, 40),
        .inputs = fuzz_size(input, 140),
        .outputs = fuzz_size(input, 140),
        .activation = activation(input),
        .alpha = 0.25,
    };
    const size_t x = fuzz_bytes(p.dtype, p.rows, p.inputs, 1, 1), k = fuzz_bytes(p.dtype, p.inputs, p.outputs, 1, 1);
    const size_t y = fuzz_bytes(p.dtype, p.rows, p.outputs, 1, 1), b = fuzz_bytes(p.dtype, p.outputs, 1, 1, 1);
    if (x == SIZE_MAX || k == SIZE_MAX || y == SIZE_MAX || b == SIZE_MAX ||
        !fuzz_is_quick(p.rows, p.inputs, p.outputs, 1, 1, 1))
        return;
    void *in = fuzz_buffer(input, x), *kernel = fuzz_buffer(input, k), *out = fuzz_buffer(input, y),
         *bias = fuzz_buffer(input, b);
    const unsigned wanted = fuzz_byte(input);
    void *dy = fuzz_buffer(input, y), *dx = fuzz_buffer(input, x), *dkernel = fuzz_buffer(input, k);
    fuzz_status(fc_dense(&p, in, kernel, wanted & 1 ? bias : NULL, out));
    fuzz_status(fc_dense_grads(
        &p, in, kernel, out, dy, wanted & 2 ? dx : NULL, wanted & 4 ? dkernel : NULL, wanted & 8 ? bias : NULL));
}

void fuzz_activation(fuzz_input *input) {
    const fc_dtype dtype = fuzz_float(input);
    const fc_activation which = activation(input);
    const size_t count = (size_t)(fuzz_byte(input) + 7 * fuzz_byte(input)), bytes = count * fc_dtype_size(dtype);
    void *x = fuzz_buffer(input, bytes), *dy = fuzz_buffer(input, bytes), *out = fuzz_buffer(input, bytes);
    const unsigned places = fuzz_byte(input);
    fuzz_status(fc_activate(dtype, which, 0.25, count, x, places & 1 ? x : out));
    fuzz_status(fc_activate_grad(
        dtype, which, 0.25, count, places & 2 ? x : NULL, places & 2 ? NULL : x, dy, places & 4 ? dy : out));
}

void fuzz_softmax(fuzz_input *input) {
    const fc_dtype dtype = fuzz_float(input);
    const size_t outer = fuzz_below(input, 9), axis = fuzz_byte(input), inner = fuzz_below(input, 20);
    const size_t bytes = outer * axis * inner * fc_dtype_size(dtype);
    void *x = fuzz_buffer(input, bytes), *dy = fuzz_buffer(input, bytes), *out = fuzz_buffer(input, bytes);
    const unsigned places = fuzz_byte(input);
    fuzz_status(fc_softmax(dtype, outer, axis, inner, x, places & 1 ? x : out));
    fuzz_status(fc_softmax_grad(dtype, outer, axis, inner, x, dy, places & 2 ? dy : out));
}

void fuzz_norm(fuzz_input *input) {
    const unsigned kinds = fuzz_byte(input);
    const fc_norm_params p = {
        .dtype = kinds & 1 ? FC_F32 : FC_F64,
        .outer = fuzz_below(input, 90),
        .channels = fuzz_below(input, 140),
        .inner = kinds & 2 ? 1 : fuzz_below(input, 70),
        .epsilon = 1e-3,
        .relu = (kinds & 4) != 0,
    };
    const size_t row = p.channels * fc_dtype_size(p.dtype), bytes = p.outer * p.inner * row;
    void *x = fuzz_buffer(input, bytes), *dy = fuzz_buffer(input, bytes), *out = fuzz_buffer(input, bytes);
    void *added = kinds & 8 ? fuzz_buffer(input, bytes) : NULL;
    void *scale = kinds & 16 ? fuzz_buffer(input, row) : NULL, *offset = kinds & 32 ? fuzz_buffer(input, row) : NULL;
    void *mean = fuzz_buffer(input, p.channels * sizeof(double));
    void *variance = fuzz_buffer(input, p.channels * sizeof(double));
    fuzz_status(fc_norm(&p, x, scale, offset, added, mean, variance, out));
    const fc_norm_gradients arrays = {x, scale, offset, added, mean, variance, dy, kinds & 64 ? dy : out, scale, offset,
        kinds & 64 && added ? out : NULL};
    fuzz_status(fc_norm_grads(&p, &arrays));
}
