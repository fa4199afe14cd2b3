/* SPDX-License-Identifier: MIT */
/*
 * Fourier transforms of radix 4, 6 and 8 on rows of LANES complex numbers: a row is a vector of real parts and one of
 * imaginary parts behind it, so lanes never mix. The inverse is the same sums with real and imaginary parts exchanged.
 *
 * Levels work in place. Forward, a level of m rows takes rows j, j + m/r, ... apart into r transforms of m/r
 * (decimation in frequency), so that results come out in the order of reversed digits; inverse levels undo that one
 * after the other and need no reordering either.
 */
#ifndef FC_FFT_INLINE
#define FC_FFT_INLINE static inline __attribute__((always_inline))
enum { FFT_LEVELS = 16 };
/* Levels of a transform, from the one over all rows down; the last has no twiddles. */
typedef struct fft_levels {
    size_t count, radix[FFT_LEVELS], rows[FFT_LEVELS];
    const void *twiddles[FFT_LEVELS];
} fft_levels;
#endif

enum { TYPED(fft_ROW) = 2 * LANES, TYPED(fft_MOST) = VEC_REGISTERS < 32 ? 4 : 8 };

static fft_levels TYPED(fft_plan)(size_t n, const T *twiddles) {
    fft_levels levels = {.count = 0};
    for (size_t m = n; m > 1; m /= levels.radix[levels.count++]) {
        const size_t radix = fc_fft_radix(m, TYPED(fft_MOST));
        levels.radix[levels.count] = radix;
        levels.rows[levels.count] = m;
        levels.twiddles[levels.count] = twiddles;
        twiddles += 2 * (radix - 1) * (m / radix - 1);
    }
    return levels;
}

FC_FFT_INLINE void TYPED(fft_dft3)(VEC *re, VEC *im) {
    const VEC half = V(set1)((T)0.5), sine = V(set1)((T)0.86602540378443864676);
    const VEC sr = V(add)(re[1], re[2]), si = V(add)(im[1], im[2]), dr = V(sub)(re[1], re[2]),
              di = V(sub)(im[1], im[2]);
    const VEC mr = V(fnma)(half, sr, re[0]), mi = V(fnma)(half, si, im[0]);
    re[0] = V(add)(re[0], sr);
    im[0] = V(add)(im[0], si);
    re[1] = V(fma)(sine, di, mr);
    im[1] = V(fnma)(sine, dr, mi);
    re[2] = V(fnma)(sine, di, mr);
    im[2] = V(fma)(sine, dr, mi);
}

FC_FFT_INLINE void TYPED(fft_dft4)(VEC *re, VEC *im) {
    const VEC pr = V(add)(re[0], re[2]), pi = V(add)(im[0], im[2]), qr = V(sub)(re[0], re[2]),
              qi = V(sub)(im[0], im[2]);
    const VEC rr = V(add)(re[1], re[3]), ri = V(add)(im[1], im[3]), tr = V(sub)(re[1], re[3]),
              ti = V(sub)(im[1], im[3]);
    re[0] = V(add)(pr, rr);
    im[0] = V(add)(pi, ri);
    re[1] = V(add)(qr, ti);
    im[1] = V(sub)(qi, tr);
    re[2] = V(sub)(pr, rr);
    im[2] = V(sub)(pi, ri);
    re[3] = V(sub)(qr, ti);
    im[3] = V(add)(qi, tr);
}

/* By the prime factors 2 and 3, without twiddles (I. J. Good, 1958). */
FC_FFT_INLINE void TYPED(fft_dft6)(VEC *re, VEC *im) {
    VEC ar[3], ai[3], br[3], bi[3];
    _Pragma("GCC unroll 3") for (int k = 0; k < 3; k++) {
        ar[k] = V(add)(re[2 * k], re[(2 * k + 3) % 6]);
        ai[k] = V(add)(im[2 * k], im[(2 * k + 3) % 6]);
        br[k] = V(sub)(re[2 * k], re[(2 * k + 3) % 6]);
        bi[k] = V(sub)(im[2 * k], im[(2 * k + 3) % 6]);
    }
    TYPED(fft_dft3)(ar, ai);
    TYPED(fft_dft3)(br, bi);
    _Pragma("GCC unroll 3") for (int k = 0; k < 3; k++) {
        re[4 * k % 6] = ar[k];
        im[4 * k % 6] = ai[k];
        re[(4 * k + 3) % 6] = br[k];
        im[(4 * k + 3) % 6] = bi[k];
    }
}

