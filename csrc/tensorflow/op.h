/* SPDX-License-Identifier: MIT */
/*
 * What every op shares: its description, reading attributes when a kernel is created, reading inputs and allocating
 * outputs when it runs. Nothing is copied: inputs are read where TensorFlow keeps them, outputs are written where
 * TensorFlow allocates them.
 */
#ifndef FC_TENSORFLOW_OP_H
#define FC_TENSORFLOW_OP_H

#include "fastconv_api.h"
#include "tensorflow/tf_api.h"

enum { MAX_WORDS = 16, MAX_TENSORS = 16, MAX_RANK = 254, MESSAGE_SIZE = 512 };

/* The kernels, in the copy of the C core that fastconv._core holds. */
extern const fc_api *fc;

typedef struct call call;
typedef struct op_kernel op_kernel;

/* Op-specific kernels begin with this. */
struct op_kernel {
    const char *op;
    void (*run)(const op_kernel *, call *);
    TF_DataType type;
    fc_dtype dtype;
};

/* Lists end with NULL; each word is in the grammar of TensorFlow's op definitions. */
typedef struct op_spec {
    const char *name;
    const char *inputs[MAX_WORDS], *outputs[MAX_WORDS], *attrs[MAX_WORDS];
    TF_ShapeFunction *shape;
    TF_CreateFunction *create;
} op_spec;

/* NULL-terminated lists of the ops of each file. */
extern const op_spec *const fc_tf_conv2d_ops[],
    *const fc_tf_pool2d_ops[], *const fc_tf_activation_ops[], *const fc_tf_dense_ops[], *const fc_tf_update_ops[];

#define ATTR_T "T: {half, bfloat16, float, double}"
#define ATTR_STRIDES "strides: list(int) = [1, 1]"
#define ATTR_DILATIONS "dilations: list(int) = [1, 1]"
#define ATTR_PADDING "padding: {'VALID', 'SAME', 'EXPLICIT'} = 'VALID'"
#define ATTR_EXPLICIT "explicit_paddings: list(int) = []" /* top, bottom, left, right */
#define ATTR_FORMAT "data_format: {'NHWC', 'NCHW'} = 'NHWC'"
#define ATTR_GROUPS "groups: int = 1"
#define ATTR_ACTIVATION "activation: string = 'linear'"
/* Of an op that gives those gradients that are wanted, from the output y where there is an activation. */
#define ATTR_WANTED "ys: int >= 0", "dxs: int >= 0", "dkernels: int >= 0", "dbiases: int >= 0"
#define ATTR_ALPHA "alpha_bits: int = 0" /* of a double: TensorFlow's float attributes are float32 */

/* ---------------------------------------------------------------- creation */

/* One kernel being created; after the first failure every reader returns at once. */
typedef struct creation {
    TF_OpKernelConstruction *ctx;
    TF_Status *status;
    op_kernel *kernel;
} creation;

/* Allocates a zeroed kernel of `size` bytes and reads T. */
creation creation_begin(
    TF_OpKernelConstruction *ctx, const char *op, void (*run)(const op_kernel *, call *), size_t size);
/* The finished kernel; NULL, the error reported and the memory freed, if anything failed. */
void *creation_end(creation *c);
int creation_ok(const creation *c);
void creation_fail(creation *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t creation_int(creation *c, const char *attr);
int creation_bool(creation *c, const char *attr);
double creation_double(creation *c, const char *attr); /* carried by an integer */
double creation_alpha(creation *c);
fc_activation creation_activation(creation *c);
/* The attributes of ATTR_WANTED: which of dx, dkernel and dbias are. */
void creation_wanted(creation *c, fc_activation activation, int wanted[3]);
fc_layout creation_layout(creation *c);
/* Exactly `count` integers >= minimum. */
void creation_ints(creation *c, const char *attr, int count, int64_t minimum, ptrdiff_t *values);

typedef struct window_padding {
    int is_explicit;
    fc_padding mode;
    ptrdiff_t amounts[4]; /* top, bottom, left, right */
} window_padding;

window_padding creation_padding(creation *c);
/* The amounts for one call. */
fc_status padding_amounts(const window_padding *padding, ptrdiff_t size_h, ptrdiff_t size_w, const ptrdiff_t window[2],
    const ptrdiff_t strides[2], const ptrdiff_t dilations[2], ptrdiff_t amounts[4]);

/* ---------------------------------------------------------------- one run */

struct call {
    const op_kernel *kernel;
    TF_OpKernelContext *ctx;
    TF_Status *status;
    TF_Tensor *held[MAX_TENSORS];
    int held_count;
};

typedef struct input {
    const void *data;
    int rank;
    int64_t dims[4]; /* the first four */
    TF_Tensor *tensor;
} input;

int call_ok(const call *c);
void call_fail(call *c, TF_Code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Fails for any status but FC_OK. */
void call_check(call *c, fc_status status);
input call_input(call *c, int index);
/* An input that must have four dimensions. */
input call_image(call *c, int index, const char *name);
/* Output 0, or `index`: memory to write, NULL if it failed. Never NULL for an empty one. */
void *call_output(call *c, const int64_t *dims, int rank);
void *call_output_at(call *c, int index, const int64_t *dims, int rank);
/* Memory of a shape for the time of this call, NULL if there is none. */
void *call_scratch(call *c, const int64_t *dims, int rank);
/* The next output where it is wanted, else NULL. */
void *call_output_if(call *c, int wanted, int *index, const int64_t *dims, int rank);
/*
 * As call_output with the shape of input `index` (stored to dims[MAX_RANK] and rank), in that input's memory where
 * nobody else needs it. x: the input's data, which may be the output's. Takes the place of call_input(c, index).
 */
void *call_output_over_input(call *c, int index, const void **x, int64_t *dims, int *rank);
/* Fails unless x has these dimensions. */
int call_same_dims(call *c, const char *name, const input *x, const int64_t expected[4]);

int is_empty(const int64_t *dims, int rank);
size_t count_of(const int64_t *dims, int rank);

typedef struct image_size {
    ptrdiff_t n, h, w, c;
} image_size;
image_size size_of(fc_layout layout, const int64_t dims[4]);
void dims_of(fc_layout layout, image_size size, int64_t dims[4]);

/* ---------------------------------------------------------------- shape inference */

/*
 * TensorFlow's C API lets a shape function see the first input's shape and no attribute, so these give what follows
 * from that; fastconv/tensorflow/ops.py checks the other inputs and sets the sizes that depend on strides and padding.
 */
TF_ShapeFunction shape_as_first;       /* the first input's */
TF_ShapeFunction shape_as_first_image; /* the same, with four dimensions */
TF_ShapeFunction shape_window;         /* [the first input's batch, ?, ?, ?] */
TF_ShapeFunction shape_vector;         /* [?] */
TF_ShapeFunction shape_unknown;        /* of every output */

/* For Python, which calls it right after loading, before any op runs. The reason why the ops cannot work, or NULL. */
__attribute__((visibility("default"))) const char *fastconv_tf_connect(const fc_api *api);
/* Of an op, as TensorFlow's own setting; 0: no limit. */
__attribute__((visibility("default"))) void fastconv_tf_limit_threads(int n);

#endif
