/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_CHOICES_H
#define FC_OPS_CHOICES_H

#include "ops/algo/algorithm.h"

/* What an algorithm is chosen for: the packing, if it counts, and `runs` runs. */
typedef struct fc_occasion { int packs; double runs; } fc_occasion;

/* FC_CONV_AUTO unless this thread remembers what it chose for such a layer on such an occasion. */
fc_conv2d_algorithm fc_chosen_before(const fc_layer *layer, fc_occasion occasion);
void fc_remember_choice(const fc_layer *layer, fc_occasion occasion, fc_conv2d_algorithm chosen);

#endif
