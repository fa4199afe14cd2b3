/* SPDX-License-Identifier: MIT */
/* Bytes from sums and floats, and back. */
static inline vi32 FC_NAME(byte_of)(vf32 x, float low, float high, int zero) {
    return vi32_add(vi32_nearest(vf32_min(vf32_max(x, vf32_set1(low)), vf32_set1(high))), vi32_set1(zero));
}

static inline void FC_NAME(store_bytes)(uint8_t *y, vi32 v, size_t n) {
    if (n >= VI32_LANES) {
        vi32_store_u8(y, v);
        return;
    }
    uint8_t lanes[VI32_LANES];
    vi32_store_u8(lanes, v);
    memcpy(y, lanes, n);
}

static void FC_NAME(requantize)(const fc_requantize_block *block) {
    const fc_requantize_block b = *block;
    for (size_t r = 0; r < b.rows; r++) {
        const int32_t *sums = b.sums + r * b.pitch;
        uint8_t *y = b.y + r * b.y_pitch;
        size_t j = 0;
        for (; j + VI32_LANES <= b.cols; j += VI32_LANES) {
            const vf32 reals = vf32_mul(vf32_of_i32(vi32_load(sums + j)), vf32_load(b.factors + j));
            vi32_store_u8(y + j, FC_NAME(byte_of)(reals, b.low, b.high, b.zero));
        }
        if (j < b.cols) {
            /* Rows that follow one another are written after what lies beyond this one's last lanes. */
            const size_t n = b.cols - j, after = b.y_pitch == b.cols ? (b.rows - 1 - r) * b.cols : 0;
            const vf32 reals = vf32_mul(vf32_of_i32(vi32_load_n(sums + j, n)), vf32_load_n(b.factors + j, n));
            FC_NAME(store_bytes)(y + j, FC_NAME(byte_of)(reals, b.low, b.high, b.zero), n + after);
        }
    }
}

static void FC_NAME(quantize)(size_t n, float scale, float low, float high, int zero, const void *x_, uint8_t *y) {
    const float *x = x_;
    const vf32 by = vf32_set1(scale);
    size_t i = 0;
    for (; i + VI32_LANES <= n; i += VI32_LANES)
        vi32_store_u8(y + i, FC_NAME(byte_of)(vf32_div(vf32_load(x + i), by), low, high, zero));
    if (i < n)
        FC_NAME(store_bytes)(y + i, FC_NAME(byte_of)(vf32_div(vf32_load_n(x + i, n - i), by), low, high, zero), n - i);
}

/* What VI32_LANES bytes stand for. */
static inline vf32 FC_NAME(reals_of)(const uint8_t *x, const fc_byte_scale *s) {
    const vi32 bytes = s->is_signed ? vi32_load_i8((const int8_t *)x) : vi32_load_u8(x);
    return vf32_mul(vf32_of_i32(vi32_add(bytes, vi32_set1(-s->zero))), vf32_set1(s->scale));
}

/* The first n of them, of so many that are read. */
static inline vf32 FC_NAME(reals_of_n)(const uint8_t *x, size_t n, const fc_byte_scale *s) {
    uint8_t lanes[VI32_LANES] = {0};
    memcpy(lanes, x, n);
    return FC_NAME(reals_of)(lanes, s);
}

static void FC_NAME(dequantize)(size_t n, const fc_byte_scale *scale, const uint8_t *x, void *y_) {
    const fc_byte_scale s = *scale;
    float *y = y_;
    size_t i = 0;
    for (; i + VI32_LANES <= n; i += VI32_LANES)
        vf32_store(y + i, FC_NAME(reals_of)(x + i, &s));
    if (i < n)
        vf32_store_n(y + i, FC_NAME(reals_of_n)(x + i, n - i, &s), n - i);
}

static void FC_NAME(add_bytes)(
    size_t n, const fc_add_bytes_block *block, const uint8_t *a, const uint8_t *b, uint8_t *y) {
    const fc_add_bytes_block s = *block;
    const vf32 by = vf32_set1(s.scale);
    size_t i = 0;
    for (; i + VI32_LANES <= n; i += VI32_LANES) {
        const vf32 sum = vf32_add(FC_NAME(reals_of)(a + i, &s.a), FC_NAME(reals_of)(b + i, &s.b));
        vi32_store_u8(y + i, FC_NAME(byte_of)(vf32_div(sum, by), s.low, s.high, s.zero));
    }
    if (i < n) {
        const vf32 sum = vf32_add(FC_NAME(reals_of_n)(a + i, n - i, &s.a), FC_NAME(reals_of_n)(b + i, n - i, &s.b));
        FC_NAME(store_bytes)(y + i, FC_NAME(byte_of)(vf32_div(sum, by), s.low, s.high, s.zero), n - i);
    }
}

#define MOST(NAME, T)                                                                          \
    static void FC_NAME(most_##NAME)(size_t count, const void *const *x, size_t n, void *y_) { \
        T *restrict y = y_;                                                                    \
        memcpy(y, x[0], n);                                                                    \
        for (size_t t = 1; t < count; t++) {                                                   \
            const T *restrict row = x[t];                                                      \
            for (size_t i = 0; i < n; i++)                                                     \
                y[i] = row[i] > y[i] ? row[i] : y[i];                                          \
        }                                                                                      \
    }
MOST(u8, uint8_t)
MOST(i8, int8_t)
#undef MOST
