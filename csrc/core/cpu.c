/* SPDX-License-Identifier: MIT */
/* CPUID says what the CPU has, XGETBV whether the operating system saves those registers. */
#include "core/cpu.h"

#include "core/os.h"

#if defined(__x86_64__)
#include <cpuid.h>

static unsigned long long saved_registers(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (unsigned long long)high << 32 | low;
}

/* Extensions of AVX-512, from leaf 7. */
static unsigned avx512_features(unsigned leaf7_c, unsigned leaf7_d, unsigned long long saved) {
    const unsigned amx_bf16 = 1u << 22, amx_tile = 1u << 24, amx_int8 = 1u << 25, amx = amx_bf16 | amx_tile | amx_int8,
                   avx512_bf16 = 1u << 5;
    const unsigned long long tiles = 3ull << 17;
    unsigned a, b, c, d, features = leaf7_c & bit_AVX512VNNI ? FC_CPU_AVX512_VNNI : 0;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & avx512_bf16))
        features |= FC_CPU_AVX512_BF16;
    if ((leaf7_d & amx) == amx && (saved & tiles) == tiles && fc_os_may_use_tiles())
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

static int described_zen(void) {
    const unsigned zen_family = 0x17;
    unsigned a, b, c, d, most, vendor;
    return __get_cpuid(0, &most, &vendor, &c, &d) && vendor == signature_AMD_ebx && __get_cpuid(1, &a, &b, &c, &d) &&
        (a >> 8 & 15) + (a >> 20 & 255) >= zen_family;
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
static int described_zen(void) { return 0; }
void fc_cpu_pause(void) { __asm__ volatile("yield"); }
static size_t described_cache(unsigned level) { return (void)level, 0; }
#else
unsigned fc_cpu_features(void) { return FC_CPU_SCALAR; }
static int described_wide_fmas(void) { return 1; }
static int described_zen(void) { return 0; }
void fc_cpu_pause(void) {}
static size_t described_cache(unsigned level) { return (void)level, 0; }
#endif

static size_t cache_size(int level, size_t otherwise) {
    const size_t described = described_cache((unsigned)level), said = described ? described : fc_os_cache_bytes(level);
    return said ? said : otherwise;
}

/* Found once: virtual machines take tens of microseconds to answer CPUID. */
static fc_cache_sizes sizes;
static int wide_fmas, zen;
static fc_once once = FC_ONCE_INITIALIZER;

static void find_all(void) {
    wide_fmas = described_wide_fmas();
    zen = described_zen();
    sizes.l3 = cache_size(3, 8u << 20);
    sizes.l2 = cache_size(2, 512u << 10);
    sizes.l1 = cache_size(1, 32u << 10);
}

const fc_cache_sizes *fc_caches(void) {
    fc_call_once(&once, find_all);
    return &sizes;
}

int fc_cpu_wide_fmas(void) {
    fc_call_once(&once, find_all);
    return wide_fmas;
}

int fc_cpu_is_zen(void) {
    fc_call_once(&once, find_all);
    return zen;
}
