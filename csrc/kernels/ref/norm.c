/* SPDX-License-Identifier: MIT */
#include "kernels/ref/norm.h"

#define NORM(T, F, WIDE)                                                                                            \
    static WIDE centered_##F(const fc_norm_block *b, size_t r, size_t c) {                                          \
        return (WIDE)((const T *)b->x)[r * b->pitch + c] - ((const T *)b->mean)[c];                                 \
    }                                                                                                               \
    static WIDE result_##F(const fc_norm_block *b, size_t r, size_t c) {                                            \
        const size_t i = r * b->pitch + c;                                                                          \
        WIDE z = centered_##F(b, r, c) * ((const T *)b->factor)[c] + ((const T *)b->offset)[c];                     \
        if (b->relu && b->added)                                                                                    \
            z += ((const T *)b->added)[i];                                                                          \
        return b->relu && z < 0 ? 0 : z;                                                                            \
    }                                                                                                               \
    static WIDE slope_##F(const fc_norm_block *b, size_t r, size_t c) {                                             \
        const WIDE dy = ((const T *)b->dy)[r * b->pitch + c], y = b->relu ? result_##F(b, r, c) : 1;                \
        return y != y ? y : y > 0 ? dy : 0 * dy;                                                                    \
    }                                                                                                               \
    static void sums_##F(const fc_norm_block *b, int gradient) {                                                    \
        for (size_t c = 0; c < b->width; c++) {                                                                     \
            WIDE sum = 0, product = 0;                                                                              \
            for (size_t r = 0; r < b->rows; r++) {                                                                  \
                const WIDE x = centered_##F(b, r, c), other = gradient ? slope_##F(b, r, c) : x;                    \
                sum += other;                                                                                       \
                product += x * other;                                                                               \
            }                                                                                                       \
            ((T *)b->sums)[c] = (T)sum;                                                                             \
            ((T *)b->sums)[b->width + c] = (T)product;                                                              \
        }                                                                                                           \
    }                                                                                                               \
    void fc_ref_norm_moments_##F(const fc_norm_block *b) { sums_##F(b, 0); }                                        \
    void fc_ref_norm_grad_sums_##F(const fc_norm_block *b) { sums_##F(b, 1); }                                      \
    void fc_ref_norm_apply_##F(const fc_norm_block *b) {                                                            \
        for (size_t r = 0; r < b->rows; r++)                                                                        \
            for (size_t c = 0; c < b->width; c++)                                                                   \
                ((T *)b->to)[r * b->pitch + c] = (T)result_##F(b, r, c);                                            \
    }                                                                                                               \
    void fc_ref_norm_grad_##F(const fc_norm_block *b) {                                                             \
        for (size_t r = 0; r < b->rows; r++)                                                                        \
            for (size_t c = 0; c < b->width; c++) {                                                                 \
                const WIDE g = slope_##F(b, r, c), x = centered_##F(b, r, c);                                       \
                if (b->relu && b->masked)                                                                           \
                    ((T *)b->masked)[r * b->pitch + c] = (T)g;                                                      \
                ((T *)b->to)[r * b->pitch + c] = (T)(g * ((const T *)b->factor)[c] + x * ((const T *)b->slope)[c] + \
                    ((const T *)b->shift)[c]);                                                                      \
            }                                                                                                       \
    }
NORM(float, f32, double)
NORM(double, f64, long double)
