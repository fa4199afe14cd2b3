# The part of _core.pyx that binds conv2d and its gradients.

def conv2d_algorithms():
    """{name: what a layer must be for it}, in the order of the ids that Conv2D takes; 'auto' first."""
    return {fc_conv2d_algorithm_name(i).decode(): fc_conv2d_algorithm_requires(i).decode() for i in range(FC_CONV_ALGORITHM_COUNT)}


def kernel_grad_algorithms():
    """The same for the kernel's gradient."""
    return {fc_kernel_grad_name(i).decode(): fc_kernel_grad_requires(i).decode() for i in range(FC_KERNEL_GRAD_COUNT)}


cdef class Conv2D:
    """The geometry of one conv2d call; shape is (n, h, w, c_in) in either layout, kernel (k_h, k_w, c_in / groups, c_out)."""
    cdef fc_conv2d_params params

    def __init__(self, int dtype, int layout, shape, kernel_shape, strides, dilation, padding, Py_ssize_t groups,
                 int activation=0, double alpha=0, int algorithm=FC_CONV_AUTO, kernel_dtype=None, precision=None):
        self.params.dtype = dtype
        self.params.kernel_dtype = dtype if kernel_dtype is None else kernel_dtype
        self.params.layout = layout
        self.params.n, self.params.h, self.params.w, self.params.c_in = shape
        self.params.k_h, self.params.k_w, _, self.params.c_out = kernel_shape
        self.params.stride_h, self.params.stride_w = strides
        self.params.dilation_h, self.params.dilation_w = dilation
        (self.params.pad_top, self.params.pad_bottom), (self.params.pad_left, self.params.pad_right) = padding
        self.params.groups = groups
        self.params.activation = activation
        self.params.alpha = alpha
        self.params.precision = fc_get_precision() if precision is None else precision
        self.params.algorithm = algorithm

    def output_size(self):
        cdef Py_ssize_t out_h = 0, out_w = 0
        _raise(fc_conv2d_output_size(&self.params, &out_h, &out_w))
        return out_h, out_w

    cdef size_t inputs(self):
        return _bytes(self.params.dtype, self.params.n, self.params.h, self.params.w, self.params.c_in)

    cdef size_t weights(self):
        cdef Py_ssize_t c = self.params.c_in // self.params.groups if self.params.groups > 0 else 0
        return _bytes(self.params.kernel_dtype, self.params.k_h, self.params.k_w, c, self.params.c_out)

    cdef int output_dtype(self):
        return FC_I32 if self.params.dtype == FC_I8 or self.params.dtype == FC_U8 else self.params.dtype

    cdef size_t biases(self):
        return _bytes(self.output_dtype(), self.params.c_out)

    cdef size_t outputs(self) except? 1:
        cdef Py_ssize_t out_h = 0, out_w = 0
        _raise(fc_conv2d_output_size(&self.params, &out_h, &out_w))
        return _bytes(self.output_dtype(), self.params.n, out_h, out_w, self.params.c_out)

    def supports(self):
        """Whether the algorithm asked for can compute this layer."""
        cdef fc_status status = fc_conv2d_supports(&self.params)
        if status != FC_BAD_ARGUMENT:
            _raise(status)
        return status == FC_OK

    def forward(self, x, kernel, bias, y):
        cdef _Pointer x_ = _Pointer(x, self.inputs()), k_ = _Pointer(kernel, self.weights())
        cdef _Pointer b_ = _Pointer(bias, self.biases()), y_ = _Pointer(y, self.outputs(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_conv2d(&self.params, x_.data, k_.data, b_.data, y_.data)
        _leave(status)

    def forward_pooled(self, Pool2D pool, x, kernel, bias, y):
        cdef _Pointer x_ = _Pointer(x, self.inputs()), k_ = _Pointer(kernel, self.weights())
        cdef _Pointer b_ = _Pointer(bias, self.biases()), y_ = _Pointer(y, pool.windows(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_conv2d_pool2d(&self.params, &pool.params, x_.data, k_.data, b_.data, y_.data)
        _leave(status)

    def forward_added(self, x, kernel, bias, added, y):
        cdef _Pointer x_ = _Pointer(x, self.inputs()), k_ = _Pointer(kernel, self.weights())
        cdef _Pointer b_ = _Pointer(bias, self.biases()), a_ = _Pointer(added, self.outputs())
        cdef _Pointer y_ = _Pointer(y, self.outputs(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_conv2d_added(&self.params, x_.data, k_.data, b_.data, a_.data, y_.data)
        _leave(status)

    def forward_normalized(self, x, kernel, mean, variance, gamma, beta, added, y):
        """With epsilon 0."""
        cdef _Pointer x_ = _Pointer(x, self.inputs()), k_ = _Pointer(kernel, self.weights())
        cdef _Pointer m_ = _Pointer(mean, self.biases()), v_ = _Pointer(variance, self.biases())
        cdef _Pointer g_ = _Pointer(gamma, self.biases()), b_ = _Pointer(beta, self.biases())
        cdef _Pointer a_ = _Pointer(added, self.outputs()), y_ = _Pointer(y, self.outputs(), True)
        cdef fc_normalization by
        cdef fc_caller caller
        cdef fc_status status
        by.mean, by.variance, by.gamma, by.beta, by.epsilon = m_.data, v_.data, g_.data, b_.data, 0
        _enter(&caller, True)
        with nogil:
            status = fc_conv2d_normalized(&self.params, &by, x_.data, k_.data, NULL, a_.data, y_.data)
        _leave(status)

    def input_grad(self, dy, kernel, dx):
        cdef _Pointer dy_ = _Pointer(dy, self.outputs()), k_ = _Pointer(kernel, self.weights())
        cdef _Pointer dx_ = _Pointer(dx, self.inputs(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_conv2d_input_grad(&self.params, dy_.data, k_.data, dx_.data)
        _leave(status)

    def kernel_grad(self, int algorithm, x, dy, dkernel):
        """Whether this algorithm can compute the gradient; if so it is in dkernel."""
        cdef _Pointer x_ = _Pointer(x, self.inputs()), dy_ = _Pointer(dy, self.outputs())
        cdef _Pointer dk_ = _Pointer(dkernel, self.weights(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_conv2d_kernel_grad(&self.params, <fc_kernel_grad_id>algorithm, x_.data, dy_.data, dk_.data)
        _leave(FC_OK if status == FC_BAD_ARGUMENT else status)
        return status == FC_OK

    def grads(self, x, kernel, y, dy, dx, dkernel, dbias):
        """Those of the gradients that have an array."""
        cdef _Pointer x_ = _Pointer(x, self.inputs()), k_ = _Pointer(kernel, self.weights())
        cdef _Pointer y_ = _Pointer(y, self.outputs()), dy_ = _Pointer(dy, self.outputs())
        cdef _Pointer dx_ = _Pointer(dx, self.inputs(), True), dk_ = _Pointer(dkernel, self.weights(), True)
        cdef _Pointer db_ = _Pointer(dbias, self.biases(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_conv2d_grads(&self.params, x_.data, k_.data, y_.data, dy_.data, dx_.data, dk_.data, db_.data)
        _leave(status)

    def plan(self):
        cdef fc_conv2d_plan plan
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_plan_conv2d(&self.params, &plan)
        _leave(status)
        return {
            "algorithm": fc_conv2d_algorithm_name(plan.algorithm).decode(), "isa": plan.isa.decode(),
            "threads": plan.threads, "output_size": (plan.out_h, plan.out_w),
            "tile": (plan.tile_rows, plan.tile_cols), "pixels_in_rows": bool(plan.pixels_in_rows),
            "block_pixels": plan.block_pixels, "block_k": plan.block_k, "tasks": plan.tasks,
            "scratch_bytes": plan.scratch_bytes, "cycles": plan.cycles, "flops": plan.flops, "bytes": plan.bytes,
        }


cdef class PreparedConv2D:
    """A packed kernel and bias; with `keep` they are read where they are, and nobody writes to them.

    The kernel that is kept may be released when all calls have packed what they run on. For a form that is asked for
    later it is lent again.
    """
    cdef fc_conv2d_prepared *prepared
    cdef Py_ssize_t kernel_bytes, bias_bytes
    cdef _Pointer kernel, bias, lent
    cdef bint reads

    def __init__(self, Conv2D geometry, kernel, bias, bint keep=False):
        cdef _Pointer k_ = _Pointer(kernel, geometry.weights()), b_ = _Pointer(bias, geometry.biases())
        cdef fc_caller caller
        cdef fc_status status
        if self.prepared is not NULL:
            raise TypeError("already prepared")
        self.kernel_bytes, self.bias_bytes = geometry.weights(), geometry.biases()
        _enter(&caller, True)
        with nogil:
            if keep:
                status = fc_conv2d_prepare_kept(&geometry.params, k_.data, b_.data, &self.prepared)
            else:
                status = fc_conv2d_prepare(&geometry.params, k_.data, b_.data, &self.prepared)
        _leave(status)
        if keep:
            self.kernel, self.bias = k_, b_

    def __dealloc__(self):
        fc_conv2d_free(self.prepared)

    @property
    def nbytes(self):
        """Bytes of copies, and of the packed forms that runs have asked for."""
        return fc_conv2d_prepared_bytes(self.prepared)

    def lend(self, kernel):
        """A kernel of the same numbers, for what is packed before it is released."""
        if self.kernel is None:
            self.lent = _Pointer(kernel, self.kernel_bytes)

    def release(self):
        """Let go of the kernel unless runs read it; whether it is let go of."""
        if not self.reads:
            if self.kernel is not None:
                fc_conv2d_forget_kernel(self.prepared)
            self.kernel = None
        self.lent = None
        return self.kernel is None

    cdef int pack(self, const fc_conv2d_params *params, const fc_pool2d_params *pool) except -1:
        cdef fc_caller caller
        cdef fc_status status
        cdef const void *lent = NULL if self.lent is None else self.lent.data
        cdef int reads = 0
        _enter(&caller, True)
        with nogil:
            status = fc_conv2d_prepared_pack(self.prepared, params, pool, lent, &reads)
        _leave(status)
        if reads:
            self.reads = True
            if self.kernel is None:
                self.kernel = self.lent
        return 0

    def weights(self):
        """Kernel and bias as they were given, in bytes; None for no bias."""
        cdef const char *kernel = NULL
        cdef const char *bias = NULL
        _raise(fc_conv2d_prepared_weights(self.prepared, <const void **>&kernel, <const void **>&bias))
        if kernel is NULL:
            raise NotPacked("fastconv: the kernel has been released")
        return kernel[:self.kernel_bytes], None if bias is NULL else bias[:self.bias_bytes]

    def algorithm(self, Conv2D geometry):
        """The name of the one that `run` takes."""
        cdef fc_conv2d_algorithm chosen
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_conv2d_prepared_choose(self.prepared, &geometry.params, &chosen)
        _leave(status)
        return fc_conv2d_algorithm_name(chosen).decode()

    def run(self, Conv2D geometry, x, y):
        cdef _Pointer x_ = _Pointer(x, geometry.inputs()), y_ = _Pointer(y, geometry.outputs(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_conv2d_run(self.prepared, &geometry.params, x_.data, y_.data)
        _leave(status)

    def run_added(self, Conv2D geometry, x, added, y):
        """run with an array of y's shape added before the activation."""
        cdef _Pointer x_ = _Pointer(x, geometry.inputs()), a_ = _Pointer(added, geometry.outputs())
        cdef _Pointer y_ = _Pointer(y, geometry.outputs(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_conv2d_run_added(self.prepared, &geometry.params, x_.data, a_.data, y_.data)
        _leave(status)


def bias_grad(int dtype, int layout, shape, dy, dbias):
    cdef Py_ssize_t n, h, w, c
    n, h, w, c = shape
    cdef _Pointer dy_ = _Pointer(dy, _bytes(dtype, n, h, w, c)), db_ = _Pointer(dbias, _bytes(dtype, c), True)
    cdef fc_caller caller
    cdef fc_status status
    _enter(&caller, True)
    with nogil:
        status = fc_bias_grad(dtype, layout, n, h, w, c, dy_.data, db_.data)
    _leave(status)


cdef class Dense:
    """The sizes of one dense layer's call."""
    cdef fc_dense_params params

    def __init__(self, int dtype, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs, int activation=0, double alpha=0):
        self.params.dtype = dtype
        self.params.rows = rows
        self.params.inputs = inputs
        self.params.outputs = outputs
        self.params.activation = activation
        self.params.alpha = alpha

    cdef size_t of(self, Py_ssize_t rows, Py_ssize_t columns):
        return _bytes(self.params.dtype, rows, columns)

    def forward(self, x, kernel, bias, y):
        cdef _Pointer x_ = _Pointer(x, self.of(self.params.rows, self.params.inputs))
        cdef _Pointer k_ = _Pointer(kernel, self.of(self.params.inputs, self.params.outputs))
        cdef _Pointer b_ = _Pointer(bias, self.of(1, self.params.outputs))
        cdef _Pointer y_ = _Pointer(y, self.of(self.params.rows, self.params.outputs), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_dense(&self.params, x_.data, k_.data, b_.data, y_.data)
        _leave(status)

    def grads(self, x, kernel, y, dy, dx, dkernel, dbias):
        """Those of the gradients that have an array."""
        cdef _Pointer x_ = _Pointer(x, self.of(self.params.rows, self.params.inputs))
        cdef _Pointer k_ = _Pointer(kernel, self.of(self.params.inputs, self.params.outputs))
        cdef _Pointer y_ = _Pointer(y, self.of(self.params.rows, self.params.outputs))
        cdef _Pointer dy_ = _Pointer(dy, self.of(self.params.rows, self.params.outputs))
        cdef _Pointer dx_ = _Pointer(dx, self.of(self.params.rows, self.params.inputs), True)
        cdef _Pointer dk_ = _Pointer(dkernel, self.of(self.params.inputs, self.params.outputs), True)
        cdef _Pointer db_ = _Pointer(dbias, self.of(1, self.params.outputs), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_dense_grads(&self.params, x_.data, k_.data, y_.data, dy_.data, dx_.data, dk_.data, db_.data)
        _leave(status)
