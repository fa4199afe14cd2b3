/* SPDX-License-Identifier: MIT */
#ifndef FC_REF_FFT_H
#define FC_REF_FFT_H

#include "kernels/types.h"

/* exp(2 pi i t / n), rounded once. */
void fc_ref_root_of_unity(size_t n, size_t t, double *re, double *im);
/* y[k] = sum of x[t] exp(sign * 2 pi i t k / n), n <= FC_REF_DFT_MOST; pairs of real and imaginary part. */
enum { FC_REF_DFT_MOST = 512 };
void fc_ref_dft(size_t n, int sign, const double *x, double *y);
/* y[t] = sum of x[s] h[(t - s) mod n], of complex numbers as above. */
void fc_ref_convolve_round(size_t n, const double *x, const double *h, double *y);
/* The row where fc_fft_columns leaves frequency k of n. */
size_t fc_ref_fft_place(size_t n, size_t radix, size_t k);

#endif
