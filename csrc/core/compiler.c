/* SPDX-License-Identifier: MIT */
/* What the compiler must be, and what it lacks. */
#include <stddef.h>

#include "fastconv.h"

#if defined(__clang__) ? __clang_major__ < 14 : __GNUC__ < 9
#error "fastconv needs GCC 9 or later, or Clang 14 or later"
#endif

/* As kernels/isa.inc leaves them out; the build finds out which. */
static const char *const left_out[] = {
#ifdef FC_WITHOUT_AVX2
    "avx2",
#endif
#ifdef FC_WITHOUT_AVX512
    "avx512",
#endif
#ifdef FC_WITHOUT_AVX512_VNNI
    "avx512_vnni",
#endif
#ifdef FC_WITHOUT_AVX512_BF16
    "avx512_bf16",
#endif
#ifdef FC_WITHOUT_AMX
    "amx",
#endif
    NULL};

const char *fc_left_out_isa(size_t index) {
    return index < sizeof left_out / sizeof *left_out ? left_out[index] : NULL;
}
