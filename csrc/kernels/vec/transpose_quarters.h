/* SPDX-License-Identifier: MIT */
/* 8 x 8 as four 4 x 4, where registers hold no more. */
#ifndef FC_VEC_TRANSPOSE_QUARTERS_H
#define FC_VEC_TRANSPOSE_QUARTERS_H

#define FC_TRANSPOSE_QUARTERS                                                                                \
    static inline void transpose8_b32(uint32_t *dst, size_t pitch, const uint32_t *const *p, size_t k) {     \
        for (size_t column = k; column < k + 8; column += 4, dst += 4 * pitch)                               \
            for (size_t i = 0; i < 8; i += 4)                                                                \
                transpose4_b32(                                                                              \
                    dst + i, pitch, p[i] + column, p[i + 1] + column, p[i + 2] + column, p[i + 3] + column); \
    }

#endif
