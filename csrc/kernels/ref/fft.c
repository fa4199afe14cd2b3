/* SPDX-License-Identifier: MIT */
#include "kernels/ref/fft.h"

#include <math.h>

enum { PARTIAL = 16 };

/* exp(2 pi i t / n), rounded once. */
static void root_of(size_t n, size_t t, double *re, double *im) {
    const long double angle = 2 * 3.14159265358979323846264338327950288L * (long double)t / (long double)n;
    *re = (double)cosl(angle);
    *im = (double)sinl(angle);
}

void fc_ref_dft(size_t n, int sign, const double *x, double *y) {
    double roots[2 * FC_REF_DFT_MOST];
    for (size_t t = 0; t < n; t++)
        root_of(n, sign < 0 ? (n - t) % n : t, roots + 2 * t, roots + 2 * t + 1);
    for (size_t k = 0; k < n; k++) {
        y[2 * k] = y[2 * k + 1] = 0;
        for (size_t first = 0; first < n; first += PARTIAL) { /* shorter sums round less */
            double re = 0, im = 0;
            for (size_t t = first; t < first + PARTIAL && t < n; t++) {
                const double *root = roots + 2 * (t * k % n);
                re += x[2 * t] * root[0] - x[2 * t + 1] * root[1];
                im += x[2 * t] * root[1] + x[2 * t + 1] * root[0];
            }
            y[2 * k] += re;
            y[2 * k + 1] += im;
        }
    }
}

void fc_ref_convolve_round(size_t n, const double *x, const double *h, double *y) {
    for (size_t t = 0; t < n; t++) {
        double re = 0, im = 0;
        for (size_t s = 0; s < n; s++) {
            const double *a = x + 2 * s, *b = h + 2 * ((n + t - s) % n);
            re += a[0] * b[0] - a[1] * b[1];
            im += a[0] * b[1] + a[1] * b[0];
        }
        y[2 * t] = re;
        y[2 * t + 1] = im;
    }
}

size_t fc_ref_fft_place(size_t n, size_t radix, size_t k) {
    size_t place = 0;
    for (size_t m = n; m > 1; m /= fc_fft_radix(m, radix)) {
        const size_t r = fc_fft_radix(m, radix);
        place += k % r * (m / r);
        k /= r;
    }
    return place;
}
