/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/costs.h"

#include <math.h>
#include <stdatomic.h>

#include "core/dispatch.h"
#include "fastconv_costs.h"

#define FC_ISA_EXTENSION(word, base, feature)
static fc_costs *const tables[] = {
#define FC_ISA(word, feature) &fc_costs_##word,
#include "kernels/isa.inc"
#undef FC_ISA
};
static const char *const *const machines[] = {
#define FC_ISA(word, feature) &fc_costs_machine_##word,
#include "kernels/isa.inc"
#undef FC_ISA
};
#undef FC_ISA_EXTENSION

static const char *const names[] = {
#define FC_COST(field, meaning) #field,
#include "ops/conv2d/costs.inc"
#undef FC_COST
};
enum { COUNT = sizeof names / sizeof *names };
_Static_assert(sizeof(fc_costs) == COUNT * sizeof(double), "fc_costs is an array of double by name");

static atomic_uint version;

const fc_costs *fc_costs_of(const fc_kernels *kernels) { return tables[fc_isa_of(kernels)]; }
unsigned fc_costs_version(void) { return atomic_load_explicit(&version, memory_order_relaxed); }

size_t fc_cost_count(void) { return COUNT; }
const char *fc_cost_name(size_t index) { return index < COUNT ? names[index] : NULL; }

const char *fc_costs_machine(void) {
    const fc_kernels *kernels;
    return fc_find_kernels(&kernels) ? NULL : *machines[fc_isa_of(kernels)];
}

static double *cost_at(size_t index) {
    const fc_kernels *kernels;
    return index < COUNT && !fc_find_kernels(&kernels) ? (double *)tables[fc_isa_of(kernels)] + index : NULL;
}

double fc_get_cost(size_t index) {
    const double *cost = cost_at(index);
    return cost ? *cost : NAN;
}

fc_status fc_set_cost(size_t index, double cycles) {
    double *cost = cost_at(index);
    if (!cost || !isfinite(cycles) || cycles < 0)
        return FC_BAD_ARGUMENT;
    *cost = cycles;
    atomic_fetch_add(&version, 1);
    return FC_OK;
}
