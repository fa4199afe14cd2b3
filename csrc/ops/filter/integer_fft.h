/* SPDX-License-Identifier: MIT */
/*
 * Integers and bool by Fourier transforms in double, exactly. Numbers are cut into limbs small enough that the error of
 * a sum of products of limbs is proven to stay below one half: rounded, it is exact, and sums of such, shifted, are
 * exact modulo any power of two.
 */
#ifndef FC_OPS_FILTER_INTEGER_FFT_H
#define FC_OPS_FILTER_INTEGER_FFT_H

#include "ops/filter/fft.h"

enum { FC_LIMBS = 8 };

/* ---------------------------------------------------------------- integer_limbs.c */

/* Numbers as sums of `count` limbs of `bits` bits, the lowest first; no limb is larger than 2^(bits - 1) + 1. */
typedef struct fc_limbs {
    int count, bits;
} fc_limbs;

/* Bits that hold all of `count` numbers of the type of f as signed ones, its sign included. */
int fc_limbs_width(const fc_filter *f, const void *numbers, size_t count);
/* Bits of a number of the type, of which sums are taken modulo. */
int fc_limbs_modulus(const fc_filter *f);
/* Number i of the type of f, as a signed one. */
int64_t fc_limbs_number(const fc_filter *f, const void *numbers, size_t i);
/* Limb i of n numbers, as floats. */
void fc_limbs_read(const fc_filter *f, const fc_limbs *limbs, int i, const void *numbers, size_t n, double *to);
/* n sums modulo 2^64, as numbers of the type of f. */
void fc_limbs_write(const fc_filter *f, const uint64_t *sums, size_t n, void *to);
/*
 * The cheapest limbs of an image of image_width bits and a kernel of taps_width bits in blocks of this cut; their cost,
 * in transforms of two blocks; negative where none are exact.
 */
double fc_limbs_choose(
    const fc_filter *f, const fc_fft_cut *cut, int image_width, int taps_width, fc_limbs *image, fc_limbs *taps);

#endif
