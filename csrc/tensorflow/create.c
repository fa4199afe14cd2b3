/* SPDX-License-Identifier: MIT */
/* Reading attributes when TensorFlow creates a kernel. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/op.h"

enum { WORD_SIZE = 32 };

static fc_dtype dtype_of(TF_DataType type) {
    switch (type) {
    case TF_HALF:
        return FC_F16;
    case TF_BFLOAT16:
        return FC_BF16;
    case TF_DOUBLE:
        return FC_F64;
    default:
        return FC_F32;
    }
}

creation creation_begin(
    TF_OpKernelConstruction *ctx, const char *op, void (*run)(const op_kernel *, call *), size_t size) {
    creation c = {.ctx = ctx, .status = tf.NewStatus(), .kernel = calloc(1, size)};
    if (!c.kernel) {
        tf.SetStatus(c.status, TF_RESOURCE_EXHAUSTED, "fastconv: out of memory");
        return c;
    }
    c.kernel->op = op;
    c.kernel->run = run;
    tf.OpKernelConstruction_GetAttrType(ctx, "T", &c.kernel->type, c.status);
    c.kernel->dtype = dtype_of(c.kernel->type);
    return c;
}

void *creation_end(creation *c) {
    if (!creation_ok(c)) {
        tf.OpKernelConstruction_Failure(c->ctx, c->status);
        free(c->kernel);
        c->kernel = NULL;
    }
    tf.DeleteStatus(c->status);
    return c->kernel;
}

int creation_ok(const creation *c) { return tf.GetCode(c->status) == TF_OK; }

void creation_fail(creation *c, const char *format, ...) {
    if (!creation_ok(c))
        return;
    char text[MESSAGE_SIZE];
    int used = snprintf(text, sizeof text, "%s: ", c->kernel->op);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    va_end(arguments);
    tf.SetStatus(c->status, TF_INVALID_ARGUMENT, text);
}

int64_t creation_int(creation *c, const char *attr) {
    int64_t value = 0;
    if (creation_ok(c))
        tf.OpKernelConstruction_GetAttrInt64(c->ctx, attr, &value, c->status);
    return value;
}

int creation_bool(creation *c, const char *attr) {
    unsigned char value = 0;
    if (creation_ok(c))
        tf.OpKernelConstruction_GetAttrBool(c->ctx, attr, &value, c->status);
    return value;
}

double creation_double(creation *c, const char *attr) {
    int64_t bits = creation_int(c, attr);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double creation_alpha(creation *c) { return creation_double(c, "alpha_bits"); }

static void read_word(creation *c, const char *attr, char word[WORD_SIZE]) {
    memset(word, 0, WORD_SIZE);
    if (creation_ok(c))
        tf.OpKernelConstruction_GetAttrString(c->ctx, attr, word, WORD_SIZE - 1, c->status);
}

fc_activation creation_activation(creation *c) {
    static const char *const names[FC_ACTIVATION_COUNT] = {[FC_LINEAR] = "linear",
        [FC_RELU] = "relu",
        [FC_RELU6] = "relu6",
        [FC_LEAKY_RELU] = "leaky_relu",
        [FC_ELU] = "elu",
        [FC_SELU] = "selu",
        [FC_SIGMOID] = "sigmoid",
        [FC_TANH] = "tanh",
        [FC_EXPONENTIAL] = "exponential",
        [FC_SOFTPLUS] = "softplus",
        [FC_SOFTSIGN] = "softsign",
        [FC_SILU] = "silu",
        [FC_GELU] = "gelu",
        [FC_GELU_TANH] = "gelu_tanh",
        [FC_HARD_SIGMOID] = "hard_sigmoid",
        [FC_HARD_SILU] = "hard_silu",
        [FC_MISH] = "mish"};
    char word[WORD_SIZE];
    read_word(c, "activation", word);
    for (int i = 0; i < FC_ACTIVATION_COUNT; i++)
        if (!strcmp(word, names[i]))
            return (fc_activation)i;
    creation_fail(c, "`activation` is none that fastconv knows; received '%s'", word);
    return FC_LINEAR;
}

fc_layout creation_layout(creation *c) {
    char word[WORD_SIZE];
    read_word(c, "data_format", word);
    return strcmp(word, "NCHW") ? FC_NHWC : FC_NCHW;
}

void creation_ints(creation *c, const char *attr, int count, int64_t minimum, ptrdiff_t *values) {
    if (!creation_ok(c))
        return;
    int32_t size = 0, total = 0;
    tf.OpKernelConstruction_GetAttrSize(c->ctx, attr, &size, &total, c->status);
    if (creation_ok(c) && size != count)
        creation_fail(c, "`%s` must be %d integers; received %d", attr, count, (int)size);
    int64_t read[4] = {0};
    if (creation_ok(c))
        tf.OpKernelConstruction_GetAttrInt64List(c->ctx, attr, read, count, c->status);
    for (int i = 0; i < count && creation_ok(c); i++) {
        if (read[i] < minimum || read[i] > PTRDIFF_MAX)
            creation_fail(c, "`%s` must be at least %lld; received %lld", attr, (long long)minimum, (long long)read[i]);
        values[i] = (ptrdiff_t)read[i];
    }
}

window_padding creation_padding(creation *c) {
    window_padding padding = {0};
    char word[WORD_SIZE];
    read_word(c, "padding", word);
    padding.mode = strcmp(word, "SAME") ? FC_PAD_VALID : FC_PAD_SAME;
    padding.is_explicit = !strcmp(word, "EXPLICIT");
    if (padding.is_explicit)
        creation_ints(c, "explicit_paddings", 4, 0, padding.amounts);
    return padding;
}

void creation_wanted(creation *c, fc_activation activation, int wanted[3]) {
    static const char *const counts[3] = {"dxs", "dkernels", "dbiases"};
    for (int i = 0; i < 3 && creation_ok(c); i++) {
        const int64_t count = creation_int(c, counts[i]);
        if (count > 1)
            creation_fail(c, "`%s` must be 0 or 1; received %lld", counts[i], (long long)count);
        wanted[i] = count > 0;
    }
    if (creation_ok(c) && creation_int(c, "ys") != (activation != FC_LINEAR))
        creation_fail(c, "`y` must be one tensor with an activation, and none without");
}
