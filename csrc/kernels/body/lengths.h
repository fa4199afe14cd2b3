/* SPDX-License-Identifier: MIT */
/* Lengths of gradients: loops that the compiler turns into vectors by itself. */
#define LENGTHS(NAME, FROM, FLOAT, TO, BITS, SQRT, LEAST, MOST)                                 \
    static int FC_NAME(lengths_##NAME)(const void *a_, const void *b_, void *out_, size_t n) {  \
        const FROM *restrict a = a_, *restrict b = b_;                                          \
        TO *restrict out = out_;                                                                \
        BITS odd = 0;                                                                           \
        for (size_t i = 0; i < n; i++) {                                                        \
            const FLOAT x = (FLOAT)a[i], y = (FLOAT)b[i], sum = x * x + y * y;                  \
            const BITS is_small = (sum < LEAST) & ((x != 0) | (y != 0)), is_held = sum <= MOST; \
            odd |= is_small | !is_held;                                                         \
            out[i] = SQRT(sum);                                                                 \
        }                                                                                       \
        return !odd;                                                                            \
    }
LENGTHS(i16, fx_any_i16, float, fc_any_float, int32_t, __builtin_sqrtf, 1e-14f, 1e18f)
LENGTHS(f32, fc_any_float, float, fc_any_float, int32_t, __builtin_sqrtf, 1e-14f, 1e18f)
LENGTHS(f64, fc_any_double, double, fc_any_double, int64_t, __builtin_sqrt, 1e-140, 1e150)
#undef LENGTHS
