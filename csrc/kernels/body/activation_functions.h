/* SPDX-License-Identifier: MIT */
/*
 * Activations f_NAME(x, alpha), their derivatives df_NAME(x, alpha), and dfy_NAME(y, alpha) from y = f(x) where that is
 * possible. NaN in gives NaN out in all three (the identity's constant slope aside). At +-inf a value is the limit,
 * where the formula would give inf * 0.
 */
#define ZERO V(set1)(0)
#define ONE V(set1)(1)

static inline VEC V(keep_nan)(VEC x, VEC v) { return V(select)(V(isnan)(x), x, v); }
static inline VEC V(within)(VEC x, T bound) { return V(at_least)(V(at_most)(x, bound), -bound); }
/* value where low < x < high, else 0 */
static inline VEC V(inside)(VEC x, T low, T high, VEC value) {
    MASK both = M(and)(V(lt)(V(set1)(low), x), V(lt)(x, V(set1)(high)));
    return V(keep_nan)(x, V(select)(both, value, ZERO));
}

static inline VEC V(f_linear)(VEC x, VEC alpha) {
    (void)alpha;
    return x;
}
static inline VEC V(df_linear)(VEC x, VEC alpha) {
    (void)alpha;
    (void)x;
    return ONE;
}
static inline VEC V(dfy_linear)(VEC y, VEC alpha) { return V(df_linear)(y, alpha); }

/* The sum turns -0 into 0, the greater of the two in IEEE 754. */
static inline VEC V(f_relu)(VEC x, VEC alpha) {
    (void)alpha;
    return V(add)(V(at_least)(x, 0), ZERO);
}
static inline VEC V(df_relu)(VEC x, VEC alpha) {
    (void)alpha;
    return V(keep_nan)(x, V(select)(V(lt)(ZERO, x), ONE, ZERO));
}
static inline VEC V(dfy_relu)(VEC y, VEC alpha) { return V(df_relu)(y, alpha); }

static inline VEC V(f_relu6)(VEC x, VEC alpha) { return V(at_most)(V(f_relu)(x, alpha), 6); }
static inline VEC V(df_relu6)(VEC x, VEC alpha) {
    (void)alpha;
    return V(inside)(x, 0, 6, ONE);
}
static inline VEC V(dfy_relu6)(VEC y, VEC alpha) { return V(df_relu6)(y, alpha); }

static inline VEC V(f_leaky_relu)(VEC x, VEC alpha) { return V(select)(V(lt)(x, ZERO), V(mul)(alpha, x), x); }
static inline VEC V(df_leaky_relu)(VEC x, VEC alpha) { return V(keep_nan)(x, V(select)(V(lt)(ZERO, x), ONE, alpha)); }
static inline VEC V(dfy_leaky_relu)(VEC y, VEC alpha) { return V(df_leaky_relu)(y, alpha); }

static inline VEC V(f_elu)(VEC x, VEC alpha) {
    return V(select)(V(lt)(x, ZERO), V(mul)(alpha, V(expm1)(V(at_most)(x, 0))), x);
}
static inline VEC V(df_elu)(VEC x, VEC alpha) {
    return V(keep_nan)(x, V(select)(V(lt)(x, ZERO), V(mul)(alpha, V(exp)(x)), ONE));
}
static inline VEC V(dfy_elu)(VEC y, VEC alpha) {
    return V(keep_nan)(y, V(select)(V(lt)(y, ZERO), V(add)(y, alpha), ONE));
}

/* Klambauer et al., Self-Normalizing Neural Networks, 2017 */
#define SELU_SCALE V(set1)((T)1.0507009873554804934193349852946)
#define SELU_ALPHA V(set1)((T)1.6732632423543772848170429916717)
static inline VEC V(f_selu)(VEC x, VEC alpha) {
    (void)alpha;
    return V(mul)(SELU_SCALE, V(f_elu)(x, SELU_ALPHA));
}
static inline VEC V(df_selu)(VEC x, VEC alpha) {
    (void)alpha;
    return V(mul)(SELU_SCALE, V(df_elu)(x, SELU_ALPHA));
}
static inline VEC V(dfy_selu)(VEC y, VEC alpha) {
    (void)alpha;
    VEC below = V(add)(y, V(mul)(SELU_SCALE, SELU_ALPHA));
    return V(keep_nan)(y, V(select)(V(lt)(y, ZERO), below, SELU_SCALE));
}
#undef SELU_SCALE
#undef SELU_ALPHA

