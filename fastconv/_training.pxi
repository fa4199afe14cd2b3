# The part of _core.pyx that training runs on: batch normalization, steps of optimizers, sums and columns
# of arrays.

def add(int dtype, size_t rows, size_t row, a, b, y):
    """y (rows, row): a plus the row b, or with one row a plain sum."""
    cdef _Pointer a_ = _Pointer(a, _bytes(dtype, rows, row)), b_ = _Pointer(b, _bytes(dtype, row))
    cdef _Pointer y_ = _Pointer(y, _bytes(dtype, rows, row), True)
    cdef fc_caller caller
    cdef fc_status status
    _enter(&caller, y_.data != a_.data and y_.data != b_.data)
    with nogil:
        status = fc_add(dtype, rows, row, a_.data, b_.data, y_.data)
    _leave(status)


def join_columns(int dtype, size_t rows, parts, whole):
    """whole (rows, the sum of the counts): rows of each of the parts, (array, count), side by side."""
    _copy_columns(dtype, rows, parts, whole, False)


def part_columns(int dtype, size_t rows, whole, parts):
    """The inverse of join_columns; a part whose array is None is left out."""
    _copy_columns(dtype, rows, parts, whole, True)


cdef _copy_columns(int dtype, size_t rows, parts, whole, bint apart):
    cdef size_t pitch = _bytes(dtype, sum(count for _, count in parts)), begin = 0, bytes
    cdef _Pointer whole_ = _Pointer(whole, _bytes(dtype, rows, sum(count for _, count in parts)), not apart), part
    cdef char *column
    cdef fc_caller caller
    cdef fc_status status
    for array, count in parts:
        bytes = _bytes(dtype, count)
        column, begin = <char *>whole_.data + begin, begin + bytes
        if array is None:
            continue
        part = _Pointer(array, _bytes(dtype, rows, count), apart)
        _enter(&caller, True)
        with nogil:
            if apart:
                status = fc_copy_rows(rows, bytes, column, pitch, part.data, bytes)
            else:
                status = fc_copy_rows(rows, bytes, part.data, bytes, column, pitch)
        _leave(status)


cdef class BatchNorm:
    """A batch normalization with the statistics of the batch; x is (outer, channels, inner)."""
    cdef fc_norm_params params

    def __init__(self, int dtype, size_t outer, size_t channels, size_t inner, double epsilon, bint relu):
        self.params = fc_norm_params(dtype, outer, channels, inner, epsilon, relu)

    cdef size_t cells(self):
        return _bytes(self.params.dtype, self.params.outer, self.params.channels, self.params.inner)

    cdef size_t channels(self):
        return _bytes(self.params.dtype, self.params.channels)

    def forward(self, x, scale, offset, added, mean, variance, y):
        """Writes y and, in float64, the mean and the variance of each channel."""
        cdef size_t cells = self.cells(), channels = self.channels(), sums = self.params.channels * sizeof(double)
        cdef _Pointer x_ = _Pointer(x, cells), scale_ = _Pointer(scale, channels), offset_ = _Pointer(offset, channels)
        cdef _Pointer added_ = _Pointer(added, cells), y_ = _Pointer(y, cells, True)
        cdef _Pointer mean_ = _Pointer(mean, sums, True), variance_ = _Pointer(variance, sums, True)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, y_.data != x_.data and y_.data != added_.data)
        with nogil:
            status = fc_norm(&self.params, x_.data, scale_.data, offset_.data, added_.data, <double *>mean_.data,
                             <double *>variance_.data, y_.data)
        _leave(status)

    def grads(self, x, scale, offset, added, mean, variance, dy, dx, dscale, doffset, dadded):
        """Any of the results may be None; dadded comes with dx."""
        cdef size_t cells = self.cells(), channels = self.channels(), sums = self.params.channels * sizeof(double)
        cdef _Pointer x_ = _Pointer(x, cells), scale_ = _Pointer(scale, channels), offset_ = _Pointer(offset, channels)
        cdef _Pointer added_ = _Pointer(added, cells), mean_ = _Pointer(mean, sums), variance_ = _Pointer(variance, sums)
        cdef _Pointer dy_ = _Pointer(dy, cells), dx_ = _Pointer(dx, cells, True)
        cdef _Pointer dscale_ = _Pointer(dscale, channels, True), doffset_ = _Pointer(doffset, channels, True)
        cdef _Pointer dadded_ = _Pointer(dadded, cells, True)
        cdef fc_norm_gradients arrays = fc_norm_gradients(
            x_.data, scale_.data, offset_.data, added_.data, <const double *>mean_.data, <const double *>variance_.data,
            dy_.data, dx_.data, dscale_.data, doffset_.data, dadded_.data)
        cdef fc_caller caller
        cdef fc_status status
        _enter(&caller, dx_.data != dy_.data and dadded_.data != dy_.data)
        with nogil:
            status = fc_norm_grads(&self.params, &arrays)
        _leave(status)


UPDATE_RULES = {
    "sgd": FC_UPDATE_SGD, "nesterov": FC_UPDATE_NESTEROV, "adam": FC_UPDATE_ADAM, "rmsprop": FC_UPDATE_RMSPROP}


def update_weights(int dtype, int rule, size_t count, numbers, decay, gradient, value, slots):
    """A step of an optimizer as fastconv_update.h has it; slots that a rule goes without are None."""
    cdef size_t bytes = _bytes(dtype, count)
    cdef _Pointer gradient_ = _Pointer(gradient, bytes), value_ = _Pointer(value, bytes, True)
    cdef _Pointer first, second, third
    cdef fc_update update
    cdef fc_caller caller
    cdef fc_status status
    first, second, third = (_Pointer(slot, bytes, True) for slot in slots)
    update.rule, update.count = <fc_update_rule>rule, count
    for i in range(5):
        update.numbers[i] = numbers[i] if i < len(numbers) else 0
    update.decay[0], update.decay[1] = decay
    update.gradient, update.value = gradient_.data, value_.data
    update.slots[0], update.slots[1], update.slots[2] = first.data, second.data, third.data
    _enter(&caller, False)
    with nogil:
        status = fc_update_weights(dtype, &update)
    _leave(status)
