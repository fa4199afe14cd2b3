/* SPDX-License-Identifier: MIT */
/* The caller's numbers, at any address. */
#ifndef FC_CORE_UNALIGNED_H
#define FC_CORE_UNALIGNED_H

typedef float fc_any_float __attribute__((aligned(1)));
typedef double fc_any_double __attribute__((aligned(1)));

#endif
