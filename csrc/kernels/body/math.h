/* SPDX-License-Identifier: MIT */
/*
 * Elementary functions a vector at a time; no branches, so a lane's bits do not depend on its neighbours. NaN goes
 * through every one. Reductions are Cody and Waite's, polynomials from math_tables.h; nothing needs FMA to be right.
 * Measured over float32 by check --ulp: exp 1.04, or 1.33 without FMA, sigmoid 2.42, tanh 2.50, by table 1.03 ulp at
 * most.
 */
#define BY_TYPE(f, d) ((T)(sizeof(T) == sizeof(float) ? (f) : (d)))
#define POLYNOMIAL(x, c) V(horner)(x, c, sizeof(c) / sizeof *(c))

static inline __attribute__((always_inline)) VEC V(horner)(VEC x, const T *c, size_t terms) {
    VEC p = V(set1)(c[terms - 1]);
    _Pragma("GCC unroll 32") for (size_t i = terms - 1; i-- > 0;) p = V(fma)(p, x, V(set1)(c[i]));
    return p;
}

/* NaN stays: min and max return their second operand where unordered. */
static inline VEC V(at_least)(VEC x, T low) { return V(max)(V(set1)(low), x); }
static inline VEC V(at_most)(VEC x, T high) { return V(min)(V(set1)(high), x); }

/* To the nearest integer, |x| < 2^22 (2^51): the sum has no room for a fraction. */
static inline VEC V(round)(VEC x) {
    VEC shift = V(set1)(BY_TYPE(0x1.8p23, 0x1.8p52));
    return V(sub)(V(add)(x, shift), shift);
}

/* x = n ln2 + r, |r| <= ln2 / 2. The high part of ln2 is short enough for n times it to be exact. */
static inline VEC V(reduce)(VEC x, VEC *n) {
    VEC shift = V(set1)(BY_TYPE(0x1.8p23, 0x1.8p52));
    *n = V(sub)(V(fma)(x, V(set1)((T)1.4426950408889634074), shift), shift);
    VEC r = V(fma)(*n, V(set1)(BY_TYPE(-0.693359375, -0x1.62e42fee00000p-1)), x);
    return V(fma)(*n, V(set1)(BY_TYPE(2.12194440054690583e-4, -1.90821492927058770002e-10)), r);
}

/* exp(r) - 1 for a reduced r */
static inline VEC V(exp_minus_one)(VEC r) { return V(fma)(V(mul)(r, r), POLYNOMIAL(r, V(exp_tail)), r); }

/* v 2^n for v of the size of 1 and |n| up to twice the greatest exponent: only the last factor rounds or overflows. */
static inline VEC V(times_pow2)(VEC v, VEC n) {
#ifdef VEC_SCALES
    return V(scale)(v, n);
#else
    VEC half = V(round)(V(mul)(n, V(set1)((T)0.5)));
    return V(mul)(V(mul)(v, V(pow2i)(half)), V(pow2i)(V(sub)(n, half)));
#endif
}

/* 2^n exp(r) for a reduced r */
static inline VEC V(exp_of)(VEC r, VEC n) {
    VEC one = V(set1)(1);
    return V(times_pow2)(V(fma)(r, V(fma)(r, POLYNOMIAL(r, V(exp_tail)), one), one), n);
}

/* exp(x) for x <= 0, or up to where it overflows */
static inline VEC V(exp_below)(VEC x) {
    VEC n, r = V(reduce)(V(at_least)(x, BY_TYPE(-104, -746)), &n);
    return V(exp_of)(r, n);
}
static inline VEC V(exp)(VEC x) { return V(exp_below)(V(at_most)(x, BY_TYPE(89, 710))); }

/* Beyond this |x|, exp(-|x|) rounds to 0, also as a factor of the products below. */
#define FAR BY_TYPE(120, 760)

/*
 * exp(-|x|) as a factor of a product with x: where it is or comes near to a subnormal number, with few digits, 2^64
 * (2^128) times that. The whole product times *back then rounds once. What is added to it must be so large that neither
 * counts.
 */
static inline VEC V(exp_factor)(VEC x, VEC *back) {
    const MASK deep = V(lt)(x, V(set1)(BY_TYPE(-70, -640)));
    VEC n, r = V(reduce)(V(at_least)(V(neg)(V(abs)(x)), -FAR), &n);
    *back = V(select)(deep, V(set1)(BY_TYPE(0x1p-64, 0x1p-128)), V(set1)(1));
    return V(exp_of)(r, V(select)(deep, V(add)(n, V(set1)(BY_TYPE(64, 128))), n));
}

/* exp(x) - 1 for x <= 0; x = -0 gives +0 */
static inline VEC V(expm1)(VEC x) {
    VEC n, r = V(reduce)(V(at_least)(x, BY_TYPE(-20, -40)), &n), power = V(pow2i)(n);
    return V(fma)(power, V(exp_minus_one)(r), V(sub)(power, V(set1)(1)));
}

