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

/*
 * exp(x - highest) within an ulp or two however far x is from it: the rounding of x - highest alone would cost exp as
 * many ulp as that is large. So n ln2 is taken from x itself, with n from the rounded difference: x - highest - n ln2 =
 * (x - (n + whole) ln2_high) - rest - n ln2_low, where highest = whole * ln2_high + rest, exactly. Where highest is
 * large it is taken from x first, exactly wherever exp is not 0. exp(0) is 1.
 */
typedef struct V(shift) {
    VEC taken, highest, least, whole, rest;
} V(shift);

static inline V(shift) V(shift_of)(VEC highest) {
    const VEC zero = V(set1)(0), shift = V(set1)(BY_TYPE(0x1.8p23, 0x1.8p52));
    const MASK large = V(lt)(V(set1)(BY_TYPE(256, 2048)), V(abs)(highest));
    V(shift) s = {.taken = V(select)(large, highest, zero)};
    s.highest = V(sub)(highest, s.taken);
    s.least = V(add)(s.highest, V(set1)(BY_TYPE(-104, -746)));
    s.whole = V(sub)(V(fma)(s.highest, V(set1)((T)1.4426950408889634074), shift), shift);
    s.rest = V(fma)(s.whole, V(set1)(BY_TYPE(-0.693359375, -0x1.62e42fee00000p-1)), s.highest);
    return s;
}

static inline __attribute__((always_inline)) VEC V(exp_shifted)(VEC x_, const V(shift) * s) {
    const VEC shift = V(set1)(BY_TYPE(0x1.8p23, 0x1.8p52)), x = V(max)(s->least, V(sub)(x_, s->taken));
    const VEC n = V(sub)(V(fma)(V(sub)(x, s->highest), V(set1)((T)1.4426950408889634074), shift), shift);
    const VEC left = V(fma)(V(add)(n, s->whole), V(set1)(BY_TYPE(-0.693359375, -0x1.62e42fee00000p-1)), x);
    const VEC r = V(fma)(
        n, V(set1)(BY_TYPE(2.12194440054690583e-4, -1.90821492927058770002e-10)), V(sub)(left, s->rest));
    return V(exp_of)(r, n);
}

/* A row of `vectors` vectors, in registers from start to end; the last has n elements. */
static inline __attribute__((always_inline)) void V(softmax_short)(
    size_t vectors, size_t n, MASK tail, const T *x, T *y) {
    const VEC low = V(set1)(-BY_TYPE(__builtin_inff(), __builtin_inf()));
    const size_t last = (vectors - 1) * LANES;
    VEC v[4], highest, sum;
    _Pragma("GCC unroll 4") for (size_t i = 0; i + 1 < vectors; i++) v[i] = V(load)(x + i * LANES);
    v[vectors - 1] = n == LANES ? V(load)(x + last) : V(select)(tail, V(load_n)(x + last, n), low);
    highest = v[0];
    _Pragma("GCC unroll 4") for (size_t i = 1; i < vectors; i++) highest = V(max)(highest, v[i]);
    const V(shift) shift = V(shift_of)(V(set1)(V(hmax)(highest)));
    _Pragma("GCC unroll 4") for (size_t i = 0; i < vectors; i++) v[i] = V(exp_shifted)(v[i], &shift);
    if (n < LANES)
        v[vectors - 1] = V(select)(tail, v[vectors - 1], V(set1)(0));
    sum = v[0];
    _Pragma("GCC unroll 4") for (size_t i = 1; i < vectors; i++) sum = V(add)(sum, v[i]);
    const VEC scale = V(set1)(1 / V(sum)(sum));
    _Pragma("GCC unroll 4") for (size_t i = 0; i + 1 < vectors; i++) V(store)(y + i * LANES, V(mul)(v[i], scale));
    if (n == LANES)
        V(store)(y + last, V(mul)(v[vectors - 1], scale));
    else
        V(store_n)(y + last, V(mul)(v[vectors - 1], scale), n);
}

