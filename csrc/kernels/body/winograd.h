/* SPDX-License-Identifier: MIT */
/*
 * The transforms of Winograd's convolution F(m x m, r x r), by the method of Toom and Cook: an n x n patch, n = m + r -
 * 1, and the kernel are polynomials, evaluated at 0, at `pairs` pairs of points +-p and at infinity, multiplied there
 * and interpolated. Evaluations at p and -p share their even and odd parts. Lanes are channels.
 *
 * The points are fractions of few bits, so that every constant below is exact in float. They were chosen for the least
 * rounding error among such fractions, after Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd
 * Convolution for Deep Neural Networks" (2020).
 */
#ifndef FC_WINOGRAD_POINTS
#define FC_WINOGRAD_POINTS
typedef struct winograd_points {
    double point[3];
    double all[4];       /* coefficients of the product over all pairs of (x^2 - p^2), from x^0 up in steps of 2 */
    double others[3][3]; /* of the product over all other pairs */
} winograd_points;

#define WINOGRAD_1(A)               \
    {                               \
        {A}, {-(A) * (A), 1}, {{1}} \
    }
#define WINOGRAD_2(A, B)                                                                                 \
    {                                                                                                    \
        {A, B}, {(A) * (A) * (B) * (B), -(A) * (A) - (B) * (B), 1}, { {-(B) * (B), 1}, {-(A) * (A), 1} } \
    }
#define WINOGRAD_PAIR(B, C) {(B) * (B) * (C) * (C), -(B) * (B) - (C) * (C), 1}
#define WINOGRAD_3(A, B, C)                                                            \
    {                                                                                  \
        {A, B, C},                                                                     \
            {-(A) * (A) * (B) * (B) * (C) * (C),                                       \
                (A) * (A) * (B) * (B) + (A) * (A) * (C) * (C) + (B) * (B) * (C) * (C), \
                -(A) * (A) - (B) * (B) - (C) * (C), 1},                                \
        {                                                                              \
            WINOGRAD_PAIR(B, C), WINOGRAD_PAIR(A, C), WINOGRAD_PAIR(A, B)              \
        }                                                                              \
    }
static const winograd_points winograd_of[] = {
    {{0}, {0}, {{0}}}, WINOGRAD_1(1.0), WINOGRAD_2(0.625, 1.5), WINOGRAD_3(0.5, 1.0, 2.0)};
#undef WINOGRAD_1
#undef WINOGRAD_2
#undef WINOGRAD_3
#undef WINOGRAD_PAIR

static inline __attribute__((always_inline)) double winograd_power(double p, int i) {
    return i == 0 ? 1 : i == 1 ? p : i == 2 ? p * p : i == 3 ? p * p * p : i == 4 ? p * p * p * p : p * p * p * p * p;
}

/* The product of (p - q) over all other points q, the same for p and -p. */
static inline double winograd_weight(int pairs, int pair) {
    const winograd_points *w = &winograd_of[pairs];
    const double square = w->point[pair] * w->point[pair];
    double sum = 0;
    for (int k = pairs - 1; k >= 0; k--)
        sum = sum * square + w->others[pair][k];
    return 2 * square * sum;
}
#endif

/* The functions below are made for each number of pairs by inlining; `pairs`, m and r are constants in them. */
#define WINOGRAD_INLINE static inline __attribute__((always_inline))

/* coefficients[0] * d[0] + coefficients[1] * d[step] + ..., the last coefficient is 1. */
WINOGRAD_INLINE VEC TYPED(winograd_combine)(const int count, const double *coefficients, const VEC *d, const int step) {
    VEC sum = d[(count - 1) * step];
    _Pragma("GCC unroll 4") for (int k = count - 2; k >= 0; k--)
        sum = V(fma)(V(set1)((T)coefficients[k]), d[k * step], sum);
    return sum;
}

/* v[0] at 0, v[1 + 2j] and v[2 + 2j] at +-p_j, v[n - 1] at infinity. */
WINOGRAD_INLINE void TYPED(winograd_evaluate)(const int pairs, const VEC *d, VEC *v) {
    const winograd_points *w = &winograd_of[pairs];
    v[0] = TYPED(winograd_combine)(pairs + 1, w->all, d, 2);
    _Pragma("GCC unroll 3") for (int j = 0; j < pairs; j++) {
        const VEC even = TYPED(winograd_combine)(pairs, w->others[j], d + 2, 2),
                  odd = TYPED(winograd_combine)(pairs, w->others[j], d + 1, 2);
        v[1 + 2 * j] = V(fma)(V(set1)((T)w->point[j]), odd, even);
        v[2 + 2 * j] = V(fma)(V(set1)((T)-w->point[j]), odd, even);
    }
    v[2 * pairs + 1] = TYPED(winograd_combine)(pairs + 1, w->all, d + 1, 2);
}

typedef struct TYPED(winograd_cells) {
    const T *const *cells;
    size_t at, n;
} TYPED(winograd_cells);

