/* SPDX-License-Identifier: MIT */
/* One table of kernel pointers per instruction set, filled at load; one of them is active. */
#include "core/dispatch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"

#define FC_ISA(word, feature) void fc_fill_##word(fc_kernels *kernels);
#include "kernels/isa.inc"
#undef FC_ISA

static const struct { const char *name; unsigned feature; void (*fill)(fc_kernels *); } isas[] = {
#define FC_ISA(word, feature) {#word, feature, fc_fill_##word},
#include "kernels/isa.inc"
#undef FC_ISA
};
enum { ISA_COUNT = sizeof isas / sizeof *isas };

static fc_kernels tables[ISA_COUNT];
static _Atomic(const fc_kernels *) active;

__attribute__((constructor)) static void fill_tables(void) {
    for (size_t i = 0; i < ISA_COUNT; i++)
        isas[i].fill(&tables[i]);
}

size_t fc_isa_count(void) { return ISA_COUNT; }
const char *fc_isa_name(size_t index) { return index < ISA_COUNT ? isas[index].name : NULL; }
int fc_isa_available(size_t index) {
    return index < ISA_COUNT && (fc_cpu_features() & isas[index].feature) == isas[index].feature;
}
const fc_kernels *fc_isa_kernels(size_t index) { return index < ISA_COUNT ? &tables[index] : NULL; }
const fc_kernels *fc_active_kernels(void) { return atomic_load_explicit(&active, memory_order_relaxed); }
const char *fc_active_isa(void) {
    const fc_kernels *kernels = fc_active_kernels();
    return kernels ? isas[kernels - tables].name : "none";
}

fc_status fc_set_isa(const char *name) {
    static const char *const known[] = {"scalar", "sse2", "avx2", "avx512", "amx", "neon"};
    for (size_t i = 0; i < ISA_COUNT; i++)
        if (!strcmp(name, isas[i].name)) {
            if (!fc_isa_available(i))
                return FC_MISSING_ISA;
            atomic_store(&active, &tables[i]);
            return FC_OK;
        }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(name, known[i]))
            return FC_MISSING_ISA;
    return FC_UNKNOWN_ISA;
}

fc_status fc_init(void) {
    if (fc_active_kernels())
        return FC_OK;
    const char *wanted = getenv("FASTCONV_ISA");
    if (wanted && *wanted)
        return fc_set_isa(wanted);
    size_t best = ISA_COUNT - 1;
    while (!fc_isa_available(best))
        best--;
    return fc_set_isa(isas[best].name);
}
