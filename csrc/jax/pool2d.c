/* SPDX-License-Identifier: MIT */
/* Max and average pooling, their gradients, and the gradient of max pooling's gradient. */
#include "jax/call.h"

/* The numbers, in the order of Pool2D in fastconv/jax/pooling.py. */
enum {
    N,
    H,
    W,
    C,
    OUT_H,
    OUT_W,
    POOL_H,
    POOL_W,
    STRIDE_H,
    STRIDE_W,
    PAD_TOP,
    PAD_BOTTOM,
    PAD_LEFT,
    PAD_RIGHT,
    LAYOUT,
    MODE,
    NUMBERS
};

typedef struct sizes {
    size_t x, y;
} sizes; /* in elements */

/* The geometry and the buffers' sizes; false after a failure. */
static int geometry(call *c, fc_pool2d_params *p, sizes *size) {
    const int64_t *v = c->numbers;
    *p = (fc_pool2d_params){.dtype = c->dtype,
        .layout = (fc_layout)v[LAYOUT],
        .mode = (fc_pool_mode)v[MODE],
        .n = v[N],
        .h = v[H],
        .w = v[W],
        .c = v[C],
        .pool_h = v[POOL_H],
        .pool_w = v[POOL_W],
        .stride_h = v[STRIDE_H],
        .stride_w = v[STRIDE_W],
        .pad_top = v[PAD_TOP],
        .pad_bottom = v[PAD_BOTTOM],
        .pad_left = v[PAD_LEFT],
        .pad_right = v[PAD_RIGHT]};
    ptrdiff_t out_h = 0, out_w = 0;
    call_check(c, c->fc->pool2d_output_size(p, &out_h, &out_w));
    if (out_h != v[OUT_H] || out_w != v[OUT_W])
        call_fail(c, FFI_INVALID_ARGUMENT, "the result is %td x %td; expected %td x %td", out_h, out_w,
            (ptrdiff_t)v[OUT_H], (ptrdiff_t)v[OUT_W]);
    const size_t images = (size_t)p->n * (size_t)p->c;
    *size = (sizes){.x = images * (size_t)p->h * (size_t)p->w, .y = images * (size_t)out_h * (size_t)out_w};
    return !c->error;
}

static void run_pool2d(call *c) {
    fc_pool2d_params p;
    sizes size;
    if (!geometry(c, &p, &size))
        return;
    const void *x = call_argument(c, size.x);
    void *y = call_result(c, size.y);
    if (call_complete(c) && size.y)
        call_check(c, c->fc->pool2d(&p, x, y));
}

/* Arguments: x for max pooling, dy. */
static void run_pool2d_grad(call *c) {
    fc_pool2d_params p;
    sizes size;
    if (!geometry(c, &p, &size))
        return;
    const void *x = p.mode == FC_MAX_POOL ? call_argument(c, size.x) : NULL;
    const void *dy = call_argument(c, size.y);
    void *dx = call_result(c, size.x);
    if (call_complete(c) && size.x)
        call_check(c, c->fc->pool2d_grad(&p, x, dy, dx));
}

static void run_max_pool2d_grad_grad(call *c) {
    fc_pool2d_params p;
    sizes size;
    if (!geometry(c, &p, &size))
        return;
    const void *x = call_argument(c, size.x), *ddx = call_argument(c, size.x);
    void *ddy = call_result(c, size.y);
    if (call_complete(c) && size.y)
        call_check(c, c->fc->max_pool2d_grad_grad(&p, x, ddx, ddy));
}

JAX_HANDLER(pool2d, NUMBERS)
JAX_HANDLER(pool2d_grad, NUMBERS)
JAX_HANDLER(max_pool2d_grad_grad, NUMBERS)
