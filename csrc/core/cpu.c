/* SPDX-License-Identifier: MIT */
/* CPUID says what the CPU has, XGETBV whether the operating system saves those registers. */
#include "core/cpu.h"

#include <pthread.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>

static unsigned long long saved_registers(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (unsigned long long)high << 32 | low;
}

#if defined(__linux__)
#include <sys/syscall.h>

/* The kernel gives a process the tile registers when it asks. */
static int may_use_tiles(void) {
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    static int answer = -1; /* every thread that races here writes the same value */
    if (answer < 0)
        answer = !syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA);
    return answer;
}
#else
static int may_use_tiles(void) { return 0; }
#endif

/* Extensions of AVX-512, from leaf 7. */
static unsigned avx512_features(unsigned leaf7_c, unsigned leaf7_d, unsigned long long saved) {
    const unsigned amx_bf16 = 1u << 22, amx_tile = 1u << 24, amx_int8 = 1u << 25, amx = amx_bf16 | amx_tile | amx_int8,
                   avx512_bf16 = 1u << 5;
    const unsigned long long tiles = 3ull << 17;
    unsigned a, b, c, d, features = leaf7_c & bit_AVX512VNNI ? FC_CPU_AVX512_VNNI : 0;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & avx512_bf16))
        features |= FC_CPU_AVX512_BF16;
    if ((leaf7_d & amx) == amx && (saved & tiles) == tiles && may_use_tiles())
        features |= FC_CPU_AMX;
    return features;
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
    if (features & FC_CPU_AVX512)
        features |= avx512_features(c, d, saved);
    return features;
}

/*
 * CPUID does not say it (A. Fog, "The microarchitecture of Intel, AMD and VIA CPUs"): Intel's servers have two units,
 * its other CPUs one; AMD has had two since family 1Ah.
 */
static int described_wide_fmas(void) {
    const unsigned skylake_server = 0x55, ice_lake_server = 0x6a, ice_lake_d = 0x6c, amd_family = 0x1a,
                   avx512_fp16 = 1u << 23;
    unsigned a, b, c, d, most, vendor;
    if (!(fc_cpu_features() & FC_CPU_AVX512) || !__get_cpuid(0, &most, &vendor, &c, &d) ||
        !__get_cpuid(1, &a, &b, &c, &d))
        return 1;
    const unsigned family = (a >> 8 & 15) + (a >> 20 & 255), model = (a >> 4 & 15) | (a >> 12 & 0xf0);
    if (vendor == signature_AMD_ebx)
        return family >= amd_family ? 2 : 1;
    if (model == skylake_server || model == ice_lake_server || model == ice_lake_d)
        return 2;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & avx512_fp16) ? 2 : 1;
}

void fc_cpu_pause(void) { __builtin_ia32_pause(); }

/*
 * Bytes of one data cache of a level, 0 where the CPU does not say. The C library may give the sum of all L3 caches of
 * a socket, and a core reaches but one. Intel's leaf and AMD's have one format.
 */
static size_t described_cache(unsigned level) {
    const unsigned leaves[] = {4, 0x8000001d}, instructions = 2;
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        unsigned a, b, c, d;
        for (unsigned cache = 0; __get_cpuid_count(leaves[i], cache, &a, &b, &c, &d) && (a & 31); cache++)
            if ((a >> 5 & 7) == level && (a & 31) != instructions)
                return ((size_t)(b >> 22) + 1) * ((b >> 12 & 1023) + 1) * ((b & 4095) + 1) * ((size_t)c + 1);
    }
    return 0;
}
#elif defined(__aarch64__)
unsigned fc_cpu_features(void) { return FC_CPU_NEON; } /* part of the base architecture */
static int described_wide_fmas(void) { return 1; }
void fc_cpu_pause(void) { __asm__ volatile("yield"); }
static size_t described_cache(unsigned level) { return (void)level, 0; }
#else
unsigned fc_cpu_features(void) { return FC_CPU_SCALAR; }
static int described_wide_fmas(void) { return 1; }
void fc_cpu_pause(void) {}
static size_t described_cache(unsigned level) { return (void)level, 0; }
#endif

static size_t cache_size(unsigned level, int name, size_t otherwise) {
    const size_t described = described_cache(level);
    const long bytes = described || name < 0 ? -1 : sysconf(name);
    return described ? described : bytes > 0 ? (size_t)bytes : otherwise;
}

#ifndef _SC_LEVEL1_DCACHE_SIZE
#define _SC_LEVEL1_DCACHE_SIZE (-1)
#define _SC_LEVEL2_CACHE_SIZE (-1)
#define _SC_LEVEL3_CACHE_SIZE (-1)
#endif

/* Found once: virtual machines take tens of microseconds to answer CPUID. */
static fc_cache_sizes sizes;
static int wide_fmas;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_all(void) {
    wide_fmas = described_wide_fmas();
    sizes.l3 = cache_size(3, _SC_LEVEL3_CACHE_SIZE, 8u << 20);
    sizes.l2 = cache_size(2, _SC_LEVEL2_CACHE_SIZE, 512u << 10);
    sizes.l1 = cache_size(1, _SC_LEVEL1_DCACHE_SIZE, 32u << 10);
}

const fc_cache_sizes *fc_caches(void) {
    pthread_once(&once, find_all);
    return &sizes;
}

int fc_cpu_wide_fmas(void) {
    pthread_once(&once, find_all);
    return wide_fmas;
}
