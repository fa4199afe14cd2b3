/* SPDX-License-Identifier: MIT */
/* Elementwise activations and softmax, with their gradients. */
#include "tensorflow/op.h"

typedef struct activation_kernel {
    op_kernel base;
    fc_activation activation;
    double alpha;
    int from_output;
} activation_kernel;

static void run_activation(const op_kernel *base, call *c) {
    const activation_kernel *k = (const activation_kernel *)base;
    int64_t dims[MAX_RANK];
    int rank;
    const void *x;
    void *y = call_output_over_input(c, 0, &x, dims, &rank);
    if (y)
        call_check(c, fc->activate(base->dtype, k->activation, k->alpha, count_of(dims, rank), x, y));
}

/* Fails unless a tensor has these dimensions. */
static int call_same_shape(call *c, const char *name, const input *x, const int64_t *dims, int rank) {
    if (!call_ok(c))
        return 0;
    int same = x->rank == rank;
    for (int i = 0; same && i < rank; i++)
        same = tf.Dim(x->tensor, i) == dims[i];
    if (!same)
        call_fail(c, TF_INVALID_ARGUMENT, "`%s` and `dy` must have the same shape", name);
    return same;
}

static void run_activation_grad(const op_kernel *base, call *c) {
    const activation_kernel *k = (const activation_kernel *)base;
    int64_t dims[MAX_RANK];
    int rank;
    const void *dy;
    void *dx = call_output_over_input(c, 1, &dy, dims, &rank);
    input known = call_input(c, 0);
    if (!call_same_shape(c, "known", &known, dims, rank))
        return;
    const void *x = k->from_output ? NULL : known.data, *y = k->from_output ? known.data : NULL;
    call_check(c, fc->activate_grad(base->dtype, k->activation, k->alpha, count_of(dims, rank), x, y, dy, dx));
}

static void *create_activation(TF_OpKernelConstruction *ctx) {
    creation c = creation_begin(ctx, "FastconvActivation", run_activation, sizeof(activation_kernel));
    activation_kernel *k = (activation_kernel *)c.kernel;
    if (creation_ok(&c)) {
        k->activation = creation_activation(&c);
        k->alpha = creation_alpha(&c);
    }
    return creation_end(&c);
}

static void *create_activation_grad(TF_OpKernelConstruction *ctx) {
    creation c = creation_begin(ctx, "FastconvActivationGrad", run_activation_grad, sizeof(activation_kernel));
    activation_kernel *k = (activation_kernel *)c.kernel;
    if (creation_ok(&c)) {
        k->activation = creation_activation(&c);
        k->alpha = creation_alpha(&c);
        k->from_output = creation_bool(&c, "from_output");
    }
    return creation_end(&c);
}

typedef struct relu_kernel {
    op_kernel base;
    fc_relu_params params;
} relu_kernel;

static void run_relu(const op_kernel *base, call *c) {
    int64_t dims[MAX_RANK];
    int rank;
    const void *x;
    void *y = call_output_over_input(c, 0, &x, dims, &rank);
    if (y)
        call_check(c, fc->relu(base->dtype, &((const relu_kernel *)base)->params, count_of(dims, rank), x, y));
}

static void run_relu_grad(const op_kernel *base, call *c) {
    int64_t dims[MAX_RANK];
    int rank;
    const void *dy;
    void *dx = call_output_over_input(c, 1, &dy, dims, &rank);
    input x = call_input(c, 0);
    if (call_same_shape(c, "x", &x, dims, rank))
        call_check(
            c, fc->relu_grad(base->dtype, &((const relu_kernel *)base)->params, count_of(dims, rank), x.data, dy, dx));
}

static void *create_relu_kernel(TF_OpKernelConstruction *ctx, const char *op, void (*run)(const op_kernel *, call *)) {
    creation c = creation_begin(ctx, op, run, sizeof(relu_kernel));
    if (creation_ok(&c))
        ((relu_kernel *)c.kernel)->params = (fc_relu_params){
            .negative_slope = creation_double(&c, "negative_slope_bits"),
            .threshold = creation_double(&c, "threshold_bits"),
            .low = creation_double(&c, "low_bits"),
            .high = creation_double(&c, "high_bits")};
    return creation_end(&c);
}

static void *create_relu(TF_OpKernelConstruction *ctx) { return create_relu_kernel(ctx, "FastconvRelu", run_relu); }
static void *create_relu_grad(TF_OpKernelConstruction *ctx) {
    return create_relu_kernel(ctx, "FastconvReluGrad", run_relu_grad);
}

