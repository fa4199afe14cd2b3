/* SPDX-License-Identifier: MIT */
/*
 * fastconv: 2-D convolution, pooling and activations on the CPU.
 *
 * Conventions, for every function unless it says otherwise:
 *  - buffers are C-contiguous, need no alignment, and may not overlap an output;
 *  - sizes are element counts; every product of sizes is checked for overflow;
 *  - the result is one of fc_status, nothing is printed, nothing aborts;
 *  - functions are reentrant and give the same bits for any number of threads.
 */
#ifndef FASTCONV_H
#define FASTCONV_H

#include "fastconv_arrays.h"
#include "fastconv_dense.h"
#include "fastconv_fused.h"
#include "fastconv_network.h"
#include "fastconv_norm.h"
#include "fastconv_quantized.h"
#include "fastconv_relu.h"
#include "fastconv_types.h"
#include "fastconv_update.h"

FC_BEGIN

#define FASTCONV_VERSION_MAJOR 0
#define FASTCONV_VERSION_MINOR 1
#define FASTCONV_VERSION_PATCH 0
#define FASTCONV_VERSION "0.1.0"

/* A short English text for a status, never NULL. */
const char *fc_status_text(fc_status status);

size_t fc_dtype_size(fc_dtype dtype);

/* ---------------------------------------------------------------- configuration */

/* Chooses the kernels: reads FASTCONV_ISA, else takes the best the CPU has. Idempotent. */
fc_status fc_init(void);
size_t fc_isa_count(void);                 /* instruction sets compiled in, in rising order */
const char *fc_isa_name(size_t index);     /* NULL past the end */
int fc_isa_available(size_t index);        /* 1 where this CPU and OS can run it */
const char *fc_left_out_isa(size_t index); /* that the compiler lacked; NULL past the end */
const char *fc_active_isa(void);
fc_status fc_set_isa(const char *name); /* not while other threads compute */

/* n >= 1 fixes the number of threads; 0 goes back to OpenMP's own setting. */
fc_status fc_set_num_threads(int n);
int fc_get_num_threads(void);
int fc_limit_threads(int n); /* of this thread's calls, 0 for no limit; returns the limit before */
/* What holds where none are set: OpenMP's number, and in a build without it one that is set like that. */
fc_status fc_set_default_threads(int n);
int fc_get_default_threads(void);
int fc_get_fixed_threads(void); /* what fc_set_num_threads was given last */
const char *fc_openmp_version(void);

/* Memory for a result, on a cache line of its own, or NULL; freed on any thread. The last blocks freed are kept for the
 * next results. */
void *fc_result_alloc(size_t bytes);
void fc_result_free(void *result);
void fc_release_memory(void); /* gives back what is kept */
void fc_trim_memory(void);    /* gives the system what malloc holds free, after much of it was freed */
fc_status fc_set_precision(fc_precision precision);
fc_precision fc_get_precision(void);

/* ---------------------------------------------------------------- image filters */

typedef enum fc_mode { FC_FULL, FC_SAME, FC_VALID } fc_mode;
/* What continues the image abcd: a number, abcd again, dcba, cba, d. */
typedef enum fc_boundary { FC_FILL, FC_WRAP, FC_SYMM, FC_REFLECT101, FC_NEAREST } fc_boundary;

/* The ids, in the order of ops/filter/list.inc; AUTO is the cheapest that supports the layer. */
typedef enum fc_filter_algorithm_id {
    FC_FILTER_AUTO,
    FC_FILTER_DIRECT,
    FC_FILTER_SEPARABLE,
    FC_FILTER_BOX,
    FC_FILTER_SPARSE,
    FC_FILTER_FFT,
    FC_FILTER_LINE_FFT,
    FC_FILTER_INTEGER_FFT,
    FC_FILTER_FIXED_POINT,
    FC_FILTER_COUNT
} fc_filter_algorithm_id;
const char *fc_filter_algorithm_name(fc_filter_algorithm_id id); /* NULL for no id */

/* scipy.signal.convolve2d / correlate2d of one image; the caller has applied SciPy's swapping rule. */
typedef struct fc_convolve2d_params {
    fc_dtype dtype;                       /* of image, kernel, fillvalue and out alike */
    ptrdiff_t image_h, image_w, k_h, k_w; /* all >= 1 */
    fc_mode mode;
    fc_boundary boundary;
    int correlate; /* 1: do not flip the kernel, conjugate it */
    fc_filter_algorithm_id algorithm;
} fc_convolve2d_params;

fc_status fc_convolve2d_output_size(const fc_convolve2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w);
/* fillvalue: one element, read for FC_FILL only; NULL stands for 0. */
fc_status fc_convolve2d(
    const fc_convolve2d_params *p, const void *image, const void *kernel, const void *fillvalue, void *out);

/*
 * Correlation of an image of `channels` numbers a pixel, each channel with the same kernel; the result has the image's
 * size. Sums are taken in `work`; integer results are rounded to nearest, ties to even, and saturated.
 */
