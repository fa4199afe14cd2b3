/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/depthwise.h"

enum { MOST_ROWS = 40 };

/* A window of the kernel and where it goes. */
typedef struct window {
    size_t k_h, k_w, stride, dilation;
} window;

/* Every row lies in a buffer of its own, as long as its contract says: a read past it meets poison, which is NaN. */
static void make_rows(check_buffer *buffers, const void **rows, size_t count, size_t bytes, size_t element) {
    for (size_t i = 0; i < count; i++) {
        buffers[i] = check_alloc(bytes, i % 4 * element);
        rows[i] = buffers[i].data;
    }
}

static void free_rows(check_buffer *buffers, size_t count) {
    for (size_t i = 0; i < count; i++)
        check_free(&buffers[i]);
}

#define CHECK_TYPED(T, F, TINY)                                                                                     \
    static void check_cells_##F(                                                                                    \
        const fc_kernels *kernels, const char *isa, window k, size_t channels, size_t count, size_t out_rows) {     \
        check_buffer buffers[MOST_ROWS];                                                                            \
        const void *rows[MOST_ROWS];                                                                                \
        const size_t taps = k.k_h * k.k_w, n_rows = k.k_h + out_rows - 1,                                           \
                     reach = (count - 1) * k.stride + (k.k_w - 1) * k.dilation + 1;                                 \
        const size_t before = check_random_below(k.k_w * k.dilation), width = 1 + check_random_below(reach + 3);    \
        const size_t x_pitch = channels + check_random_below(3), y_pitch = channels + check_random_below(3),        \
                     y_row = count * y_pitch;                                                                       \
        const int relu = (int)check_random_below(2), has_start = (int)check_random_below(2);                        \
        check_case("depthwise_cells_" #F, isa,                                                                      \
            "%zux%zu stride %zu dilation %zu channels %zu count %zu rows %zu width %zu first -%zu", k.k_h, k.k_w,   \
            k.stride, k.dilation, channels, count, out_rows, width, before);                                        \
        make_rows(buffers, rows, n_rows, ((width - 1) * x_pitch + channels) * sizeof(T), sizeof(T));                \
        for (size_t i = 0; i < n_rows; i++)                                                                         \
            check_fill_##F((T *)buffers[i].data, buffers[i].bytes / sizeof(T));                                     \
        check_buffer w = check_alloc(((taps - 1) * (channels + 1) + channels) * sizeof(T), sizeof(T)),              \
                     start = check_alloc(channels * sizeof(T), 0);                                                  \
        check_buffer y = check_alloc(                                                                               \
            ((out_rows - 1) * y_row + (count - 1) * y_pitch + channels) * sizeof(T), sizeof(T));                    \
        check_buffer want = check_alloc(y.bytes, 0);                                                                \
        check_fill_##F((T *)w.data, w.bytes / sizeof(T));                                                           \
        check_fill_##F((T *)start.data, channels);                                                                  \
        fc_depthwise_cells block = {                                                                                \
            .k_h = k.k_h,                                                                                           \
            .k_w = k.k_w,                                                                                           \
            .stride = (ptrdiff_t)k.stride,                                                                          \
            .dilation = (ptrdiff_t)k.dilation,                                                                      \
            .first = -(ptrdiff_t)before,                                                                            \
            .width = (ptrdiff_t)width,                                                                              \
            .rows = rows,                                                                                           \
            .x_pitch = (ptrdiff_t)x_pitch,                                                                          \
            .w = w.data,                                                                                            \
            .w_pitch = channels + 1,                                                                                \
            .start = has_start ? start.data : NULL,                                                                 \
            .channels = channels,                                                                                   \
            .count = count,                                                                                         \
            .out_rows = out_rows,                                                                                   \
            .y = y.data,                                                                                            \
            .y_pitch = (ptrdiff_t)y_pitch,                                                                          \
            .y_row_pitch = (ptrdiff_t)y_row,                                                                        \
            .relu = relu,                                                                                           \
            .ceiling = (float)check_random_below(2),                                                                \
        };                                                                                                          \
        kernels->depthwise_cells_##F(&block);                                                                       \
        block.y = want.data;                                                                                        \
        fc_ref_depthwise_cells_##F(&block);                                                                         \
        check_close_##F((T *)y.data, (T *)want.data, y.bytes / sizeof(T), TINY, (double)taps + 1);                  \
        check_guards(&y);                                                                                           \
        free_rows(buffers, n_rows);                                                                                 \
        check_free(&w);                                                                                             \
        check_free(&start);                                                                                         \
        check_free(&y);                                                                                             \
        check_free(&want);                                                                                          \
    }                                                                                                               \
    static void check_planes_##F(const fc_kernels *kernels, const char *isa, window k, size_t cols, size_t count) { \
        check_buffer buffers[MOST_ROWS];                                                                            \
        const void *rows[MOST_ROWS];                                                                                \
        ptrdiff_t offsets[8];                                                                                       \
        T w[64], start;                                                                                             \
        const size_t taps = k.k_h * k.k_w, n_rows = (count - 1) * k.stride + (k.k_h - 1) * k.dilation + 1;          \
        const size_t y_pitch = cols + check_random_below(3);                                                        \
        const int relu = (int)check_random_below(2), has_start = (int)check_random_below(2);                        \
        check_case("depthwise_planes_" #F, isa, "%zux%zu stride %zu dilation %zu cols %zu count %zu", k.k_h, k.k_w, \
            k.stride, k.dilation, cols, count);                                                                     \
        make_rows(buffers, rows, n_rows, (cols + 8 + FC_DEPTHWISE_SLACK) * sizeof(T), sizeof(T));                   \
        for (size_t i = 0; i < n_rows; i++)                                                                         \
            check_fill_##F((T *)buffers[i].data, cols + 8);                                                         \
        for (size_t t = 0; t < k.k_w; t++)                                                                          \
            offsets[t] = (ptrdiff_t)(t * 5 % 8);                                                                    \
        check_buffer y = check_alloc(((count - 1) * y_pitch + cols) * sizeof(T), sizeof(T)),                        \
                     want = check_alloc(y.bytes, 0);                                                                \
        check_fill_##F(w, taps);                                                                                    \
        check_fill_##F(&start, 1);                                                                                  \
        fc_depthwise_planes block = {                                                                               \
            .k_h = k.k_h,                                                                                           \
            .k_w = k.k_w,                                                                                           \
            .stride = k.stride,                                                                                     \
            .dilation = k.dilation,                                                                                 \
            .rows = rows,                                                                                           \
            .offsets = offsets,                                                                                     \
            .w = w,                                                                                                 \
            .start = has_start ? &start : NULL,                                                                     \
            .count = count,                                                                                         \
            .cols = cols,                                                                                           \
            .y = y.data,                                                                                            \
            .y_pitch = (ptrdiff_t)y_pitch,                                                                          \
            .relu = relu,                                                                                           \
            .ceiling = (float)check_random_below(2),                                                                \
        };                                                                                                          \
        kernels->depthwise_planes_##F(&block);                                                                      \
        block.y = want.data;                                                                                        \
        fc_ref_depthwise_planes_##F(&block);                                                                        \
        check_close_##F((T *)y.data, (T *)want.data, y.bytes / sizeof(T), TINY, (double)taps + 1);                  \
        check_guards(&y);                                                                                           \
        free_rows(buffers, n_rows);                                                                                 \
        check_free(&y);                                                                                             \
        check_free(&want);                                                                                          \
    }                                                                                                               \
    static void check_deinterleave_##F(                                                                             \
        const fc_kernels *kernels, const char *isa, size_t rows, size_t cols, size_t step) {                        \
        void *phases[4], *wanted[4];                                                                                \
        const size_t x_pitch = cols + rows % 3, length = (cols + step - 1) / step, y_pitch = step * length + 1;     \
        check_buffer x = check_alloc(((rows - 1) * x_pitch + cols) * sizeof(T), sizeof(T));                         \
        check_buffer y = check_alloc(rows * y_pitch * sizeof(T), sizeof(T)), want = check_alloc(y.bytes, 0);        \
        check_case("deinterleave_" #F, isa, "rows %zu cols %zu step %zu", rows, cols, step);                        \
        check_fill_##F((T *)x.data, x.bytes / sizeof(T));                                                           \
        for (size_t f = 0; f < step; f++) {                                                                         \
            phases[f] = (f + cols) % 3 ? (T *)y.data + f * length : NULL;                                           \
            wanted[f] = phases[f] ? (T *)want.data + f * length : NULL;                                             \
        }                                                                                                           \
        fc_deinterleave block = {rows, cols, step, x.data, (ptrdiff_t)x_pitch, phases, (ptrdiff_t)y_pitch};         \
        kernels->deinterleave_##F(&block);                                                                          \
        block.y = wanted;                                                                                           \
        fc_ref_deinterleave_##F(&block);                                                                            \
        check_same_bytes(y.data, want.data, y.bytes);                                                               \
        check_guards(&y);                                                                                           \
        check_free(&x);                                                                                             \
        check_free(&y);                                                                                             \
        check_free(&want);                                                                                          \
    }                                                                                                               \
    static void check_repeat_##F(const fc_kernels *kernels, const char *isa, size_t n, size_t times) {              \
        check_buffer x = check_alloc(n * sizeof(T), sizeof(T)), y = check_alloc(n * times * sizeof(T), sizeof(T)),  \
                     want = check_alloc(y.bytes, 0);                                                                \
        check_case("repeat_" #F, isa, "n %zu times %zu", n, times);                                                 \
        check_fill_##F((T *)x.data, n);                                                                             \
        kernels->repeat_##F(n, times, x.data, y.data);                                                              \
        fc_ref_repeat_##F(n, times, x.data, want.data);                                                             \
        check_same_bytes(y.data, want.data, y.bytes);                                                               \
        check_guards(&y);                                                                                           \
        check_free(&x);                                                                                             \
        check_free(&y);                                                                                             \
        check_free(&want);                                                                                          \
    }
CHECK_TYPED(float, f32, 0x1p-23)
CHECK_TYPED(double, f64, 0x1p-52)

typedef struct bench {
    fc_depthwise_cells_fn *cells;
    fc_depthwise_planes_fn *planes;
    fc_depthwise_cells rows;
    fc_depthwise_planes columns;
} bench;
static void run_cells(void *b) { ((bench *)b)->cells(&((bench *)b)->rows); }
static void run_planes(void *b) { ((bench *)b)->planes(&((bench *)b)->columns); }

static void time_all(const fc_kernels *kernels, const char *isa) {
    enum { CHANNELS = 64, COLS = 28 };
    static float x[8][CHANNELS * COLS], y[2 * CHANNELS * COLS], w[25 * CHANNELS];
    static const ptrdiff_t offsets[] = {0, 1, 2, 3, 4};
    const void *rows[8];
    for (size_t i = 0; i < 8; i++)
        rows[i] = x[i];
    for (size_t k = 3; k <= 5; k += 2) {
        bench b = {.cells = kernels->depthwise_cells_f32, .planes = kernels->depthwise_planes_f32};
        b.rows = (fc_depthwise_cells){
            .k_h = k,
            .k_w = k,
            .stride = 1,
            .dilation = 1,
            .first = -(ptrdiff_t)k / 2,
            .width = COLS,
            .rows = rows,
            .x_pitch = CHANNELS,
            .w = w,
            .w_pitch = CHANNELS,
            .channels = CHANNELS,
            .count = COLS,
            .out_rows = 2,
            .y = y,
            .y_pitch = CHANNELS,
            .y_row_pitch = CHANNELS * COLS,
        };
        b.columns = (fc_depthwise_planes){.k_h = k,
            .k_w = k,
            .stride = 1,
            .dilation = 1,
            .rows = rows,
            .offsets = offsets,
            .w = w,
            .count = 9 - k,
            .cols = 512,
            .y = y,
            .y_pitch = 512};
        check_time("depthwise_cells_f32", isa, k == 3 ? "3x3, 2 x 28 x 64" : "5x5, 2 x 28 x 64", run_cells, &b,
            4.0 * (double)(k * k) * CHANNELS * COLS, "GFLOP/s");
        check_time("depthwise_planes_f32", isa, k == 3 ? "3x3, 6 x 512" : "5x5, 4 x 512", run_planes, &b,
            2.0 * (double)(k * k * (9 - k)) * 512, "GFLOP/s");
    }
}

void check_depthwise(const fc_kernels *kernels, const char *isa) {
    static const window windows[] = {{3, 3, 1, 1}, {3, 3, 2, 1}, {3, 3, 1, 2}, {3, 3, 3, 1}, {3, 3, 2, 2}, {5, 5, 1, 1},
        {5, 5, 2, 1}, {5, 5, 1, 3}, {1, 1, 1, 1}, {2, 4, 1, 2}, {7, 7, 1, 1}};
    static const size_t sizes[] = {1, 3, 8, 15, 16, 17, 37};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++)
            for (size_t count = 1; count <= 36; count = count < 8 ? count + 1 : count * 2 + 1) {
                check_cells_f32(kernels, isa, windows[i], sizes[j], count, 1 + j % 2);
                check_cells_f64(kernels, isa, windows[i], sizes[j], count, 1 + j % 2);
                if (count < 8) {
                    check_planes_f32(kernels, isa, windows[i], sizes[j], count);
                    check_planes_f64(kernels, isa, windows[i], sizes[j], count);
                }
            }
    for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++)
        for (size_t step = 1; step <= 4; step++) {
            check_deinterleave_f32(kernels, isa, step, sizes[j], step);
            check_deinterleave_f64(kernels, isa, 3, sizes[j], step);
            check_repeat_f32(kernels, isa, sizes[j], step * step + 1);
            check_repeat_f64(kernels, isa, sizes[j], step);
        }
    if (check_benching())
        time_all(kernels, isa);
}