typedef struct softmax_kernel {
    op_kernel base;
    int64_t axis;
} softmax_kernel;

/* The sizes before, along and after the axis; false and a failure where there is no such axis. */
static int split_at_axis(call *c, const int64_t *dims, int rank, size_t sizes[3]) {
    int64_t axis = ((const softmax_kernel *)c->kernel)->axis;
    if (axis < -rank || axis >= rank) {
        call_fail(c, TF_INVALID_ARGUMENT, "`axis` must be in [%d, %d); received %lld", -rank, rank, (long long)axis);
        return 0;
    }
    int middle = (int)(axis < 0 ? axis + rank : axis);
    sizes[0] = count_of(dims, middle);
    sizes[1] = (size_t)dims[middle];
    sizes[2] = count_of(dims + middle + 1, rank - middle - 1);
    return 1;
}

static void run_softmax(const op_kernel *base, call *c) {
    int64_t dims[MAX_RANK];
    int rank;
    const void *x;
    size_t sizes[3];
    void *y = call_output_over_input(c, 0, &x, dims, &rank);
    if (y && split_at_axis(c, dims, rank, sizes) && !is_empty(dims, rank))
        call_check(c, fc->softmax(base->dtype, sizes[0], sizes[1], sizes[2], x, y));
}

static void run_softmax_grad(const op_kernel *base, call *c) {
    int64_t dims[MAX_RANK];
    int rank;
    const void *dy;
    size_t sizes[3];
    void *dx = call_output_over_input(c, 1, &dy, dims, &rank);
    input y = call_input(c, 0);
    if (call_same_shape(c, "y", &y, dims, rank) && split_at_axis(c, dims, rank, sizes) && !is_empty(dims, rank))
        call_check(c, fc->softmax_grad(base->dtype, sizes[0], sizes[1], sizes[2], y.data, dy, dx));
}

static void *create_softmax_kernel(
    TF_OpKernelConstruction *ctx, const char *op, void (*run)(const op_kernel *, call *)) {
    creation c = creation_begin(ctx, op, run, sizeof(softmax_kernel));
    if (creation_ok(&c))
        ((softmax_kernel *)c.kernel)->axis = creation_int(&c, "axis");
    return creation_end(&c);
}

static void *create_softmax(TF_OpKernelConstruction *ctx) {
    return create_softmax_kernel(ctx, "FastconvSoftmax", run_softmax);
}

static void *create_softmax_grad(TF_OpKernelConstruction *ctx) {
    return create_softmax_kernel(ctx, "FastconvSoftmaxGrad", run_softmax_grad);
}

static const op_spec activation = {
    "FastconvActivation", {"x: T"}, {"y: T"}, {ATTR_T, ATTR_ACTIVATION, ATTR_ALPHA}, shape_as_first, create_activation};
/* known: the activation's input, or its output if from_output. */
static const op_spec activation_grad = {"FastconvActivationGrad", {"known: T", "dy: T"}, {"dx: T"},
    {ATTR_T, ATTR_ACTIVATION, ATTR_ALPHA, "from_output: bool = false"}, shape_as_first, create_activation_grad};
#define ATTR_RELU                                                                                      \
    "negative_slope_bits: int", "threshold_bits: int", "low_bits: int", "high_bits: int" /* of doubles \
                                                                                          */
static const op_spec relu = {"FastconvRelu", {"x: T"}, {"y: T"}, {ATTR_T, ATTR_RELU}, shape_as_first, create_relu};
static const op_spec relu_grad = {
    "FastconvReluGrad", {"x: T", "dy: T"}, {"dx: T"}, {ATTR_T, ATTR_RELU}, shape_as_first, create_relu_grad};
static const op_spec softmax = {
    "FastconvSoftmax", {"x: T"}, {"y: T"}, {ATTR_T, "axis: int = -1"}, shape_as_first, create_softmax};
static const op_spec softmax_grad = {"FastconvSoftmaxGrad", {"y: T", "dy: T"}, {"dx: T"}, {ATTR_T, "axis: int = -1"},
    shape_as_first, create_softmax_grad};

const op_spec *const fc_tf_activation_ops[] = {
    &activation, &activation_grad, &relu, &relu_grad, &softmax, &softmax_grad, NULL};
