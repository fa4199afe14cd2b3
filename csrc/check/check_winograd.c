/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/winograd.h"

enum { N = FC_WINOGRAD_LARGEST };

/* The largest magnitude `matrix` can give from both sides to values below 1. */
static double reach(const double *matrix, size_t rows, size_t inner) {
    double most = 0;
    for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t j = 0; j < inner; j++)
            sum += fabs(matrix[i * inner + j]);
        most = sum > most ? sum : most;
    }
    return most * most;
}

/* want[i * rows + j] of one channel = matrix from matrix^T, where element e of `from` lies at from[e][channel]. */
#define CHECK_WINOGRAD(T, F, LANES_AT_MOST, EPSILON)                                                                 \
    static void spread_##F(                                                                                          \
        const double *matrix, size_t rows, size_t inner, const T *const *from, size_t channel, double *want) {       \
        double patch[N * N];                                                                                         \
        for (size_t e = 0; e < inner * inner; e++)                                                                   \
            patch[e] = (double)from[e][channel];                                                                     \
        fc_ref_winograd_both_sides(matrix, rows, inner, patch, want);                                                \
    }                                                                                                                \
    /* The input's and the kernel's transform: elements e of channel i at [e * pitch + i], and nothing between them. \
     */                                                                                                              \
    static void check_spread_##F(const fc_winograd *set, const char *isa, int kernel, size_t channels, size_t gap) { \
        const fc_ref_winograd w = fc_ref_winograd_matrices(set->m, set->r);                                          \
        const size_t n = set->m + set->r - 1, inner = kernel ? set->r : n, pitch = channels + gap,                   \
                     shift = sizeof(T) * (gap % 3);                                                                  \
        const double *matrix = kernel ? w.g : w.b;                                                                   \
        check_case(kernel ? "winograd kernel_" #F : "winograd input_" #F, isa, "F(%zu, %zu) channels %zu gap %zu",   \
            set->m, set->r, channels, gap);                                                                          \
        check_buffer from = check_alloc(N * N * channels * sizeof(T), shift);                                        \
        check_buffer to = check_alloc(((n * n - 1) * pitch + channels) * sizeof(T), shift),                          \
                     want = check_alloc(to.bytes, 0);                                                                \
        check_fill_##F((T *)from.data, from.bytes / sizeof(T));                                                      \
        check_fill_bytes(to.data, to.bytes);                                                                         \
        memcpy(want.data, to.data, to.bytes);                                                                        \
        const T *cells[N * N];                                                                                       \
        for (size_t e = 0; e < inner * inner; e++)                                                                   \
            cells[e] = (const T *)from.data + (inner * inner - 1 - e) * channels;                                    \
        if (kernel)                                                                                                  \
            set->kernel((const void *const *)cells, channels, to.data, pitch);                                       \
        else                                                                                                         \
            set->input((const void *const *)cells, channels, to.data, pitch);                                        \
        for (size_t i = 0; i < channels; i++) {                                                                      \
            double values[N * N];                                                                                    \
            spread_##F(matrix, n, inner, cells, i, values);                                                          \
            for (size_t e = 0; e < n * n; e++) {                                                                     \
                const T value = (T)values[e];                                                                        \
                check_close_##F((T *)to.data + e * pitch + i, &value, 1, 8 * EPSILON, reach(matrix, n, inner));      \
                ((T *)want.data)[e * pitch + i] = ((T *)to.data)[e * pitch + i];                                     \
            }                                                                                                        \
        }                                                                                                            \
        check_same_bytes(to.data, want.data, to.bytes);                                                              \
        check_guards(&to);                                                                                           \
        check_free(&from);                                                                                           \
        check_free(&to);                                                                                             \
        check_free(&want);                                                                                           \
    }                                                                                                                \
    /* bad: the element that is not finite, or none. */                                                              \
    static void check_output_##F(                                                                                    \
        const fc_winograd *set, const char *isa, size_t channels, size_t rows, size_t cols, int bad) {               \
        const fc_ref_winograd w = fc_ref_winograd_matrices(set->m, set->r);                                          \
        const size_t n = set->m + set->r - 1, m = set->m,                                                            \
                     whole = (channels + LANES_AT_MOST - 1) / LANES_AT_MOST * LANES_AT_MOST;                         \
        const size_t col_pitch = channels + 1, row_pitch = col_pitch * cols + 2, relu = channels % 2;                \
        check_case("winograd output_" #F, isa, "F(%zu, %zu) channels %zu rows %zu cols %zu bad %d", m, set->r,       \
            channels, rows, cols, bad);                                                                              \
        check_buffer values = check_alloc(n * n * whole * sizeof(T), sizeof(T)),                                     \
                     bias = check_alloc(whole * sizeof(T), sizeof(T));                                               \
        check_buffer y = check_alloc(                                                                                \
            ((rows - 1) * row_pitch + (cols - 1) * col_pitch + channels) * sizeof(T), sizeof(T));                    \
        check_buffer want = check_alloc(y.bytes, 0);                                                                 \
        check_fill_##F((T *)values.data, values.bytes / sizeof(T));                                                  \
        check_fill_##F((T *)bias.data, whole);                                                                       \
        check_fill_bytes(y.data, y.bytes);                                                                           \
        memcpy(want.data, y.data, y.bytes);                                                                          \
        if (bad >= 0)                                                                                                \
            ((T *)values.data)[(size_t)bad * whole + channels - 1] = (T)(bad % 2 ? INFINITY : NAN);                  \
        const fc_winograd_tile tile = {values.data, whole, channels, relu ? bias.data : NULL, (int)relu, y.data,     \
            row_pitch, col_pitch, rows, cols};                                                                       \
        check_true(set->output(&tile) == (bad < 0), "finite values taken for others, or the reverse");               \
        const T *elements[N * N];                                                                                    \
        for (size_t e = 0; e < n * n; e++)                                                                           \
            elements[e] = (const T *)values.data + e * whole;                                                        \
        for (size_t c = 0; c + (bad >= 0) < channels; c++) {                                                         \
            double pixels[N * N];                                                                                    \
            spread_##F(w.a, m, n, elements, c, pixels);                                                              \
            for (size_t i = 0; i < rows; i++)                                                                        \
                for (size_t j = 0; j < cols; j++) {                                                                  \
                    const size_t at = i * row_pitch + j * col_pitch + c;                                             \
                    const double sum = pixels[i * m + j] + (relu ? (double)((T *)bias.data)[c] : 0);                 \
                    const T value = (T)(relu && sum < 0 ? 0 : sum);                                                  \
                    check_close_##F((T *)y.data + at, &value, 1, 8 * EPSILON, reach(w.a, m, n));                     \
                    ((T *)want.data)[at] = ((T *)y.data)[at];                                                        \
                }                                                                                                    \
        }                                                                                                            \
        if (bad < 0)                                                                                                 \
            check_same_bytes(y.data, want.data, y.bytes);                                                            \
        check_guards(&y);                                                                                            \
        check_free(&values);                                                                                         \
        check_free(&bias);                                                                                           \
        check_free(&y);                                                                                              \
        check_free(&want);                                                                                           \
    }                                                                                                                \
    static void check_set_##F(const fc_winograd *set, const char *isa) {                                             \
        static const size_t counts[] = {1, 3, 8, 15, 16, 17, 40};                                                    \
        const int elements = (int)((set->m + set->r - 1) * (set->m + set->r - 1));                                   \
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {                                                \
            check_spread_##F(set, isa, 0, counts[i], i % 4);                                                         \
            check_spread_##F(set, isa, 1, counts[i], i % 4);                                                         \
            check_output_##F(set, isa, counts[i], set->m, set->m, -1);                                               \
            check_output_##F(set, isa, counts[i], 1 + i % set->m, 1 + i / 2 % set->m, -1);                           \
        }                                                                                                            \
        for (int bad = 0; bad < elements; bad++)                                                                     \
            check_output_##F(set, isa, 5, 1, set->m, bad);                                                           \
    }
CHECK_WINOGRAD(float, f32, 16, 0x1p-24)
CHECK_WINOGRAD(double, f64, 8, 0x1p-53)

void check_winograd(const fc_kernels *kernels, const char *isa) {
    for (size_t set = 0; set < FC_WINOGRAD_COUNT; set++) {
        check_set_f32(&kernels->winograd_f32[set], isa);
        check_set_f64(&kernels->winograd_f64[set], isa);
    }
}
