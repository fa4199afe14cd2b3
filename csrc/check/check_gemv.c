/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check/check.h"
#include "kernels/ref/gemv.h"

/* Gaps between rows, which in c must keep their bytes. */
#define CHECK_GEMV(T, F, EPSILON)                                                                                      \
    static void check_case_##F(fc_gemv_fn *run, const char *isa, size_t rows, size_t cols, size_t depth, size_t gap) { \
        const size_t shift = sizeof(T) * gap, pitch = cols + gap;                                                      \
        const int accumulate = (int)check_random_below(2), b_far = (int)check_random_below(2);                         \
        check_case("gemv_" #F, isa, "%zu rows, %zu cols, depth %zu, gap %zu, accumulate %d, far %d", rows, cols,       \
            depth, gap, accumulate, b_far);                                                                            \
        check_buffer a = check_alloc(((rows - 1) * (depth + gap) + depth) * sizeof(T), shift);                         \
        check_buffer b = check_alloc(((depth - 1) * pitch + cols) * sizeof(T), shift);                                 \
        check_buffer c = check_alloc(((rows - 1) * pitch + cols) * sizeof(T), shift), want = check_alloc(c.bytes, 0);  \
        check_fill_##F((T *)a.data, a.bytes / sizeof(T));                                                              \
        check_fill_##F((T *)b.data, b.bytes / sizeof(T));                                                              \
        check_fill_##F((T *)c.data, c.bytes / sizeof(T));                                                              \
        memcpy(want.data, c.data, c.bytes);                                                                            \
        fc_gemv block = {rows, cols, depth, a.data, depth + gap, b.data, pitch, c.data, pitch, accumulate, b_far};     \
        run(&block);                                                                                                   \
        block.c = want.data;                                                                                           \
        fc_ref_gemv_##F(&block);                                                                                       \
        check_close_##F((T *)c.data, (T *)want.data, c.bytes / sizeof(T), EPSILON, 2 * ((double)depth + 2));           \
        check_guards(&a);                                                                                              \
        check_guards(&b);                                                                                              \
        check_guards(&c);                                                                                              \
        check_free(&a);                                                                                                \
        check_free(&b);                                                                                                \
        check_free(&c);                                                                                                \
        check_free(&want);                                                                                             \
    }
CHECK_GEMV(float, f32, 0x1p-24)
CHECK_GEMV(double, f64, 0x1p-53)

void check_gemv(const fc_kernels *kernels, const char *isa) {
    static const size_t sizes[] = {1, 2, 7, 8, 9, 16, 24, 31, 32, 33, 49, 100}, depths[] = {1, 3, 4, 7, 8, 12, 15, 40};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof depths / sizeof *depths; k++) {
            check_case_f32(
                kernels->gemv_f32, isa, 1 + check_random_below(17), sizes[i], depths[k], check_random_below(4));
            check_case_f64(
                kernels->gemv_f64, isa, 1 + check_random_below(17), sizes[i], depths[k], check_random_below(4));
        }
}
