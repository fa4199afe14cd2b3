/* SPDX-License-Identifier: MIT */
/* CPUID says what the CPU has, XGETBV whether the operating system saves those registers. */
#include "core/cpu.h"

#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>

static unsigned long long saved_registers(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (unsigned long long)high << 32 | low;
}

unsigned fc_cpu_features(void) {
    unsigned a, b, c, d, features = FC_CPU_SSE2;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return features;
    int fma = (c & bit_FMA) && (c & bit_AVX) && (c & bit_F16C);
    unsigned long long saved = saved_registers();
    const unsigned long long ymm = 0x6, zmm = 0xe6;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return features;
    if (fma && (b & bit_AVX2) && (saved & ymm) == ymm)
        features |= FC_CPU_AVX2;
    const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
    if ((features & FC_CPU_AVX2) && (b & avx512) == avx512 && (saved & zmm) == zmm)
        features |= FC_CPU_AVX512;
    return features;
}

void fc_cpu_pause(void) { __builtin_ia32_pause(); }
#elif defined(__aarch64__)
unsigned fc_cpu_features(void) { return FC_CPU_NEON; }  /* part of the base architecture */
void fc_cpu_pause(void) { __asm__ volatile("yield"); }
#else
unsigned fc_cpu_features(void) { return FC_CPU_SCALAR; }
void fc_cpu_pause(void) {}
#endif

static size_t cache_size(int name, size_t otherwise) {
    long bytes = name < 0 ? -1 : sysconf(name);
    return bytes > 0 ? (size_t)bytes : otherwise;
}

#ifndef _SC_LEVEL1_DCACHE_SIZE
#define _SC_LEVEL1_DCACHE_SIZE (-1)
#define _SC_LEVEL2_CACHE_SIZE (-1)
#define _SC_LEVEL3_CACHE_SIZE (-1)
#endif

const fc_cache_sizes *fc_caches(void) {
    static fc_cache_sizes sizes;
    if (!sizes.l1) {    /* every thread that races here writes the same values */
        sizes.l3 = cache_size(_SC_LEVEL3_CACHE_SIZE, 8u << 20);
        sizes.l2 = cache_size(_SC_LEVEL2_CACHE_SIZE, 512u << 10);
        sizes.l1 = cache_size(_SC_LEVEL1_DCACHE_SIZE, 32u << 10);
    }
    return &sizes;
}
