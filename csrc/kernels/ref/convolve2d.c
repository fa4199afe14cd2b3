/* SPDX-License-Identifier: MIT */
#include "kernels/ref/convolve2d.h"

#include <string.h>

#define REAL(NAME, T, WIDE, TERM, RESULT)                        \
    static T load_##NAME(const void *base, size_t i) {           \
        T x;                                                     \
        memcpy(&x, (const char *)base + i * sizeof x, sizeof x); \
        return x;                                                \
    }                                                            \
    SUMS(NAME, NAME, NAME, T, WIDE, TERM, RESULT)
#define SUMS(NAME, SOURCE, TAP, T, WIDE, TERM, RESULT)                                                   \
    void fc_ref_convolve2d_##NAME(const fc_convolve2d_block *b) {                                        \
        for (size_t r = 0; r < b->n_rows; r++)                                                           \
            for (size_t c = 0; c < b->n_cols; c++) {                                                     \
                WIDE sum = 0;                                                                            \
                for (size_t j = 0; j < b->k_h; j++)                                                      \
                    for (size_t k = 0; k < b->k_w; k++) {                                                \
                        WIDE tap = load_##TAP(b->taps, k * b->k_h + j),                                  \
                             x = load_##SOURCE(b->rows[r + j], c + k * b->step);                         \
                        sum TERM;                                                                        \
                    }                                                                                    \
                T result = (T)(RESULT);                                                                  \
                memcpy((char *)b->out + (r * b->out_pitch + c) * sizeof result, &result, sizeof result); \
            }                                                                                            \
    }
REAL(bool, uint8_t, unsigned, |= tap & x, sum != 0)
REAL(b8, uint8_t, uint64_t, += tap * x, sum)
REAL(b16, uint16_t, uint64_t, += tap * x, sum)
REAL(b32, uint32_t, uint64_t, += tap * x, sum)
REAL(b64, uint64_t, uint64_t, += tap * x, sum)
REAL(f32, float, double, += tap * x, sum)
REAL(f64, double, long double, += tap * x, sum)
SUMS(u8_b16, b8, b16, uint16_t, uint64_t, += tap * x, sum)
SUMS(u8_f32, b8, f32, float, double, += tap * x, sum)
REAL(longdouble, long double, long double, += tap * x, sum)

#define COMPLEX(NAME, PART, T, WIDE)                                                                    \
    void fc_ref_convolve2d_##NAME(const fc_convolve2d_block *b) {                                       \
        for (size_t r = 0; r < b->n_rows; r++)                                                          \
            for (size_t c = 0; c < b->n_cols; c++) {                                                    \
                WIDE re = 0, im = 0;                                                                    \
                for (size_t j = 0; j < b->k_h; j++)                                                     \
                    for (size_t k = 0; k < b->k_w; k++) {                                               \
                        const void *row = b->rows[r + j];                                               \
                        WIDE x = load_##PART(row, 2 * (c + k * b->step)),                               \
                             y = load_##PART(row, 2 * (c + k * b->step) + 1);                           \
                        WIDE u = load_##PART(b->taps, k * b->k_h + j);                                  \
                        WIDE v = load_##PART(b->taps, b->k_h * b->k_w + k * b->k_h + j);                \
                        re += u * x - v * y;                                                            \
                        im += u * y + v * x;                                                            \
                    }                                                                                   \
                T result[2] = {(T)re, (T)im};                                                           \
                memcpy((char *)b->out + (r * b->out_pitch + c) * sizeof result, result, sizeof result); \
            }                                                                                           \
    }
COMPLEX(complex_f32, f32, float, double)
COMPLEX(complex_f64, f64, double, long double)
COMPLEX(clongdouble, longdouble, long double, long double)
