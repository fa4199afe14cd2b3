/* SPDX-License-Identifier: MIT */
#define FC_ISA_WORD sse2
#include "kernels/vec/sse2.h"
#include "kernels/body/all.h"
