/* SPDX-License-Identifier: MIT */
/*
 * exp(x - max) / sum(exp(x - max)) and its gradient y * (dy - sum(y * dy)). One body for an axis that is contiguous
 * (a lane of the vector holds every LANES-th element of the axis) and one for vectors across the columns of a panel.
 */

/* Lanes below n of a vector, n <= LANES. */
static inline MASK V(lanes_below)(size_t n) {
    T ones[LANES];
    for (size_t i = 0; i < LANES; i++)
        ones[i] = i < n;
    return V(lt)(V(set1)(0), V(load)(ones));
}

static void V(softmax_row)(size_t axis, MASK tail, const T *x, T *y) {
    const size_t whole = axis / LANES * LANES, rest = axis - whole;
    VEC low = V(set1)(-BY_TYPE(__builtin_inff(), __builtin_inf())), zero = V(set1)(0), highest = low;
    for (size_t i = 0; i < whole; i += LANES)
        highest = V(max)(highest, V(load)(x + i));
    if (rest)
        highest = V(max)(highest, V(select)(tail, V(load_n)(x + whole, rest), low));
    VEC shift = V(set1)(V(hmax)(highest)), even = zero, odd = zero;
    for (size_t i = 0; i < whole; i += LANES) {
        VEC e = V(exp)(V(sub)(V(load)(x + i), shift));
        V(store)(y + i, e);
        if (i / LANES % 2)
            odd = V(add)(odd, e);
        else
            even = V(add)(even, e);
    }
    if (rest) {
        VEC e = V(exp)(V(sub)(V(load_n)(x + whole, rest), shift));
        V(store_n)(y + whole, e, rest);
        odd = V(add)(odd, V(select)(tail, e, zero));
    }
    VEC scale = V(set1)(1 / V(sum)(V(add)(even, odd)));
    for (size_t i = 0; i < whole; i += LANES)
        V(store)(y + i, V(mul)(V(load)(y + i), scale));
    if (rest)
        V(store_n)(y + whole, V(mul)(V(load_n)(y + whole, rest), scale), rest);
}

static void V(softmax_grad_row)(size_t axis, const T *y, const T *dy, T *dx) {
    VEC even = V(set1)(0), odd = even;
    size_t i = 0;
    for (; i + 2 * LANES <= axis; i += 2 * LANES) {
        even = V(fma)(V(load)(y + i), V(load)(dy + i), even);
        odd = V(fma)(V(load)(y + i + LANES), V(load)(dy + i + LANES), odd);
    }
    for (; i < axis; i += LANES) {
        size_t n = axis - i < LANES ? axis - i : LANES;
        even = V(fma)(V(load_n)(y + i, n), V(load_n)(dy + i, n), even);
    }
    VEC dot = V(set1)(V(sum)(V(add)(even, odd)));
    for (i = 0; i + LANES <= axis; i += LANES)
        V(store)(dx + i, V(mul)(V(load)(y + i), V(sub)(V(load)(dy + i), dot)));
    if (i < axis)
        V(store_n)(dx + i, V(mul)(V(load_n)(y + i, axis - i), V(sub)(V(load_n)(dy + i, axis - i), dot)), axis - i);
}

/* A panel of axis rows, `pitch` elements apart, n <= LANES columns. */
static inline void V(softmax_columns)(size_t axis, size_t pitch, size_t n, const T *x, T *y) {
    VEC highest = V(load_n)(x, n), sum = V(set1)(0);
    for (size_t k = 1; k < axis; k++)
        highest = V(max)(V(load_n)(x + k * pitch, n), highest);
    for (size_t k = 0; k < axis; k++) {
        VEC e = V(exp)(V(sub)(V(load_n)(x + k * pitch, n), highest));
        V(store_n)(y + k * pitch, e, n);
        sum = V(add)(sum, e);
    }
    VEC scale = V(div)(V(set1)(1), sum);
    for (size_t k = 0; k < axis; k++)
        V(store_n)(y + k * pitch, V(mul)(V(load_n)(y + k * pitch, n), scale), n);
}

static inline void V(softmax_grad_columns)(size_t axis, size_t pitch, size_t n, const T *y, const T *dy, T *dx) {
    VEC dot = V(set1)(0);
    for (size_t k = 0; k < axis; k++)
        dot = V(fma)(V(load_n)(y + k * pitch, n), V(load_n)(dy + k * pitch, n), dot);
    for (size_t k = 0; k < axis; k++) {
        VEC difference = V(sub)(V(load_n)(dy + k * pitch, n), dot);
        V(store_n)(dx + k * pitch, V(mul)(V(load_n)(y + k * pitch, n), difference), n);
    }
}

static void TYPED(softmax)(size_t rows, size_t axis, const void *x, void *y) {
    MASK tail = V(lanes_below)(axis % LANES);
    for (size_t r = 0; r < rows; r++)
        V(softmax_row)(axis, tail, (const T *)x + r * axis, (T *)y + r * axis);
}

static void TYPED(softmax_grad)(size_t rows, size_t axis, const void *y, const void *dy, void *dx) {
    for (size_t r = 0; r < rows; r++)
        V(softmax_grad_row)(axis, (const T *)y + r * axis, (const T *)dy + r * axis, (T *)dx + r * axis);
}

static void TYPED(softmax_panel)(size_t axis, size_t pitch, size_t columns, const void *x_, void *y_) {
    const T *x = x_;
    T *y = y_;
    size_t c = 0;
    for (; c + LANES <= columns; c += LANES)
        V(softmax_columns)(axis, pitch, LANES, x + c, y + c);
    if (c < columns)
        V(softmax_columns)(axis, pitch, columns - c, x + c, y + c);
}

static void TYPED(softmax_grad_panel)(size_t axis, size_t pitch, size_t columns, const void *y_, const void *dy_, void *dx_) {
    const T *y = y_, *dy = dy_;
    T *dx = dx_;
    size_t c = 0;
    for (; c + LANES <= columns; c += LANES)
        V(softmax_grad_columns)(axis, pitch, LANES, y + c, dy + c, dx + c);
    if (c < columns)
        V(softmax_grad_columns)(axis, pitch, columns - c, y + c, dy + c, dx + c);
}
