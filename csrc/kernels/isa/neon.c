/* SPDX-License-Identifier: MIT */
#define FC_ISA_WORD neon
#include "kernels/vec/neon.h"
#include "kernels/body/all.h"