/* The even results from sums of opposite terms; the odd ones from their differences, turned by eighths, whose factor
 * joins the last additions. */
FC_FFT_INLINE void TYPED(fft_dft8)(VEC *re, VEC *im) {
    VEC ar[4], ai[4], br[4], bi[4];
    _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++) {
        ar[k] = V(add)(re[k], re[k + 4]);
        ai[k] = V(add)(im[k], im[k + 4]);
        br[k] = V(sub)(re[k], re[k + 4]);
        bi[k] = V(sub)(im[k], im[k + 4]);
    }
    TYPED(fft_dft4)(ar, ai);
    const VEC half = V(set1)((T)0.70710678118654752440);
    const VEC pr = V(add)(br[0], bi[2]), pi = V(sub)(bi[0], br[2]), qr = V(sub)(br[0], bi[2]),
              qi = V(add)(bi[0], br[2]);
    const VEC dr = V(add)(br[1], bi[1]), di = V(sub)(bi[1], br[1]), er = V(sub)(bi[3], br[3]),
              ei = V(add)(bi[3], br[3]);
    const VEC ur = V(add)(dr, er), ui = V(sub)(di, ei), vr = V(sub)(dr, er), vi = V(add)(di, ei);
    _Pragma("GCC unroll 4") for (int k = 0; k < 4; k++) {
        re[2 * k] = ar[k];
        im[2 * k] = ai[k];
    }
    re[1] = V(fma)(half, ur, pr);
    im[1] = V(fma)(half, ui, pi);
    re[5] = V(fnma)(half, ur, pr);
    im[5] = V(fnma)(half, ui, pi);
    re[3] = V(fma)(half, vi, qr);
    im[3] = V(fnma)(half, vr, qi);
    re[7] = V(fnma)(half, vi, qr);
    im[7] = V(fma)(half, vr, qi);
}

FC_FFT_INLINE void TYPED(fft_dft)(const int radix, VEC *re, VEC *im) {
    if (radix == 8)
        TYPED(fft_dft8)(re, im);
    else if (radix == 4)
        TYPED(fft_dft4)(re, im);
    else
        TYPED(fft_dft6)(re, im);
}

/* x *= w, or its conjugate. */
FC_FFT_INLINE void TYPED(fft_turn)(const int inverse, VEC *re, VEC *im, VEC wr, VEC wi) {
    const VEC xr = *re, xi = *im;
    *re = inverse ? V(fma)(xi, wi, V(mul)(xr, wr)) : V(fnma)(xi, wi, V(mul)(xr, wr));
    *im = inverse ? V(fnma)(xr, wi, V(mul)(xi, wr)) : V(fma)(xr, wi, V(mul)(xi, wr));
}

FC_FFT_INLINE void TYPED(fft_turn_all)(const int radix, const int inverse, VEC *re, VEC *im, const T *w) {
    _Pragma("GCC unroll 8") for (int k = 1; k < radix; k++)
        TYPED(fft_turn)(inverse, re + k, im + k, V(set1)(w[2 * k - 2]), V(set1)(w[2 * k - 1]));
}

FC_FFT_INLINE void TYPED(fft_load)(const int radix, VEC *re, VEC *im, const T *x, size_t step) {
    _Pragma("GCC unroll 8") for (int k = 0; k < radix; k++) {
        re[k] = V(load)(x + (size_t)k * step);
        im[k] = V(load)(x + (size_t)k * step + LANES);
    }
}

FC_FFT_INLINE void TYPED(fft_store)(const int radix, const VEC *re, const VEC *im, T *x, size_t step) {
    _Pragma("GCC unroll 8") for (int k = 0; k < radix; k++) {
        V(store)(x + (size_t)k * step, re[k]);
        V(store)(x + (size_t)k * step + LANES, im[k]);
    }
}

/* One butterfly of a level in place; w NULL where all twiddles are 1. */
FC_FFT_INLINE void TYPED(fft_butterfly)(const int radix, const int inverse, T *x, size_t step, const T *w) {
    VEC re[8], im[8];
    TYPED(fft_load)(radix, re, im, x, step);
    if (inverse && w)
        TYPED(fft_turn_all)(radix, 1, re, im, w);
    if (inverse)
        TYPED(fft_dft)(radix, im, re);
    else
        TYPED(fft_dft)(radix, re, im);
    if (!inverse && w)
        TYPED(fft_turn_all)(radix, 0, re, im, w);
    TYPED(fft_store)(radix, re, im, x, step);
}

