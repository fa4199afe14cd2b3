/* SPDX-License-Identifier: MIT */
#include "kernels/ref/winograd.h"

static double power(double x, size_t n) { return n ? x * power(x, n - 1) : 1; }

/* Coefficients of the product of (x - point) over all points but `left_out`. */
static void product(const double *points, size_t count, size_t left_out, double *coefficients) {
    size_t degree = 0;
    coefficients[0] = 1;
    for (size_t i = 0; i < count; i++) {
        if (i == left_out)
            continue;
        coefficients[++degree] = 0;
        for (size_t k = degree; k > 0; k--)
            coefficients[k] = coefficients[k - 1] - points[i] * coefficients[k];
        coefficients[0] *= -points[i];
    }
}

fc_ref_winograd fc_ref_winograd_matrices(size_t m, size_t r) {
    static const double four[] = {0, 1, -1}, six[] = {0, 0.625, -0.625, 1.5, -1.5},
                        eight[] = {0, 0.5, -0.5, 1, -1, 2, -2};
    const size_t n = m + r - 1, last = n - 1;
    const double *points = n == 4 ? four : n == 6 ? six : eight;
    fc_ref_winograd w = {{0}, {0}, {0}};
    for (size_t j = 0; j < last; j++) {
        double weight = 1;
        for (size_t i = 0; i < last; i++)
            weight *= i == j ? 1 : points[j] - points[i];
        for (size_t i = 0; i < m; i++)
            w.a[i * n + j] = power(points[j], i);
        for (size_t i = 0; i < r; i++)
            w.g[j * r + i] = power(points[j], i) / weight;
        product(points, last, j, w.b + j * n);
    }
    w.a[(m - 1) * n + last] = 1;
    w.g[last * r + r - 1] = 1;
    product(points, last, last, w.b + last * n);
    return w;
}

void fc_ref_winograd_both_sides(const double *matrix, size_t rows, size_t inner, const double *from, double *to) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < rows; j++) {
            double sum = 0;
            for (size_t k = 0; k < inner; k++)
                for (size_t l = 0; l < inner; l++)
                    sum += matrix[i * inner + k] * from[k * inner + l] * matrix[j * inner + l];
            to[i * rows + j] = sum;
        }
}
