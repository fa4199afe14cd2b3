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

/* A row of `vectors` vectors, in registers from start to end; the last has n elements. */
static inline __attribute__((always_inline)) void V(softmax_short)(size_t vectors, size_t n, MASK tail, const T *x, T *y) {
    const VEC low = V(set1)(-BY_TYPE(__builtin_inff(), __builtin_inf()));
    const size_t last = (vectors - 1) * LANES;
    VEC v[4], highest, sum;
    _Pragma("GCC unroll 4") for (size_t i = 0; i + 1 < vectors; i++)
        v[i] = V(load)(x + i * LANES);
    v[vectors - 1] = n == LANES ? V(load)(x + last) : V(select)(tail, V(load_n)(x + last, n), low);
    highest = v[0];
    _Pragma("GCC unroll 4") for (size_t i = 1; i < vectors; i++)
        highest = V(max)(highest, v[i]);
    highest = V(set1)(V(hmax)(highest));
    _Pragma("GCC unroll 4") for (size_t i = 0; i < vectors; i++)
        v[i] = V(exp_below)(V(sub)(v[i], highest));
    if (n < LANES)
        v[vectors - 1] = V(select)(tail, v[vectors - 1], V(set1)(0));
    sum = v[0];
    _Pragma("GCC unroll 4") for (size_t i = 1; i < vectors; i++)
        sum = V(add)(sum, v[i]);
    const VEC scale = V(set1)(1 / V(sum)(sum));
    _Pragma("GCC unroll 4") for (size_t i = 0; i + 1 < vectors; i++)
        V(store)(y + i * LANES, V(mul)(v[i], scale));
    if (n == LANES)
        V(store)(y + last, V(mul)(v[vectors - 1], scale));
    else
        V(store_n)(y + last, V(mul)(v[vectors - 1], scale), n);
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
        VEC e = V(exp_below)(V(sub)(V(load)(x + i), shift));
        V(store)(y + i, e);
        if (i / LANES % 2)
            odd = V(add)(odd, e);
        else
            even = V(add)(even, e);
    }
    if (rest) {
        VEC e = V(exp_below)(V(sub)(V(load_n)(x + whole, rest), shift));
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

#define ALWAYS static inline __attribute__((always_inline))
/* Vectors side by side of a panel, so that their chains are computed at once. The gradient has short chains and two panels to keep in L1. */
enum { V(SIDE) = 4 };

/* Vector i of a row, of which a single one may have fewer than LANES columns. */
ALWAYS VEC V(load_column)(const T *p, size_t vectors, size_t i, size_t n) { return vectors > 1 ? V(load)(p + i * LANES) : V(load_n)(p, n); }
ALWAYS void V(store_column)(T *p, VEC v, size_t vectors, size_t i, size_t n) {
    if (vectors > 1)
        V(store)(p + i * LANES, v);
    else
        V(store_n)(p, v, n);
}
#define EACH_VECTOR(i) _Pragma("GCC unroll 4") for (size_t i = 0; i < vectors; i++)

/* A panel of axis rows, `pitch` elements apart, of some vectors or one of n columns. */
ALWAYS void V(softmax_columns)(size_t axis, size_t pitch, size_t vectors, size_t n, const T *x, T *y) {
    VEC highest[V(SIDE)], sum[V(SIDE)];
    EACH_VECTOR(i) {
        highest[i] = V(load_column)(x, vectors, i, n);
        sum[i] = V(set1)(0);
    }
    for (size_t k = 1; k < axis; k++)
        EACH_VECTOR(i)
            highest[i] = V(max)(V(load_column)(x + k * pitch, vectors, i, n), highest[i]);
    for (size_t k = 0; k < axis; k++)
        EACH_VECTOR(i) {
            const VEC e = V(exp_below)(V(sub)(V(load_column)(x + k * pitch, vectors, i, n), highest[i]));
            V(store_column)(y + k * pitch, e, vectors, i, n);
            sum[i] = V(add)(sum[i], e);
        }
    EACH_VECTOR(i)
        sum[i] = V(div)(V(set1)(1), sum[i]);
    for (size_t k = 0; k < axis; k++)
        EACH_VECTOR(i)
            V(store_column)(y + k * pitch, V(mul)(V(load_column)(y + k * pitch, vectors, i, n), sum[i]), vectors, i, n);
}

ALWAYS void V(softmax_grad_columns)(size_t axis, size_t pitch, size_t n, const T *y, const T *dy, T *dx) {
    VEC dot = V(set1)(0);
    for (size_t k = 0; k < axis; k++)
        dot = V(fma)(V(load_n)(y + k * pitch, n), V(load_n)(dy + k * pitch, n), dot);
    for (size_t k = 0; k < axis; k++) {
        const VEC difference = V(sub)(V(load_n)(dy + k * pitch, n), dot);
        V(store_n)(dx + k * pitch, V(mul)(V(load_n)(y + k * pitch, n), difference), n);
    }
}
#undef EACH_VECTOR
#undef ALWAYS

static void TYPED(softmax)(size_t rows, size_t axis, const void *x, void *y) {
    const MASK tail = V(lanes_below)(axis % LANES);
    const size_t vectors = (axis + LANES - 1) / LANES, n = axis - (vectors - 1) * LANES;
    for (size_t r = 0; r < rows; r++) {
        const T *from = (const T *)x + r * axis;
        T *to = (T *)y + r * axis;
        switch (vectors) {
        case 1: V(softmax_short)(1, n, tail, from, to); break;
        case 2: V(softmax_short)(2, n, tail, from, to); break;
        case 3: V(softmax_short)(3, n, tail, from, to); break;
        case 4: V(softmax_short)(4, n, tail, from, to); break;
        default: V(softmax_row)(axis, tail, from, to);
        }
    }
}

static void TYPED(softmax_grad)(size_t rows, size_t axis, const void *y, const void *dy, void *dx) {
    for (size_t r = 0; r < rows; r++)
        V(softmax_grad_row)(axis, (const T *)y + r * axis, (const T *)dy + r * axis, (T *)dx + r * axis);
}

static void TYPED(softmax_panel)(size_t axis, size_t pitch, size_t columns, const void *x_, void *y_) {
    const T *x = x_;
    T *y = y_;
    size_t c = 0;
    for (; c + V(SIDE) * LANES <= columns; c += V(SIDE) * LANES)
        V(softmax_columns)(axis, pitch, V(SIDE), LANES, x + c, y + c);
    for (; c < columns; c += LANES)
        V(softmax_columns)(axis, pitch, 1, columns - c < LANES ? columns - c : LANES, x + c, y + c);
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
