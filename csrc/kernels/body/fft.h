/* SPDX-License-Identifier: MIT */
/*
 * The passes of a two-dimensional transform: along columns on strips of the block as they lie; along rows on LANES of
 * them turned to lie in the lanes, forth, times the spectrum and back before they leave L1.
 */
enum { TYPED(fft_TILE) = LANES * TYPED(fft_ROW) };

/* to := from with rows and columns of LANES x LANES complex numbers exchanged; rows are fft_ROW apart in both. */
#define FFT_ZIP(VECTORS)                                                                 \
    for (int side = 0; side < 2; side++) {                                               \
        VEC v[VECTORS];                                                                  \
        _Pragma("GCC unroll 16") for (int i = 0; i < VECTORS; i++)                       \
            v[i] = V(load)(from + i * TYPED(fft_ROW) + side * LANES);                    \
        _Pragma("GCC unroll 4") for (int half = VECTORS; half > 1; half /= 2) {          \
            VEC zipped[VECTORS];                                                         \
            _Pragma("GCC unroll 8") for (int i = 0; i < VECTORS / 2; i++) {              \
                zipped[2 * i] = V(zip_low)(v[i], v[i + VECTORS / 2]);                    \
                zipped[2 * i + 1] = V(zip_high)(v[i], v[i + VECTORS / 2]);               \
            }                                                                            \
            _Pragma("GCC unroll 16") for (int i = 0; i < VECTORS; i++) v[i] = zipped[i]; \
        }                                                                                \
        _Pragma("GCC unroll 16") for (int i = 0; i < VECTORS; i++)                       \
            V(store)(to + i * TYPED(fft_ROW) + side * LANES, v[i]);                      \
    }

FC_FFT_INLINE void TYPED(fft_turn_tile)(T *to, const T *from) {
    if (sizeof(T) == 4 && LANES % 8 == 0) {
        for (size_t at = 0; at < 2 * LANES; at += LANES)
            for (size_t i = 0; i < LANES; i += 8) {
                const uint32_t *rows[8];
                for (size_t r = 0; r < 8; r++)
                    rows[r] = (const uint32_t *)from + (i + r) * TYPED(fft_ROW) + at;
                for (size_t k = 0; k < LANES; k += 8)
                    transpose8_b32((uint32_t *)to + k * TYPED(fft_ROW) + at + i, TYPED(fft_ROW), rows, k);
            }
        return;
    }
    FFT_ZIP(LANES)
}
#undef FFT_ZIP

__attribute__((noinline)) static void TYPED(fft_turn_in)(const fc_fft_rows *b, size_t group, T *strip) {
    const T *from = (const T *)b->block + group * TYPED(fft_TILE);
    for (size_t c = 0; c < b->cols; c += LANES)
        TYPED(fft_turn_tile)(strip + c * TYPED(fft_ROW), from + c * b->rows * 2);
}

__attribute__((noinline)) static void TYPED(fft_turn_out)(const fc_fft_rows *b, size_t group, const T *strip) {
    T *to = (T *)b->block + group * TYPED(fft_TILE);
    for (size_t c = 0; c < b->cols; c += LANES)
        TYPED(fft_turn_tile)(to + c * b->rows * 2, strip + c * TYPED(fft_ROW));
}

static void TYPED(fft_filter)(const fc_fft_rows *b) {
    const fft_levels levels = TYPED(fft_plan)(b->cols, b->twiddles);
    const size_t last = levels.count - 1, part = b->cols / levels.radix[0];
    T *const strip = b->scratch;
    for (size_t group = b->first; group < b->end; group++) {
        const T *spectrum = (const T *)b->spectrum + group * b->cols * TYPED(fft_ROW);
        VEC energy[2] = {V(set1)(0), V(set1)(0)};
        TYPED(fft_turn_in)(b, group, strip);
        TYPED(fft_forward)(&levels, 0, strip, b->cols);
        for (size_t row = 0; row < b->cols; row += part) {
            T *x = strip + row * TYPED(fft_ROW);
            for (size_t level = 1; level < last; level++)
                TYPED(fft_forward)(&levels, level, x, part);
            (levels.radix[last] == 8          ? TYPED(fft_center_8)
                    : levels.radix[last] == 4 ? TYPED(fft_center_4)
                                              : TYPED(fft_center_6))(x, part, spectrum + row * TYPED(fft_ROW), energy);
            for (size_t level = last - 1; level > 0; level--)
                TYPED(fft_inverse)(&levels, level, x, part);
        }
        TYPED(fft_inverse)(&levels, 0, strip, b->cols);
        TYPED(fft_turn_out)(b, group, strip);
        b->energy[0] += (double)V(sum)(energy[0]);
        b->energy[1] += (double)V(sum)(energy[1]);
    }
}

