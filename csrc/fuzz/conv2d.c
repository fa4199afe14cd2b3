/* SPDX-License-Identifier: MIT */
/* Convolutions, prepared ones, those with pooling, and their gradients. */
#include "fuzz/fuzz.h"

enum { PREPARED_RUNS = 4 };

fc_conv2d_params fuzz_conv2d_params(fuzz_input *input) {
    static const unsigned channels[] = {0, 1, 1, 2, 3, 4, 8, 16, 17, 32, 33, 64, 70, 130};
    const unsigned kinds = fuzz_byte(input);
    fc_conv2d_params p = {
        .dtype = kinds & 3 ? fuzz_float(input)
            : kinds & 4    ? FC_I8
                           : FC_U8,
        .kernel_dtype = kinds & 8 ? FC_I8 : FC_U8,
        .layout = kinds & 16 ? FC_NCHW : FC_NHWC,
        .precision = fc_get_precision(),
    };
    p.n = fuzz_size(input, 3), p.h = fuzz_size(input, 20), p.w = fuzz_size(input, 20);
    p.c_in = channels[fuzz_below(input, 14)], p.c_out = channels[fuzz_below(input, 14)];
    p.k_h = kinds & 32 ? 3 : fuzz_size(input, 7), p.k_w = kinds & 64 ? p.k_h : fuzz_size(input, 7);
    p.stride_h = kinds & 128 ? 1 : fuzz_step(input, 1, 3), p.stride_w = kinds & 128 ? 1 : fuzz_step(input, 1, 3);
    p.dilation_h = kinds & 128 ? 1 : fuzz_step(input, 1, 3), p.dilation_w = kinds & 128 ? 1 : fuzz_step(input, 1, 3);
    if (fuzz_byte(input) & 1) {
        fc_resolve_padding(FC_PAD_SAME, p.h, p.k_h, p.stride_h, p.dilation_h, &p.pad_top, &p.pad_bottom);
        fc_resolve_padding(FC_PAD_SAME, p.w, p.k_w, p.stride_w, p.dilation_w, &p.pad_left, &p.pad_right);
    } else {
        p.pad_top = fuzz_step(input, 0, 4), p.pad_bottom = fuzz_step(input, 0, 4);
        p.pad_left = fuzz_step(input, 0, 4), p.pad_right = fuzz_step(input, 0, 4);
    }
    const unsigned grouping = fuzz_byte(input);
    p.groups = grouping < 160 ? 1 : grouping < 224 ? p.c_in : fuzz_step(input, 1, 4);
    if (grouping >= 192 && grouping < 224)
        p.c_out = p.c_in;
    p.activation = (fc_activation)fuzz_below(input, 2 * FC_ACTIVATION_COUNT);
    if (p.activation >= FC_ACTIVATION_COUNT)
        p.activation = FC_LINEAR;
    p.alpha = 0.25;
    p.algorithm = (fc_conv2d_algorithm)fuzz_below(input, 2 * FC_CONV_ALGORITHM_COUNT);
    if (p.algorithm >= FC_CONV_ALGORITHM_COUNT)
        p.algorithm = FC_CONV_AUTO;
    return p;
}

/* The bytes of each array; SIZE_MAX in all where the convolution is refused. */
typedef struct sizes {
    fc_status status;
    int quick;
    size_t x, kernel, bias, y;
    ptrdiff_t out_h, out_w;
} sizes;

static fc_dtype result_of(fc_dtype dtype) { return dtype == FC_I8 || dtype == FC_U8 ? FC_I32 : dtype; }

/* SIZE_MAX where the channels do not fit either. */
static size_t kernel_bytes(const fc_conv2d_params *p) {
    const ptrdiff_t c = p->groups < 1 || p->c_in % p->groups ? -1 : p->c_in / p->groups;
    return fuzz_bytes(result_of(p->dtype) == FC_I32 ? p->kernel_dtype : p->dtype, p->k_h, p->k_w, c, p->c_out);
}

static sizes sizes_of(const fc_conv2d_params *p) {
    sizes s = {.x = SIZE_MAX, .kernel = SIZE_MAX, .bias = SIZE_MAX, .y = SIZE_MAX};
    fc_conv2d_plan plan;
    s.status = fc_conv2d_output_size(p, &s.out_h, &s.out_w);
    const fc_status planned = fuzz_status(fc_plan_conv2d(p, &plan));
    s.status = s.status ? s.status : planned;
    if (s.status)
        return s;
    const fc_dtype result = result_of(p->dtype);
    s.x = fuzz_bytes(p->dtype, p->n, p->h, p->w, p->c_in), s.y = fuzz_bytes(result, p->n, s.out_h, s.out_w, p->c_out);
    s.kernel = kernel_bytes(p), s.bias = fuzz_bytes(result, p->c_out, 1, 1, 1);
    s.quick = s.x != SIZE_MAX && s.y != SIZE_MAX && s.kernel != SIZE_MAX && s.bias != SIZE_MAX &&
        fuzz_is_quick(p->n * s.out_h, s.out_w, p->k_h, p->k_w, p->c_in, p->c_out / p->groups);
    return s;
}

