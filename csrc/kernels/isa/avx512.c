/* SPDX-License-Identifier: MIT */
#define FC_ISA_WORD avx512
#include "kernels/vec/avx512.h"
#include "kernels/body/all.h"
