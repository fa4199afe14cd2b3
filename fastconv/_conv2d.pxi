# The part of _core.pyx that binds conv2d and its gradients.

def conv2d_algorithms():
    """{name: what a layer must be for it}, in the order of the ids that Conv2D takes; 'auto' first."""
    return {fc_conv2d_algorithm_name(i).decode(): fc_conv2d_algorithm_needs(i).decode() for i in range(FC_CONV_ALGORITHM_COUNT)}


def kernel_grad_algorithms():
    """The same for the kernel's gradient."""
    return {fc_kernel_grad_name(i).decode(): fc_kernel_grad_needs(i).decode() for i in range(FC_KERNEL_GRAD_COUNT)}


cdef class Conv2D:
    """The geometry of one conv2d call; shape is (n, h, w, c_in) in either layout, kernel (k_h, k_w, c_in / groups, c_out)."""
    cdef fc_conv2d_params params

    def __init__(self, int dtype, int layout, shape, kernel_shape, strides, dilation, padding, Py_ssize_t groups,
                 int activation=0, double alpha=0, int algorithm=FC_CONV_AUTO, kernel_dtype=None):
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
        self.params.precision = fc_get_precision()
        self.params.algorithm = algorithm

    def output_size(self):
        cdef Py_ssize_t out_h = 0, out_w = 0
        _raise(fc_conv2d_output_size(&self.params, &out_h, &out_w))
        return out_h, out_w

    def serves(self):
        """Whether the algorithm asked for can compute this layer."""
        cdef fc_status status = fc_conv2d_serves(&self.params)
        if status != FC_BAD_ARGUMENT:
            _raise(status)
        return status == FC_OK

    def forward(self, x, kernel, bias, y):
        cdef _Pointer x_ = _Pointer(x), k_ = _Pointer(kernel), b_ = _Pointer(bias), y_ = _Pointer(y, True)
        cdef fc_status status
        with nogil:
            status = fc_conv2d(&self.params, x_.data, k_.data, b_.data, y_.data)
        _raise(status)

    def forward_pooled(self, Pool2D pool, x, kernel, bias, y):
        cdef _Pointer x_ = _Pointer(x), k_ = _Pointer(kernel), b_ = _Pointer(bias), y_ = _Pointer(y, True)
        cdef fc_status status
        with nogil:
            status = fc_conv2d_pool2d(&self.params, &pool.params, x_.data, k_.data, b_.data, y_.data)
        _raise(status)

    def input_grad(self, dy, kernel, dx):
        cdef _Pointer dy_ = _Pointer(dy), k_ = _Pointer(kernel), dx_ = _Pointer(dx, True)
        cdef fc_status status
        with nogil:
            status = fc_conv2d_input_grad(&self.params, dy_.data, k_.data, dx_.data)
        _raise(status)

    def kernel_grad(self, int algorithm, x, dy, dkernel):
        """Whether this algorithm can compute the gradient; if so it is in dkernel."""
        cdef _Pointer x_ = _Pointer(x), dy_ = _Pointer(dy), dk_ = _Pointer(dkernel, True)
        cdef fc_status status
        with nogil:
            status = fc_conv2d_kernel_grad(&self.params, <fc_kernel_grad_id>algorithm, x_.data, dy_.data, dk_.data)
        if status != FC_BAD_ARGUMENT:
            _raise(status)
        return status == FC_OK

    def grads(self, x, kernel, y, dy, dx, dkernel, dbias):
        """Those of the gradients that have an array."""
        cdef _Pointer x_ = _Pointer(x), k_ = _Pointer(kernel), y_ = _Pointer(y), dy_ = _Pointer(dy)
        cdef _Pointer dx_ = _Pointer(dx, True), dk_ = _Pointer(dkernel, True), db_ = _Pointer(dbias, True)
        cdef fc_status status
        with nogil:
            status = fc_conv2d_grads(&self.params, x_.data, k_.data, y_.data, dy_.data, dx_.data, dk_.data, db_.data)
        _raise(status)

    def plan(self):
        cdef fc_conv2d_plan plan
        _raise(fc_plan_conv2d(&self.params, &plan))
        return {
            "algorithm": fc_conv2d_algorithm_name(plan.algorithm).decode(), "isa": plan.isa.decode(),
            "threads": plan.threads, "output_size": (plan.out_h, plan.out_w),
            "tile": (plan.tile_rows, plan.tile_cols), "pixels_in_rows": bool(plan.pixels_in_rows),
            "block_pixels": plan.block_pixels, "block_k": plan.block_k, "tasks": plan.tasks,
            "scratch_bytes": plan.scratch_bytes, "cycles": plan.cycles, "flops": plan.flops, "bytes": plan.bytes,
        }


cdef class PreparedConv2D:
    """A packed kernel and bias."""
    cdef fc_conv2d_prepared *prepared

    def __init__(self, Conv2D geometry, kernel, bias):
        cdef _Pointer k_ = _Pointer(kernel), b_ = _Pointer(bias)
        cdef fc_status status
        if self.prepared is not NULL:
            raise TypeError("already prepared")
        with nogil:
            status = fc_conv2d_prepare(&geometry.params, k_.data, b_.data, &self.prepared)
        _raise(status)

    def __dealloc__(self):
        fc_conv2d_free(self.prepared)

    def run(self, Conv2D geometry, x, y):
        cdef _Pointer x_ = _Pointer(x), y_ = _Pointer(y, True)
        cdef fc_status status
        with nogil:
            status = fc_conv2d_run(self.prepared, &geometry.params, x_.data, y_.data)
        _raise(status)


def bias_grad(int dtype, int layout, shape, dy, dbias):
    cdef Py_ssize_t n, h, w, c
    n, h, w, c = shape
    cdef _Pointer dy_ = _Pointer(dy), db_ = _Pointer(dbias, True)
    cdef fc_status status
    with nogil:
        status = fc_bias_grad(dtype, layout, n, h, w, c, dy_.data, db_.data)
    _raise(status)


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

    def forward(self, x, kernel, bias, y):
        cdef _Pointer x_ = _Pointer(x), k_ = _Pointer(kernel), b_ = _Pointer(bias), y_ = _Pointer(y, True)
        cdef fc_status status
        with nogil:
            status = fc_dense(&self.params, x_.data, k_.data, b_.data, y_.data)
        _raise(status)

    def grads(self, x, kernel, y, dy, dx, dkernel, dbias):
        """Those of the gradients that have an array."""
        cdef _Pointer x_ = _Pointer(x), k_ = _Pointer(kernel), y_ = _Pointer(y), dy_ = _Pointer(dy)
        cdef _Pointer dx_ = _Pointer(dx, True), dk_ = _Pointer(dkernel, True), db_ = _Pointer(dbias, True)
        cdef fc_status status
        with nogil:
            status = fc_dense_grads(&self.params, x_.data, k_.data, y_.data, dy_.data, dx_.data, dk_.data, db_.data)
        _raise(status)
