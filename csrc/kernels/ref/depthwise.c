/* SPDX-License-Identifier: MIT */
#include "kernels/ref/depthwise.h"

#include "kernels/ref/clamp.h"

#define DEPTHWISE(T, F, WIDE)                                                                                          \
    static WIDE cell_##F(const fc_depthwise_cells *b, size_t row, ptrdiff_t x, size_t c) {                             \
        return x < 0 || x >= b->width ? 0 : ((const T *)b->rows[row])[x * b->x_pitch + (ptrdiff_t)c];                  \
    }                                                                                                                  \
    void fc_ref_depthwise_cells_##F(const fc_depthwise_cells *b) {                                                     \
        for (size_t r = 0; r < b->out_rows; r++)                                                                       \
            for (size_t j = 0; j < b->count; j++)                                                                      \
                for (size_t c = 0; c < b->channels; c++) {                                                             \
                    WIDE sum = b->start ? ((const T *)b->start)[c] : 0;                                                \
                    for (size_t s = 0; s < b->k_h; s++)                                                                \
                        for (size_t t = 0; t < b->k_w; t++)                                                            \
                            sum += cell_##F(b, r + s,                                                                  \
                                       b->first + (ptrdiff_t)j * b->stride + (ptrdiff_t)t * b->dilation, c) *          \
                                ((const T *)b->w)[(s * b->k_w + t) * b->w_pitch + c];                                  \
                    ((T *)b->y)[(ptrdiff_t)r * b->y_row_pitch + (ptrdiff_t)j * b->y_pitch + (ptrdiff_t)c] = (T)        \
                        fc_ref_clamp_##F(sum, b->relu, b->ceiling);                                                    \
                }                                                                                                      \
    }                                                                                                                  \
    void fc_ref_depthwise_planes_##F(const fc_depthwise_planes *b) {                                                   \
        for (size_t i = 0; i < b->count; i++)                                                                          \
            for (size_t j = 0; j < b->cols; j++) {                                                                     \
                WIDE sum = b->start ? *(const T *)b->start : 0;                                                        \
                for (size_t s = 0; s < b->k_h; s++)                                                                    \
                    for (size_t t = 0; t < b->k_w; t++)                                                                \
                        sum += (WIDE)((                                                                                \
                                   const T *)b->rows[i * b->stride + s * b->dilation])[b->offsets[t] + (ptrdiff_t)j] * \
                            ((const T *)b->w)[s * b->k_w + t];                                                         \
                ((T *)b->y)[(ptrdiff_t)i * b->y_pitch + (ptrdiff_t)j] = (T)fc_ref_clamp_##F(sum, b->relu, b->ceiling); \
            }                                                                                                          \
    }                                                                                                                  \
    void fc_ref_depthwise_image_##F(const fc_depthwise_image *b) {                                                     \
        const ptrdiff_t k = (ptrdiff_t)b->k, stride = (ptrdiff_t)b->stride;                                            \
        for (ptrdiff_t p = 0; p < (ptrdiff_t)b->planes; p++)                                                           \
            for (ptrdiff_t i = 0; i < (ptrdiff_t)b->count; i++)                                                        \
                for (ptrdiff_t j = 0; j < (ptrdiff_t)b->cols; j++) {                                                   \
                    WIDE sum = b->start ? ((const T *)b->start)[p] : 0;                                                \
                    for (ptrdiff_t tap = 0; tap < k * k; tap++) {                                                      \
                        const ptrdiff_t row = b->first_row + i * stride + tap / k,                                     \
                                        col = b->first_col + j * stride + tap % k;                                     \
                        if (row >= 0 && row < b->height && col >= 0 && col < b->width)                                 \
                            sum += (WIDE)((const T *)b->x)[p * b->x_plane + row * b->x_pitch + col] *                  \
                                ((const T *)b->w)[p * k * k + tap];                                                    \
                    }                                                                                                  \
                    ((T *)b->y)[p * b->y_plane + i * b->y_pitch + j] = (T)fc_ref_clamp_##F(sum, b->relu, b->ceiling);  \
                }                                                                                                      \
    }                                                                                                                  \
    void fc_ref_deinterleave_##F(const fc_deinterleave *b) {                                                           \
        for (size_t r = 0; r < b->rows; r++)                                                                           \
            for (size_t x = 0; x < b->cols; x++)                                                                       \
                if (b->y[x % b->step])                                                                                 \
                    ((T *)b->y[x % b->step])[(ptrdiff_t)r * b->y_pitch + (ptrdiff_t)(x / b->step)] = ((                \
                        const T *)b->x)[(ptrdiff_t)r * b->x_pitch + (ptrdiff_t)x];                                     \
    }                                                                                                                  \
    void fc_ref_repeat_##F(size_t n, size_t times, const void *x, void *y) {                                           \
        for (size_t i = 0; i < n * times; i++)                                                                         \
            ((T *)y)[i] = ((const T *)x)[i / times];                                                                   \
    }
DEPTHWISE(float, f32, double)
DEPTHWISE(double, f64, long double)
