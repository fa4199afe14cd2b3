/* SPDX-License-Identifier: MIT */
/* Names that belong to the instruction set FC_ISA_WORD, and its fill function. */
#include "kernels/types.h"

#define FC_PASTE_(a, b) a##b
#define FC_PASTE(a, b) FC_PASTE_(a, b)
#define FC_NAME(slot) FC_PASTE(fc_##slot##_, FC_ISA_WORD)
#define FC_FILL FC_PASTE(fc_fill_, FC_ISA_WORD)

void FC_FILL(fc_kernels *kernels);
