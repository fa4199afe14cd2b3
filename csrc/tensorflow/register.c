/* SPDX-License-Identifier: MIT */
/* Registers every op when TensorFlow loads this library. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tensorflow/op.h"

const fc_api *fc;

static atomic_int most_threads;    /* of an op, as TensorFlow's own; 0: no limit */
static char failure[MESSAGE_SIZE]; /* why registration failed; empty if it did not */

const char *fastconv_tf_connect(const fc_api *api) {
    if (*failure)
        return failure;
    if (!api || api->size != sizeof(fc_api))
        return "the TensorFlow ops and fastconv._core come from different builds";
    fc = api;
    return NULL;
}

void fastconv_tf_limit_threads(int n) { atomic_store(&most_threads, n); }

static void add_words(
    TF_OpDefinitionBuilder *builder, void (*add)(TF_OpDefinitionBuilder *, const char *), const char *const *words) {
    for (; *words; words++)
        add(builder, *words);
}

static void compute(void *data, TF_OpKernelContext *ctx) {
    call c = {.kernel = data, .ctx = ctx, .status = tf.NewStatus()};
    if (fc) {
        const int before = fc->limit_threads(atomic_load(&most_threads));
        c.kernel->run(c.kernel, &c);
        fc->limit_threads(before);
    } else
        call_fail(&c, TF_INVALID_ARGUMENT, "the ops are not connected: import fastconv.tensorflow");
    for (int i = 0; i < c.held_count; i++)
        tf.DeleteTensor(c.held[i]);
    if (tf.GetCode(c.status) != TF_OK)
        tf.OpKernelContext_Failure(ctx, c.status);
    tf.DeleteStatus(c.status);
}

static void register_op(const op_spec *op, TF_Status *status) {
    TF_OpDefinitionBuilder *builder = tf.NewOpDefinitionBuilder(op->name);
    add_words(builder, tf.OpDefinitionBuilderAddAttr, op->attrs);
    add_words(builder, tf.OpDefinitionBuilderAddInput, op->inputs);
    add_words(builder, tf.OpDefinitionBuilderAddOutput, op->outputs);
    tf.OpDefinitionBuilderSetShapeInferenceFunction(builder, op->shape);
    tf.RegisterOpDefinition(builder, status);
    if (tf.GetCode(status) == TF_OK)
        tf.RegisterKernelBuilder(op->name, tf.NewKernelBuilder(op->name, "CPU", op->create, compute, free), status);
    if (tf.GetCode(status) != TF_OK && !*failure)
        snprintf(failure, sizeof failure, "TensorFlow refused %s: %s", op->name, tf.Message(status));
}

__attribute__((constructor)) static void register_ops(void) {
    const char *missing = fc_tf_find_functions();
    if (missing) {
        snprintf(failure, sizeof failure, "%s is not in this process: import tensorflow first", missing);
        return;
    }
    static const op_spec *const *const families[] = {
        fc_tf_conv2d_ops, fc_tf_pool2d_ops, fc_tf_activation_ops, fc_tf_dense_ops, fc_tf_update_ops};
    TF_Status *status = tf.NewStatus();
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (const op_spec *const *op = families[i]; *op && !*failure; op++)
            register_op(*op, status);
    tf.DeleteStatus(status);
}
