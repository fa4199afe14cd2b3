/* SPDX-License-Identifier: MIT */
#define FC_ISA_WORD scalar
#include "kernels/vec/scalar.h"
#include "kernels/body/all.h"
