# The part of _core.pyx that runs the steps of networks.

cdef class Call:
    """A core function bound to its parameters: called with arrays, inputs first, or put into a Program."""
    cdef fc_step step
    cdef size_t sizes[FC_STEP_OPERANDS]    # bytes of each operand
    cdef size_t parts                      # equal ones that each operand may be cut into; 0 for any number
    cdef object owner, constants           # of what the step points to

    def __call__(self, *arrays):
        cdef fc_step step = self.step
        cdef fc_program program
        cdef fc_caller caller
        cdef fc_status status
        cdef size_t i
        if <size_t>len(arrays) != step.count:
            raise TypeError(f"fastconv: {step.count} arrays are needed; received {len(arrays)}")
        held = []
        for i in range(step.count):
            held.append(_Pointer(arrays[i], self.sizes[i], i + 1 == step.count))
            step.operands[i].array = -1
            step.operands[i].at = (<_Pointer>held[i]).data
        program.steps, program.count = &step, 1
        _enter(&caller, step.operands[0].at != step.operands[step.count - 1].at)
        with nogil:
            status = fc_run_program(&program, NULL)
        _leave(status)

    def pack(self):
        """Pack the kernel of a convolution as a call takes it. NotPacked: the kernel has been released."""
        if self.step.kind == FC_STEP_CONV2D or self.step.kind == FC_STEP_CONV2D_QUANTIZED:
            (<PreparedConv2D>self.owner).pack(&self.step.conv2d, NULL)
        elif self.step.kind == FC_STEP_CONV2D_POOLED:
            (<PreparedConv2D>self.owner).pack(&self.step.conv2d, &self.step.pool2d)

    def has_parts(self, size_t parts):
        """Whether it does the same for each of so many equal parts of its first input and of its output, and no other
        input is cut; the added tensor of a convolution is."""
        return parts > 0 and self.parts % parts == 0


cdef Call _call(fc_step_kind kind, size_t parts, sizes):
    cdef Call call = Call.__new__(Call)
    call.step.kind = kind
    call.parts = parts
    call.step.count = len(sizes)
    for i, size in enumerate(sizes):
        call.sizes[i] = size
    return call


def conv2d_call(PreparedConv2D prepared, Conv2D geometry, bint added):
    """x, what is added if anything, y."""
    cdef size_t y = geometry.outputs()
    cdef Call call = _call(FC_STEP_CONV2D, geometry.params.n, [geometry.inputs(), *([y] if added else []), y])
    call.step.prepared, call.step.conv2d, call.owner = prepared.prepared, geometry.params, prepared
    return call


def conv2d_pooled_call(Call conv2d, Call pool2d):
    """x, y: a convolution and the pooling of its result in one call; None where they had better be two."""
    cdef int better = 0
    cdef fc_caller caller
    cdef fc_status status
    if (conv2d.step.kind != FC_STEP_CONV2D or conv2d.step.count != 2 or pool2d.step.kind != FC_STEP_POOL2D
            or conv2d.sizes[1] != pool2d.sizes[0]):
        return None
    _enter(&caller, True)
    with nogil:
        status = fc_conv2d_prepared_pools(conv2d.step.prepared, &conv2d.step.conv2d, &pool2d.step.pool2d, &better)
    _leave(status)
    if not better:
        return None
    cdef Call call = _call(FC_STEP_CONV2D_POOLED, conv2d.parts, [conv2d.sizes[0], pool2d.sizes[1]])
    call.step.prepared, call.step.conv2d, call.owner = conv2d.step.prepared, conv2d.step.conv2d, conv2d.owner
    call.step.pool2d = pool2d.step.pool2d
    return call


def pool2d_call(Pool2D pool):
    """x, y."""
    cdef Call call = _call(FC_STEP_POOL2D, pool.params.n, [pool.cells(), pool.windows()])
    call.step.pool2d = pool.params
    return call


def dense_call(Dense dense, bint bias):
    """x, kernel, the bias if there is one, y."""
    cdef fc_dense_params p = dense.params
    cdef list sizes = [dense.of(p.rows, p.inputs), dense.of(p.inputs, p.outputs)]
    if bias:
        sizes.append(dense.of(1, p.outputs))
    cdef Call call = _call(FC_STEP_DENSE, p.rows, [*sizes, dense.of(p.rows, p.outputs)])
    call.step.dense = p
    return call


def activate_call(int dtype, int activation, double alpha, size_t count):
    """x, y."""
    cdef Call call = _elementwise(FC_STEP_ACTIVATE, dtype, count)
    call.step.activation, call.step.alpha = activation, alpha
    return call


