/* SPDX-License-Identifier: MIT */
/* The types that more than one of fastconv's headers name. */
#ifndef FASTCONV_TYPES_H
#define FASTCONV_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* Between these two lie the functions: C's, and those that the shared library exports. */
#ifdef FC_SHARED
#define FC_VISIBILITY(word) _Pragma(#word)
#else
#define FC_VISIBILITY(word)
#endif
#ifdef __cplusplus
#define FC_BEGIN \
    extern "C" { \
    FC_VISIBILITY(GCC visibility push(default))
#define FC_END                        \
    FC_VISIBILITY(GCC visibility pop) \
    }
#else
#define FC_BEGIN FC_VISIBILITY(GCC visibility push(default))
#define FC_END FC_VISIBILITY(GCC visibility pop)
#endif

typedef enum fc_status {
    FC_OK = 0,
    FC_OUT_OF_MEMORY,
    FC_BAD_SHAPE,    /* a size is negative, zero where it may not be, or inconsistent */
    FC_TOO_LARGE,    /* a size overflows size_t */
    FC_BAD_DTYPE,    /* the operation has no kernel for this dtype */
    FC_BAD_ARGUMENT, /* an enumerator or a pointer is out of its range */
    FC_NEEDS_INPUT,  /* the gradient of this activation cannot be had from its output alone */
    FC_UNKNOWN_ISA,  /* the word names no instruction set fastconv knows */
    FC_MISSING_ISA,  /* known, but not compiled in or not present on this CPU */
    FC_NOT_PACKED    /* a run asks for a form of a kernel that is neither packed nor there to be packed */
} fc_status;

typedef enum fc_dtype {
    FC_BOOL,
    FC_I8,
    FC_U8,
    FC_I16,
    FC_U16,
    FC_I32,
    FC_U32,
    FC_I64,
    FC_U64,
    FC_F16,
    FC_BF16,
    FC_F32,
    FC_F64,
    FC_LONGDOUBLE,
    FC_C64,
    FC_C128,
    FC_CLONGDOUBLE,
    FC_DTYPE_COUNT
} fc_dtype;

typedef enum fc_layout { FC_NHWC, FC_NCHW } fc_layout;

/* What a float32 result may lose, ||y - exact|| / ||exact|| under kernels of zero mean. An output is within 32 eps (|x|
   * |kernel|) of a direct sum, or at FC_HIGHEST 8 eps ||its tile's patch|| ||kernel|| of Winograd's; eps = 2^-24, for
   float64 2^-53. More in docs/inside/accuracy.md. */
typedef enum fc_precision {
    FC_HIGHEST, /* <= 1e-6 */
    FC_HIGH,    /* <= 1e-5 */
    FC_MEDIUM   /* <= 1e-2 */
} fc_precision;

/* The ids, in the order of kernels/activations.inc; alpha is named where the function has one. */
typedef enum fc_activation {
    FC_LINEAR,
    FC_RELU,
    FC_RELU6,
    FC_LEAKY_RELU, /* alpha: slope for x < 0 */
    FC_ELU,        /* alpha: scale for x < 0 */
    FC_SELU,
    FC_SIGMOID,
    FC_TANH,
    FC_EXPONENTIAL,
    FC_SOFTPLUS,
    FC_SOFTSIGN,
    FC_SILU,
    FC_GELU,         /* erf form */
    FC_GELU_TANH,    /* tanh form */
    FC_HARD_SIGMOID, /* relu6(x + 3) / 6 */
    FC_HARD_SILU,
    FC_MISH,
    FC_ACTIVATION_COUNT
} fc_activation;

typedef enum fc_pool_mode { FC_MAX_POOL, FC_AVG_POOL } fc_pool_mode;

/* Padded cells never win a maximum and are not counted in an average. */
typedef struct fc_pool2d_params {
    fc_dtype dtype; /* F16, BF16, F32, F64; of fc_pool2d with FC_MAX_POOL also I8, U8 */
    fc_layout layout;
    fc_pool_mode mode;
    ptrdiff_t n, h, w, c;
    ptrdiff_t pool_h, pool_w;
    ptrdiff_t stride_h, stride_w;
    ptrdiff_t pad_top, pad_bottom, pad_left, pad_right; /* each < the pool's size */
} fc_pool2d_params;

typedef enum fc_conv2d_algorithm {
    FC_CONV_AUTO,
    FC_CONV_DIRECT,       /* register tiles on pixels read in place */
    FC_CONV_UNPACKED,     /* the same, the kernel read in place as well: for few pixels */
    FC_CONV_PLANAR,       /* register tiles with pixels in the lanes, on planes of one channel each */
    FC_CONV_PACKED,       /* register-tiled implicit GEMM over packed panels */
    FC_CONV_DEPTHWISE,    /* one input channel a group */
    FC_CONV_WINOGRAD_2X3, /* 2 x 2 pixels at a time, kernel 3 x 3; likewise the others */
    FC_CONV_WINOGRAD_4X3,
    FC_CONV_WINOGRAD_6X3,
    FC_CONV_WINOGRAD_2X5,
    FC_CONV_WINOGRAD_4X5,
    FC_CONV_SPLIT,    /* float32 as sums of bfloat16: 6, 3 or 1 products by precision */
    FC_CONV_BFLOAT16, /* products of bfloat16, summed in float32 */
    FC_CONV_INTEGER,
    FC_CONV_INTEGER_DEPTHWISE, /* int8 and uint8, summed in int32 */
    FC_CONV_BATCH,             /* register tiles with the images of a batch in the lanes */
    FC_CONV_ALGORITHM_COUNT
} fc_conv2d_algorithm;

/*
 * Cross-correlation, as in Keras: x (n,h,w,c_in) or (n,c_in,h,w); kernel (k_h, k_w, c_in/groups, c_out); bias (c_out).
 * The forward pass also takes 8-bit integers: bias and y are int32 then, sums modulo 2^32, the activation FC_LINEAR or
 * FC_RELU.
 */
typedef struct fc_conv2d_params {
    fc_dtype dtype;        /* F16, BF16, F32, F64; I8 or U8, of x */
    fc_dtype kernel_dtype; /* where dtype is I8 or U8, one of these; otherwise not read: it is dtype */
    fc_layout layout;
    ptrdiff_t n, h, w, c_in, c_out;
    ptrdiff_t k_h, k_w;
    ptrdiff_t stride_h, stride_w;
    ptrdiff_t dilation_h, dilation_w;
    ptrdiff_t pad_top, pad_bottom, pad_left, pad_right;
    ptrdiff_t groups;
    fc_activation activation; /* forward, and fc_conv2d_grads */
    double alpha;
    fc_precision precision;
    fc_conv2d_algorithm algorithm;
} fc_conv2d_params;

/* A kernel and bias packed once, for any n, h, w. Owns its memory; immutable, so threads may share it. */
typedef struct fc_conv2d_prepared fc_conv2d_prepared;

#endif