/* A level over `rows` rows in groups of m. */
FC_FFT_INLINE void TYPED(fft_level)(
    const int radix, const int inverse, T *x, size_t rows, size_t m, const T *twiddles) {
    const size_t part = m / (size_t)radix, step = part * TYPED(fft_ROW);
    for (T *const end = x + rows * TYPED(fft_ROW); x < end; x += m * TYPED(fft_ROW)) {
        const T *w = twiddles;
        TYPED(fft_butterfly)(radix, inverse, x, step, NULL);
        for (size_t j = 1; j < part; j++, w += 2 * (radix - 1))
            TYPED(fft_butterfly)(radix, inverse, x + j * TYPED(fft_ROW), step, w);
    }
}

#define FFT_LEVEL(NAME, RADIX, INVERSE)                                                                  \
    __attribute__((noinline)) static void TYPED(NAME)(T * x, size_t rows, size_t m, const T *twiddles) { \
        TYPED(fft_level)(RADIX, INVERSE, x, rows, m, twiddles);                                          \
    }
FFT_LEVEL(fft_forward_4, 4, 0)
FFT_LEVEL(fft_forward_6, 6, 0)
FFT_LEVEL(fft_forward_8, 8, 0)
FFT_LEVEL(fft_inverse_4, 4, 1)
FFT_LEVEL(fft_inverse_6, 6, 1)
FFT_LEVEL(fft_inverse_8, 8, 1)
#undef FFT_LEVEL

static void TYPED(fft_forward)(const fft_levels *levels, size_t level, T *x, size_t rows) {
    const size_t radix = levels->radix[level];
    (radix == 8          ? TYPED(fft_forward_8)
            : radix == 4 ? TYPED(fft_forward_4)
                         : TYPED(fft_forward_6))(x, rows, levels->rows[level], levels->twiddles[level]);
}

static void TYPED(fft_inverse)(const fft_levels *levels, size_t level, T *x, size_t rows) {
    const size_t radix = levels->radix[level];
    (radix == 8          ? TYPED(fft_inverse_8)
            : radix == 4 ? TYPED(fft_inverse_4)
                         : TYPED(fft_inverse_6))(x, rows, levels->rows[level], levels->twiddles[level]);
}

/* The last level forward, a product with the spectrum and the first level back, on rows that stay in registers; adds up
 * squares. */
FC_FFT_INLINE void TYPED(fft_center)(const int radix, T *x, size_t rows, const T *spectrum, VEC *energy) {
    const size_t group = (size_t)radix * TYPED(fft_ROW);
    VEC before = energy[0], after = energy[1];
    for (T *const end = x + rows * TYPED(fft_ROW); x < end; x += group, spectrum += group) {
        VEC re[8], im[8];
        TYPED(fft_load)(radix, re, im, x, TYPED(fft_ROW));
        TYPED(fft_dft)(radix, re, im);
        _Pragma("GCC unroll 8") for (int k = 0; k < radix; k++) {
            before = V(fma)(re[k], re[k], V(fma)(im[k], im[k], before));
            TYPED(fft_turn)(0, re + k, im + k, V(load)(spectrum + k * TYPED(fft_ROW)),
                V(load)(spectrum + k * TYPED(fft_ROW) + LANES));
            after = V(fma)(re[k], re[k], V(fma)(im[k], im[k], after));
        }
        TYPED(fft_dft)(radix, im, re);
        TYPED(fft_store)(radix, re, im, x, TYPED(fft_ROW));
    }
    energy[0] = before;
    energy[1] = after;
}

#define FFT_CENTER(NAME, RADIX)                                                                             \
    __attribute__((noinline)) static void TYPED(NAME)(T * x, size_t rows, const T *spectrum, VEC *energy) { \
        TYPED(fft_center)(RADIX, x, rows, spectrum, energy);                                                \
    }
FFT_CENTER(fft_center_4, 4)
FFT_CENTER(fft_center_6, 6)
FFT_CENTER(fft_center_8, 8)
#undef FFT_CENTER