/* e / (1 + e)^2 with e = exp(-|x|) */
static inline VEC V(sigmoid_slope)(VEC e) {
    VEC sum = V(add)(ONE, e);
    return V(div)(e, V(mul)(sum, sum));
}
static inline VEC V(f_sigmoid)(VEC x, VEC alpha) {
    (void)alpha;
    return V(sigmoid)(x);
}
static inline VEC V(df_sigmoid)(VEC x, VEC alpha) {
    (void)alpha;
    return V(sigmoid_slope)(V(exp_below)(V(neg)(V(abs)(x))));
}
static inline VEC V(dfy_sigmoid)(VEC y, VEC alpha) {
    (void)alpha;
    return V(mul)(y, V(sub)(ONE, y));
}

static inline VEC V(f_tanh)(VEC x, VEC alpha) {
    (void)alpha;
    return V(tanh)(x);
}
static inline VEC V(df_tanh)(VEC x, VEC alpha) {
    (void)alpha;
    return V(mul)(V(set1)(4), V(sigmoid_slope)(V(exp_below)(V(mul)(V(set1)(-2), V(abs)(x)))));
}
static inline VEC V(dfy_tanh)(VEC y, VEC alpha) {
    (void)alpha;
    return V(mul)(V(sub)(ONE, y), V(add)(ONE, y));
}

static inline VEC V(f_exponential)(VEC x, VEC alpha) {
    (void)alpha;
    return V(exp)(x);
}
static inline VEC V(df_exponential)(VEC x, VEC alpha) {
    (void)alpha;
    return V(exp)(x);
}
static inline VEC V(dfy_exponential)(VEC y, VEC alpha) {
    (void)alpha;
    return y;
}

static inline VEC V(f_softplus)(VEC x, VEC alpha) {
    (void)alpha;
    return V(add)(V(at_least)(x, 0), V(log1p)(V(exp_below)(V(neg)(V(abs)(x)))));
}
static inline VEC V(df_softplus)(VEC x, VEC alpha) {
    (void)alpha;
    return V(sigmoid)(x);
}
static inline VEC V(dfy_softplus)(VEC y, VEC alpha) {
    (void)alpha;
    return V(neg)(V(expm1)(V(neg)(y)));
}

static inline VEC V(f_softsign)(VEC x, VEC alpha) {
    (void)alpha;
    VEC finite = V(within)(x, BY_TYPE(0x1.fffffep127, 0x1.fffffffffffffp1023));
    return V(div)(finite, V(add)(ONE, V(abs)(finite)));
}
static inline VEC V(df_softsign)(VEC x, VEC alpha) {
    (void)alpha;
    VEC inverse = V(div)(ONE, V(add)(ONE, V(abs)(x)));
    return V(mul)(inverse, inverse);
}
static inline VEC V(dfy_softsign)(VEC y, VEC alpha) {
    (void)alpha;
    VEC rest = V(sub)(ONE, V(abs)(y));
    return V(mul)(rest, rest);
}

static inline VEC V(f_silu)(VEC x, VEC alpha) {
    (void)alpha;
    VEC back, e = V(exp_factor)(x, &back);
    return V(mul)(V(mul)(V(at_least)(x, -FAR), V(sigmoid_of)(x, e)), back);
}
static inline VEC V(df_silu)(VEC x, VEC alpha) {
    (void)alpha;
    VEC back, e = V(exp_factor)(x, &back);
    return V(mul)(V(fma)(V(within)(x, FAR), V(sigmoid_slope)(e), V(sigmoid_of)(x, e)), back);
}

/* x Phi(x) = max(x, 0) - |x| Q(|x|), Q = 1 - Phi; beyond NORMAL_END both that and the density are 0. -0 stays, and is
 * the limit at -inf. */
#define NORMAL_END BY_TYPE(14.8, 39)
static inline VEC V(f_gelu)(VEC x, VEC alpha) {
    VEC density, back, a = V(at_most)(V(abs)(x), NORMAL_END), tail = V(normal_tail_of)(a, &density, &back);
    (void)alpha;
    return V(fnma)(V(mul)(a, tail), back, V(at_least)(x, (T)-0.0));
}
/* Phi(x) + x phi(x), of which for x > 0 all but the 1 is small. */
static inline VEC V(df_gelu)(VEC x, VEC alpha) {
    const MASK below = V(lt)(x, ZERO);
    VEC density, back, tail = V(normal_tail_of)(V(at_most)(V(abs)(x), NORMAL_END), &density, &back);
    VEC rest = V(fma)(V(within)(x, NORMAL_END), V(mul)(V(set1)((T)0.39894228040143267794), density),
        V(select)(below, tail, V(neg)(tail)));
    (void)alpha;
    return V(fma)(rest, back, V(select)(below, ZERO, ONE));
}
#undef NORMAL_END