WINOGRAD_INLINE VEC TYPED(winograd_cell)(const TYPED(winograd_cells) * from, const int whole, const int index) {
    const T *p = from->cells[index] + from->at;
    return whole ? V(load)(p) : V(load_n)(p, from->n);
}

/* Columns first, so that every cell is read once: rows of x often share the sets of L1, where a second reading misses.
 */
WINOGRAD_INLINE void TYPED(winograd_patch)(
    const int pairs, const int whole, const TYPED(winograd_cells) * from, T *v, size_t e_pitch) {
    enum { LARGEST = 8 };
    const int n = 2 * pairs + 2;
    VEC columns[LARGEST][LARGEST], d[LARGEST], row[LARGEST];
    for (int c = 0; c < n; c++) {
        _Pragma("GCC unroll 8") for (int r = 0; r < n; r++) d[r] = TYPED(winograd_cell)(from, whole, r * n + c);
        TYPED(winograd_evaluate)(pairs, d, row);
        _Pragma("GCC unroll 8") for (int r = 0; r < n; r++) columns[r][c] = row[r];
    }
    for (int r = 0; r < n; r++, v += (size_t)n * e_pitch) {
        TYPED(winograd_evaluate)(pairs, columns[r], row);
        _Pragma("GCC unroll 8") for (int c = 0; c < n; c++) if (whole) V(store)(v + (size_t)c * e_pitch, row[c]);
        else V(store_n)(v + (size_t)c * e_pitch, row[c], from->n);
    }
}

WINOGRAD_INLINE void TYPED(winograd_input)(
    const int pairs, const void *const *cells, size_t channels, T *v, size_t e_pitch) {
    TYPED(winograd_cells) from = {(const T *const *)cells, 0, LANES};
    for (; from.at + LANES <= channels; from.at += LANES)
        TYPED(winograd_patch)(pairs, 1, &from, v + from.at, e_pitch);
    from.n = channels - from.at;
    if (from.n)
        TYPED(winograd_patch)(pairs, 0, &from, v + from.at, e_pitch);
}

/* s[0 .. m) from the n values v[0], v[step], ... */
WINOGRAD_INLINE void TYPED(winograd_interpolate)(const int pairs, const int m, const VEC *v, VEC *s) {
    const winograd_points *w = &winograd_of[pairs];
    VEC sums[3], differences[3];
    _Pragma("GCC unroll 3") for (int j = 0; j < pairs; j++) {
        sums[j] = V(add)(v[1 + 2 * j], v[2 + 2 * j]);
        differences[j] = V(sub)(v[1 + 2 * j], v[2 + 2 * j]);
    }
    _Pragma("GCC unroll 6") for (int i = 0; i < m; i++) {
        const VEC *parts = i % 2 ? differences : sums;
        VEC sum = i == 0 ? V(add)(v[0], parts[0]) : V(mul)(V(set1)((T)winograd_power(w->point[0], i)), parts[0]);
        if (i == m - 1)
            sum = V(fma)(V(set1)((T)winograd_power(w->point[0], i)), parts[0], v[2 * pairs + 1]);
        _Pragma("GCC unroll 3") for (int j = 1; j < pairs; j++)
            sum = i ? V(fma)(V(set1)((T)winograd_power(w->point[j], i)), parts[j], sum) : V(add)(sum, parts[j]);
        s[i] = sum;
    }
}

/* One vector of channels of a tile; *bad becomes NaN where a value is not finite. */
WINOGRAD_INLINE void TYPED(winograd_values)(
    const int pairs, const int m, const fc_winograd_tile *tile, size_t at, VEC *bad) {
    const int n = 2 * pairs + 2;
    const T *from = (const T *)tile->values + at;
    const size_t left = tile->channels - at;
    const VEC zero = V(set1)(0), bias = tile->bias ? V(load)((const T *)tile->bias + at) : zero;
    VEC columns[6][8], v[8], s[6];
    for (int c = 0; c < n; c++) {
        _Pragma("GCC unroll 8") for (int r = 0; r < n; r++) v[r] = V(load)(from + (size_t)(r * n + c) * tile->e_pitch);
        TYPED(winograd_interpolate)(pairs, m, v, s);
        _Pragma("GCC unroll 6") for (int i = 0; i < m; i++) columns[i][c] = s[i];
    }
    T *to = (T *)tile->y + at;
    for (int i = 0; i < m; i++, to += tile->row_pitch) {
        TYPED(winograd_interpolate)(pairs, m, columns[i], s);
        _Pragma("GCC unroll 6") for (int j = 0; j < m; j++) {
            *bad = V(fma)(s[j], zero, *bad);
            VEC y = V(add)(s[j], bias);
            if (tile->relu)
                y = V(add)(V(max)(zero, y), zero); /* NaN stays, -0 becomes 0 */
            if ((size_t)i >= tile->rows || (size_t)j >= tile->cols)
                continue;
            if (left >= LANES)
                V(store)(to + (size_t)j * tile->col_pitch, y);
            else
                V(store_n)(to + (size_t)j * tile->col_pitch, y, left);
        }
    }
}