static void TYPED(fft_spectrum)(const fc_fft_rows *b) {
    const fft_levels levels = TYPED(fft_plan)(b->cols, b->twiddles);
    const size_t length = b->cols * TYPED(fft_ROW);
    const VEC scale = V(set1)((T)(1 / ((double)b->rows * (double)b->cols)));
    for (size_t group = b->first; group < b->end; group++) {
        T *const strip = (T *)b->spectrum + group * length;
        TYPED(fft_turn_in)(b, group, strip);
        for (size_t level = 0; level < levels.count; level++)
            TYPED(fft_forward)(&levels, level, strip, b->cols);
        for (size_t i = 0; i < length; i += LANES)
            V(store)(strip + i, V(mul)(V(load)(strip + i), scale));
    }
}

/* What is added to a vector of columns from `at` on. */
FC_FFT_INLINE VEC TYPED(fft_shift)(const void *shift, size_t at) {
    return shift ? V(load)((const T *)shift + at) : V(set1)(0);
}

/* n <= LANES complex numbers from re and im, shifted, or from re where im is NULL, zeros behind them. */
FC_FFT_INLINE void TYPED(fft_cells)(
    const T *re, const T *im, size_t n_re, size_t n_im, VEC re_shift, VEC im_shift, T *to) {
    VEC r, i;
    if (im) {
        r = V(add)(V(load_n)(re, n_re), re_shift);
        i = V(add)(V(load_n)(im, n_im), im_shift);
    } else {
        const size_t low = 2 * n_re < LANES ? 2 * n_re : LANES;
        const VEC a = V(load_n)(re, low), b = V(load_n)(re + low, 2 * n_re - low);
        r = V(even)(a, b);
        i = V(odd)(a, b);
    }
    V(store)(to, r);
    V(store)(to + LANES, i);
}

/* The first level of `strips` neighbouring strips straight from the image: its lines serve two of them while they are
 * near. */
FC_FFT_INLINE void TYPED(fft_first)(
    const int radix, const fc_fft_columns *b, size_t at, size_t strips, const T *w, T *x) {
    const T *const *re_rows = (const T *const *)b->re, *const *im_rows = (const T *const *)b->im;
    const size_t part = b->rows / (size_t)radix, step = part * TYPED(fft_ROW), length = b->rows * TYPED(fft_ROW);
    VEC re_shift[2], im_shift[2];
    for (size_t s = 0; s < strips; s++) {
        re_shift[s] = TYPED(fft_shift)(b->re_shift, at + s * LANES);
        im_shift[s] = TYPED(fft_shift)(b->im_shift, at + s * LANES);
    }
    for (size_t j = 0; j < part; j++, x += TYPED(fft_ROW))
        for (size_t s = 0; s < strips; s++) {
            VEC re[8], im[8];
            _Pragma("GCC unroll 8") for (int k = 0; k < radix; k++) {
                re[k] = V(add)(V(load)(re_rows[j + (size_t)k * part] + at + s * LANES), re_shift[s]);
                im[k] = V(add)(V(load)(im_rows[j + (size_t)k * part] + at + s * LANES), im_shift[s]);
            }
            TYPED(fft_dft)(radix, re, im);
            if (j)
                TYPED(fft_turn_all)(radix, 0, re, im, w + (j - 1) * (size_t)(2 * (radix - 1)));
            TYPED(fft_store)(radix, re, im, x + s * length, step);
        }
}

