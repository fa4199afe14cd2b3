/* SPDX-License-Identifier: MIT */
#include "kernels/ref/planes.h"

#define PLANES(T, F, WIDE)                                                              \
    void fc_ref_planes_##F(const fc_planes_block *block, size_t rows, size_t cols) {    \
        const T *a = block->a, *b = block->b, *start = block->start;                    \
        T *c = block->c;                                                                \
        for (size_t r = 0; r < rows; r++)                                               \
            for (size_t j = 0; j < cols; j++) {                                         \
                WIDE sum = start ? start[r] : 0;                                        \
                for (size_t i = 0; i < block->k; i++)                                   \
                    sum += (WIDE)a[i * rows + r] * b[block->offsets[i] + (ptrdiff_t)j]; \
                if (block->accumulate)                                                  \
                    sum += c[r * block->c_pitch + j];                                   \
                c[r * block->c_pitch + j] = (T)(block->relu && sum < 0 ? 0 : sum);      \
            }                                                                           \
    }
PLANES(float, f32, double)
PLANES(double, f64, long double)
