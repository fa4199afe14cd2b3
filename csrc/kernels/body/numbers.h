/* SPDX-License-Identifier: MIT */
/*
 * Between integers and the floating-point numbers they are added in. Loops the compiler turns into vectors by itself.
 * Adding 1.5 * 2^(bits of the fraction) rounds to the nearest integer, ties to even, on every instruction set.
 */
#define WIDEN(NAME, FROM, TO)                                                   \
    static void FC_NAME(widen_##NAME)(const void *src_, void *dst_, size_t n) { \
        typedef FROM from_ __attribute__((aligned(1)));                         \
        const from_ *src = src_;                                                \
        typedef TO to_ __attribute__((aligned(1)));                             \
        to_ *dst = dst_;                                                        \
        for (size_t i = 0; i < n; i++)                                          \
            dst[i] = src[i];                                                    \
    }
WIDEN(u8, uint8_t, float)
WIDEN(i8, int8_t, float)
WIDEN(u16, uint16_t, float)
WIDEN(i16, int16_t, float)
WIDEN(i32, int32_t, double)
WIDEN(u8_u16, uint8_t, uint16_t)
#undef WIDEN

/* The bits of x + 1.5 * 2^23 end with the integer that x is rounded to. */
#define NARROW(NAME, FROM, BITS, TO, LEAST, MOST, ROUNDER)                                            \
    static void FC_NAME(narrow_##NAME)(const void *src_, void *dst_, size_t n, const fc_scaling *s) { \
        typedef FROM from_ __attribute__((aligned(1)));                                               \
        const from_ *src = src_;                                                                      \
        typedef TO to_ __attribute__((aligned(1)));                                                   \
        to_ *dst = dst_;                                                                              \
        const FROM scale = (FROM)s->scale;                                                            \
        for (size_t i = 0; i < n; i++) {                                                              \
            FROM x = src[i] * scale;                                                                  \
            BITS bits;                                                                                \
            x = x > LEAST ? x : LEAST;                                                                \
            x = (x < MOST ? x : MOST) + ROUNDER;                                                      \
            memcpy(&bits, &x, sizeof bits);                                                           \
            dst[i] = (TO)bits;                                                                        \
        }                                                                                             \
    }
NARROW(i8, float, uint32_t, int8_t, INT8_MIN, INT8_MAX, 0x1.8p23f)
NARROW(u16, float, uint32_t, uint16_t, 0, UINT16_MAX, 0x1.8p23f)
NARROW(i16, float, uint32_t, int16_t, INT16_MIN, INT16_MAX, 0x1.8p23f)
NARROW(i32, double, uint64_t, int32_t, INT32_MIN, INT32_MAX, 0x1.8p52)
NARROW(u8_tail, float, uint32_t, uint8_t, 0, UINT8_MAX, 0x1.8p23f)
#undef NARROW

/* Lanes rounded and cut to 0 .. 255; every other 16 bits are those of a lane's end. */
static inline vf32 vf32_rounded_u8(const float *p, vf32 scale) {
    const vf32 x = vf32_max(vf32_mul(vf32_load(p), scale), vf32_set1(0));
    return vf32_add(vf32_min(x, vf32_set1(UINT8_MAX)), vf32_set1(0x1.8p23f));
}

static void FC_NAME(narrow_u8)(const void *src_, void *dst_, size_t n, const fc_scaling *s) {
    enum { LANES16 = 2 * VF32_LANES };
    typedef uint16_t halves __attribute__((vector_size(sizeof(vi16))));
    const float *src = src_;
    uint8_t *dst = dst_;
    const vf32 scale = vf32_set1((float)s->scale);
    size_t i = 0;
    for (; i + LANES16 <= n; i += LANES16) {
        const vf32 low = vf32_rounded_u8(src + i, scale), high = vf32_rounded_u8(src + i + VF32_LANES, scale);
        vi32 a, b;
        memcpy(&a, &low, sizeof a);
        memcpy(&b, &high, sizeof b);
        vi16_store_u8(dst + i, (vi16)((halves)vi16_low_halves(a, b) & UINT8_MAX));
    }
    FC_NAME(narrow_u8_tail)(src + i, dst + i, n - i, s);
}

