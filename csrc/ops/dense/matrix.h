/* SPDX-License-Identifier: MIT */
/* The product of two matrices, either of them transposed, with a bias and an activation: what a dense layer and its
 * gradients are made of. */
#ifndef FC_OPS_DENSE_MATRIX_H
#define FC_OPS_DENSE_MATRIX_H

#include "fastconv.h"
#include "kernels/types.h"

/* Element (i, j) is at[i * pitch + j], or at[j * pitch + i] where the matrix is transposed. */
typedef struct fc_matrix {
    const void *at;
    size_t pitch;
    int transposed;
} fc_matrix;

/* c (rows, cols) = f(a (rows, depth) b (depth, cols) + bias), all of one dtype, F32 or F64. */
typedef struct fc_product {
    fc_dtype dtype;
    size_t rows, cols, depth;
    fc_matrix a, b;
    const void *bias; /* cols elements, or NULL */
    fc_activation activation;
    double alpha;
    void *c;
} fc_product;

fc_status fc_matrix_product(const fc_product *product);

/* A few rows of c are sums of b's rows, which come by once, in order, from memory; whether this serves, and the
 * product. */
int fc_adds_rows(const fc_product *product);
fc_status fc_add_rows(const fc_product *product, const fc_kernels *kernels);

#endif
