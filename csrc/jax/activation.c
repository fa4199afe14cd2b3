/* SPDX-License-Identifier: MIT */
/* Elementwise activations and softmax, with their gradients. */
#include "jax/call.h"

/* The numbers, in the order of Activation, Relu and Softmax in fastconv/jax/activations.py. */
enum { ACTIVATION, ALPHA_BITS, FROM_OUTPUT, ACTIVATION_NUMBERS };
enum { NEGATIVE_SLOPE, THRESHOLD, LOW, HIGH, RELU_NUMBERS }; /* bits of doubles */
enum { OUTER, AXIS, INNER, SOFTMAX_NUMBERS };

static void run_activation(call *c) {
    const size_t count = buffer_count(c->frame->arguments.buffers[0]);
    const void *x = call_argument(c, count);
    void *y = call_result(c, count);
    if (call_complete(c))
        call_check(c,
            c->fc->activate(
                c->dtype, (fc_activation)c->numbers[ACTIVATION], alpha_of(c->numbers[ALPHA_BITS]), count, x, y));
}

/* Arguments: the activation's input, or its output where the derivative can be had from that; dy. */
static void run_activation_grad(call *c) {
    const size_t count = buffer_count(c->frame->arguments.buffers[0]);
    const void *known = call_argument(c, count), *dy = call_argument(c, count);
    void *dx = call_result(c, count);
    const int from_output = c->numbers[FROM_OUTPUT] != 0;
    if (call_complete(c))
        call_check(c,
            c->fc->activate_grad(c->dtype, (fc_activation)c->numbers[ACTIVATION], alpha_of(c->numbers[ALPHA_BITS]),
                count, from_output ? NULL : known, from_output ? known : NULL, dy, dx));
}

static fc_relu_params relu_params(const call *c) {
    const int64_t *v = c->numbers;
    return (fc_relu_params){.negative_slope = alpha_of(v[NEGATIVE_SLOPE]),
        .threshold = alpha_of(v[THRESHOLD]),
        .low = alpha_of(v[LOW]),
        .high = alpha_of(v[HIGH])};
}

static void run_relu(call *c) {
    const size_t count = buffer_count(c->frame->arguments.buffers[0]);
    const fc_relu_params params = relu_params(c);
    const void *x = call_argument(c, count);
    void *y = call_result(c, count);
    if (call_complete(c))
        call_check(c, c->fc->relu(c->dtype, &params, count, x, y));
}

static void run_relu_grad(call *c) {
    const size_t count = buffer_count(c->frame->arguments.buffers[0]);
    const fc_relu_params params = relu_params(c);
    const void *x = call_argument(c, count), *dy = call_argument(c, count);
    void *dx = call_result(c, count);
    if (call_complete(c))
        call_check(c, c->fc->relu_grad(c->dtype, &params, count, x, dy, dx));
}

/* The elements of outer x axis x inner; 0 after a failure. */
static size_t softmax_count(call *c) {
    size_t count = 1;
    for (int i = OUTER; i <= INNER; i++)
        if (c->numbers[i] < 0 || __builtin_mul_overflow(count, (size_t)c->numbers[i], &count))
            call_fail(c, FFI_INVALID_ARGUMENT, "the sizes before, along and after the axis must be those of an array");
    return c->error ? 0 : count;
}

static void run_softmax(call *c) {
    const size_t count = softmax_count(c);
    const void *x = call_argument(c, count);
    void *y = call_result(c, count);
    if (call_complete(c) && count)
        call_check(c,
            c->fc->softmax(
                c->dtype, (size_t)c->numbers[OUTER], (size_t)c->numbers[AXIS], (size_t)c->numbers[INNER], x, y));
}

static void run_softmax_grad(call *c) {
    const size_t count = softmax_count(c);
    const void *y = call_argument(c, count), *dy = call_argument(c, count);
    void *dx = call_result(c, count);
    if (call_complete(c) && count)
        call_check(c,
            c->fc->softmax_grad(
                c->dtype, (size_t)c->numbers[OUTER], (size_t)c->numbers[AXIS], (size_t)c->numbers[INNER], y, dy, dx));
}

JAX_HANDLER(activation, ACTIVATION_NUMBERS)
JAX_HANDLER(activation_grad, ACTIVATION_NUMBERS)
JAX_HANDLER(relu, RELU_NUMBERS)
JAX_HANDLER(relu_grad, RELU_NUMBERS)
JAX_HANDLER(softmax, SOFTMAX_NUMBERS)
JAX_HANDLER(softmax_grad, SOFTMAX_NUMBERS)