/* log(1 + u) for 0 <= u <= 1: 1 + u = 2^k (1 + f), s = f / (2 + f), log(1 + f) = 2 atanh(s), as in fdlibm. */
static inline VEC V(log1p)(VEC u) {
    VEC half = V(set1)((T)0.5);
    MASK high = V(lt)(V(set1)((T)0.41421356), u);
    VEC f = V(select)(high, V(sub)(V(mul)(half, u), half), u);
    VEC s = V(div)(f, V(add)(V(set1)(2), f)), z = V(mul)(s, s), square = V(mul)(half, V(mul)(f, f));
    VEC tail = V(mul)(z, POLYNOMIAL(z, V(log1p_tail)));
    VEC low = V(sub)(f, V(sub)(square, V(mul)(s, V(add)(square, tail))));
    VEC ln2_low = V(set1)(BY_TYPE(-2.12194440054690583e-4, 1.90821492927058770002e-10));
    VEC ln2_high = V(set1)(BY_TYPE(0.693359375, 0x1.62e42fee00000p-1));
    return V(select)(high, V(add)(ln2_high, V(add)(low, ln2_low)), low);
}

/* e = exp(-|x|), by which sigmoid is 1 / (1 + e), or e / (1 + e) for x < 0: nothing cancels or overflows. */
static inline VEC V(sigmoid_of)(VEC x, VEC e) {
    VEC one = V(set1)(1);
    return V(div)(V(select)(V(lt)(x, V(set1)(0)), e, one), V(add)(one, e));
}
static inline VEC V(sigmoid)(VEC x) { return V(sigmoid_of)(x, V(exp_below)(V(neg)(V(abs)(x)))); }

#if V(TABLES)
/* A function of a, 0 <= a < 15, by six rows of coefficients of its table. */
static inline VEC V(by_table)(VEC a, const T table[6][32]) {
    const VEC one = V(set1)(1), begin = V(add)(a, one), distance = V(sub)(a, V(sub)(V(eighths)(begin), one));
    VEC p = V(lookup)(table[5], begin);
    _Pragma("GCC unroll 8") for (size_t i = 5; i-- > 0;) p = V(fma)(p, distance, V(lookup)(table[i], begin));
    return p;
}

static inline VEC V(tanh)(VEC x) { return V(copysign)(V(by_table)(V(at_most)(V(abs)(x), (T)14.5), V(tanh_table)), x); }
#else
/* With t = exp(-2 |x|) - 1: |tanh x| = -t / (2 + t). */
static inline VEC V(tanh)(VEC x) {
    VEC t = V(expm1)(V(mul)(V(set1)(-2), V(abs)(x)));
    return V(copysign)(V(div)(t, V(add)(V(set1)(2), t)), x);
}
#endif

/* exp(-a^2 / 2) for a >= 0, with a^2 as a number of which n times ln2 can be taken away exactly and the small rest;
 * *back as of exp_factor. */
static inline VEC V(normal_density)(VEC a, VEC *back) {
    const MASK deep = V(lt)(V(set1)(BY_TYPE(12, 36)), a);
    VEC n, half = V(set1)((T)-0.5);
#if V(TABLES) /* and so with a multiply-add that rounds once */
    VEC square = V(mul)(a, a), rest = V(fma)(a, a, V(neg)(square));
#else
    VEC shift = V(set1)(BY_TYPE(0x1.8p15, 0x1.8p32)), high = V(sub)(V(add)(a, shift), shift), low = V(sub)(a, high);
    VEC square = V(mul)(high, high), rest = V(mul)(low, V(add)(a, high));
#endif
    VEC r = V(reduce)(V(mul)(half, square), &n);
    *back = V(select)(deep, V(set1)(BY_TYPE(0x1p-64, 0x1p-128)), V(set1)(1));
    return V(exp_of)(V(fma)(half, rest, r), V(select)(deep, V(add)(n, V(set1)(BY_TYPE(64, 128))), n));
}

/*
 * Upper tail of the normal distribution for a >= 0, and its *density times sqrt(2 pi) = exp(-a^2 / 2): good to a few
 * ulp however far out, where it is that times a slow function. Both are to be multiplied by *back.
 */
static inline VEC V(normal_tail_of)(VEC a, VEC *density, VEC *back) {
    *density = V(normal_density)(a, back);
#if V(TABLES)
    return V(mul)(*density, V(by_table)(a, V(mills_table)));
#else
    VEC four = V(set1)(4), inverse = V(div)(V(set1)(1), V(add)(a, four));
    return V(mul)(*density, V(mul)(inverse, POLYNOMIAL(V(mul)(V(sub)(a, four), inverse), V(normal_tail))));
#endif
}