def relu_call(int dtype, parameters, size_t count):
    """x, y; parameters as of relu."""
    cdef Call call = _elementwise(FC_STEP_RELU, dtype, count)
    call.step.relu = _relu_params(parameters)
    return call


cdef Call _elementwise(fc_step_kind kind, int dtype, size_t count):
    return _softmax_of(kind, dtype, count, 1, 1)


def softmax_call(int dtype, size_t outer, size_t axis, size_t inner):
    """x, y."""
    return _softmax_of(FC_STEP_SOFTMAX, dtype, outer, axis, inner)


cdef Call _softmax_of(fc_step_kind kind, int dtype, size_t outer, size_t axis, size_t inner):
    cdef size_t size = _bytes(dtype, outer, axis, inner)
    cdef Call call = _call(kind, outer, [size, size])
    call.step.dtype, call.step.outer, call.step.axis, call.step.inner = dtype, outer, axis, inner
    return call


def conv2d_quantized_call(PreparedConv2D prepared, Conv2D geometry, factors, int x_zero, int zero, int low, int high,
                          size_t parts):
    """x, y, both of bytes, which may be cut into so many parts. factors: float32, one for each output channel; x_zero: what
    padded cells hold; y has the zero point `zero` and lies in [low, high]."""
    cdef size_t y = geometry.outputs() // fc_dtype_size(<fc_dtype>FC_I32)
    cdef Call call = _call(FC_STEP_CONV2D_QUANTIZED, parts, [geometry.inputs(), y])
    cdef _Pointer held = _Pointer(factors, geometry.biases())
    call.step.prepared, call.step.conv2d, call.owner = prepared.prepared, geometry.params, prepared
    call.step.requantization = fc_requantization(<const float *>held.data, x_zero, zero, low, high)
    call.constants = held, factors
    return call


cdef Call _of_bytes(fc_step_kind kind, size_t count, sizes):
    cdef Call call = _call(kind, count, sizes)
    call.step.outer, call.step.axis, call.step.inner = count, 1, 1
    return call


cdef fc_quantization _quantization(bint is_signed, float scale, int zero):
    return fc_quantization(FC_I8 if is_signed else FC_U8, scale, zero)


def quantize_call(bint is_signed, float scale, int zero, size_t count):
    """x of float32, y of bytes."""
    cdef Call call = _of_bytes(FC_STEP_QUANTIZE, count, [_bytes(FC_F32, count), count])
    call.step.quantization[0] = _quantization(is_signed, scale, zero)
    return call


def dequantize_call(bint is_signed, float scale, int zero, size_t count):
    """x of bytes, y of float32."""
    cdef Call call = _of_bytes(FC_STEP_DEQUANTIZE, count, [count, _bytes(FC_F32, count)])
    call.step.quantization[0] = _quantization(is_signed, scale, zero)
    return call


def add_quantized_call(scales, int low, int high, size_t count):
    """a, b, y of bytes; scales: (is_signed, scale, zero) of each; y lies in [low, high]."""
    cdef Call call = _of_bytes(FC_STEP_ADD_QUANTIZED, count, [count, count, count])
    for i, (is_signed, scale, zero) in enumerate(scales):
        call.step.quantization[i] = _quantization(is_signed, scale, zero)
    call.step.low, call.step.high = low, high
    return call


def lookup_call(table, size_t count):
    """x, y of bytes; table of 256."""
    cdef Call call = _of_bytes(FC_STEP_LOOKUP, count, [count, count])
    cdef _Pointer held = _Pointer(table, 256)
    call.step.table, call.constants = <const unsigned char *>held.data, (held, table)
    return call


def images_at_once(size_t images, size_t image_bytes, size_t weight_bytes):
    """How many images a chunk of a depth-first run should have."""
    return fc_images_at_once(images, image_bytes, weight_bytes)


