/* SPDX-License-Identifier: MIT */
/*
 * Kernels whose taps cancel, as weighted differences of cells: equal cells leave nothing, where products of opposite
 * taps would leave the rounding error of a fused one. Sums have the bits of plain C.
 */
#define SPARSE_PAIRS
#include "kernels/body/sparse.h"
#undef SPARSE_PAIRS