__attribute__((noinline)) static void TYPED(fft_first_4)(
    const fc_fft_columns *b, size_t at, size_t strips, const T *w, T *x) {
    TYPED(fft_first)(4, b, at, strips, w, x);
}
__attribute__((noinline)) static void TYPED(fft_first_8)(
    const fc_fft_columns *b, size_t at, size_t strips, const T *w, T *x) {
    TYPED(fft_first)(8, b, at, strips, w, x);
}

static inline size_t TYPED(fft_left)(size_t cols, size_t at) {
    return cols < at ? 0 : cols - at < LANES ? cols - at : LANES;
}

/* 0 * x added up: 0 where all are finite, else NaN. */
static int TYPED(fft_finite)(const T *x, size_t count) {
    const VEC zero = V(set1)(0);
    VEC sum = zero;
    for (size_t i = 0; i < count; i += LANES)
        sum = V(fma)(V(load)(x + i), zero, sum);
    return V(sum)(sum) == 0;
}

static int TYPED(fft_forward_columns)(const fc_fft_columns *b) {
    const fft_levels levels = TYPED(fft_plan)(b->rows, b->twiddles);
    const size_t part = b->rows / levels.radix[0], length = b->rows * TYPED(fft_ROW);
    const size_t whole = b->im ? (b->re_cols < b->im_cols ? b->re_cols : b->im_cols) / LANES : 0;
    int finite = 1;
    for (size_t s = 0, n; s < b->strips; s += n) {
        T *const strip = (T *)b->block + s * length;
        const size_t at = s * LANES;
        n = s + 2 <= whole && s + 2 <= b->strips ? 2 : 1;
        if (s < whole)
            (levels.radix[0] == 8 ? TYPED(fft_first_8) : TYPED(fft_first_4))(b, at, n, levels.twiddles[0], strip);
        else {
            const size_t n_re = TYPED(fft_left)(b->re_cols, at), n_im = TYPED(fft_left)(b->im_cols, at);
            const VEC re_shift = TYPED(fft_shift)(b->re_shift, at), im_shift = TYPED(fft_shift)(b->im_shift, at);
            for (size_t r = 0; r < b->rows; r++)
                TYPED(fft_cells)((const T *)b->re[r] + (b->im ? at : 2 * at), b->im ? (const T *)b->im[r] + at : NULL,
                    n_re, n_im, re_shift, im_shift, strip + r * TYPED(fft_ROW));
            TYPED(fft_forward)(&levels, 0, strip, b->rows);
        }
        for (size_t row = 0; row < n * b->rows; row += part) {
            T *const x = strip + row * TYPED(fft_ROW);
            if (row % b->rows == 0) /* the first part holds sums of all rows */
                finite &= TYPED(fft_finite)(x, part * TYPED(fft_ROW));
            for (size_t level = 1; level < levels.count; level++)
                TYPED(fft_forward)(&levels, level, x, part);
        }
    }
    return finite;
}

/*
 * The last level of a strip straight to the results, in whole vectors; the sum of 0 times each. A vector lies in two
 * lines, the second of which is the next strip's first: the one after is asked for, as every row is on a page of its
 * own.
 */
FC_FFT_INLINE VEC TYPED(fft_final)(const int radix, const fc_fft_columns *b, size_t at, const T *w, const T *x) {
    const size_t part = b->rows / (size_t)radix, step = part * TYPED(fft_ROW);
    T *const *re_rows = (T *const *)b->re, *const *im_rows = (T *const *)b->im;
    const VEC zero = V(set1)(0), re_shift = TYPED(fft_shift)(b->re_shift, at),
              im_shift = TYPED(fft_shift)(b->im_shift, at);
    VEC sum = zero;
    for (size_t j = 0; j < part; j++, x += TYPED(fft_ROW)) {
        VEC re[8], im[8];
        TYPED(fft_load)(radix, re, im, x, step);
        if (j) {
            TYPED(fft_turn_all)(radix, 1, re, im, w);
            w += 2 * (radix - 1);
        }
        TYPED(fft_dft)(radix, im, re);
        _Pragma("GCC unroll 8") for (int k = 0; k < radix; k++) {
            const size_t row = j + (size_t)k * part;
            if (row < b->re_rows) {
                V(store)(re_rows[row] + at, V(add)(re[k], re_shift));
                __builtin_prefetch(re_rows[row] + at + 2 * LANES - 1, 1);
                sum = V(fma)(re[k], zero, sum);
            }
            if (row < b->im_rows) {
                V(store)(im_rows[row] + at, V(add)(im[k], im_shift));
                __builtin_prefetch(im_rows[row] + at + 2 * LANES - 1, 1);
                sum = V(fma)(im[k], zero, sum);
            }
        }
    }
    return sum;
}

