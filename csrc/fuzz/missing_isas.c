/* SPDX-License-Identifier: MIT */
/* Instruction sets that the fuzzer is built without: their tables stay empty, and it never chooses them. */
#include "kernels/types.h"

#define FC_ISA(word, feature)                 \
    void fc_fill_##word(fc_kernels *kernels); \
    __attribute__((weak)) void fc_fill_##word(fc_kernels *kernels) { (void)kernels; }
#define FC_ISA_EXTENSION(word, base, feature) MISSING_##base(word, feature)
#define MISSING_avx512(word, feature) FC_ISA(word, feature)
#define MISSING_amx(word, feature) /* the same ones */
#include "kernels/isa.inc"
