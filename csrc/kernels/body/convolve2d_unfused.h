/* SPDX-License-Identifier: MIT */
/*
 * convolve2d with every product rounded before it is added, for kernels whose taps cancel. Equal products of opposite
 * sign then leave nothing, where a fused one would leave the rounding error of the other; and chains have the bits of
 * plain C.
 */
#define MULTIPLY_ADD(a, b, c) V(add)(V(mul)(a, b), c)
#include "kernels/body/convolve2d.h"
#include "kernels/body/convolve2d_complex.h"