/* As fc_scaled has it; shifts as multiplications, of which every instruction set has vectors. */
static void FC_NAME(scale_sums)(const void *src, uint8_t *dst, size_t n, const fc_scaling *s) {
    enum { LANES16 = sizeof(vi16) / sizeof(uint16_t) };
    typedef uint16_t sums __attribute__((vector_size(sizeof(vi16))));
    const sums left = (sums){0} + (uint16_t)(1 << s->left), right = (sums){0} + (uint16_t)(1 << (16 - s->right));
    const sums multiplier = (sums){0} + s->multiplier, bias = (sums){0} + s->bias;
    size_t i = 0;
    for (; i + LANES16 <= n; i += LANES16) {
        sums x;
        memcpy(&x, (const uint16_t *)src + i, sizeof x);
        x = (sums)vi16_mulhi((vi16)(x * left), (vi16)multiplier) + bias;
        vi16_store_u8(dst + i, vi16_mulhi((vi16)x, (vi16)right));
    }
    for (; i < n; i++) {
        uint16_t x;
        memcpy(&x, (const uint16_t *)src + i, sizeof x);
        x = fc_scaled(x, s);
        dst[i] = (uint8_t)(x < UINT8_MAX ? x : UINT8_MAX);
    }
}

/* Sums of 16 bits; those to be halved a few times, or that have a multiplier, need no floating point. */
#define NARROW_SUMS(NAME, FROM)                                                                       \
    static void FC_NAME(narrow_##NAME)(const void *src_, void *dst_, size_t n, const fc_scaling *s) { \
        typedef FROM from_ __attribute__((aligned(1)));                                               \
        const from_ *src = src_;                                                                      \
        uint8_t *dst = dst_;                                                                          \
        const float scale = (float)s->scale;                                                          \
        int halvings = 0;                                                                             \
        if (s->multiplier) {                                                                          \
            FC_NAME(scale_sums)(src_, dst, n, s);                                                     \
            return;                                                                                   \
        }                                                                                             \
        while (halvings < 8 && scale * (float)(1 << halvings) < 1)                                    \
            halvings++;                                                                               \
        if (scale * (float)(1 << halvings) == 1) {                                                    \
            const FROM half = (FROM)((1 << halvings) / 2), below = (FROM)(half - (halvings > 0));     \
            const FROM odd = halvings > 0;                                                            \
            for (size_t i = 0; i < n; i++) {                                                          \
                const FROM x = src[i];                                                                \
                FROM y = (FROM)((FROM)(x + below + ((FROM)(x >> halvings) & odd)) >> halvings);       \
                y = y < 1 ? 0 : y;                                                                    \
                dst[i] = (uint8_t)(y > UINT8_MAX ? UINT8_MAX : y);                                    \
            }                                                                                         \
            return;                                                                                   \
        }                                                                                             \
        for (size_t i = 0; i < n; i++) {                                                              \
            float x = (float)src[i] * scale;                                                          \
            x = x > 0 ? x : 0;                                                                        \
            x = (x < UINT8_MAX ? x : UINT8_MAX) + 0x1.8p23f;                                          \
            uint32_t bits;                                                                            \
            memcpy(&bits, &x, sizeof bits);                                                           \
            dst[i] = (uint8_t)bits;                                                                   \
        }                                                                                             \
    }
NARROW_SUMS(i16_u8, int16_t)
NARROW_SUMS(u16_u8, uint16_t)
#undef NARROW_SUMS

/* x - x is 0 for a finite number and NaN for every other. */
#define FINITE(NAME, FLOAT)                                         \
    static int FC_NAME(finite_##NAME)(const void *src_, size_t n) { \
        typedef FLOAT float_ __attribute__((aligned(1)));           \
        const float_ *src = src_;                                   \
        int bad = 0;                                                \
        for (size_t i = 0; i < n; i++)                              \
            bad |= src[i] - src[i] != 0;                            \
        return !bad;                                                \
    }
FINITE(f32, float)
FINITE(f64, double)
#undef FINITE
