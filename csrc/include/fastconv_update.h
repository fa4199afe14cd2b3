/* SPDX-License-Identifier: MIT */
/* Steps of optimizers; fastconv.h includes it. */
#ifndef FASTCONV_UPDATE_H
#define FASTCONV_UPDATE_H

#include "fastconv_types.h"

FC_BEGIN

/*
 * How weights w follow from gradients g, number by number; each operation is rounded once, in the order written. First
 * of all, with a decay: w -= w * decay[0] * decay[1].
 *
 *     sgd       numbers: rate, momentum; slots: v or NULL
 *               w -= g * rate, or with v:  v = v * momentum - g * rate,  w += v
 *     nesterov  the same with w += v * momentum - g * rate
 *     adam      numbers: rate, 1 - beta 1, 1 - beta 2, epsilon; slots: m, v, and with amsgrad the largest v, else NULL
 *               m += (g - m) * (1 - beta 1),  v += (g * g - v) * (1 - beta 2),  w -= m * rate / (sqrt(v) + epsilon)
 *     rmsprop   numbers: rate, rho, 1 - rho, epsilon, momentum; slots: v, s or NULL, a or NULL
 *               v = v * rho + (1 - rho) * (g * g),  with a:  a = a * rho + (1 - rho) * g
 *               s = s * momentum + rate * g / sqrt(v - a * a + epsilon),  w -= s
 */
typedef enum fc_update_rule {
    FC_UPDATE_SGD,
    FC_UPDATE_NESTEROV,
    FC_UPDATE_ADAM,
    FC_UPDATE_RMSPROP,
    FC_UPDATE_RULE_COUNT
} fc_update_rule;

enum { FC_UPDATE_NUMBERS = 5, FC_UPDATE_SLOTS = 3 };

/* Arrays have `count` numbers each and do not overlap. */
typedef struct fc_update {
    fc_update_rule rule;
    double numbers[FC_UPDATE_NUMBERS], decay[2]; /* rounded to the arrays' type first */
    size_t count;
    const void *gradient;
    void *value, *slots[FC_UPDATE_SLOTS];
} fc_update;

/* All arrays are of FC_F32 or of FC_F64. */
fc_status fc_update_weights(fc_dtype dtype, const fc_update *update);

FC_END

#endif
