/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_WINOGRAD_H
#define FC_REF_WINOGRAD_H

#include "kernels/types.h"

/*
 * The matrices of Toom and Cook for F(m, r) on the points of body/winograd.h, row by row: y = a ((g w) * (b d)), where
 * a is m x n, g is n x r and b is n x n.
 */
typedef struct fc_ref_winograd {
    double a[6 * 8], g[8 * 5], b[8 * 8];
} fc_ref_winograd;
fc_ref_winograd fc_ref_winograd_matrices(size_t m, size_t r);
/* to = matrix from matrix^T; matrix is rows x inner, from inner x inner. */
void fc_ref_winograd_both_sides(const double *matrix, size_t rows, size_t inner, const double *from, double *to);

#endif