/* Hendrycks and Gimpel's approximation x (1 + tanh u) / 2 = x sigmoid(2 u), 2 u = c (x + 0.044715 x^3), c = sqrt(8 /
 * pi) */
#define GELU_C V(set1)((T)1.5957691216057307117)
static inline VEC V(f_gelu_tanh)(VEC x, VEC alpha) {
    (void)alpha;
    VEC u = V(mul)(V(mul)(GELU_C, x), V(fma)(V(mul)(x, x), V(set1)((T)0.044715), ONE)), back,
        e = V(exp_factor)(u, &back);
    return V(mul)(V(mul)(V(at_least)(x, -FAR), V(sigmoid_of)(u, e)), back);
}
static inline VEC V(df_gelu_tanh)(VEC x_, VEC alpha) {
    (void)alpha;
    VEC x = V(within)(x_, BY_TYPE(20, 40)), square = V(mul)(V(mul)(x, x), V(set1)((T)0.044715));
    VEC u = V(mul)(V(mul)(GELU_C, x), V(add)(square, ONE)), back, e = V(exp_factor)(u, &back);
    VEC slope = V(mul)(GELU_C, V(fma)(V(set1)(3), square, ONE));
    return V(mul)(V(fma)(V(mul)(x, V(sigmoid_slope)(e)), slope, V(sigmoid_of)(u, e)), back);
}
#undef GELU_C

static inline VEC V(f_hard_sigmoid)(VEC x, VEC alpha) {
    return V(div)(V(f_relu6)(V(add)(x, V(set1)(3)), alpha), V(set1)(6));
}
static inline VEC V(df_hard_sigmoid)(VEC x, VEC alpha) {
    (void)alpha;
    return V(inside)(x, -3, 3, V(set1)((T)(1.0 / 6)));
}
static inline VEC V(dfy_hard_sigmoid)(VEC y, VEC alpha) {
    (void)alpha;
    return V(inside)(y, 0, 1, V(set1)((T)(1.0 / 6)));
}

static inline VEC V(f_hard_silu)(VEC x, VEC alpha) { return V(mul)(V(at_least)(x, -4), V(f_hard_sigmoid)(x, alpha)); }
static inline VEC V(df_hard_silu)(VEC x, VEC alpha) {
    return V(add)(V(f_hard_sigmoid)(x, alpha), V(inside)(x, -3, 3, V(div)(x, V(set1)(6))));
}

/*
 * x tanh(log(1 + exp x)) = x top / bottom without cancellation or overflow, in e = exp(-|x|).
 * Misra, Mish: A Self Regularized Non-Monotonic Activation Function, 2019.
 */
static inline VEC V(mish_ratio)(VEC x, VEC e, VEC *bottom, VEC *scale) {
    VEC two = V(set1)(2);
    MASK below = V(lt)(x, ZERO);
    VEC top = V(select)(below, V(mul)(e, V(add)(e, two)), V(fma)(two, e, ONE));
    *scale = V(select)(below, ONE, e);
    *bottom = V(fma)(two, V(mul)(*scale, *scale), top);
    return V(div)(top, *bottom);
}
static inline VEC V(f_mish)(VEC x, VEC alpha) {
    (void)alpha;
    VEC bottom, scale, back, e = V(exp_factor)(x, &back), ratio = V(mish_ratio)(x, e, &bottom, &scale);
    return V(mul)(V(mul)(V(at_least)(x, -FAR), ratio), back);
}
static inline VEC V(df_mish)(VEC x, VEC alpha) {
    (void)alpha;
    VEC bottom, scale, back, e = V(exp_factor)(x, &back), ratio = V(mish_ratio)(x, e, &bottom, &scale);
    VEC top = V(mul)(V(mul)(V(set1)(4), V(mul)(e, scale)), V(add)(ONE, e));
    return V(mul)(V(fma)(V(within)(x, FAR), V(div)(top, V(mul)(bottom, bottom)), ratio), back);
}
#undef ZERO
#undef ONE
#undef FAR
