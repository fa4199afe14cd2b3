/* SPDX-License-Identifier: MIT */
/*
 * Between integers and the floating-point numbers they are added in. Loops the compiler turns into vectors by itself.
 * Adding 1.5 * 2^(bits of the fraction) rounds to the nearest integer, ties to even, on every instruction set.
 */
#define WIDEN(NAME, FROM, TO)                                                                     \
    static void FC_NAME(widen_##NAME)(const void *src_, void *dst_, size_t n) {                   \
        typedef FROM from_ __attribute__((aligned(1)));                                           \
        const from_ *src = src_;                                                                  \
        typedef TO to_ __attribute__((aligned(1)));                                               \
        to_ *dst = dst_;                                                                          \
        for (size_t i = 0; i < n; i++)                                                            \
            dst[i] = src[i];                                                                      \
    }
WIDEN(u8, uint8_t, float)
WIDEN(i8, int8_t, float)
WIDEN(u16, uint16_t, float)
WIDEN(i16, int16_t, float)
WIDEN(i32, int32_t, double)
WIDEN(u8_u16, uint8_t, uint16_t)
#undef WIDEN

/* The bits of x + 1.5 * 2^23 end with the integer that x is rounded to. */
#define NARROW(NAME, FROM, BITS, TO, LEAST, MOST, ROUNDER)                                        \
    static void FC_NAME(narrow_##NAME)(const void *src_, void *dst_, size_t n, double scale_) {   \
        typedef FROM from_ __attribute__((aligned(1)));                                           \
        const from_ *src = src_;                                                                  \
        typedef TO to_ __attribute__((aligned(1)));                                               \
        to_ *dst = dst_;                                                                          \
        const FROM scale = (FROM)scale_;                                                          \
        for (size_t i = 0; i < n; i++) {                                                          \
            FROM x = src[i] * scale;                                                              \
            BITS bits;                                                                            \
            x = x > LEAST ? x : LEAST;                                                            \
            x = (x < MOST ? x : MOST) + ROUNDER;                                                  \
            memcpy(&bits, &x, sizeof bits);                                                       \
            dst[i] = (TO)bits;                                                                    \
        }                                                                                         \
    }
NARROW(u8, float, uint32_t, uint8_t, 0, UINT8_MAX, 0x1.8p23f)
NARROW(i8, float, uint32_t, int8_t, INT8_MIN, INT8_MAX, 0x1.8p23f)
NARROW(u16, float, uint32_t, uint16_t, 0, UINT16_MAX, 0x1.8p23f)
NARROW(i16, float, uint32_t, int16_t, INT16_MIN, INT16_MAX, 0x1.8p23f)
NARROW(i32, double, uint64_t, int32_t, INT32_MIN, INT32_MAX, 0x1.8p52)
#undef NARROW

/* Sums of 16 bits; those to be halved a few times need no floating point. */
#define NARROW_SUMS(NAME, FROM)                                                                   \
    static void FC_NAME(narrow_##NAME)(const void *src_, void *dst_, size_t n, double scale_) {   \
        typedef FROM from_ __attribute__((aligned(1)));                                           \
        const from_ *src = src_;                                                                  \
        uint8_t *dst = dst_;                                                                      \
        const float scale = (float)scale_;                                                        \
        int halvings = 0;                                                                         \
        while (halvings < 8 && scale * (float)(1 << halvings) < 1)                                \
            halvings++;                                                                           \
        if (scale * (float)(1 << halvings) == 1) {                                                \
            const FROM half = (FROM)((1 << halvings) / 2), below = (FROM)(half - (halvings > 0)); \
            const FROM odd = halvings > 0;                                                        \
            for (size_t i = 0; i < n; i++) {                                                      \
                const FROM x = src[i];                                                            \
                FROM y = (FROM)((FROM)(x + below + ((FROM)(x >> halvings) & odd)) >> halvings);   \
                y = y < 1 ? 0 : y;                                                                \
                dst[i] = (uint8_t)(y > UINT8_MAX ? UINT8_MAX : y);                                \
            }                                                                                     \
            return;                                                                               \
        }                                                                                         \
        for (size_t i = 0; i < n; i++) {                                                          \
            float x = (float)src[i] * scale;                                                      \
            x = x > 0 ? x : 0;                                                                    \
            x = (x < UINT8_MAX ? x : UINT8_MAX) + 0x1.8p23f;                                      \
            uint32_t bits;                                                                        \
            memcpy(&bits, &x, sizeof bits);                                                       \
            dst[i] = (uint8_t)bits;                                                               \
        }                                                                                         \
    }
NARROW_SUMS(i16_u8, int16_t)
NARROW_SUMS(u16_u8, uint16_t)
#undef NARROW_SUMS

/* x - x is 0 for a finite number and NaN for every other. */
#define FINITE(NAME, FLOAT)                                                                       \
    static int FC_NAME(finite_##NAME)(const void *src_, size_t n) {                               \
        typedef FLOAT float_ __attribute__((aligned(1)));                                         \
        const float_ *src = src_;                                                                 \
        int bad = 0;                                                                              \
        for (size_t i = 0; i < n; i++)                                                            \
            bad |= src[i] - src[i] != 0;                                                          \
        return !bad;                                                                              \
    }
FINITE(f32, float)
FINITE(f64, double)
#undef FINITE
