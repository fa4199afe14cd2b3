/* SPDX-License-Identifier: MIT */
#include "kernels/ref/pool.h"

#include <math.h>

/* Cell (r, k) of window j % count of line j / count, channel c. */
static size_t cell(const fc_pool_span *s, size_t j, size_t c, size_t r, size_t k) {
    return j / s->count * s->x_line + j % s->count * s->step + r * s->row_pitch + k * s->col_pitch + c;
}

/* Whether cell (r, k) of window j has met another window: in a row above, in an earlier span or before it in this one.
 */
static int has_sum(const fc_pool_span *s, size_t j, size_t r, size_t k) {
    return r < s->met_rows || (j % s->count ? k * s->channels + s->step < s->cols * s->channels : k < s->met_cols);
}

/* Element i of what the windows give or get, the lines one after the other. */
static size_t place(const fc_pool_span *s, size_t i) {
    const size_t line = s->count * s->channels;
    return i / line * s->window_line + i % line;
}

#define EACH_CELL(s)                       \
    for (size_t r = 0; r < (s)->rows; r++) \
        for (size_t k = 0; k < (s)->cols; k++)

#define POOL(T, F)                                                                                                 \
    /* The first cell that no later one exceeds; comparisons with NaN are false. */                                \
    static size_t first_maximum_##F(const fc_pool_span *s, const T *x, size_t j, size_t c) {                       \
        size_t at = cell(s, j, c, 0, 0);                                                                           \
        EACH_CELL(s)                                                                                               \
        if (x[cell(s, j, c, r, k)] > x[at])                                                                        \
            at = cell(s, j, c, r, k);                                                                              \
        return at;                                                                                                 \
    }                                                                                                              \
    static T max_##F(const fc_pool_span *s, const T *x, size_t j, size_t c) {                                      \
        EACH_CELL(s)                                                                                               \
        if (isnan(x[cell(s, j, c, r, k)]))                                                                         \
            return (T)NAN;                                                                                         \
        return x[first_maximum_##F(s, x, j, c)];                                                                   \
    }                                                                                                              \
    static T avg_##F(const fc_pool_span *s, const T *x, size_t j, size_t c) {                                      \
        double sum = 0;                                                                                            \
        EACH_CELL(s)                                                                                               \
        sum += x[cell(s, j, c, r, k)];                                                                             \
        return (T)(sum / (double)(s->rows * s->cols));                                                             \
    }                                                                                                              \
    void fc_ref_pool_max_##F(const fc_pool_span *s, const void *x, const void *from, void *to) {                   \
        (void)from;                                                                                                \
        for (size_t i = 0; i < s->lines * s->count * s->channels; i++)                                             \
            ((T *)to)[place(s, i)] = max_##F(s, x, i / s->channels, i % s->channels);                              \
    }                                                                                                              \
    void fc_ref_pool_avg_##F(const fc_pool_span *s, const void *x, const void *from, void *to) {                   \
        (void)from;                                                                                                \
        for (size_t i = 0; i < s->lines * s->count * s->channels; i++)                                             \
            ((T *)to)[place(s, i)] = avg_##F(s, x, i / s->channels, i % s->channels);                              \
    }                                                                                                              \
    static void give_##F(const fc_pool_span *s, size_t j, size_t c, size_t r, size_t k, T share, T *to) {          \
        T *target = to + cell(s, j, c, r - s->grad_begin, k);                                                      \
        *target = has_sum(s, j, r, k) ? *target + share : share;                                                   \
    }                                                                                                              \
    void fc_ref_pool_max_grad_##F(const fc_pool_span *s, const void *x, const void *from, void *to) {              \
        for (size_t i = 0; i < s->lines * s->count * s->channels; i++) {                                           \
            const size_t j = i / s->channels, c = i % s->channels, at = first_maximum_##F(s, x, j, c);             \
            for (size_t r = s->grad_begin; r < s->grad_end; r++)                                                   \
                for (size_t k = 0; k < s->cols; k++)                                                               \
                    give_##F(s, j, c, r, k, cell(s, j, c, r, k) == at ? ((const T *)from)[place(s, i)] : 0, to);   \
        }                                                                                                          \
    }                                                                                                              \
    void fc_ref_pool_avg_grad_##F(const fc_pool_span *s, const void *x, const void *from, void *to) {              \
        (void)x;                                                                                                   \
        for (size_t i = 0; i < s->lines * s->count * s->channels; i++)                                             \
            for (size_t r = s->grad_begin; r < s->grad_end; r++)                                                   \
                for (size_t k = 0; k < s->cols; k++)                                                               \
                    give_##F(s, i / s->channels, i % s->channels, r, k,                                            \
                        ((const T *)from)[place(s, i)] / (T)(s->rows * s->cols), to);                              \
    }                                                                                                              \
    void fc_ref_pool_max_pick_##F(const fc_pool_span *s, const void *x, const void *from, void *to) {              \
        for (size_t i = 0; i < s->lines * s->count * s->channels; i++)                                             \
            ((T *)to)[place(s, i)] = ((const T *)from)[first_maximum_##F(s, x, i / s->channels, i % s->channels)]; \
    }
POOL(float, f32)
POOL(double, f64)
