/* SPDX-License-Identifier: MIT */
/* A network's steps, run one after the other in one call; fastconv.h includes it. */
#ifndef FASTCONV_NETWORK_H
#define FASTCONV_NETWORK_H

#include "fastconv_dense.h"
#include "fastconv_quantized.h"
#include "fastconv_relu.h"
#include "fastconv_types.h"

FC_BEGIN

/* What a step reads or writes: `offset` bytes into one of the call's arrays, or at a place of its own where `array` is
 * negative. */
typedef struct fc_operand {
    ptrdiff_t array;
    size_t offset;
    const void *at;
} fc_operand;

typedef enum fc_step_kind {
    FC_STEP_CONV2D,
    FC_STEP_CONV2D_POOLED,
    FC_STEP_POOL2D,
    FC_STEP_DENSE,
    FC_STEP_ACTIVATE,
    FC_STEP_RELU,
    FC_STEP_SOFTMAX,
    FC_STEP_CONV2D_QUANTIZED,
    FC_STEP_QUANTIZE,
    FC_STEP_DEQUANTIZE,
    FC_STEP_ADD_QUANTIZED,
    FC_STEP_LOOKUP,
    FC_STEP_KIND_COUNT
} fc_step_kind;

enum { FC_STEP_OPERANDS = 4 };

/* The inputs come first in `operands`, the output is the last of `count`; as the functions of these kinds take them. */
typedef struct fc_step {
    fc_step_kind kind;
    size_t count;
    fc_operand operands[FC_STEP_OPERANDS];
    const fc_conv2d_prepared *prepared; /* of FC_STEP_CONV2D: x, then what is added or none; pooled, x alone */
    fc_conv2d_params conv2d;
    fc_pool2d_params pool2d;
    fc_dense_params dense; /* x, kernel, then the bias or none */
    fc_relu_params relu;
    fc_dtype dtype; /* of the elementwise kinds and the softmax */
    fc_activation activation;
    double alpha;
    fc_requantization requantization;
    fc_quantization quantization[3]; /* of FC_STEP_ADD_QUANTIZED a's, b's and y's, else the first alone */
    int low, high;                   /* of FC_STEP_ADD_QUANTIZED */
    const uint8_t *table;            /* of FC_STEP_LOOKUP */
    size_t outer, axis, inner; /* of the softmax; their product is the number of elements for the elementwise kinds */
} fc_step;

/* Steps, and how many bytes the arrays have that they run on: the first is a buffer of their own, the arena. */
typedef struct fc_program {
    const fc_step *steps;
    size_t count, arrays;
    const size_t *bytes;
    double work; /* floating-point operations, and 4 a byte moved */
} fc_program;

fc_status fc_run_program(const fc_program *program, void *const *arrays);
/*
 * Depth first: `chunk` on one part of every array after the other, as many bytes apart as it has in them, and `rest`,
 * where it is not NULL, on what is left. arrays[0] is not read: each thread has an arena. Chunks are shared among
 * threads.
 */
fc_status fc_run_chunks(const fc_program *chunk, size_t chunks, const fc_program *rest, void *const *arrays);
/* How many of `images` a chunk should have, when each takes so many bytes besides the weights; all of them where chunks
 * would not serve. */
size_t fc_images_at_once(size_t images, size_t image_bytes, size_t weight_bytes);

/*
 * y[o][j][i] = the sum over t < taps of weights[j * taps + t] * x[o][places[j * taps + t]][i], with x (outer, axis,
 * inner) and y (outer, length, inner), both float or double as the weights are: an axis of an image resized.
 */
typedef struct fc_resample_params {
    fc_dtype dtype;
    size_t outer, axis, inner, length;
    size_t taps;
} fc_resample_params;
fc_status fc_resample(const fc_resample_params *p, const size_t *places, const void *weights, const void *x, void *y);

FC_END

#endif
