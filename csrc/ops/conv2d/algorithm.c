/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/algorithm.h"

static const fc_algorithm *const algorithms[FC_CONV_ALGORITHM_COUNT] = {
#define FC_ALGORITHM(id, word) [id] = &fc_algorithm_##word,
#include "ops/conv2d/list.inc"
#undef FC_ALGORITHM
};

const fc_algorithm *fc_algorithm_of(int id) { return algorithms[id]; }
