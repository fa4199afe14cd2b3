/* SPDX-License-Identifier: MIT */
/*
 * Bytes from sums and floats, and back. Loops the compiler turns into vectors by itself; adding 1.5 * 2^23 rounds to
 * the nearest integer, ties to even, on every instruction set, and the sum's bits end with it.
 */
static inline uint8_t FC_NAME(byte_of)(float x, float low, float high, int zero) {
    uint32_t bits;
    x = x > low ? x : low;
    x = (x < high ? x : high) + 0x1.8p23f;
    memcpy(&bits, &x, sizeof bits);
    return (uint8_t)(bits + (uint32_t)zero);
}

static inline void FC_NAME(requantize_row)(
    size_t n, const int32_t *sums, const fc_any_float *factors, const fc_requantize_block *b, uint8_t *restrict y) {
    for (size_t j = 0; j < n; j++)
        y[j] = FC_NAME(byte_of)((float)sums[j] * factors[j], b->low, b->high, b->zero);
}

static void FC_NAME(requantize)(const fc_requantize_block *block) {
    enum { AT_ONCE = 16 };
    const fc_requantize_block b = *block;
    for (size_t r = 0; r < b.rows; r++) {
        const int32_t *sums = b.sums + r * b.pitch;
        uint8_t *y = b.y + r * b.y_pitch;
        size_t j = 0;
        for (; j + AT_ONCE <= b.cols; j += AT_ONCE)
            FC_NAME(requantize_row)(AT_ONCE, sums + j, b.factors + j, &b, y + j);
        FC_NAME(requantize_row)(b.cols - j, sums + j, b.factors + j, &b, y + j);
    }
}

static void FC_NAME(quantize)(
    size_t n, float scale, float low, float high, int zero, const void *x_, uint8_t *restrict y) {
    const fc_any_float *x = x_;
    for (size_t i = 0; i < n; i++)
        y[i] = FC_NAME(byte_of)(x[i] / scale, low, high, zero);
}

static inline float FC_NAME(real_of)(uint8_t x, uint8_t flip, int zero, float scale) {
    return (float)((int)(uint8_t)(x ^ flip) - zero) * scale;
}

static void FC_NAME(dequantize)(size_t n, const fc_byte_scale *scale, const uint8_t *restrict x, void *y_) {
    const fc_byte_scale s = *scale;
    fc_any_float *y = y_;
    for (size_t i = 0; i < n; i++)
        y[i] = FC_NAME(real_of)(x[i], s.flip, s.zero, s.scale);
}

static void FC_NAME(add_bytes)(
    size_t n, const fc_add_bytes_block *block, const uint8_t *a, const uint8_t *b, uint8_t *restrict y) {
    const fc_add_bytes_block s = *block;
    for (size_t i = 0; i < n; i++) {
        const float sum = FC_NAME(real_of)(a[i], s.a.flip, s.a.zero, s.a.scale) +
            FC_NAME(real_of)(b[i], s.b.flip, s.b.zero, s.b.scale);
        y[i] = FC_NAME(byte_of)(sum / s.scale, s.low, s.high, s.zero);
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
