/* SPDX-License-Identifier: MIT */
/* A dense layer with bias and activation, and its gradients. x may have any rank: its last dimension is multiplied. */
#include "tensorflow/op.h"

typedef struct dense_kernel {
    op_kernel base;
    fc_activation activation;
    double alpha;
    int wanted[3]; /* of the gradients: dx, dkernel, dbias */
} dense_kernel;

/* The sizes of x (..., inputs) with a kernel (inputs, outputs), and the output's shape, of x's rank. */
static int sizes(call *c, const input *x, const input *kernel, fc_dense_params *p, int64_t *out) {
    const dense_kernel *k = (const dense_kernel *)c->kernel;
    if (!call_ok(c))
        return 0;
    if (x->rank < 1 || kernel->rank != 2 || tf.Dim(x->tensor, x->rank - 1) != kernel->dims[0]) {
        call_fail(c, TF_INVALID_ARGUMENT, "`kernel` must have 2 dimensions, the first as large as the last of `x`");
        return 0;
    }
    for (int i = 0; i < x->rank - 1; i++)
        out[i] = tf.Dim(x->tensor, i);
    out[x->rank - 1] = kernel->dims[1];
    *p = (fc_dense_params){.dtype = k->base.dtype,
        .rows = (ptrdiff_t)count_of(out, x->rank - 1),
        .inputs = kernel->dims[0],
        .outputs = kernel->dims[1],
        .activation = k->activation,
        .alpha = k->alpha};
    return 1;
}

static void run_dense(const op_kernel *base, call *c) {
    (void)base;
    fc_dense_params p;
    int64_t out[MAX_RANK];
    input x = call_input(c, 0), kernel = call_input(c, 1);
    if (!sizes(c, &x, &kernel, &p, out))
        return;
    const void *bias = NULL;
    if (tf.NumInputs(c->ctx) > 2) {
        input b = call_input(c, 2);
        if (call_ok(c) && (b.rank != 1 || b.dims[0] != p.outputs))
            call_fail(c, TF_INVALID_ARGUMENT, "`bias` must have shape (%td,)", p.outputs);
        bias = b.data;
    }
    void *y = call_ok(c) ? call_output(c, out, x.rank) : NULL;
    if (y && !is_empty(out, x.rank))
        call_check(c, fc->dense(&p, x.data, kernel.data, bias, y));
}

/* Fails unless the tensor holds as many elements as the output. */
static void check_count(call *c, const char *name, const input *tensor, const int64_t *out, int rank) {
    int same = call_ok(c) && tensor->rank == rank;
    for (int i = 0; same && i < rank; i++)
        same = tf.Dim(tensor->tensor, i) == out[i];
    if (!same)
        call_fail(c, TF_INVALID_ARGUMENT, "`%s` must have the shape of the layer's output", name);
}

static void run_dense_grads(const op_kernel *base, call *c) {
    const dense_kernel *k = (const dense_kernel *)base;
    fc_dense_params p;
    int64_t out[MAX_RANK], in[MAX_RANK] = {0};
    int index = 0;
    input x = call_input(c, 0), kernel = call_input(c, 1), dy = call_input(c, 2), y = dy;
    if (!sizes(c, &x, &kernel, &p, out))
        return;
    check_count(c, "dy", &dy, out, x.rank);
    if (k->activation != FC_LINEAR) {
        y = call_input(c, 3);
        check_count(c, "y", &y, out, x.rank);
    }
    for (int i = 0; i < x.rank; i++)
        in[i] = tf.Dim(x.tensor, i);
    const int64_t outputs[1] = {p.outputs};
    void *dx = call_output_if(c, k->wanted[0], &index, in, x.rank);
    void *dkernel = call_output_if(c, k->wanted[1], &index, kernel.dims, 2);
    void *dbias = call_output_if(c, k->wanted[2], &index, outputs, 1);
    if (call_ok(c))
        call_check(c, fc->dense_grads(&p, x.data, kernel.data, y.data, dy.data, dx, dkernel, dbias));
}

static creation begin(TF_OpKernelConstruction *ctx, const char *op, void (*run)(const op_kernel *, call *)) {
    creation c = creation_begin(ctx, op, run, sizeof(dense_kernel));
    dense_kernel *k = (dense_kernel *)c.kernel;
    if (creation_ok(&c)) {
        k->activation = creation_activation(&c);
        k->alpha = creation_alpha(&c);
    }
    return c;
}

static void *create_dense(TF_OpKernelConstruction *ctx) {
    creation c = begin(ctx, "FastconvDense", run_dense);
    return creation_end(&c);
}

static void *create_dense_grads(TF_OpKernelConstruction *ctx) {
    creation c = begin(ctx, "FastconvDenseGrads", run_dense_grads);
    if (creation_ok(&c))
        creation_wanted(&c, ((dense_kernel *)c.kernel)->activation, ((dense_kernel *)c.kernel)->wanted);
    return creation_end(&c);
}

/* bias: none or one. */
static const op_spec dense = {"FastconvDense", {"x: T", "kernel: T", "bias: biases * T"}, {"y: T"},
    {ATTR_T, "biases: int >= 0", ATTR_ACTIVATION, ATTR_ALPHA}, shape_unknown, create_dense};
/* y: the layer's output, with an activation only; outputs: those that are wanted. */
static const op_spec dense_grads = {"FastconvDenseGrads", {"x: T", "kernel: T", "dy: T", "y: ys * T"},
    {"dx: dxs * T", "dkernel: dkernels * T", "dbias: dbiases * T"}, {ATTR_T, ATTR_WANTED, ATTR_ACTIVATION, ATTR_ALPHA},
    shape_unknown, create_dense_grads};

const op_spec *const fc_tf_dense_ops[] = {&dense, &dense_grads, NULL};
