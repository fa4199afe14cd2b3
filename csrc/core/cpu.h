/* SPDX-License-Identifier: MIT */
#ifndef FC_CORE_CPU_H
#define FC_CORE_CPU_H

#include <stddef.h>

/* What the CPU and the operating system grant, in fastconv's words. */
enum {
    FC_CPU_SCALAR = 0,
    FC_CPU_SSE2 = 1 << 0,
    FC_CPU_AVX2 = 1 << 1,   /* AVX2, FMA, F16C */
    FC_CPU_AVX512 = 1 << 2, /* F, BW, DQ, VL */
    FC_CPU_NEON = 1 << 3,
    FC_CPU_AVX512_VNNI = 1 << 4,
    FC_CPU_AVX512_BF16 = 1 << 5,
    FC_CPU_AMX = 1 << 6 /* AMX-TILE, -BF16, -INT8, and leave to use them */
};

unsigned fc_cpu_features(void);
/* Vectors of 512 bits that a core multiplies and adds in a cycle: 1 or 2; 1 where it has none. */
int fc_cpu_wide_fmas(void);
int fc_cpu_is_zen(void);
void fc_cpu_pause(void); /* in a loop that waits for another thread */

typedef struct fc_cache_sizes {
    size_t l1, l2, l3;
} fc_cache_sizes; /* bytes; L1 and L2 of one core */

const fc_cache_sizes *fc_caches(void);

#endif