/* y = exp(x - highest) for n elements, whole vectors; the sums of the lanes. */
static inline __attribute__((always_inline)) VEC V(softmax_block)(size_t n, const V(shift) * shift, const T *x, T *y) {
    VEC even = V(set1)(0), odd = even;
    for (size_t i = 0; i < n; i += LANES) {
        const VEC e = V(exp_shifted)(V(load)(x + i), shift);
        V(store)(y + i, e);
        if (i / LANES % 2)
            odd = V(add)(odd, e);
        else
            even = V(add)(even, e);
    }
    return V(add)(even, odd);
}

static void V(softmax_row)(size_t axis, MASK tail, const T *x, T *y) {
    const size_t whole = axis / LANES * LANES, rest = axis - whole, block = 2 * SUM_BLOCK * LANES;
    VEC low = V(set1)(-BY_TYPE(__builtin_inff(), __builtin_inf())), highest = low;
    for (size_t i = 0; i < whole; i += LANES)
        highest = V(max)(highest, V(load)(x + i));
    if (rest)
        highest = V(max)(highest, V(select)(tail, V(load_n)(x + whole, rest), low));
    const V(shift) shift = V(shift_of)(V(set1)(V(hmax)(highest)));
    V(long_sum) sum = V(long_sum_start)();
    for (size_t i = 0; i < whole; i += block)
        V(long_sum_add)(&sum, V(softmax_block)(whole - i < block ? whole - i : block, &shift, x + i, y + i));
    if (rest) {
        const VEC e = V(exp_shifted)(V(load_n)(x + whole, rest), &shift);
        V(store_n)(y + whole, e, rest);
        V(long_sum_add)(&sum, V(select)(tail, e, V(set1)(0)));
    }
    const VEC scale = V(set1)(1 / (V(sum)(sum.high) + V(sum)(sum.low)));
    for (size_t i = 0; i < whole; i += LANES)
        V(store)(y + i, V(mul)(V(load)(y + i), scale));
    if (rest)
        V(store_n)(y + whole, V(mul)(V(load_n)(y + whole, rest), scale), rest);
}

/* Of n elements of y * dy, a lane each. */
static inline __attribute__((always_inline)) VEC V(dot_block)(size_t n, const T *y, const T *dy) {
    VEC even = V(set1)(0), odd = even;
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        even = V(fma)(V(load)(y + i), V(load)(dy + i), even);
        odd = V(fma)(V(load)(y + i + LANES), V(load)(dy + i + LANES), odd);
    }
    for (; i < n; i += LANES) {
        const size_t some = n - i < LANES ? n - i : LANES;
        even = V(fma)(V(load_n)(y + i, some), V(load_n)(dy + i, some), even);
    }
    return V(add)(even, odd);
}

static void V(softmax_grad_row)(size_t axis, const T *y, const T *dy, T *dx) {
    const size_t block = 2 * SUM_BLOCK * LANES;
    size_t i = 0;
    V(long_sum) sum = V(long_sum_start)();
    for (; i < axis; i += block)
        V(long_sum_add)(&sum, V(dot_block)(axis - i < block ? axis - i : block, y + i, dy + i));
    const VEC dot = V(set1)(V(sum)(V(long_sum_value)(sum)));
    for (i = 0; i + LANES <= axis; i += LANES)
        V(store)(dx + i, V(mul)(V(load)(y + i), V(sub)(V(load)(dy + i), dot)));
    if (i < axis)
        V(store_n)(dx + i, V(mul)(V(load_n)(y + i, axis - i), V(sub)(V(load_n)(dy + i, axis - i), dot)), axis - i);
}

#define ALWAYS static inline __attribute__((always_inline))
/* Vectors side by side of a panel, so that their chains are computed at once. The gradient has short chains and two
 * panels to keep in L1. */
enum { V(SIDE) = 4 };

