/* SPDX-License-Identifier: MIT */
/* The rectifier with a slope, a threshold and bounds, and its gradient: fc_relu_fn and fc_relu_grad_fn of
 * kernels/types.h. */

typedef struct V(relu) {
    VEC slope, threshold, low, high, least;
} V(relu);

/* least: what x counts as at least. Without a slope that is the threshold, as 0 times an infinity would be NaN. */
static inline V(relu) V(rectifier_of)(const fc_relu_params *p) {
    const VEC threshold = V(set1)((T)p->threshold);
    const VEC lowest = V(set1)(-BY_TYPE(__builtin_inff(), __builtin_inf()));
    return (V(relu)){V(set1)((T)p->negative_slope), threshold, V(set1)((T)p->low), V(set1)((T)p->high),
        p->negative_slope == 0 ? threshold : lowest};
}

static inline VEC V(rectified)(const V(relu) * p, VEC x) {
    const VEC below = V(mul)(p->slope, V(sub)(V(max)(p->least, x), p->threshold));
    return V(select)(V(lt)(p->threshold, x), V(min)(p->high, V(max)(p->low, x)), below);
}

static inline VEC V(rectifier_slope)(const V(relu) * p, VEC x) {
    const VEC zero = V(set1)(0);
    const MASK outside = M(or)(V(lt)(x, p->low), V(lt)(p->high, x));
    const VEC above = V(select)(outside, zero, V(set1)(1)), rest = V(select)(V(lt)(x, p->threshold), p->slope, zero);
    return V(select)(V(isnan)(x), x, V(select)(V(lt)(p->threshold, x), above, rest));
}

static void TYPED(relu)(size_t n, const fc_relu_params *params, const void *x_, void *y_) {
    const V(relu) p = V(rectifier_of)(params);
    const T *x = x_;
    T *y = y_;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        V(store)(y + i, V(rectified)(&p, V(load)(x + i)));
    if (i < n)
        V(store_n)(y + i, V(rectified)(&p, V(load_n)(x + i, n - i)), n - i);
}

static void TYPED(relu_grad)(size_t n, const fc_relu_params *params, const void *x_, const void *dy_, void *dx_) {
    const V(relu) p = V(rectifier_of)(params);
    const T *x = x_, *dy = dy_;
    T *dx = dx_;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        V(store)(dx + i, V(mul)(V(load)(dy + i), V(rectifier_slope)(&p, V(load)(x + i))));
    if (i < n)
        V(store_n)(dx + i, V(mul)(V(load_n)(dy + i, n - i), V(rectifier_slope)(&p, V(load_n)(x + i, n - i))), n - i);
}
