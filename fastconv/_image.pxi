"""Filters of single images."""


def filter_algorithms():
    """The words of every algorithm, by number; 'auto' is the first."""
    return ["auto"] + [fc_filter_algorithm_name(i).decode() for i in range(FC_FILTER_AUTO + 1, FC_FILTER_COUNT)]


cdef dict _filter_plan(fc_filter_plan *plan):
    names = filter_algorithms()
    return {
        "algorithm": names[plan.algorithm], "isa": plan.isa.decode(), "threads": plan.threads, "work": plan.work,
        "rank": plan.rank or None, "flops": plan.flops, "bytes": plan.bytes,
        "cycles": {names[i]: plan.cycles[i] for i in range(1, FC_FILTER_COUNT) if plan.cycles[i] >= 0},
    }


cdef class Convolve2D:
    """The geometry of one convolve2d call."""
    cdef fc_convolve2d_params params

    def __init__(self, int dtype, image_shape, kernel_shape, int mode, int boundary, bint correlate, int algorithm=0):
        self.params.dtype = dtype
        self.params.image_h, self.params.image_w = image_shape
        self.params.k_h, self.params.k_w = kernel_shape
        self.params.mode = mode
        self.params.boundary = boundary
        self.params.correlate = correlate
        self.params.algorithm = algorithm

    def output_shape(self):
        cdef Py_ssize_t out_h = 0, out_w = 0
        _raise(fc_convolve2d_output_size(&self.params, &out_h, &out_w))
        return out_h, out_w

    cdef size_t results(self) except? 1:
        cdef Py_ssize_t out_h = 0, out_w = 0
        _raise(fc_convolve2d_output_size(&self.params, &out_h, &out_w))
        return _bytes(self.params.dtype, out_h, out_w)

    def run(self, image, kernel, fillvalue, out):
        cdef _Pointer i = _Pointer(image, _bytes(self.params.dtype, self.params.image_h, self.params.image_w))
        cdef _Pointer k = _Pointer(kernel, _bytes(self.params.dtype, self.params.k_h, self.params.k_w))
        cdef _Pointer f = _Pointer(fillvalue, _bytes(self.params.dtype, 1)), o = _Pointer(out, self.results(), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_convolve2d(&self.params, i.data, k.data, f.data, o.data)
        _leave(status)

    def plan(self, kernel):
        cdef _Pointer k = _Pointer(kernel, _bytes(self.params.dtype, self.params.k_h, self.params.k_w))
        cdef fc_filter_plan plan
        cdef fc_caller caller
        _enter(&caller, False)
        _leave(fc_plan_convolve2d(&self.params, k.data, &plan))
        return _filter_plan(&plan)


cdef size_t _image_bytes(const fc_filter2d_params *p, int dtype):
    return _bytes(dtype, p.image_h, p.image_w, p.channels)


cdef class Filter2D:
    """The geometry of one filter2d call; shape is (h, w, channels)."""
    cdef fc_filter2d_params params

    def __init__(self, int dtype, int result, int work, shape, kernel_shape, anchor, int boundary, int algorithm=0):
        self.params.dtype = dtype
        self.params.result = result
        self.params.work = work
        self.params.image_h, self.params.image_w, self.params.channels = shape
        self.params.k_h, self.params.k_w = kernel_shape
        self.params.anchor_row, self.params.anchor_col = anchor
        self.params.boundary = boundary
        self.params.algorithm = algorithm

    def run(self, image, kernel, value, out):
        cdef _Pointer i = _Pointer(image, _image_bytes(&self.params, self.params.dtype))
        cdef _Pointer k = _Pointer(kernel, _bytes(self.params.work, self.params.k_h, self.params.k_w))
        cdef _Pointer v = _Pointer(value, _bytes(self.params.work, 1))
        cdef _Pointer o = _Pointer(out, _image_bytes(&self.params, self.params.result), True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, True)
        with nogil:
            status = fc_filter2d(&self.params, i.data, k.data, v.data, o.data)
        _leave(status)

    def plan(self, kernel):
        cdef _Pointer k = _Pointer(kernel, _bytes(self.params.work, self.params.k_h, self.params.k_w))
        cdef fc_filter_plan plan
        cdef fc_caller caller
        _enter(&caller, False)
        _leave(fc_plan_filter2d(&self.params, k.data, &plan))
        return _filter_plan(&plan)


def filter2d(image, kernel, value, out, int dtype, int result, int work, shape, kernel_shape, anchor, int boundary, int algorithm=0):
    """One call of a geometry that is not kept."""
    cdef fc_filter2d_params params
    cdef fc_caller caller
    cdef fc_status status
    params.dtype, params.result, params.work, params.boundary, params.algorithm = dtype, result, work, boundary, algorithm
    params.image_h, params.image_w, params.channels = shape
    params.k_h, params.k_w = kernel_shape
    params.anchor_row, params.anchor_col = anchor
    cdef _Pointer i = _Pointer(image, _image_bytes(&params, dtype))
    cdef _Pointer k = _Pointer(kernel, _bytes(work, params.k_h, params.k_w))
    cdef _Pointer v = None if value is None else _Pointer(value, _bytes(work, 1))
    cdef _Pointer o = _Pointer(out, _image_bytes(&params, result), True)
    cdef void *fill = NULL if v is None else v.data
    _enter(&caller, True)
    with nogil:
        status = fc_filter2d(&params, i.data, k.data, fill, o.data)
    _leave(status)


def sep_filter2d(image, column, row, value, out, int dtype, int result, int work, shape, anchor, int boundary):
    """A filter whose kernel is the product of a column and a row of float64."""
    cdef fc_filter2d_params params
    cdef fc_caller caller
    cdef fc_status status
    params.dtype, params.result, params.work, params.boundary = dtype, result, work, boundary
    params.algorithm = FC_FILTER_AUTO
    params.image_h, params.image_w, params.channels = shape
    params.k_h, params.k_w = len(column), len(row)
    params.anchor_row, params.anchor_col = anchor
    cdef _Pointer i = _Pointer(image, _image_bytes(&params, dtype))
    cdef _Pointer c = _Pointer(column, _bytes(FC_F64, params.k_h)), r = _Pointer(row, _bytes(FC_F64, params.k_w))
    cdef _Pointer v = None if value is None else _Pointer(value, _bytes(work, 1))
    cdef _Pointer o = _Pointer(out, _image_bytes(&params, result), True)
    cdef void *fill = NULL if v is None else v.data
    _enter(&caller, True)
    with nogil:
        status = fc_sep_filter2d(&params, i.data, c.data, r.data, fill, o.data)
    _leave(status)


def lengths(int dtype, size_t n, a, b, out):
    """The lengths of n pairs of numbers into out; False where squares may have left the range of the dtype."""
    cdef _Pointer x = _Pointer(a, n * _bytes(dtype, 1)), y = _Pointer(b, n * _bytes(dtype, 1))
    cdef _Pointer o = _Pointer(out, n * (4 if dtype == FC_I16 else _bytes(dtype, 1)), True)
    cdef fc_caller caller
    cdef fc_status status
    cdef int held = 0
    _enter(&caller, True)
    with nogil:
        status = fc_lengths(<fc_dtype>dtype, n, x.data, y.data, o.data, &held)
    _leave(status)
    return bool(held)