void fuzz_conv2d(fuzz_input *input) {
    const fc_conv2d_params p = fuzz_conv2d_params(input);
    const sizes s = sizes_of(&p);
    if (!s.status && !s.quick)
        return;
    const void *x = fuzz_buffer(input, s.x), *kernel = fuzz_buffer(input, s.kernel);
    const void *bias = fuzz_byte(input) & 1 ? fuzz_buffer(input, s.bias) : NULL;
    const fc_status status = fuzz_status(fc_conv2d(&p, x, kernel, bias, fuzz_buffer(input, s.y)));
    fuzz_require_alike(s.status, status, "fc_conv2d computes what fc_plan_conv2d plans");
}

void fuzz_prepared(fuzz_input *input) {
    fc_conv2d_params p = fuzz_conv2d_params(input);
    fc_conv2d_prepared *prepared = NULL;
    if (kernel_bytes(&p) == SIZE_MAX)
        return;
    const void *kernel = fuzz_buffer(input, kernel_bytes(&p));
    const void *bias = fuzz_byte(input) & 1 ? fuzz_buffer(input, fuzz_bytes(result_of(p.dtype), p.c_out, 1, 1, 1))
                                            : NULL;
    const fc_status status = fuzz_status(fc_conv2d_prepare(&p, kernel, bias, &prepared));
    for (int i = 0; !status && i < PREPARED_RUNS; i++) {
        const sizes s = sizes_of(&p);
        if (s.status || s.quick)
            fuzz_status(fc_conv2d_run(prepared, &p, fuzz_buffer(input, s.x), fuzz_buffer(input, s.y)));
        p.n = fuzz_size(input, 3), p.h = fuzz_size(input, 20), p.w = fuzz_size(input, 20);
        p.pad_top = fuzz_step(input, 0, 4), p.pad_right = fuzz_step(input, 0, 4);
    }
    if (!status)
        fc_conv2d_free(prepared);
}

void fuzz_conv2d_pool2d(fuzz_input *input) {
    const fc_conv2d_params p = fuzz_conv2d_params(input);
    const sizes s = sizes_of(&p);
    fc_pool2d_params pool = {
        .dtype = p.dtype,
        .layout = p.layout,
        .mode = fuzz_byte(input) & 1 ? FC_MAX_POOL : FC_AVG_POOL,
        .n = p.n,
        .h = s.out_h,
        .w = s.out_w,
        .c = p.c_out,
        .pool_h = fuzz_step(input, 1, 4),
        .pool_w = fuzz_step(input, 1, 4),
        .stride_h = fuzz_step(input, 1, 4),
        .stride_w = fuzz_step(input, 1, 4),
        .pad_top = fuzz_step(input, 0, 2),
        .pad_bottom = fuzz_step(input, 0, 2),
        .pad_left = fuzz_step(input, 0, 2),
        .pad_right = fuzz_step(input, 0, 2),
    };
    ptrdiff_t h = 0, w = 0;
    const fc_status status = s.status ? s.status : fc_pool2d_output_size(&pool, &h, &w);
    const size_t y = status ? SIZE_MAX : fuzz_bytes(p.dtype, p.n, h, w, p.c_out);
    if (!status && (!s.quick || y == SIZE_MAX || !fuzz_is_quick(p.n, h, w, p.c_out, pool.pool_h, pool.pool_w)))
        return;
    const void *x = fuzz_buffer(input, s.x), *kernel = fuzz_buffer(input, s.kernel);
    const void *bias = fuzz_byte(input) & 1 ? fuzz_buffer(input, s.bias) : NULL;
    const fc_status pooled = fuzz_status(fc_conv2d_pool2d(&p, &pool, x, kernel, bias, fuzz_buffer(input, y)));
    fuzz_require(!status || pooled, "fc_conv2d_pool2d refuses what its parts refuse");
}

void fuzz_conv2d_gradients(fuzz_input *input) {
    fc_conv2d_params p = fuzz_conv2d_params(input);
    p.algorithm = FC_CONV_AUTO;
    const sizes s = sizes_of(&p);
    if (!s.status && !s.quick)
        return;
    void *x = fuzz_buffer(input, s.x), *kernel = fuzz_buffer(input, s.kernel), *y = fuzz_buffer(input, s.y),
         *dy = fuzz_buffer(input, s.y);
    void *dx = fuzz_buffer(input, s.x), *dkernel = fuzz_buffer(input, s.kernel), *dbias = fuzz_buffer(input, s.bias);
    const unsigned wanted = fuzz_byte(input);
    if (wanted & 8) {
        fuzz_status(fc_conv2d_grads(
            &p, x, kernel, y, dy, wanted & 1 ? dx : NULL, wanted & 2 ? dkernel : NULL, wanted & 4 ? dbias : NULL));
        return;
    }
    p.activation = FC_LINEAR;
    fuzz_status(fc_conv2d_input_grad(&p, dy, kernel, dx));
    fuzz_status(
        fc_conv2d_kernel_grad(&p, (fc_kernel_grad_id)fuzz_below(input, FC_KERNEL_GRAD_COUNT + 1), x, dy, dkernel));
    fuzz_status(fc_bias_grad(p.dtype, p.layout, s.status ? -1 : p.n, s.out_h, s.out_w, p.c_out, dy, dbias));
}