typedef struct fc_filter2d_params {
    fc_dtype dtype, work, result; /* of the image; F32, for 32-bit integers and F64 F64; the image's, or work */
    ptrdiff_t image_h, image_w, channels, k_h, k_w;
    ptrdiff_t anchor_row, anchor_col; /* the cell of the kernel that lies on the output's */
    fc_boundary boundary;
    fc_filter_algorithm_id algorithm;
} fc_filter2d_params;

/* kernel and value (one number, read for FC_FILL only, NULL for 0) of type work. */
fc_status fc_filter2d(const fc_filter2d_params *p, const void *image, const void *kernel, const void *value, void *out);
/*
 * The same with a kernel that is the product of a column of k_h taps and a row of k_w, both of FC_F64, which may be far
 * longer than the image; work is FC_F32 or FC_F64, the algorithm FC_FILTER_AUTO.
 */
fc_status fc_sep_filter2d(
    const fc_filter2d_params *p, const void *image, const void *column, const void *row, const void *value, void *out);

/*
 * out[i] = sqrt(a[i]^2 + b[i]^2), i < n; dtype is FC_I16, whose results are float, FC_F32 or FC_F64. *held: 0 where a
 * square may have left the range of the type, or a number is not finite; the results are of no use then.
 */
fc_status fc_lengths(fc_dtype dtype, size_t n, const void *a, const void *b, void *out, int *held);

/* What either would run for this kernel. */
typedef struct fc_filter_plan {
    fc_filter_algorithm_id algorithm;
    const char *isa;
    int threads;
    fc_dtype work;                  /* type of the sums */
    size_t rank;                    /* of the factors found, 0 where there are none */
    double cycles[FC_FILTER_COUNT]; /* of one core, by algorithm; negative where it does not serve */
    double flops, bytes;            /* of the direct sum, and of image, kernel and result once each */
} fc_filter_plan;
fc_status fc_plan_convolve2d(const fc_convolve2d_params *p, const void *kernel, fc_filter_plan *plan);
fc_status fc_plan_filter2d(const fc_filter2d_params *p, const void *kernel, fc_filter_plan *plan);

/* ---------------------------------------------------------------- activations */

/* dtypes: F16, BF16, F32, F64. y may be x. */
fc_status fc_activate(fc_dtype dtype, fc_activation activation, double alpha, size_t count, const void *x, void *y);
/*
 * dx = dy * f'(x). Pass x, or y = f(x) where the derivative can be had from it
 * (fc_activation_from_output tells), the other NULL. dx may be dy, x or y.
 */
fc_status fc_activate_grad(fc_dtype dtype, fc_activation activation, double alpha, size_t count, const void *x,
    const void *y, const void *dy, void *dx);
int fc_activation_from_output(fc_activation activation, double alpha);

/* Softmax over the middle axis of (outer, axis, inner). y may be x; dx may be dy. */
fc_status fc_softmax(fc_dtype dtype, size_t outer, size_t axis, size_t inner, const void *x, void *y);
fc_status fc_softmax_grad(
    fc_dtype dtype, size_t outer, size_t axis, size_t inner, const void *y, const void *dy, void *dx);

/* ---------------------------------------------------------------- pooling */

fc_status fc_pool2d_output_size(const fc_pool2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w);
fc_status fc_pool2d(const fc_pool2d_params *p, const void *x, void *y);
/* x is read in FC_MAX_POOL only and may be NULL otherwise; the first maximum of a window takes its dy. */
fc_status fc_pool2d_grad(const fc_pool2d_params *p, const void *x, const void *dy, void *dx);
/* The gradient of the max pool's gradient: ddy takes the element of ddx where x has the window's first maximum. */
fc_status fc_max_pool2d_grad_grad(const fc_pool2d_params *p, const void *x, const void *ddx, void *ddy);

/* ---------------------------------------------------------------- conv2d */

typedef enum fc_padding { FC_PAD_VALID, FC_PAD_SAME } fc_padding;

/* TensorFlow's VALID and SAME for one axis: the odd cell of SAME goes after. */
fc_status fc_resolve_padding(fc_padding padding, ptrdiff_t size, ptrdiff_t window, ptrdiff_t stride, ptrdiff_t dilation,
    ptrdiff_t *before, ptrdiff_t *after);

const char *fc_conv2d_algorithm_name(fc_conv2d_algorithm algorithm);     /* NULL past the last */
const char *fc_conv2d_algorithm_requires(fc_conv2d_algorithm algorithm); /* what a layer must be for it, in words */

