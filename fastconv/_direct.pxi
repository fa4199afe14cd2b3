# Calls on arrays as they lie: one call makes the checks that most small calls pass. It answers whether it ran; where it
# did not, nothing is done, and the caller goes the long way, which converts, copies or says what is wrong.
from numpy import empty as _empty, ndarray as _ndarray

cdef extern from "Python.h":
    int _get_buffer "PyObject_GetBuffer"(object, Py_buffer *, int)  # without Cython's check of exceptions
    void PyErr_Clear()


cdef void _release(Py_buffer *buffers, size_t count) noexcept:
    cdef size_t i
    for i in range(count):
        PyBuffer_Release(&buffers[i])


cdef bint _apart(const Py_buffer *a, const Py_buffer *b) noexcept:
    return <size_t>a.buf + <size_t>a.len <= <size_t>b.buf or <size_t>b.buf + <size_t>b.len <= <size_t>a.buf


cdef bint _hold(Py_buffer *buffers, tuple arrays, size_t count, bint elementwise):
    """Hold the buffers if all arrays are in C order and the last one is writable and shares no memory with the others.
    `elementwise`: the last one may be one of the others."""
    cdef size_t i, last = count - 1
    for i in range(count):
        if _get_buffer(arrays[i], &buffers[i], PyBUF_ND | PyBUF_WRITABLE if i == last else PyBUF_ND):
            PyErr_Clear()
            _release(buffers, i)
            return False
    for i in range(last):
        if not (_apart(&buffers[i], &buffers[last]) or (
                elementwise and buffers[i].buf == buffers[last].buf and buffers[i].len == buffers[last].len)):
            _release(buffers, count)
            return False
    return True


def activate_directly(int dtype, int activation, double alpha, x, y):
    """`activate` from x to y, which has its shape."""
    cdef Py_buffer arrays[2]
    cdef fc_caller caller
    cdef fc_status status
    cdef size_t count
    if not _hold(arrays, (x, y), 2, True):
        return False
    try:
        if arrays[0].len != arrays[1].len:
            return False
        count = <size_t>arrays[0].len // _bytes(dtype, 1)
        _enter(&caller, arrays[0].buf != arrays[1].buf)
        with nogil:
            status = fc_activate(dtype, activation, alpha, count, arrays[0].buf, arrays[1].buf)
        _leave(status)
    finally:
        _release(arrays, 2)
    return True


def call_directly(Call call, *arrays):
    """A call with arrays of the sizes that it is bound to, inputs first."""
    cdef Py_buffer buffers[FC_STEP_OPERANDS]
    cdef fc_step step = call.step
    cdef fc_program program
    cdef fc_caller caller
    cdef fc_status status
    cdef size_t i, count = step.count
    cdef bint elementwise = step.kind == FC_STEP_ACTIVATE or step.kind == FC_STEP_RELU or step.kind == FC_STEP_SOFTMAX
    if <size_t>len(arrays) != count or not _hold(buffers, arrays, count, elementwise):
        return False
    try:
        for i in range(count):
            if <size_t>buffers[i].len != call.sizes[i]:
                return False
            step.operands[i].array, step.operands[i].at = -1, buffers[i].buf
        program.steps, program.count = &step, 1
        _enter(&caller, buffers[0].buf != buffers[count - 1].buf)
        with nogil:
            status = fc_run_program(&program, NULL)
        _leave(status)
    finally:
        _release(buffers, count)
    return True


cdef bint _one_image(const fc_convolve2d_params *p) noexcept:
    """Whether neither is empty, and the first one is the image in SciPy's rule for 'valid' mode."""
    return p.image_h > 0 and p.image_w > 0 and p.k_h > 0 and p.k_w > 0 and (
        p.mode != FC_VALID or (p.image_h >= p.k_h and p.image_w >= p.k_w))


def convolve2d_directly(int dtype, int mode, int boundary, bint correlate, int algorithm, image, kernel, out):
    """The convolution of two arrays of one dtype with 0 outside, in `out` or, for None, a new array; or None."""
    cdef Py_buffer i, k
    cdef fc_convolve2d_params params
    if _get_buffer(image, &i, PyBUF_ND):
        PyErr_Clear()
        return None
    if _get_buffer(kernel, &k, PyBUF_ND):
        PyErr_Clear()
        PyBuffer_Release(&i)
        return None
    try:
        if i.ndim != 2 or k.ndim != 2:
            return None
        params.dtype, params.mode, params.boundary = <fc_dtype>dtype, <fc_mode>mode, <fc_boundary>boundary
        params.correlate, params.algorithm = correlate, <fc_filter_algorithm_id>algorithm
        params.image_h, params.image_w, params.k_h, params.k_w = i.shape[0], i.shape[1], k.shape[0], k.shape[1]
        if (not _one_image(&params) or <size_t>i.len != _bytes(dtype, params.image_h, params.image_w)
                or <size_t>k.len != _bytes(dtype, params.k_h, params.k_w)):
            return None
        return _convolve2d(&params, &i, &k, image.dtype, out)
    finally:
        PyBuffer_Release(&i)
        PyBuffer_Release(&k)


