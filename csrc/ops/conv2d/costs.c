/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/costs.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/os.h"
#include "fastconv_costs.h"

typedef struct table {
    const char *name; /* costs/<name>.c */
    fc_costs *costs;
    const char *const *machine;
} table;
#define TABLE(word) {#word, &fc_costs_##word, &fc_costs_machine_##word}

#define FC_ISA_EXTENSION(word, base, feature)
#define FC_ISA(word, feature) TABLE(word),
static const table tables[] = {
#include "kernels/isa.inc"
};
#undef FC_ISA
#undef FC_ISA_EXTENSION
enum { ISAS = sizeof tables / sizeof *tables };

#define FC_MACHINE_COSTS(machine, word, is_it) {#word, is_it, TABLE(machine##_##word)},
static const struct machine_table {
    const char *isa;
    int (*is_it)(void);
    table table;
} machine_tables[] = {
#include "ops/conv2d/machines.inc"
};
#undef FC_MACHINE_COSTS

static const table *found[ISAS];
static fc_once once = FC_ONCE_INITIALIZER;

static void find_tables(void) {
    for (size_t i = 0; i < ISAS; i++) {
        found[i] = &tables[i];
        for (size_t m = 0; m < sizeof machine_tables / sizeof *machine_tables; m++)
            if (!strcmp(machine_tables[m].isa, tables[i].name) && machine_tables[m].is_it())
                found[i] = &machine_tables[m].table;
    }
}

static const table *table_of(const fc_kernels *kernels) {
    fc_call_once(&once, find_tables);
    return found[fc_isa_of(kernels)];
}

static const char *const names[] = {
#define FC_COST(field, meaning) #field,
#include "ops/conv2d/costs.inc"
#undef FC_COST
};
enum { COUNT = sizeof names / sizeof *names };
_Static_assert(sizeof(fc_costs) == COUNT * sizeof(double), "fc_costs is an array of double by name");

static atomic_uint version;

const fc_costs *fc_costs_of(const fc_kernels *kernels) { return table_of(kernels)->costs; }
unsigned fc_costs_version(void) { return atomic_load_explicit(&version, memory_order_relaxed); }

size_t fc_cost_count(void) { return COUNT; }
const char *fc_cost_name(size_t index) { return index < COUNT ? names[index] : NULL; }

static const table *active_table(void) {
    const fc_kernels *kernels;
    return fc_find_kernels(&kernels) ? NULL : table_of(kernels);
}

const char *fc_costs_machine(void) {
    const table *active = active_table();
    return active ? *active->machine : NULL;
}

const char *fc_costs_table(void) {
    const table *active = active_table();
    return active ? active->name : NULL;
}

static double *cost_at(size_t index) {
    const table *active = index < COUNT ? active_table() : NULL;
    return active ? (double *)active->costs + index : NULL;
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
