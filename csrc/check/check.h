/* SPDX-License-Identifier: MIT */
/*
 * Compares every kernel of every instruction set with its plain reference (kernels/ref), in the manner of checkasm:
 * random and extreme inputs, sizes around the vector and tile, any alignment, guard bytes around every buffer.
 */
#ifndef FC_CHECK_H
#define FC_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "fastconv.h"
#include "kernels/types.h"

/* A buffer of `bytes`, `shift` bytes past a cache line, between poisoned guards. */
typedef struct check_buffer {
    unsigned char *base, *data;
    size_t bytes;
} check_buffer;
check_buffer check_alloc(size_t bytes, size_t shift);
void check_free(check_buffer *buffer);

/* Random numbers from the seed that main prints. */
uint64_t check_random(void);
size_t check_random_below(size_t n);
double check_random_unit(void);          /* in (-1, 1) */
void check_fill_f32(float *x, size_t n); /* unit-scale values */
void check_fill_f64(double *x, size_t n);
void check_fill_f32_extremes(float *x, size_t n); /* also NaN, inf, -0, denormals, huge */
void check_fill_f64_extremes(double *x, size_t n);
void check_fill_bytes(void *x, size_t bytes);

/* Opens a case: everything below is counted for it. printf-like words name its parameters. */
void check_case(const char *slot, const char *isa, const char *parameters, ...) __attribute__((format(printf, 3, 4)));
/* |x - y| <= tolerance * scale, elementwise; NaN equals NaN. A failure prints the case and the first element that
 * differs. */
void check_close_f32(const float *got, const float *want, size_t n, double tolerance, double scale);
void check_close_f64(const double *got, const double *want, size_t n, double tolerance, double scale);
void check_same_bytes(const void *got, const void *want, size_t bytes);
void check_true(int condition, const char *what);
void check_guards(const check_buffer *buffer);

/* --bench: times `run(context)` and prints it with its rate; work in flops or bytes, unit "GFLOP/s" or "GB/s". */
int check_benching(void);
/* --ulp: errors of basic functions are measured over their float32 arguments. */
int check_measuring(void);
void check_time(const char *slot, const char *isa, const char *parameters, void (*run)(void *), void *context,
    double work, const char *unit);

/* One function a family of slots. */
#define FC_CHECK(name) void check_##name(const fc_kernels *kernels, const char *isa);
#include "check/list.inc"
#undef FC_CHECK

#endif