__attribute__((noinline)) static VEC TYPED(fft_final_4)(const fc_fft_columns *b, size_t at, const T *w, const T *x) {
    return TYPED(fft_final)(4, b, at, w, x);
}
__attribute__((noinline)) static VEC TYPED(fft_final_8)(const fc_fft_columns *b, size_t at, const T *w, const T *x) {
    return TYPED(fft_final)(8, b, at, w, x);
}

/* The same from a strip that is done, with any number of columns. */
static VEC TYPED(fft_put)(const fc_fft_columns *b, size_t at, size_t n_re, size_t n_im, const T *x) {
    const VEC zero = V(set1)(0), re_shift = TYPED(fft_shift)(b->re_shift, at),
              im_shift = TYPED(fft_shift)(b->im_shift, at);
    VEC sum = zero;
    for (size_t r = 0; r < b->re_rows || r < b->im_rows; r++, x += TYPED(fft_ROW)) {
        const VEC re = V(load)(x), im = V(load)(x + LANES);
        if (!b->im) {
            T *to = ((T *const *)b->re)[r] + 2 * at;
            const size_t low = 2 * n_re < LANES ? 2 * n_re : LANES;
            V(store_n)(to, V(zip_low)(re, im), low);
            V(store_n)(to + low, V(zip_high)(re, im), 2 * n_re - low);
        } else {
            if (r < b->re_rows)
                V(store_n)(((T *const *)b->re)[r] + at, V(add)(re, re_shift), n_re);
            if (r < b->im_rows)
                V(store_n)(((T *const *)b->im)[r] + at, V(add)(im, im_shift), n_im);
        }
        sum = V(fma)(re, zero, V(fma)(im, zero, sum));
    }
    return sum;
}

static int TYPED(fft_inverse_columns)(const fc_fft_columns *b) {
    const fft_levels levels = TYPED(fft_plan)(b->rows, b->twiddles);
    const size_t part = b->rows / levels.radix[0];
    VEC sum = V(set1)(0);
    for (size_t s = 0; s < b->strips; s++) {
        T *const strip = (T *)b->block + s * b->rows * TYPED(fft_ROW);
        const size_t at = s * LANES, n_re = TYPED(fft_left)(b->re_cols, at), n_im = TYPED(fft_left)(b->im_cols, at);
        for (size_t row = 0; row < b->rows; row += part)
            for (size_t level = levels.count - 1; level > 0; level--)
                TYPED(fft_inverse)(&levels, level, strip + row * TYPED(fft_ROW), part);
        if (b->im && n_re == LANES && (n_im == LANES || !b->im_rows))
            sum = V(add)(sum,
                (levels.radix[0] == 8 ? TYPED(fft_final_8) : TYPED(fft_final_4))(b, at, levels.twiddles[0], strip));
        else {
            TYPED(fft_inverse)(&levels, 0, strip, b->rows);
            sum = V(add)(sum, TYPED(fft_put)(b, at, n_re, n_im, strip));
        }
    }
    return V(sum)(sum) == 0;
}

static void TYPED(fft)(fc_fft *fft) {
    *fft = (fc_fft){LANES, TYPED(fft_MOST), TYPED(fft_forward_columns), TYPED(fft_filter), TYPED(fft_spectrum),
        TYPED(fft_inverse_columns), TYPED(fft_tiles), TYPED(fft_windows), TYPED(fft_weigh)};
}
