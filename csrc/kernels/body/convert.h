/* SPDX-License-Identifier: MIT */
/* Between the half types and float, a vector at a time; the tail goes through a full vector on the stack. */
#define CONVERT(FORMAT)                                                            \
    static void FC_NAME(widen_##FORMAT)(const void *src_, void *dst_, size_t n) {  \
        const uint16_t *src = src_;                                                \
        float *dst = dst_;                                                         \
        size_t i = 0;                                                              \
        for (; i + VF32_LANES <= n; i += VF32_LANES)                               \
            vf32_store(dst + i, vf32_load_##FORMAT(src + i));                      \
        if (i < n) {                                                               \
            uint16_t tail[VF32_LANES] = {0};                                       \
            memcpy(tail, src + i, (n - i) * sizeof *src);                          \
            vf32_store_n(dst + i, vf32_load_##FORMAT(tail), n - i);                \
        }                                                                          \
    }                                                                              \
    static void FC_NAME(narrow_##FORMAT)(const void *src_, void *dst_, size_t n) { \
        const float *src = src_;                                                   \
        uint16_t *dst = dst_;                                                      \
        size_t i = 0;                                                              \
        for (; i + VF32_LANES <= n; i += VF32_LANES)                               \
            vf32_store_##FORMAT(dst + i, vf32_load(src + i));                      \
        if (i < n) {                                                               \
            uint16_t tail[VF32_LANES];                                             \
            vf32_store_##FORMAT(tail, vf32_load_n(src + i, n - i));                \
            memcpy(dst + i, tail, (n - i) * sizeof *dst);                          \
        }                                                                          \
    }
CONVERT(f16)
CONVERT(bf16)
#undef CONVERT
