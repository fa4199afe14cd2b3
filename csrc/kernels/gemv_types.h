/* SPDX-License-Identifier: MIT */
/* The type of the kernel that adds up rows of a matrix; the contract of types.h holds. */
#ifndef FC_KERNELS_GEMV_TYPES_H
#define FC_KERNELS_GEMV_TYPES_H

#include <stddef.h>

/*
 *     c[r * c_pitch + j] = sum over i < depth of a[r * a_pitch + i] * b[i * b_pitch + j],    r < rows, j < cols, depth
 * > 0
 *
 * accumulate: 1 adds to what c holds. b passes by once, some whole rows side by side; c is read and written once for
 * each such group. b_far: 1 where b is in no cache, nor worth a place in one: it is asked for ahead, past the outer
 * caches.
 */
typedef struct fc_gemv {
    size_t rows, cols, depth;
    const void *a;
    size_t a_pitch;
    const void *b;
    size_t b_pitch;
    void *c;
    size_t c_pitch;
    int accumulate, b_far;
} fc_gemv;
typedef void fc_gemv_fn(const fc_gemv *block);
enum { FC_GEMV_DEPTH = 8 }; /* a multiple of the rows that any instruction set reads side by side */

#endif