/* Vector i of a row, of which a single one may have fewer than LANES columns. */
ALWAYS VEC V(load_column)(const T *p, size_t vectors, size_t i, size_t n) {
    return vectors > 1 ? V(load)(p + i * LANES) : V(load_n)(p, n);
}
ALWAYS void V(store_column)(T *p, VEC v, size_t vectors, size_t i, size_t n) {
    if (vectors > 1)
        V(store)(p + i * LANES, v);
    else
        V(store_n)(p, v, n);
}
#define EACH_VECTOR(i) _Pragma("GCC unroll 4") for (size_t i = 0; i < vectors; i++)

/* A panel of axis rows, `pitch` elements apart, of some vectors or one of n columns. */
ALWAYS void V(softmax_columns)(size_t axis, size_t pitch, size_t vectors, size_t n, const T *x, T *y) {
    VEC highest[V(SIDE)], scale[V(SIDE)];
    V(shift) shift[V(SIDE)];
    V(long_sum) sum[V(SIDE)];
    EACH_VECTOR(i)
    highest[i] = V(load_column)(x, vectors, i, n);
    for (size_t k = 1; k < axis; k++)
        EACH_VECTOR(i)
    highest[i] = V(max)(V(load_column)(x + k * pitch, vectors, i, n), highest[i]);
    EACH_VECTOR(i) {
        shift[i] = V(shift_of)(highest[i]);
        sum[i] = V(long_sum_start)();
    }
    for (size_t begin = 0, end; begin < axis; begin = end) {
        VEC part[V(SIDE)];
        EACH_VECTOR(i)
        part[i] = V(set1)(0);
        end = axis - begin < SUM_BLOCK ? axis : begin + SUM_BLOCK;
        for (size_t k = begin; k < end; k++)
            EACH_VECTOR(i) {
                const VEC e = V(exp_shifted)(V(load_column)(x + k * pitch, vectors, i, n), &shift[i]);
                V(store_column)(y + k * pitch, e, vectors, i, n);
                part[i] = V(add)(part[i], e);
            }
        EACH_VECTOR(i)
        V(long_sum_add)(&sum[i], part[i]);
    }
    EACH_VECTOR(i)
    scale[i] = V(div)(V(set1)(1), V(long_sum_value)(sum[i]));
    for (size_t k = 0; k < axis; k++)
        EACH_VECTOR(i)
    V(store_column)(y + k * pitch, V(mul)(V(load_column)(y + k * pitch, vectors, i, n), scale[i]), vectors, i, n);
}

ALWAYS void V(softmax_grad_columns)(size_t axis, size_t pitch, size_t n, const T *y, const T *dy, T *dx) {
    V(long_sum) sum = V(long_sum_start)();
    for (size_t begin = 0, end; begin < axis; begin = end) {
        VEC part = V(set1)(0);
        end = axis - begin < SUM_BLOCK ? axis : begin + SUM_BLOCK;
        for (size_t k = begin; k < end; k++)
            part = V(fma)(V(load_n)(y + k * pitch, n), V(load_n)(dy + k * pitch, n), part);
        V(long_sum_add)(&sum, part);
    }
    const VEC dot = V(long_sum_value)(sum);
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
        case 1:
            V(softmax_short)(1, n, tail, from, to);
            break;
        case 2:
            V(softmax_short)(2, n, tail, from, to);
            break;
        case 3:
            V(softmax_short)(3, n, tail, from, to);
            break;
        case 4:
            V(softmax_short)(4, n, tail, from, to);
            break;
        default:
            V(softmax_row)(axis, tail, from, to);
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

static void TYPED(softmax_grad_panel)(
    size_t axis, size_t pitch, size_t columns, const void *y_, const void *dy_, void *dx_) {
    const T *y = y_, *dy = dy_;
    T *dx = dx_;
    size_t c = 0;
    for (; c + LANES <= columns; c += LANES)
        V(softmax_grad_columns)(axis, pitch, LANES, y + c, dy + c, dx + c);
    if (c < columns)
        V(softmax_grad_columns)(axis, pitch, columns - c, y + c, dy + c, dx + c);
}
