/* SPDX-License-Identifier: MIT */
#define FC_ISA_WORD avx2
#include "kernels/vec/avx2.h"
#include "kernels/body/all.h"
