/* SPDX-License-Identifier: MIT */
#include "tensorflow/op.h"

static int ok(const TF_Status *status) { return tf.GetCode(status) == TF_OK; }

void shape_as_first(TF_ShapeInferenceContext *ctx, TF_Status *status) {
    TF_ShapeHandle *shape = tf.NewShapeHandle();
    tf.ShapeInferenceContextGetInput(ctx, 0, shape, status);
    if (ok(status))
        tf.ShapeInferenceContextSetOutput(ctx, 0, shape, status);
    tf.DeleteShapeHandle(shape);
}

void shape_as_first_image(TF_ShapeInferenceContext *ctx, TF_Status *status) {
    TF_ShapeHandle *shape = tf.NewShapeHandle(), *image = tf.NewShapeHandle();
    tf.ShapeInferenceContextGetInput(ctx, 0, shape, status);
    if (ok(status))
        tf.ShapeInferenceContextWithRank(ctx, shape, 4, image, status);
    if (ok(status))
        tf.ShapeInferenceContextSetOutput(ctx, 0, image, status);
    tf.DeleteShapeHandle(shape);
    tf.DeleteShapeHandle(image);
}

void shape_window(TF_ShapeInferenceContext *ctx, TF_Status *status) {
    /* An unset handle is a shape of unknown rank; given a rank, it has fresh unknown dimensions. */
    TF_ShapeHandle *x = tf.NewShapeHandle(), *image = tf.NewShapeHandle(), *batch = tf.NewShapeHandle();
    TF_ShapeHandle *unknown = tf.NewShapeHandle(), *rest = tf.NewShapeHandle(), *y = tf.NewShapeHandle();
    tf.ShapeInferenceContextGetInput(ctx, 0, x, status);
    if (ok(status))
        tf.ShapeInferenceContextWithRank(ctx, x, 4, image, status);
    if (ok(status))
        tf.ShapeInferenceContextSubshape(ctx, image, 0, 1, batch, status);
    if (ok(status))
        tf.ShapeInferenceContextWithRank(ctx, unknown, 3, rest, status);
    if (ok(status))
        tf.ShapeInferenceContextConcatenateShapes(ctx, batch, rest, y, status);
    if (ok(status))
        tf.ShapeInferenceContextSetOutput(ctx, 0, y, status);
    TF_ShapeHandle *all[] = {x, image, batch, unknown, rest, y};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        tf.DeleteShapeHandle(all[i]);
}

void shape_unknown(TF_ShapeInferenceContext *ctx, TF_Status *status) {
    tf.ShapeInferenceContextSetUnknownShape(ctx, status);
}

void shape_vector(TF_ShapeInferenceContext *ctx, TF_Status *status) {
    TF_ShapeHandle *unknown = tf.NewShapeHandle(), *vector = tf.NewShapeHandle();
    tf.ShapeInferenceContextWithRank(ctx, unknown, 1, vector, status);
    if (ok(status))
        tf.ShapeInferenceContextSetOutput(ctx, 0, vector, status);
    tf.DeleteShapeHandle(unknown);
    tf.DeleteShapeHandle(vector);
}
