# cython: language_level=3
"""Buffers in, status out: the only module that touches C.

Arrays arrive C-contiguous and checked (fastconv/_args.py does that); here they only become pointers. A framework's tensor
arrives as the address of its memory. The GIL is released around every kernel; _calls.pxi has what holds for a call.
"""
from cpython.buffer cimport PyBUF_ND, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer

cdef class _Pointer:
    """A held buffer of `size` bytes, or an address that the caller keeps valid; None gives a null pointer."""
    cdef Py_buffer buffer
    cdef void *data
    cdef bint held

    def __cinit__(self, array, size_t size, bint writable=False):
        if type(array) is int:
            self.data = <void *><size_t>array
        elif array is not None:
            PyObject_GetBuffer(array, &self.buffer, PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
            self.held = True
            self.data = self.buffer.buf
            if <size_t>self.buffer.len != size:
                raise ValueError(f"fastconv: a buffer of {self.buffer.len} bytes where the sizes make it {size}")

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.buffer)


cdef extern from *:
    """
    /* Bytes of an array of these sizes; SIZE_MAX, which no buffer has, where they overflow or one is negative. */
    static size_t fc_array_bytes(int dtype, Py_ssize_t a, Py_ssize_t b, Py_ssize_t c, Py_ssize_t d) {
        const Py_ssize_t sizes[] = {a, b, c, d};
        size_t bytes = fc_dtype_size((fc_dtype)dtype);
        if (!a || !b || !c || !d)
            return 0;
        for (int i = 0; i < 4; i++)
            if (sizes[i] < 0 || __builtin_mul_overflow(bytes, (size_t)sizes[i], &bytes))
                return SIZE_MAX;
        return bytes;
    }
    """
    size_t fc_array_bytes(int dtype, Py_ssize_t a, Py_ssize_t b, Py_ssize_t c, Py_ssize_t d)


cdef inline size_t _bytes(int dtype, Py_ssize_t a, Py_ssize_t b=1, Py_ssize_t c=1, Py_ssize_t d=1):
    return fc_array_bytes(dtype, a, b, c, d)


# fc_dtype by NumPy's names, and ml_dtypes'.
DTYPES = {
    "bool": FC_BOOL, "int8": FC_I8, "uint8": FC_U8, "int16": FC_I16, "uint16": FC_U16, "int32": FC_I32,
    "uint32": FC_U32, "int64": FC_I64, "uint64": FC_U64, "float16": FC_F16, "bfloat16": FC_BF16, "float32": FC_F32,
    "float64": FC_F64, "longdouble": FC_LONGDOUBLE, "complex64": FC_C64, "complex128": FC_C128,
    "clongdouble": FC_CLONGDOUBLE,
}


cdef class Memory:
    """Uninitialised bytes for a result; they are kept for the next one when the last array on them is gone."""
    cdef void *data
    cdef Py_ssize_t size

    def __cinit__(self, Py_ssize_t size):
        self.data = fc_result_alloc(size)
        self.size = size
        if self.data is NULL:
            raise MemoryError(f"fastconv: no memory for a result of {size} bytes")

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.data, self.size, 0, flags)

    def __dealloc__(self):
        fc_result_free(self.data)


def release_memory():
    fc_release_memory()


def trim_memory():
    fc_trim_memory()


class NotPacked(Exception):
    """A run asks for a form of a kernel that is not packed, and the kernel is gone."""


cdef int _raise(fc_status status) except -1:
    if status == FC_OK:
        return 0
    if status == FC_OUT_OF_MEMORY:
        raise MemoryError("fastconv: out of memory")
    if status == FC_NOT_PACKED:
        raise NotPacked("fastconv: " + fc_status_text(status).decode())
    raise ValueError("fastconv: " + fc_status_text(status).decode())


include "_calls.pxi"
include "_build.pxi"


def init():
    """Choose the kernels, as FASTCONV_ISA or the CPU says."""
    _raise(fc_init())


def isas():
    """(name, available) of every instruction set compiled in, in rising order."""
    return [(fc_isa_name(i).decode(), bool(fc_isa_available(i))) for i in range(fc_isa_count())]


def active_isa():
    return fc_active_isa().decode()


def set_isa(str name):
    _raise(fc_set_isa(name.encode()))


def openmp_version():
    return fc_openmp_version().decode()


def set_precision(int precision):
    _raise(fc_set_precision(precision))


def get_precision():
    return fc_get_precision()


def api_address():
    """Address of the fc_api table, for a framework's op library in this process."""
    return <size_t>fc_get_api()


def resolve_padding(int padding, Py_ssize_t size, Py_ssize_t window, Py_ssize_t stride, Py_ssize_t dilation):
    cdef Py_ssize_t before = 0, after = 0
    _raise(fc_resolve_padding(padding, size, window, stride, dilation, &before, &after))
    return before, after


def activation_from_output(int activation, double alpha):
    """Whether this activation's gradient can be had from its output alone."""
    return bool(fc_activation_from_output(activation, alpha))


def activate(int dtype, int activation, double alpha, size_t count, x, y):
    cdef _Pointer source = _Pointer(x, _bytes(dtype, count)), target = _Pointer(y, _bytes(dtype, count), True)
    cdef fc_caller caller
    cdef fc_status status
    _enter(&caller, source.data != target.data)
    with nogil:
        status = fc_activate(dtype, activation, alpha, count, source.data, target.data)
    _leave(status)