fc_status fc_conv2d_output_size(const fc_conv2d_params *p, ptrdiff_t *out_h, ptrdiff_t *out_w);
/* FC_OK where p's algorithm can compute the layer, FC_BAD_ARGUMENT where it cannot. */
fc_status fc_conv2d_supports(const fc_conv2d_params *p);
/* bias may be NULL. */
fc_status fc_conv2d(const fc_conv2d_params *p, const void *x, const void *kernel, const void *bias, void *y);
/* The ids, in the order of ops/conv2d/grad/list.inc; AUTO is the cheapest that supports the layer. */
typedef enum fc_kernel_grad_id {
    FC_KERNEL_GRAD_AUTO,
    FC_KERNEL_GRAD_PACKED,            /* register tiles over packed panels */
    FC_KERNEL_GRAD_OUTER,             /* register tiles on x and dy read in place */
    FC_KERNEL_GRAD_DEPTHWISE,         /* one input and one output channel a group */
    FC_KERNEL_GRAD_WINOGRAD_3X3_BY_4, /* tiles of 4 x 4 pixels, kernel 3 x 3; likewise the others */
    FC_KERNEL_GRAD_WINOGRAD_3X3_BY_2,
    FC_KERNEL_GRAD_WINOGRAD_5X5_BY_2,
    FC_KERNEL_GRAD_WINOGRAD_2X2_BY_3,
    FC_KERNEL_GRAD_COUNT
} fc_kernel_grad_id;
const char *fc_kernel_grad_name(fc_kernel_grad_id id);     /* NULL for no id */
const char *fc_kernel_grad_requires(fc_kernel_grad_id id); /* what a layer must be for it, in words */

fc_status fc_conv2d_input_grad(const fc_conv2d_params *p, const void *dy, const void *kernel, void *dx);
fc_status fc_conv2d_kernel_grad(
    const fc_conv2d_params *p, fc_kernel_grad_id id, const void *x, const void *dy, void *dkernel);
/* dbias[c_out] = sum of dy (n, h, w, c_out in p's layout) over n, h, w. */
fc_status fc_bias_grad(
    fc_dtype dtype, fc_layout layout, ptrdiff_t n, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, const void *dy, void *dbias);
/*
 * The gradients of fc_conv2d with p's activation, one that fc_activation_from_output names (FC_NEEDS_INPUT for others),
 * and with a bias; NULL for those not wanted. y: what fc_conv2d gave, not read for FC_LINEAR. x is read for dkernel,
 * kernel for dx only.
 */
fc_status fc_conv2d_grads(const fc_conv2d_params *p, const void *x, const void *kernel, const void *y, const void *dy,
    void *dx, void *dkernel, void *dbias);

fc_status fc_conv2d_prepare(const fc_conv2d_params *p, const void *kernel, const void *bias, fc_conv2d_prepared **out);
/* The same without copies: kernel and bias stay where and as they are until it is freed. */
fc_status fc_conv2d_prepare_kept(
    const fc_conv2d_params *p, const void *kernel, const void *bias, fc_conv2d_prepared **out);
/* Packs a prepared kernel as a run of p takes it, or one that pools where `pool` is not NULL. `kernel` has the numbers
 * of preparation; NULL where they are gone, and a form that is not there is FC_NOT_PACKED. *reads: whether the run
 * reads the numbers themselves; they stay where they are then. */
fc_status fc_conv2d_prepared_pack(fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const fc_pool2d_params *pool,
    const void *kernel, int *reads);
/* The kernel of preparation may go: runs that would read or pack it are FC_NOT_PACKED until it is given again. Not
 * while others run it for the first time. */
void fc_conv2d_forget_kernel(fc_conv2d_prepared *prepared);
/* Bytes of what it owns: copies, and the kernel in the packed forms that runs have asked for. */
size_t fc_conv2d_prepared_bytes(const fc_conv2d_prepared *prepared);
/* p: as prepared, with this call's n, h, w and padding; the precision is that of preparation. */
fc_status fc_conv2d_run(const fc_conv2d_prepared *prepared, const fc_conv2d_params *p, const void *x, void *y);
/* The kernel and the bias, or NULL, as they were given; prepared's own copies. */
fc_status fc_conv2d_prepared_weights(const fc_conv2d_prepared *prepared, const void **kernel, const void **bias);
void fc_conv2d_free(fc_conv2d_prepared *prepared);

typedef struct fc_conv2d_plan {
    fc_conv2d_algorithm algorithm;
    const char *isa;
    int threads;
    ptrdiff_t out_h, out_w;
    size_t tile_rows, tile_cols;  /* the micro-kernel's register tile */
    int pixels_in_rows;           /* 1: tile rows are pixels, 0: tile columns are */
    size_t block_pixels, block_k; /* pixels and reduction length of a cache block */
    size_t tasks;                 /* independent pieces of work */
    size_t scratch_bytes;         /* of all threads, packed kernel included */
    double cycles;                /* the estimate it was chosen by, of one core, packing included */
    double flops, bytes;          /* multiplications and additions; compulsory memory traffic */
} fc_conv2d_plan;

fc_status fc_plan_conv2d(const fc_conv2d_params *p, fc_conv2d_plan *plan);

FC_END

#endif
