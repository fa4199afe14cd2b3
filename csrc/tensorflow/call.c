/* SPDX-License-Identifier: MIT */
/* Inputs and outputs of one run of a kernel. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tensorflow/op.h"

/* Stands for the data of an empty tensor, which TensorFlow may give as NULL. */
static char nothing[16];

int call_ok(const call *c) { return tf.GetCode(c->status) == TF_OK; }

void call_fail(call *c, TF_Code code, const char *format, ...) {
    if (!call_ok(c))
        return;
    char text[MESSAGE_SIZE];
    int used = snprintf(text, sizeof text, "%s: ", c->kernel->op);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    va_end(arguments);
    tf.SetStatus(c->status, code, text);
}

void call_check(call *c, fc_status status) {
    if (status != FC_OK)
        call_fail(
            c, status == FC_OUT_OF_MEMORY ? TF_RESOURCE_EXHAUSTED : TF_INVALID_ARGUMENT, "%s", fc->status_text(status));
}

static void *data_of(const TF_Tensor *tensor) {
    void *data = tf.TensorData(tensor);
    return data ? data : nothing;
}

input call_input(call *c, int index) {
    input x = {.data = nothing};
    if (!call_ok(c))
        return x;
    tf.GetInput(c->ctx, index, &x.tensor, c->status);
    if (!call_ok(c))
        return x;
    c->held[c->held_count++] = x.tensor;
    x.data = data_of(x.tensor);
    x.rank = tf.NumDims(x.tensor);
    for (int i = 0; i < x.rank && i < 4; i++)
        x.dims[i] = tf.Dim(x.tensor, i);
    return x;
}

input call_image(call *c, int index, const char *name) {
    input x = call_input(c, index);
    if (call_ok(c) && x.rank != 4)
        call_fail(c, TF_INVALID_ARGUMENT, "`%s` must have 4 dimensions; received %d", name, x.rank);
    return x;
}

int is_empty(const int64_t *dims, int rank) {
    for (int i = 0; i < rank; i++)
        if (!dims[i])
            return 1;
    return 0;
}

static size_t item_size(TF_DataType type) { return type == TF_DOUBLE ? 8 : type == TF_FLOAT ? 4 : 2; }

/* Elements of a shape; 0 and a failure if there are too many to address. */
static size_t element_count(call *c, const int64_t *dims, int rank) {
    size_t count = 1;
    if (is_empty(dims, rank))
        return 0;
    for (int i = 0; i < rank; i++)
        if (__builtin_mul_overflow(count, (size_t)dims[i], &count) || count > PTRDIFF_MAX / 8) {
            call_fail(c, TF_INVALID_ARGUMENT, "the output is too large");
            return 0;
        }
    return count;
}

void *call_output(call *c, const int64_t *dims, int rank) { return call_output_at(c, 0, dims, rank); }

void *call_output_at(call *c, int index, const int64_t *dims, int rank) {
    size_t count = element_count(c, dims, rank);
    if (!call_ok(c))
        return NULL;
    TF_DataType type = c->kernel->type;
    TF_Tensor *y = tf.AllocateOutput(c->ctx, index, type, dims, rank, count * item_size(type), c->status);
    if (!call_ok(c))
        return NULL;
    c->held[c->held_count++] = y;
    return data_of(y);
}

void *call_scratch(call *c, const int64_t *dims, int rank) {
    const TF_AllocatorAttributes on_host = {sizeof on_host, 1};
    if (!call_ok(c))
        return NULL;
    TF_Tensor *memory = tf.AllocateTemp(c->ctx, c->kernel->type, dims, rank, &on_host, c->status);
    if (!call_ok(c))
        return NULL;
    c->held[c->held_count++] = memory;
    return data_of(memory);
}

void *call_output_if(call *c, int wanted, int *index, const int64_t *dims, int rank) {
    return wanted && call_ok(c) ? call_output_at(c, (*index)++, dims, rank) : NULL;
}

void *call_output_over_input(call *c, int index, const void **x, int64_t *dims, int *rank) {
    input source = call_input(c, index);
    if (!call_ok(c))
        return NULL;
    *rank = source.rank;
    for (int i = 0; i < source.rank; i++)
        dims[i] = tf.Dim(source.tensor, i);
    /* TensorFlow gives the memory away only while nobody holds it. */
    tf.DeleteTensor(c->held[--c->held_count]);
    int forwarded = -1;
    TF_Tensor *y = tf.ForwardInputOrAllocateOutput(c->ctx, &index, 1, 0, dims, *rank, &forwarded, c->status);
    if (!call_ok(c))
        return NULL;
    c->held[c->held_count++] = y;
    *x = forwarded == index ? data_of(y) : call_input(c, index).data;
    return call_ok(c) ? data_of(y) : NULL;
}

size_t count_of(const int64_t *dims, int rank) {
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    return count;
}

image_size size_of(fc_layout layout, const int64_t dims[4]) {
    if (layout == FC_NHWC)
        return (image_size){dims[0], dims[1], dims[2], dims[3]};
    return (image_size){dims[0], dims[2], dims[3], dims[1]};
}

void dims_of(fc_layout layout, image_size size, int64_t dims[4]) {
    dims[0] = size.n;
    dims[layout == FC_NHWC ? 1 : 2] = size.h;
    dims[layout == FC_NHWC ? 2 : 3] = size.w;
    dims[layout == FC_NHWC ? 3 : 1] = size.c;
}

fc_status padding_amounts(const window_padding *padding, ptrdiff_t size_h, ptrdiff_t size_w, const ptrdiff_t window[2],
    const ptrdiff_t strides[2], const ptrdiff_t dilations[2], ptrdiff_t amounts[4]) {
    if (padding->is_explicit) {
        memcpy(amounts, padding->amounts, sizeof padding->amounts);
        return FC_OK;
    }
    fc_status status = fc->resolve_padding(
        padding->mode, size_h, window[0], strides[0], dilations[0], &amounts[0], &amounts[1]);
    if (status != FC_OK)
        return status;
    return fc->resolve_padding(padding->mode, size_w, window[1], strides[1], dilations[1], &amounts[2], &amounts[3]);
}

int call_same_dims(call *c, const char *name, const input *x, const int64_t expected[4]) {
    if (!call_ok(c))
        return 0;
    for (int i = 0; i < 4; i++)
        if (x->dims[i] != expected[i]) {
            const long long received[4] = {x->dims[0], x->dims[1], x->dims[2], x->dims[3]};
            const long long wanted[4] = {expected[0], expected[1], expected[2], expected[3]};
            call_fail(c, TF_INVALID_ARGUMENT,
                "`%s` must have shape (%lld, %lld, %lld, %lld); received (%lld, %lld, %lld, %lld)", name, wanted[0],
                wanted[1], wanted[2], wanted[3], received[0], received[1], received[2], received[3]);
            return 0;
        }
    return 1;
}
