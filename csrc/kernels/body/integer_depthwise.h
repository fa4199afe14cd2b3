/* SPDX-License-Identifier: MIT */
/* One byte of x and one weight a channel and tap. The last vector overlaps its neighbour and computes the same again.
 */
#define DEPTHWISE_B8(WORD, T)                                                                                      \
    static void FC_NAME(depthwise_##WORD)(                                                                         \
        size_t taps, const void *const *x, const int32_t *w, size_t w_pitch, size_t channels, void *y_) {          \
        typedef int32_t any_ __attribute__((aligned(1)));                                                          \
        any_ *y = y_;                                                                                              \
        for (size_t c = 0; channels < VI32_LANES && c < channels; c++) {                                           \
            uint32_t sum = (uint32_t)w[c];                                                                         \
            for (size_t t = 0; t < taps; t++)                                                                      \
                sum += (uint32_t)(((const T *)x[t])[c] * w[(t + 1) * w_pitch + c]);                                \
            y[c] = (int32_t)sum;                                                                                   \
        }                                                                                                          \
        for (size_t c = 0; channels >= VI32_LANES;                                                                 \
            c = c + 2 * VI32_LANES <= channels ? c + VI32_LANES : channels - VI32_LANES) {                         \
            vi32 sum = vi32_load(w + c);                                                                           \
            for (size_t t = 0; t < taps; t++)                                                                      \
                sum = vi32_add(                                                                                    \
                    sum, vi32_mul16(vi32_load_##WORD((const T *)x[t] + c), vi32_load(w + (t + 1) * w_pitch + c))); \
            vi32_store((int32_t *)(y + c), sum);                                                                   \
            if (c + VI32_LANES == channels)                                                                        \
                break;                                                                                             \
        }                                                                                                          \
    }                                                                                                              \
    static void FC_NAME(axpy_##WORD)(size_t n, const void *w, const void *x_, size_t x_step, void *y_) {           \
        const T *x = x_;                                                                                           \
        const int32_t weight = *(const int32_t *)w;                                                                \
        typedef int32_t any_ __attribute__((aligned(1)));                                                          \
        any_ *y = y_;                                                                                              \
        size_t i = 0;                                                                                              \
        for (; x_step == 1 && i + VI32_LANES <= n; i += VI32_LANES)                                                \
            vi32_store((int32_t *)(y + i),                                                                         \
                vi32_add(                                                                                          \
                    vi32_load((const int32_t *)(y + i)), vi32_mul16(vi32_load_##WORD(x + i), vi32_set1(weight)))); \
        for (; i < n; i++)                                                                                         \
            y[i] = (int32_t)((uint32_t)y[i] + (uint32_t)(x[i * x_step] * weight));                                 \
    }
DEPTHWISE_B8(u8, uint8_t)
DEPTHWISE_B8(i8, int8_t)
#undef DEPTHWISE_B8
