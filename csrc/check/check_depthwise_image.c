/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/depthwise.h"

typedef struct image {
    size_t k, stride, planes, count, cols;
    ptrdiff_t first_row, first_col, missing;
} image; /* missing: columns of the last window */

/* What lies around the image and between its rows can be read and is NaN. */
#define CHECK_IMAGE(T, F, TINY)                                                                                        \
    static void check_image_##F(const fc_kernels *kernels, const char *isa, image c, int shared) {                     \
        const ptrdiff_t k = (ptrdiff_t)c.k, height = (ptrdiff_t)((c.count - 1) * c.stride) + k + c.first_row - 1;      \
        const ptrdiff_t width = (ptrdiff_t)((c.cols - 1) * c.stride) + k + c.first_col - c.missing;                    \
        const ptrdiff_t x_pitch = width + (ptrdiff_t)check_random_below(3), x_plane = height * x_pitch,                \
                        y_pitch = (ptrdiff_t)(c.cols + check_random_below(3));                                         \
        const size_t cells = c.planes * (size_t)x_plane + 2 * FC_DEPTHWISE_REACH, taps = c.k * c.k;                    \
        check_case("depthwise_image_" #F, isa, "%zux%zu stride %zu planes %zu of %zu x %zu first %td,%td missing %td", \
            c.k, c.k, c.stride, c.planes, c.count, c.cols, c.first_row, c.first_col, c.missing);                       \
        check_buffer x = check_alloc(cells * sizeof(T), sizeof(T)),                                                    \
                     w = check_alloc(c.planes * taps * sizeof(T), sizeof(T));                                          \
        check_buffer start = check_alloc(c.planes * sizeof(T), sizeof(T));                                             \
        check_buffer y = check_alloc(c.planes * c.count * (size_t)y_pitch * sizeof(T), sizeof(T)),                     \
                     want = check_alloc(y.bytes, 0);                                                                   \
        T *first = (T *)x.data + FC_DEPTHWISE_REACH;                                                                   \
        for (size_t i = 0; i < cells; i++)                                                                             \
            ((T *)x.data)[i] = (T)NAN;                                                                                 \
        for (size_t r = 0; r < c.planes * (size_t)height; r++)                                                         \
            check_fill_##F(first + (ptrdiff_t)r * x_pitch, (size_t)width);                                             \
        check_fill_##F((T *)w.data, c.planes *taps);                                                                   \
        check_fill_##F((T *)start.data, c.planes);                                                                     \
        check_fill_##F((T *)y.data, y.bytes / sizeof(T));                                                              \
        memcpy(want.data, y.data, y.bytes);                                                                            \
        fc_depthwise_image block = {                                                                                   \
            .k = c.k,                                                                                                  \
            .stride = c.stride,                                                                                        \
            .planes = c.planes,                                                                                        \
            .count = c.count,                                                                                          \
            .cols = c.cols,                                                                                            \
            .x = first,                                                                                                \
            .x_plane = shared ? 0 : x_plane,                                                                           \
            .x_pitch = x_pitch,                                                                                        \
            .height = height,                                                                                          \
            .width = width,                                                                                            \
            .first_row = c.first_row,                                                                                  \
            .first_col = c.first_col,                                                                                  \
            .w = w.data,                                                                                               \
            .start = c.count % 2 ? start.data : NULL,                                                                  \
            .y = y.data,                                                                                               \
            .y_plane = (ptrdiff_t)c.count * y_pitch,                                                                   \
            .y_pitch = y_pitch,                                                                                        \
            .relu = (int)check_random_below(2),                                                                        \
            .ceiling = (float)check_random_below(2),                                                                   \
        };                                                                                                             \
        kernels->depthwise_image_##F(&block);                                                                          \
        block.y = want.data;                                                                                           \
        fc_ref_depthwise_image_##F(&block);                                                                            \
        check_close_##F((T *)y.data, (T *)want.data, y.bytes / sizeof(T), TINY, (double)taps + 1);                     \
        check_guards(&y);                                                                                              \
        check_free(&x);                                                                                                \
        check_free(&w);                                                                                                \
        check_free(&start);                                                                                            \
        check_free(&y);                                                                                                \
        check_free(&want);                                                                                             \
    }
CHECK_IMAGE(float, f32, 0x1p-23)
CHECK_IMAGE(double, f64, 0x1p-52)

void check_depthwise_image(const fc_kernels *kernels, const char *isa) {
    static const size_t cols[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 50};
    for (size_t k = 3; k <= 5; k += 2)
        for (size_t stride = 1; stride <= 2; stride++)
            for (size_t i = 0; i < sizeof cols / sizeof *cols; i++)
                for (size_t count = k; count < k + 4; count++)
                    for (ptrdiff_t before = 0; before < (ptrdiff_t)k; before++) {
                        const image c = {k, stride, 1 + i % 5, count, cols[i], -before,
                            -((before + (ptrdiff_t)count) % (ptrdiff_t)k), (ptrdiff_t)((count + i) % k)};
                        if ((ptrdiff_t)((c.cols - 1) * stride + k) + c.first_col <= c.missing)
                            continue; /* no image */
                        check_image_f32(kernels, isa, c, count % 3 == 0);
                        check_image_f64(kernels, isa, c, count % 3 == 1);
                    }
}
