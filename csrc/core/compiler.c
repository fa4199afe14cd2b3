/* SPDX-License-Identifier: MIT */
/* What the compiler must be, and what it lacks. */
#include <stddef.h>

#include "fastconv.h"

#if defined(__clang__) ? __clang_major__ < 14 : __GNUC__ < 9
#error "fastconv needs GCC 9 or later, or Clang 14 or later"
#endif

static const char *const left_out[] = {
#define FC_ISA(word, feature)
#define FC_ISA_EXTENSION(word, base, feature)
#define FC_ISA_LEFT_OUT(word) #word,
#include "kernels/isa.inc"
#undef FC_ISA
#undef FC_ISA_EXTENSION
    NULL};

const char *fc_left_out_isa(size_t index) {
    return index < sizeof left_out / sizeof *left_out ? left_out[index] : NULL;
}
