/* SPDX-License-Identifier: MIT */
/* The figures by which the cycles of an algorithm are estimated, of the active instruction set:
 * csrc/ops/conv2d/costs.inc says what each is of, and bench/fit.py fits them to a machine. */
#ifndef FASTCONV_COSTS_H
#define FASTCONV_COSTS_H

#include "fastconv_types.h"

FC_BEGIN

size_t fc_cost_count(void);
const char *fc_costs_machine(void);     /* that they were fitted on; NULL for none */
const char *fc_costs_table(void);       /* its name: csrc/ops/conv2d/costs/<name>.c */
const char *fc_cost_name(size_t index); /* NULL past the end */
double fc_get_cost(size_t index);       /* NaN past the end */
/* cycles: finite and not negative. Not while other threads compute. */
fc_status fc_set_cost(size_t index, double cycles);

FC_END

#endif
