/* SPDX-License-Identifier: MIT */
#include "kernels/ref/igemm.h"

#include "kernels/ref/clamp.h"

#define ROWS(T, F, WIDE)                                                                           \
    void fc_ref_igemm_##F(const fc_igemm_block *block, size_t height) {                            \
        const T *b = block->b, *start = block->start;                                              \
        T *c = block->c;                                                                           \
        for (size_t r = 0; r < block->rows; r++)                                                   \
            for (size_t j = 0; j < block->cols; j++) {                                             \
                WIDE sum = start ? start[j] : 0;                                                   \
                for (size_t t = 0; t < block->runs; t++)                                           \
                    for (size_t i = 0; i < block->length; i++)                                     \
                        sum += (WIDE)((const T *)block->a[t * height + r])[i] *                    \
                            b[(t * block->length + i) * block->b_pitch + j];                       \
                if (block->accumulate)                                                             \
                    sum += c[r * block->c_pitch + j];                                              \
                if (block->scale)                                                                  \
                    sum = sum * ((const T *)block->scale)[j] + ((const T *)block->shift)[j];       \
                if (block->added)                                                                  \
                    sum += ((const T *)block->added)[r * block->added_pitch + j];                  \
                c[r * block->c_pitch + j] = (T)fc_ref_clamp_##F(sum, block->relu, block->ceiling); \
            }                                                                                      \
    }
ROWS(float, f32, double)
ROWS(double, f64, long double)
