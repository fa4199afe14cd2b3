/* SPDX-License-Identifier: MIT */
/* A layer of neurons with bias and activation, and its gradients. */
#include "jax/call.h"

/* The numbers, in the order of Dense in fastconv/jax/dense_layer.py. */
enum { ROWS, INPUTS, OUTPUTS, ACTIVATION, ALPHA_BITS, WANTED, NUMBERS };

/* The layer and the buffers' sizes; false after a failure. */
static int geometry(call *c, fc_dense_params *p, layer_sizes *size) {
    const int64_t *v = c->numbers;
    *p = (fc_dense_params){.dtype = c->dtype,
        .rows = v[ROWS],
        .inputs = v[INPUTS],
        .outputs = v[OUTPUTS],
        .activation = (fc_activation)v[ACTIVATION],
        .alpha = alpha_of(v[ALPHA_BITS])};
    *size = (layer_sizes){0};
    size_t *const products[3] = {&size->x, &size->kernel, &size->y};
    const int64_t factors[3][2] = {{v[ROWS], v[INPUTS]}, {v[INPUTS], v[OUTPUTS]}, {v[ROWS], v[OUTPUTS]}};
    for (int i = 0; i < 3; i++)
        if (factors[i][0] < 0 || factors[i][1] < 0 ||
            __builtin_mul_overflow((size_t)factors[i][0], (size_t)factors[i][1], products[i]))
            call_fail(c, FFI_INVALID_ARGUMENT, "the numbers of rows, inputs and outputs must be those of arrays");
    size->bias = (size_t)v[OUTPUTS];
    return !c->error;
}

/* Arguments: x, kernel, and a bias or none. */
static void run_dense(call *c) {
    fc_dense_params p;
    layer_sizes size;
    if (!geometry(c, &p, &size))
        return;
    const void *x = call_argument(c, size.x), *kernel = call_argument(c, size.kernel);
    const void *bias = c->argument_count > 2 ? call_argument(c, size.bias) : NULL;
    void *y = call_result(c, size.y);
    if (call_complete(c) && size.y)
        call_check(c, c->fc->dense(&p, x, kernel, bias, y));
}

static void run_dense_grads(call *c) {
    fc_dense_params p;
    layer_sizes size;
    if (!geometry(c, &p, &size))
        return;
    layer_grads g = call_grads(c, c->numbers[WANTED], p.activation, size);
    if (call_complete(c))
        call_check(c, c->fc->dense_grads(&p, g.x, g.kernel, g.y, g.dy, g.dx, g.dkernel, g.dbias));
}

JAX_HANDLER(dense, NUMBERS)
JAX_HANDLER(dense_grads, NUMBERS)
