/* SPDX-License-Identifier: MIT */
/* Batch normalization against kernels/ref: any number of rows and columns, gaps that keep their bytes. */
#include <math.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/norm.h"

typedef struct norm_case {
    size_t rows, width, gap;
    int relu, added, masked, special;
} norm_case;

enum { ARRAYS = 8 };

#define CHECK_NORM(T, F, EPSILON)                                                                                   \
    static void compare_##F(                                                                                        \
        fc_norm_fn *run, fc_norm_fn *reference, const char *slot, const char *isa, const norm_case *p) {            \
        const size_t pitch = p->width + p->gap, whole = (p->rows - 1) * pitch + p->width;                           \
        const size_t sizes[ARRAYS] = {whole, whole, whole, p->width, p->width, p->width, p->width, p->width};       \
        check_buffer from[ARRAYS], got[3], want[3];                                                                 \
        check_case(slot, isa, #F " %zu rows of %zu, gap %zu, relu %d added %d masked %d special %d", p->rows,       \
            p->width, p->gap, p->relu, p->added, p->masked, p->special);                                            \
        for (size_t i = 0; i < ARRAYS; i++) {                                                                       \
            from[i] = check_alloc(sizes[i] * sizeof(T), sizeof(T) * (i % 3));                                       \
            check_fill_##F((T *)from[i].data, sizes[i]);                                                            \
        }                                                                                                           \
        if (p->special)                                                                                             \
            ((T *)from[0].data)[check_random_below(whole)] = p->special > 1 ? INFINITY : NAN;                       \
        for (size_t i = 0; i < 3; i++) {                                                                            \
            got[i] = check_alloc((i ? whole : 2 * p->width) * sizeof(T), sizeof(T) * (i % 2));                      \
            want[i] = check_alloc(got[i].bytes, 0);                                                                 \
            check_fill_##F((T *)got[i].data, got[i].bytes / sizeof(T));                                             \
            memcpy(want[i].data, got[i].data, got[i].bytes);                                                        \
        }                                                                                                           \
        fc_norm_block b = {.rows = p->rows,                                                                         \
            .width = p->width,                                                                                      \
            .pitch = pitch,                                                                                         \
            .relu = p->relu,                                                                                        \
            .x = from[0].data,                                                                                      \
            .added = p->added ? from[1].data : NULL,                                                                \
            .dy = from[2].data,                                                                                     \
            .mean = from[3].data,                                                                                   \
            .factor = from[4].data,                                                                                 \
            .offset = from[5].data,                                                                                 \
            .slope = from[6].data,                                                                                  \
            .shift = from[7].data,                                                                                  \
            .sums = got[0].data,                                                                                    \
            .to = got[1].data,                                                                                      \
            .masked = p->masked ? got[2].data : NULL};                                                              \
        run(&b);                                                                                                    \
        b.sums = want[0].data, b.to = want[1].data, b.masked = p->masked ? want[2].data : NULL;                     \
        reference(&b);                                                                                              \
        for (size_t i = 0; i < 3; i++) {                                                                            \
            check_close_##F(                                                                                        \
                (T *)got[i].data, (T *)want[i].data, got[i].bytes / sizeof(T), EPSILON, 8 * ((double)p->rows + 4)); \
            check_guards(&got[i]);                                                                                  \
            check_free(&got[i]);                                                                                    \
            check_free(&want[i]);                                                                                   \
        }                                                                                                           \
        for (size_t i = 0; i < ARRAYS; i++)                                                                         \
            check_free(&from[i]);                                                                                   \
    }                                                                                                               \
    static void slots_##F(const fc_kernels *k, const char *isa, const norm_case *p) {                               \
        compare_##F(k->norm_moments_##F, fc_ref_norm_moments_##F, "norm_moments", isa, p);                          \
        compare_##F(k->norm_apply_##F, fc_ref_norm_apply_##F, "norm_apply", isa, p);                                \
        compare_##F(k->norm_grad_sums_##F, fc_ref_norm_grad_sums_##F, "norm_grad_sums", isa, p);                    \
        compare_##F(k->norm_grad_##F, fc_ref_norm_grad_##F, "norm_grad", isa, p);                                   \
    }
CHECK_NORM(float, f32, 0x1p-24)
CHECK_NORM(double, f64, 0x1p-53)

void check_norm(const fc_kernels *kernels, const char *isa) {
    static const size_t widths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64};
    enum { CASES = 90 };
    for (size_t i = 0; i < CASES; i++) {
        const norm_case p = {.rows = 1 + check_random_below(9),
            .width = widths[i % 18],
            .gap = i % 4,
            .relu = i % 3 > 0,
            .added = i % 3 > 1,
            .masked = i / 3 % 2,
            .special = i % 7 ? 0 : 1 + (int)(i / 7 % 2)};
        slots_f32(kernels, isa, &p);
        slots_f64(kernels, isa, &p);
    }
}