WINOGRAD_INLINE int TYPED(winograd_output)(const int pairs, const int m, const fc_winograd_tile *tile) {
    VEC bad = V(set1)(0);
    for (size_t at = 0; at < tile->channels; at += LANES)
        TYPED(winograd_values)(pairs, m, tile, at, &bad);
    const T sum = V(sum)(bad);
    return sum == 0;
}

/* Lanes are output channels. */
WINOGRAD_INLINE void TYPED(winograd_spread)(const int pairs, const int r, const VEC *g, VEC *u) {
    const winograd_points *w = &winograd_of[pairs];
    u[0] = V(mul)(V(set1)((T)(1 / w->all[0])), g[0]);
    _Pragma("GCC unroll 3") for (int j = 0; j < pairs; j++) {
        const double scale = 1 / winograd_weight(pairs, j);
        VEC even = V(mul)(V(set1)((T)scale), g[0]), odd = V(mul)(V(set1)((T)(scale * w->point[j])), g[1]);
        _Pragma("GCC unroll 5") for (int k = 2; k < r; k++) {
            const VEC factor = V(set1)((T)(scale * winograd_power(w->point[j], k)));
            if (k % 2)
                odd = V(fma)(factor, g[k], odd);
            else
                even = V(fma)(factor, g[k], even);
        }
        u[1 + 2 * j] = V(add)(even, odd);
        u[2 + 2 * j] = V(sub)(even, odd);
    }
    u[2 * pairs + 1] = g[r - 1];
}

WINOGRAD_INLINE void TYPED(winograd_taps)(
    const int pairs, const int r, const int whole, const TYPED(winograd_cells) * from, T *u, size_t e_pitch) {
    const int n = 2 * pairs + 2;
    VEC columns[8][5], g[5], s[8];
    for (int c = 0; c < r; c++) {
        _Pragma("GCC unroll 5") for (int t = 0; t < r; t++) g[t] = TYPED(winograd_cell)(from, whole, t * r + c);
        TYPED(winograd_spread)(pairs, r, g, s);
        _Pragma("GCC unroll 8") for (int i = 0; i < n; i++) columns[i][c] = s[i];
    }
    for (int i = 0; i < n; i++, u += (size_t)n * e_pitch) {
        TYPED(winograd_spread)(pairs, r, columns[i], s);
        _Pragma("GCC unroll 8") for (int c = 0; c < n; c++) if (whole) V(store)(u + (size_t)c * e_pitch, s[c]);
        else V(store_n)(u + (size_t)c * e_pitch, s[c], from->n);
    }
}

WINOGRAD_INLINE void TYPED(winograd_kernel)(
    const int pairs, const int r, const void *const *taps, size_t outs, T *u, size_t e_pitch) {
    TYPED(winograd_cells) from = {(const T *const *)taps, 0, LANES};
    for (; from.at + LANES <= outs; from.at += LANES)
        TYPED(winograd_taps)(pairs, r, 1, &from, u + from.at, e_pitch);
    from.n = outs - from.at;
    if (from.n)
        TYPED(winograd_taps)(pairs, r, 0, &from, u + from.at, e_pitch);
}

#define WINOGRAD_SET(M_, R_)                                                                                        \
    static void TYPED(winograd_input_##M_##x##R_)(                                                                  \
        const void *const *cells, size_t channels, void *v, size_t e_pitch) {                                       \
        TYPED(winograd_input)((M_ + R_ - 3) / 2, cells, channels, v, e_pitch);                                      \
    }                                                                                                               \
    static int TYPED(winograd_output_##M_##x##R_)(const fc_winograd_tile *tile) {                                   \
        return TYPED(winograd_output)((M_ + R_ - 3) / 2, M_, tile);                                                 \
    }                                                                                                               \
    static void TYPED(winograd_kernel_##M_##x##R_)(const void *const *taps, size_t outs, void *u, size_t e_pitch) { \
        TYPED(winograd_kernel)((M_ + R_ - 3) / 2, R_, taps, outs, u, e_pitch);                                      \
    }
FC_WINOGRAD_SETS(WINOGRAD_SET)
#undef WINOGRAD_SET

static void TYPED(winograd)(fc_winograd *sets) {
#define WINOGRAD_ROW(M_, R_)                                                                               \
    *sets++ = (fc_winograd){M_, R_, TYPED(winograd_input_##M_##x##R_), TYPED(winograd_output_##M_##x##R_), \
        TYPED(winograd_kernel_##M_##x##R_)};
    FC_WINOGRAD_SETS(WINOGRAD_ROW)
#undef WINOGRAD_ROW
}
#undef WINOGRAD_INLINE
