/* SPDX-License-Identifier: MIT */
/* Whole blocks of B x B; the last block of an axis overlaps its neighbour and writes the same values again. */
#define TRANSPOSE(NAME, BITS, BLOCK, STEP)                                                                    \
    static void FC_NAME(NAME)(void *dst_, size_t pitch, const void *const *src, size_t rows, size_t length) { \
        typedef uint##BITS##_t any_ __attribute__((aligned(1)));                                              \
        any_ *dst = dst_;                                                                                     \
        if (rows < BLOCK || length < BLOCK) {                                                                 \
            for (size_t i = 0; i < rows; i++)                                                                 \
                for (size_t k = 0; k < length; k++)                                                           \
                    dst[k * pitch + i] = ((const any_ *)src[i])[k];                                           \
            return;                                                                                           \
        }                                                                                                     \
        for (size_t i = 0;; i = i + 2 * BLOCK <= rows ? i + BLOCK : rows - BLOCK) {                           \
            const any_ *p[BLOCK];                                                                             \
            for (size_t r = 0; r < BLOCK; r++)                                                                \
                p[r] = src[i + r];                                                                            \
            for (size_t k = 0;; k = k + 2 * BLOCK <= length ? k + BLOCK : length - BLOCK) {                   \
                STEP(dst + k * pitch + i, pitch, p, k);                                                       \
                if (k + BLOCK == length)                                                                      \
                    break;                                                                                    \
            }                                                                                                 \
            if (i + BLOCK == rows)                                                                            \
                break;                                                                                        \
        }                                                                                                     \
    }

/* Halves are rare and converted anyway: plain stores. */
#define TRANSPOSE_B16(dst, pitch, p, k)           \
    for (size_t column = 0; column < 4; column++) \
        for (size_t r = 0; r < 4; r++)            \
    (dst)[column * (pitch) + r] = p[r][k + column]
#define TRANSPOSE_B8(dst, pitch, p, k) transpose8_b8(dst, pitch, p, k)
/* By way of void: the words take any address, which their types do not say. */
#define AT(p) ((void *)(p))
#define FROM(p) ((const void *)(p))
#define TRANSPOSE_4_B32(dst, pitch, p, k) \
    transpose4_b32(AT(dst), pitch, FROM(p[0] + k), FROM(p[1] + k), FROM(p[2] + k), FROM(p[3] + k))
#define TRANSPOSE_8_B32(dst, pitch, p, k) transpose8_b32(AT(dst), pitch, p, k)
#define TRANSPOSE_B64(dst, pitch, p, k) transpose2_b64(AT(dst), pitch, FROM(p[0] + k), FROM(p[1] + k))
TRANSPOSE(transpose_b8, 8, 8, TRANSPOSE_B8)
TRANSPOSE(transpose_b16, 16, 4, TRANSPOSE_B16)
TRANSPOSE(transpose_4_b32, 32, 4, TRANSPOSE_4_B32)
TRANSPOSE(transpose_8_b32, 32, 8, TRANSPOSE_8_B32)
TRANSPOSE(transpose_b64, 64, 2, TRANSPOSE_B64)
#undef AT
#undef FROM
#undef TRANSPOSE
#undef TRANSPOSE_B8
#undef TRANSPOSE_B16
#undef TRANSPOSE_4_B32
#undef TRANSPOSE_8_B32
#undef TRANSPOSE_B64

static void FC_NAME(transpose_b32)(void *dst, size_t pitch, const void *const *src, size_t rows, size_t length) {
    (rows < 8 || length < 8 ? FC_NAME(transpose_4_b32) : FC_NAME(transpose_8_b32))(dst, pitch, src, rows, length);
}

/* The columns outside, so that a narrow block is one masked move a row. */
static void FC_NAME(copy_rows)(
    void *dst, size_t pitch, const void *src, const ptrdiff_t *offsets, size_t rows, size_t bytes) {
    enum { STEP = VF32_LANES * 4 };
    for (size_t at = 0; at < bytes; at += STEP) {
        size_t left = bytes - at;
        char *to = (char *)dst + at;
        const char *from = (const char *)src + at;
        if (left >= STEP)
            for (size_t r = 0; r < rows; r++)
                vf32_store((float *)(to + r * pitch), vf32_load((const float *)(from + offsets[r])));
        else
            for (size_t r = 0; r < rows; r++) {
                vf32_store_n(
                    (float *)(to + r * pitch), vf32_load_n((const float *)(from + offsets[r]), left / 4), left / 4);
                if (left % 4)
                    memcpy(to + r * pitch + left - 2, from + offsets[r] + left - 2, 2);
            }
    }
}
