/* SPDX-License-Identifier: MIT */
#define FC_ISA_WORD amx
#include "kernels/vec/amx.h"
#include "kernels/body/all.h"