def filter2d_directly(dict kinds, dict borders, image, make, key, bint derives, tuple options):
    """filter2d where all is as the core takes it and nothing but the border is asked for; None where it is not.

    `kinds`: by dtype, that dtype and its number, the dtype of sums, of derivatives, and the numbers of both.
    `make(key, dtype)` gives the taps, or None, where `key` is no array of the dtype of sums. `derives`: the result has
    the dtype of derivatives. `options`: border, value, axes, channel_axis, dtype, out, algorithm.
    """
    border, value, axes, channel_axis, dtype, out, algorithm = options
    if axes is not None or channel_axis is not None or dtype is not None or type(value) is not int or value != 0:
        return None
    if type(border) is not str or type(algorithm) is not str or algorithm != "auto" or type(image) is not _ndarray:
        return None
    given = image.dtype
    kind, boundary = kinds.get(given), borders.get(border)
    if kind is None or boundary is None:
        return None
    source, number, work, derived, work_number, derived_number = <tuple>kind
    result = derived if derives else source
    if source is not given or not (out is None or (type(out) is _ndarray and out.dtype is result)):
        return None
    taps = key if type(key) is _ndarray and key.dtype is work else make(key, work)
    return _correlate_directly(
        number, derived_number if derives else number, work_number, boundary, image, taps, result, out)


cdef object _correlate_directly(int dtype, int result, int work, int boundary, image, kernel, result_dtype, out):
    """filter2d of an image of two or three axes with the anchor in the middle and 0 outside, in `out` or, for None, a
    new array; or None."""
    cdef Py_buffer i, k
    cdef fc_filter2d_params params
    if _get_buffer(image, &i, PyBUF_ND):
        PyErr_Clear()
        return None
    if _get_buffer(kernel, &k, PyBUF_ND):
        PyErr_Clear()
        PyBuffer_Release(&i)
        return None
    try:
        if (i.ndim != 2 and i.ndim != 3) or k.ndim != 2 or i.len == 0 or k.len == 0:
            return None
        params.dtype, params.result, params.work = <fc_dtype>dtype, <fc_dtype>result, <fc_dtype>work
        params.boundary, params.algorithm = <fc_boundary>boundary, FC_FILTER_AUTO
        params.image_h, params.image_w, params.channels = i.shape[0], i.shape[1], i.shape[2] if i.ndim == 3 else 1
        params.k_h, params.k_w = k.shape[0], k.shape[1]
        params.anchor_row, params.anchor_col = params.k_h // 2, params.k_w // 2
        if (<size_t>i.len != _image_bytes(&params, dtype) or <size_t>k.len != _bytes(work, params.k_h, params.k_w)):
            return None
        return _filter2d(&params, &i, &k, result_dtype, out)
    finally:
        PyBuffer_Release(&i)
        PyBuffer_Release(&k)


cdef object _filter2d(const fc_filter2d_params *params, const Py_buffer *image, const Py_buffer *kernel, dtype, out):
    cdef Py_buffer o
    cdef fc_caller caller
    cdef fc_status status
    cdef size_t size = _image_bytes(params, params.result)
    cdef tuple shape = (params.image_h, params.image_w)
    if image.ndim == 3:
        shape += (params.channels,)
    result = _new_image(shape, dtype, size) if out is None else out
    if _get_buffer(result, &o, PyBUF_ND | PyBUF_WRITABLE):
        PyErr_Clear()
        return None
    try:
        if (o.ndim != image.ndim or o.shape[0] != params.image_h or o.shape[1] != params.image_w
                or <size_t>o.len != size or not _apart(image, &o) or not _apart(kernel, &o)):
            return None
        _enter(&caller, True)
        with nogil:
            status = fc_filter2d(params, image.buf, kernel.buf, NULL, o.buf)
        _leave(status if status == FC_OUT_OF_MEMORY else FC_OK)
        return result if status == FC_OK else None
    finally:
        PyBuffer_Release(&o)


LARGE_RESULT = 1 << 16  # bytes from which an array's place matters more than the time to find it


cdef object _new_image(tuple shape, dtype, size_t size):
    """An uninitialised array; a large one on pages that an earlier result has left."""
    return _empty(shape, dtype) if size < <size_t>LARGE_RESULT else _ndarray(shape, dtype, Memory(size))


cdef object _convolve2d(const fc_convolve2d_params *params, const Py_buffer *image, const Py_buffer *kernel, dtype, out):
    cdef Py_ssize_t out_h = 0, out_w = 0
    cdef Py_buffer o
    cdef fc_caller caller
    cdef fc_status status
    if fc_convolve2d_output_size(params, &out_h, &out_w) != FC_OK:
        return None
    result = _new_image((out_h, out_w), dtype, _bytes(params.dtype, out_h, out_w)) if out is None else out
    if _get_buffer(result, &o, PyBUF_ND | PyBUF_WRITABLE):
        PyErr_Clear()
        return None
    try:
        if (o.ndim != 2 or o.shape[0] != out_h or o.shape[1] != out_w or <size_t>o.len != _bytes(params.dtype, out_h, out_w)
                or not _apart(image, &o) or not _apart(kernel, &o)):
            return None
        _enter(&caller, True)
        with nogil:
            status = fc_convolve2d(params, image.buf, kernel.buf, NULL, o.buf)
        _leave(status if status == FC_OUT_OF_MEMORY else FC_OK)
        return result if status == FC_OK else None
    finally:
        PyBuffer_Release(&o)
