/* SPDX-License-Identifier: MIT */
/* What the parts of a plan cost on an instruction set: named figures, so that one tool fits them for any machine. */
#ifndef FC_OPS_CONV2D_COSTS_H
#define FC_OPS_CONV2D_COSTS_H

#include "kernels/types.h"

typedef struct fc_costs {
#define FC_COST(field, meaning) double field;
#include "ops/conv2d/costs.inc"
#undef FC_COST
} fc_costs;

/* The table of an instruction set, or of one on a microarchitecture, and the machine that it was fitted on: NULL for
 * none. */
#define FC_COSTS(word)               \
    extern fc_costs fc_costs_##word; \
    extern const char *const fc_costs_machine_##word;
FC_COSTS(scalar)
FC_COSTS(sse2)
FC_COSTS(avx2)
FC_COSTS(avx512)
FC_COSTS(amx)
FC_COSTS(neon)
#define FC_MACHINE_COSTS(machine, word, is_it) FC_COSTS(machine##_##word)
#include "ops/conv2d/machines.inc"
#undef FC_MACHINE_COSTS
#undef FC_COSTS

/* On this CPU. */
const fc_costs *fc_costs_of(const fc_kernels *kernels);
/* How often a figure was set: plans made before do not hold. */
unsigned fc_costs_version(void);

#endif