cdef class Program:
    """Calls one after the other, on arrays that each run gives; it never changes.

    calls: (call, operands) each; an operand is (index of an array, bytes into it), or (-1, a constant). sizes: bytes of
    each array; the first is the arena.
    """
    cdef fc_program program
    cdef object owners

    def __cinit__(self, calls, sizes, double work):
        cdef fc_step *steps = <fc_step *>PyMem_Calloc(len(calls) or 1, sizeof(fc_step))
        cdef size_t *bytes = <size_t *>PyMem_Calloc(len(sizes) or 1, sizeof(size_t))
        self.program.steps, self.program.bytes, self.owners = steps, bytes, []
        if steps is NULL or bytes is NULL:
            raise MemoryError("fastconv: no memory for the steps of a network")
        self.program.arrays, self.program.work = len(sizes), work
        for i, size in enumerate(sizes):
            bytes[i] = size
        for i, (call, operands) in enumerate(calls):
            self.bind(&steps[i], call, operands)
        self.program.count = len(calls)

    cdef int bind(self, fc_step *step, Call call, operands) except -1:
        cdef _Pointer constant
        cdef size_t i
        step[0] = call.step
        self.owners.append(call)
        if <size_t>len(operands) != step.count:
            raise TypeError(f"fastconv: {step.count} operands are needed; received {len(operands)}")
        for i in range(step.count):
            step.operands[i].array, place = operands[i]
            if step.operands[i].array < 0:
                constant = _Pointer(place, call.sizes[i])
                step.operands[i].at = constant.data
                self.owners.append(constant)
                continue
            step.operands[i].offset = place
            if (<size_t>step.operands[i].array >= self.program.arrays
                    or step.operands[i].offset + call.sizes[i] > self.program.bytes[step.operands[i].array]):
                raise ValueError("fastconv: an operand lies outside of its array")
        return 0

    def __dealloc__(self):
        PyMem_Free(<void *>self.program.steps)
        PyMem_Free(<void *>self.program.bytes)

    def run(self, list arrays):
        cdef fc_caller caller
        cdef fc_status status
        cdef _Pointers held = _Pointers(arrays, self, 1, None)
        _enter(&caller, True)
        with nogil:
            status = fc_run_program(&self.program, held.data)
        _leave(status)

    def run_chunks(self, size_t chunks, Program rest, list arrays):
        """So many parts of the arrays one after the other, then `rest`, or None, on what is left; no array is the
        arena's."""
        cdef fc_caller caller
        cdef fc_status status
        cdef _Pointers held = _Pointers([None, *arrays], self, chunks, rest)
        cdef const fc_program *last = NULL if rest is None else &rest.program
        _enter(&caller, True)
        with nogil:
            status = fc_run_chunks(&self.program, chunks, last, held.data)
        _leave(status)


cdef class _Pointers:
    """The held buffers of arrays, or None, that have room for `chunks` runs of a program and one of another."""
    cdef void **data
    cdef Py_buffer *buffers
    cdef size_t count

    def __cinit__(self, list arrays, Program program, size_t chunks, Program rest):
        cdef size_t i, size, count = len(arrays)
        if count != program.program.arrays or (rest is not None and count != rest.program.arrays):
            raise TypeError(f"fastconv: {program.program.arrays} arrays are needed; received {count}")
        self.buffers = <Py_buffer *>PyMem_Calloc(count or 1, sizeof(Py_buffer) + sizeof(void *))
        if self.buffers is NULL:
            raise MemoryError("fastconv: no memory for the arrays of a network")
        self.data = <void **>&self.buffers[count]
        for i in range(count):
            if arrays[i] is None:
                continue
            PyObject_GetBuffer(arrays[i], &self.buffers[i], PyBUF_SIMPLE)
            self.count = i + 1
            self.data[i] = self.buffers[i].buf
            size = program.program.bytes[i] * chunks + (0 if rest is None else rest.program.bytes[i])
            if <size_t>self.buffers[i].len != size:
                raise ValueError(f"fastconv: a buffer of {self.buffers[i].len} bytes where the sizes make it {size}")

    def __dealloc__(self):
        for i in range(self.count):
            PyBuffer_Release(&self.buffers[i])
        PyMem_Free(self.buffers)


def resample(int dtype, size_t outer, size_t axis, size_t inner, places, weights, x, y):
    """y (outer, length, inner): along the axis of x the sums of its rows at places, times weights, both (length, taps)."""
    cdef fc_resample_params p = fc_resample_params(dtype, outer, axis, inner, len(places), places.shape[1])
    cdef _Pointer places_ = _Pointer(places, p.length * p.taps * sizeof(size_t))
    cdef _Pointer weights_ = _Pointer(weights, _bytes(dtype, p.length, p.taps))
    cdef _Pointer x_ = _Pointer(x, _bytes(dtype, outer, axis, inner))
    cdef _Pointer y_ = _Pointer(y, _bytes(dtype, outer, p.length, inner), True)
    cdef fc_caller caller
    cdef fc_status status
    _enter(&caller, True)
    with nogil:
        status = fc_resample(&p, <const size_t *>places_.data, weights_.data, x_.data, y_.data)
    _leave(status)
