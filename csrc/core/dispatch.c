/* SPDX-License-Identifier: MIT */
/* One table of kernel pointers per instruction set this CPU can run, filled at load; one of them is active. */
#include "core/dispatch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"

typedef void fill_fn(fc_kernels *kernels);

#define FC_ISA(word, feature) fill_fn fc_fill_##word;
#define FC_ISA_EXTENSION(word, base, feature) fill_fn fc_fill_##word;
#include "kernels/isa.inc"
#undef FC_ISA
#undef FC_ISA_EXTENSION

enum {
#define FC_ISA(word, feature) ISA_##word,
#define FC_ISA_EXTENSION(word, base, feature)
#include "kernels/isa.inc"
#undef FC_ISA
#undef FC_ISA_EXTENSION
    ISA_COUNT
};

static const struct {
    const char *name;
    unsigned feature;
    fill_fn *fill;
} isas[ISA_COUNT] = {
#define FC_ISA(word, feature) {#word, feature, fc_fill_##word},
#define FC_ISA_EXTENSION(word, base, feature)
#include "kernels/isa.inc"
#undef FC_ISA
#undef FC_ISA_EXTENSION
};

/* Ends with no fill. */
static const struct {
    size_t base;
    unsigned feature;
    fill_fn *fill;
} extensions[] = {
#define FC_ISA(word, feature)
#define FC_ISA_EXTENSION(word, base, feature) {ISA_##base, feature, fc_fill_##word},
#include "kernels/isa.inc"
#undef FC_ISA
#undef FC_ISA_EXTENSION
    {0, 0, NULL}};

static fc_kernels tables[ISA_COUNT], unextended[ISA_COUNT];
static _Atomic(const fc_kernels *) active;

/* A fill function is itself compiled for its instruction set, so it runs only where the CPU has that. */
__attribute__((constructor)) static void fill_tables(void) {
    const unsigned features = fc_cpu_features();
    for (size_t i = 0; i < ISA_COUNT; i++)
        if ((features & isas[i].feature) == isas[i].feature) {
            isas[i].fill(&tables[i]);
            unextended[i] = tables[i];
        }
    for (size_t i = 0; extensions[i].fill; i++)
        if ((features & extensions[i].feature) == extensions[i].feature)
            extensions[i].fill(&tables[extensions[i].base]);
}

size_t fc_isa_count(void) { return ISA_COUNT; }
const char *fc_isa_name(size_t index) { return index < ISA_COUNT ? isas[index].name : NULL; }
int fc_isa_available(size_t index) {
    return index < ISA_COUNT && (fc_cpu_features() & isas[index].feature) == isas[index].feature;
}
const fc_kernels *fc_isa_kernels(size_t index) { return index < ISA_COUNT ? &tables[index] : NULL; }
size_t fc_isa_of(const fc_kernels *kernels) { return (size_t)(kernels - tables); }
const fc_kernels *fc_isa_unextended_kernels(size_t index) { return index < ISA_COUNT ? &unextended[index] : NULL; }
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

fc_status fc_find_kernels(const fc_kernels **kernels) {
    const fc_status status = fc_init();
    *kernels = fc_active_kernels();
    return status;
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
