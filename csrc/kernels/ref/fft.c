/* SPDX-License-Identifier: MIT */
#include "kernels/ref/fft.h"

#include <math.h>

enum { PARTIAL = 16 };

/* In the first octant, where the angle's rounding moves the last digit least. */
void fc_ref_root_of_unity(size_t n, size_t t, double *re, double *im) {
    const size_t quarter = 4 * (t % n) / n, rest = 4 * (t % n) % n, far = 2 * rest > n;
    const long double angle = 1.57079632679489661923132169163975144L * (long double)(far ? n - rest : rest) /
        (long double)n;
    const double cosine = (double)cosl(angle), sine = (double)sinl(angle);
    const double x = far ? sine : cosine, y = far ? cosine : sine;
    *re = quarter == 0 ? x : quarter == 1 ? -y : quarter == 2 ? -x : y;
    *im = quarter == 0 ? y : quarter == 1 ? x : quarter == 2 ? -y : -x;
}

void fc_ref_dft(size_t n, int sign, const double *x, double *y) {
    double roots[2 * FC_REF_DFT_MOST];
    for (size_t t = 0; t < n; t++)
        fc_ref_root_of_unity(n, sign < 0 ? (n - t) % n : t, roots + 2 * t, roots + 2 * t + 1);
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
