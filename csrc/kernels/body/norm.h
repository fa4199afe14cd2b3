/* SPDX-License-Identifier: MIT */
/* Batch normalization: columns are lanes, a few vectors of them are open at a time; fc_norm_fn of kernels/norm_types.h.
 */

/* Two registers a vector and as many as a column's numbers need: as many vectors as the smallest register file holds.
 */
#if VEC_REGISTERS < 32
#define NORM_VECTORS 2
#else
#define NORM_VECTORS 4
#endif

static inline VEC V(norm_read)(const void *p, size_t i, size_t n) {
    const T *at = (const T *)p + i;
    return n < LANES ? V(load_n)(at, n) : V(load)(at);
}
static inline void V(norm_write)(void *p, size_t i, size_t n, VEC v) {
    T *at = (T *)p + i;
    if (n < LANES)
        V(store_n)(at, v, n);
    else
        V(store)(at, v);
}

/* (x - mean) * factor + offset + added of n columns; `centered` is x - mean. */
static inline VEC V(norm_of)(
    const fc_norm_block *b, VEC centered, size_t c, size_t i, size_t n, const fc_norm_mode mode) {
    const VEC z = V(fma)(centered, V(norm_read)(b->factor, c, n), V(norm_read)(b->offset, c, n));
    return mode == FC_NORM_ADDED ? V(add)(z, V(norm_read)(b->added, i, n)) : z;
}
static inline VEC V(norm_slope)(
    const fc_norm_block *b, VEC centered, size_t c, size_t i, size_t n, const fc_norm_mode mode) {
    const VEC dy = V(norm_read)(b->dy, i, n);
    return mode == FC_NORM_PLAIN ? dy : V(mul)(dy, V(df_relu)(V(norm_of)(b, centered, c, i, n, mode), dy));
}

/* The sums over the rows of columns [c, c + vectors * n): of x - mean and its square, or of g and its product with it.
 */
static inline __attribute__((always_inline)) void V(norm_sum)(
    const fc_norm_block *b, size_t c, size_t n, const int vectors, const fc_norm_mode mode, const int gradient) {
    VEC sum[NORM_VECTORS], product[NORM_VECTORS];
    for (int v = 0; v < vectors; v++)
        sum[v] = product[v] = V(set1)(0);
    for (size_t r = 0; r < b->rows; r++)
        _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) {
            const size_t column = c + (size_t)v * LANES, i = r * b->pitch + column;
            const VEC centered = V(sub)(V(norm_read)(b->x, i, n), V(norm_read)(b->mean, column, n));
            const VEC other = gradient ? V(norm_slope)(b, centered, column, i, n, mode) : centered;
            sum[v] = V(add)(sum[v], other);
            product[v] = V(fma)(centered, other, product[v]);
        }
    for (int v = 0; v < vectors; v++) {
        V(norm_write)(b->sums, c + (size_t)v * LANES, n, sum[v]);
        V(norm_write)(b->sums, b->width + c + (size_t)v * LANES, n, product[v]);
    }
}

static inline __attribute__((always_inline)) void V(norm_map)(
    const fc_norm_block *b, size_t c, size_t n, const int vectors, const fc_norm_mode mode, const int gradient) {
    for (size_t r = 0; r < b->rows; r++)
        _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) {
            const size_t column = c + (size_t)v * LANES, i = r * b->pitch + column;
            const VEC centered = V(sub)(V(norm_read)(b->x, i, n), V(norm_read)(b->mean, column, n));
            if (gradient) {
                const VEC g = V(norm_slope)(b, centered, column, i, n, mode);
                const VEC rest = V(fma)(centered, V(norm_read)(b->slope, column, n), V(norm_read)(b->shift, column, n));
                if (mode != FC_NORM_PLAIN && b->masked)
                    V(norm_write)(b->masked, i, n, g);
                V(norm_write)(b->to, i, n, V(fma)(g, V(norm_read)(b->factor, column, n), rest));
            } else {
                const VEC z = V(norm_of)(b, centered, column, i, n, mode);
                V(norm_write)(b->to, i, n, mode == FC_NORM_PLAIN ? z : V(f_relu)(z, z));
            }
        }
}

/* body over all columns, in blocks of vectors, single ones and a last part of one. */
#define NORM_EACH_COLUMN(body, mode, gradient)                                  \
    do {                                                                        \
        size_t c = 0;                                                           \
        for (; c + NORM_VECTORS * LANES <= b->width; c += NORM_VECTORS * LANES) \
            V(body)(b, c, LANES, NORM_VECTORS, mode, gradient);                 \
        for (; c + LANES <= b->width; c += LANES)                               \
            V(body)(b, c, LANES, 1, mode, gradient);                            \
        if (c < b->width)                                                       \
            V(body)(b, c, b->width - c, 1, mode, gradient);                     \
    } while (0)
#define NORM_MODES(body, gradient)                           \
    do {                                                     \
        if (!b->relu)                                        \
            NORM_EACH_COLUMN(body, FC_NORM_PLAIN, gradient); \
        else if (!b->added)                                  \
            NORM_EACH_COLUMN(body, FC_NORM_RELU, gradient);  \
        else                                                 \
            NORM_EACH_COLUMN(body, FC_NORM_ADDED, gradient); \
    } while (0)

static void TYPED(norm_moments)(const fc_norm_block *b) { NORM_EACH_COLUMN(norm_sum, FC_NORM_PLAIN, 0); }
static void TYPED(norm_apply)(const fc_norm_block *b) { NORM_MODES(norm_map, 0); }
static void TYPED(norm_grad_sums)(const fc_norm_block *b) { NORM_MODES(norm_sum, 1); }
static void TYPED(norm_grad)(const fc_norm_block *b) { NORM_MODES(norm_map, 1); }

#undef NORM_EACH_COLUMN
#undef NORM_MODES
#undef NORM_VECTORS
