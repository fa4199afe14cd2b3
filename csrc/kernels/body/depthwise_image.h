/* SPDX-License-Identifier: MIT */
/*
 * Depthwise convolution of planes read where they lie: columns of an output row as lanes, rolling down the rows
 * (depthwise.h says how). Vectors that reach over the sides of the image are read whole, and what is not of the image
 * is replaced by zeros. Of narrow planes two go together, each in half of the lanes.
 */
enum { V(IMAGE_AHEAD) = 8192 / sizeof(T) }; /* read that much later: asked for now */

/* Lanes whose column, first + lane * step, lies in an image of that width; of each half of the lanes where two planes
 * go together. */
ALWAYS MASK V(columns_inside)(ptrdiff_t first, size_t step, ptrdiff_t width, int both) {
    static const T all[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    T lane[LANES];
    for (int i = 0; i < LANES; i++)
        lane[i] = all[both && 2 * i >= LANES ? i - LANES / 2 : i];
    const VEC at = V(mul)(V(load)(lane), V(set1)((T)step)); /* from `first` on: small numbers, however wide the image */
    return M(and)(V(lt)(V(set1)((T)(-first - 1)), at), V(lt)(at, V(set1)((T)(width - first))));
}

/* a in every lane, or b in the upper half of them. */
ALWAYS VEC V(set_both)(const T *a, const T *b, int both) {
    T lane[LANES];
    for (int i = 0; i < LANES; i++)
        lane[i] = 2 * i >= LANES ? 1 : 0;
    return both ? V(select)(V(lt)(V(load)(lane), V(set1)(1)), V(set1)(*a), V(set1)(*b)) : V(set1)(*a);
}

/* The taps of a row, K of them, `edge` where some lie outside the image; at an odd one under stride 2 the vectors are
 * those of the tap before. */
#define IMAGE_FETCH(K, S, R)                                                                               \
    _Pragma("GCC unroll 8") for (int t = 0; t < K; t++) v[t] = V(set1)(0);                                 \
    if ((size_t)row < (size_t)b->height) {                                                                 \
        _Pragma("GCC unroll 8") for (int t = 0; t < K; t++) {                                              \
            const T *low = x + (S == 1 ? t : t & ~1);                                                      \
            const T *high = low + (both ? b->x_plane : LANES);                                             \
            if (S == 1)                                                                                    \
                v[t] = both ? V(halves)(low, high) : V(load)(low);                                         \
            else                                                                                           \
                v[t] = t % 2 ? V(odd)(V(load)(low), V(load)(high)) : V(even)(V(load)(low), V(load)(high)); \
            v[t] = edge ? V(select)(inside[t], v[t], V(set1)(0)) : v[t];                                   \
        }                                                                                                  \
        __builtin_prefetch(x + V(IMAGE_AHEAD));                                                            \
        if (S == 2 || both)                                                                                \
            __builtin_prefetch(x + V(IMAGE_AHEAD) + (both ? b->x_plane : LANES));                          \
    }
#define IMAGE_STORE(r, value)                             \
    do {                                                  \
        const VEC done = value;                           \
        V(store_some)(y, done, n, tail);                  \
        if (both)                                         \
            V(store_n)(y + b->y_plane, V(high)(done), n); \
    } while (0)

/* Columns [j, j + n) of plane p, and where `both` of the next. */
#define IMAGE_KERNEL(K, S)                                                                                             \
    ALWAYS void V(image_##K##_##S)(                                                                                    \
        const fc_depthwise_image *b, size_t p, size_t j, size_t n, const MASK *inside, int edge, int tail, int both) { \
        enum { A = (K + S - 1) / S };                                                                                  \
        const T *starts = (const T *)b->start + p, *weights = (const T *)b->w + p * K * K;                             \
        const VEC start = b->start ? V(set_both)(starts, starts + both, both) : V(set1)(0);                            \
        const int relu = b->relu;                                                                                      \
        const float ceiling = b->ceiling;                                                                              \
        const size_t outputs = b->count;                                                                               \
        VEC w[K][K];                                                                                                   \
        _Pragma("GCC unroll 8") for (int s = 0; s < K; s++) _Pragma("GCC unroll 8") for (int t = 0; t < K; t++)        \
            w[s][t] = V(set_both)(weights + s * K + t, weights + s * K + t + both * K * K, both);                      \
        ptrdiff_t row = b->first_row;                                                                                  \
        const T *x = (const T *)b->x + (ptrdiff_t)p * b->x_plane + row * b->x_pitch + b->first_col + (ptrdiff_t)j * S; \
        T *y = (T *)b->y + (ptrdiff_t)p * b->y_plane + (ptrdiff_t)j;                                                   \
        ROLL(K, S, 1, IMAGE_FETCH, (row++, x += b->x_pitch), IMAGE_STORE, y += b->y_pitch);                            \
    }                                                                                                                  \
    static __attribute__((noinline)) void V(pairs_image_##K##_##S)(const fc_depthwise_image *b) {                      \
        MASK inside[K];                                                                                                \
        _Pragma("GCC unroll 8") for (int t = 0; t < K; t++)                                                            \
            inside[t] = V(columns_inside)(b->first_col + t, S, b->width, 1);                                           \
        for (size_t p = 0; p + 1 < b->planes; p += 2)                                                                  \
            V(image_##K##_##S)(b, p, 0, b->cols, inside, 1, 1, 1);                                                     \
    }                                                                                                                  \
    static __attribute__((noinline)) void V(each_image_##K##_##S)(const fc_depthwise_image *b, size_t first) {         \
        const size_t at_once = b->cols <= LANES ? b->planes - first : 1;                                               \
        for (size_t p = first; p < b->planes; p += at_once)                                                            \
            for (size_t j = 0; j < b->cols; j += LANES) {                                                              \
                const size_t n = b->cols - j < LANES ? b->cols - j : LANES;                                            \
                const ptrdiff_t column = b->first_col + (ptrdiff_t)j * S;                                              \
                MASK inside[K];                                                                                        \
                _Pragma("GCC unroll 8") for (int t = 0; t < K; t++)                                                    \
                    inside[t] = V(columns_inside)(column + t, S, b->width, 0);                                         \
                if (n < LANES)                                                                                         \
                    for (size_t q = 0; q < at_once; q++)                                                               \
                        V(image_##K##_##S)(b, p + q, j, n, inside, 1, 1, 0);                                           \
                else if (column < 0 || column + (ptrdiff_t)(n - 1) * S + K > b->width)                                 \
                    for (size_t q = 0; q < at_once; q++)                                                               \
                        V(image_##K##_##S)(b, p + q, j, n, inside, 1, 0, 0);                                           \
                else                                                                                                   \
                    for (size_t q = 0; q < at_once; q++)                                                               \
                        V(image_##K##_##S)(b, p + q, j, n, inside, 0, 0, 0);                                           \
            }                                                                                                          \
    }                                                                                                                  \
    static void V(all_image_##K##_##S)(const fc_depthwise_image *b) {                                                  \
        const size_t paired = 2 * b->cols <= LANES ? b->planes / 2 * 2 : 0;                                            \
        if (paired)                                                                                                    \
            V(pairs_image_##K##_##S)(b);                                                                               \
        if (paired < b->planes)                                                                                        \
            V(each_image_##K##_##S)(b, paired);                                                                        \
    }
IMAGE_KERNEL(3, 1)
IMAGE_KERNEL(3, 2)
IMAGE_KERNEL(5, 1)
IMAGE_KERNEL(5, 2)
#undef IMAGE_KERNEL
#undef IMAGE_FETCH
#undef IMAGE_STORE

static void TYPED(depthwise_image)(const fc_depthwise_image *b) {
    if (b->k == 3)
        (b->stride == 1 ? V(all_image_3_1) : V(all_image_3_2))(b);
    else
        (b->stride == 1 ? V(all_image_5_1) : V(all_image_5_2))(b);
}
#undef ROLL
#undef ROLL_FIRST
#undef ROLL_LAST
#undef ROLL_OUT
#undef ROLL_STEP
#undef ROLL_SHIFT