def activate_grad(int dtype, int activation, double alpha, size_t count, x, y, dy, dx):
    cdef _Pointer x_ = _Pointer(x, _bytes(dtype, count)), y_ = _Pointer(y, _bytes(dtype, count))
    cdef _Pointer dy_ = _Pointer(dy, _bytes(dtype, count)), dx_ = _Pointer(dx, _bytes(dtype, count), True)
    cdef fc_caller caller
    cdef fc_status status
    _enter(&caller, dx_.data != x_.data and dx_.data != y_.data and dx_.data != dy_.data)
    with nogil:
        status = fc_activate_grad(dtype, activation, alpha, count, x_.data, y_.data, dy_.data, dx_.data)
    _leave(status)


cdef fc_relu_params _relu_params(parameters):
    cdef fc_relu_params params
    params.negative_slope, params.threshold, params.low, params.high = parameters
    return params


def relu(int dtype, parameters, size_t count, x, y):
    """parameters: negative_slope, threshold, low, high."""
    cdef _Pointer source = _Pointer(x, _bytes(dtype, count)), target = _Pointer(y, _bytes(dtype, count), True)
    cdef fc_relu_params params = _relu_params(parameters)
    cdef fc_caller caller
    cdef fc_status status
    _enter(&caller, source.data != target.data)
    with nogil:
        status = fc_relu(dtype, &params, count, source.data, target.data)
    _leave(status)


def relu_grad(int dtype, parameters, size_t count, x, dy, dx):
    cdef _Pointer x_ = _Pointer(x, _bytes(dtype, count)), dy_ = _Pointer(dy, _bytes(dtype, count))
    cdef _Pointer dx_ = _Pointer(dx, _bytes(dtype, count), True)
    cdef fc_relu_params params = _relu_params(parameters)
    cdef fc_caller caller
    cdef fc_status status
    _enter(&caller, dx_.data != x_.data and dx_.data != dy_.data)
    with nogil:
        status = fc_relu_grad(dtype, &params, count, x_.data, dy_.data, dx_.data)
    _leave(status)


def softmax(int dtype, size_t outer, size_t axis, size_t inner, x, y):
    cdef _Pointer source = _Pointer(x, _bytes(dtype, outer, axis, inner))
    cdef _Pointer target = _Pointer(y, _bytes(dtype, outer, axis, inner), True)
    cdef fc_caller caller
    cdef fc_status status
    _enter(&caller, source.data != target.data)
    with nogil:
        status = fc_softmax(dtype, outer, axis, inner, source.data, target.data)
    _leave(status)


def softmax_grad(int dtype, size_t outer, size_t axis, size_t inner, y, dy, dx):
    cdef _Pointer y_ = _Pointer(y, _bytes(dtype, outer, axis, inner))
    cdef _Pointer dy_ = _Pointer(dy, _bytes(dtype, outer, axis, inner))
    cdef _Pointer dx_ = _Pointer(dx, _bytes(dtype, outer, axis, inner), True)
    cdef fc_caller caller
    cdef fc_status status
    _enter(&caller, dx_.data != y_.data and dx_.data != dy_.data)
    with nogil:
        status = fc_softmax_grad(dtype, outer, axis, inner, y_.data, dy_.data, dx_.data)
    _leave(status)


cdef class Pool2D:
    """The geometry of one pooling call; shape is (n, h, w, c) in either layout."""
    cdef fc_pool2d_params params

    def __init__(self, int dtype, int layout, bint average, shape, pool, strides, padding):
        self.params.dtype = dtype
        self.params.layout = layout
        self.params.mode = FC_AVG_POOL if average else FC_MAX_POOL
        self.params.n, self.params.h, self.params.w, self.params.c = shape
        self.params.pool_h, self.params.pool_w = pool
        self.params.stride_h, self.params.stride_w = strides
        (self.params.pad_top, self.params.pad_bottom), (self.params.pad_left, self.params.pad_right) = padding

    def output_size(self):
        cdef Py_ssize_t out_h = 0, out_w = 0
        _raise(fc_pool2d_output_size(&self.params, &out_h, &out_w))
        return out_h, out_w

    cdef size_t cells(self):
        return _bytes(self.params.dtype, self.params.n, self.params.h, self.params.w, self.params.c)

    cdef size_t windows(self) except? 1:
        cdef Py_ssize_t out_h = 0, out_w = 0
        _raise(fc_pool2d_output_size(&self.params, &out_h, &out_w))
        return _bytes(self.params.dtype, self.params.n, out_h, out_w, self.params.c)

    def forward(self, x, y):
        cdef _Pointer x_ = _Pointer(x, self.cells()), y_ = _Pointer(y, self.windows(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_pool2d(&self.params, x_.data, y_.data)
        _leave(status)

    def grad(self, x, dy, dx):
        cdef _Pointer x_ = _Pointer(x, self.cells()), dy_ = _Pointer(dy, self.windows())
        cdef _Pointer dx_ = _Pointer(dx, self.cells(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_pool2d_grad(&self.params, x_.data, dy_.data, dx_.data)
        _leave(status)

    def grad_grad(self, x, ddx, ddy):
        cdef _Pointer x_ = _Pointer(x, self.cells()), ddx_ = _Pointer(ddx, self.cells())
        cdef _Pointer ddy_ = _Pointer(ddy, self.windows(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_max_pool2d_grad_grad(&self.params, x_.data, ddx_.data, ddy_.data)
        _leave(status)


include "_image.pxi"
include "_conv2d.pxi"
include "_plans.pxi"
include "_network.pxi"
include "_direct.pxi"
include "_training.pxi"
