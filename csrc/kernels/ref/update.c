/* SPDX-License-Identifier: MIT */
#include "kernels/ref/update.h"

#include <math.h>

/* Every operation is rounded to T: a volatile keeps two from becoming one. */
#define REFERENCE(T, F, SQRT)                                                      \
    static T sgd_##F(const fc_update *u, size_t i) {                               \
        const T *g = u->gradient, momentum = (T)u->numbers[1];                     \
        T *v = u->slots[0];                                                        \
        volatile T step = g[i] * (T)u->numbers[0], moved;                          \
        if (!v)                                                                    \
            return -step;                                                          \
        moved = v[i] * momentum;                                                   \
        v[i] = moved = moved - step;                                               \
        if (u->rule == FC_UPDATE_SGD)                                              \
            return moved;                                                          \
        moved = moved * momentum;                                                  \
        return moved - step;                                                       \
    }                                                                              \
    static T adam_##F(const fc_update *u, size_t i) {                              \
        const T *g = u->gradient;                                                  \
        T *m = u->slots[0], *v = u->slots[1], *largest = u->slots[2];              \
        volatile T mean = (g[i] - m[i]) * (T)u->numbers[1], square = g[i] * g[i];  \
        m[i] = mean = m[i] + mean;                                                 \
        square = (square - v[i]) * (T)u->numbers[2];                               \
        v[i] = square = v[i] + square;                                             \
        if (largest && !(square <= largest[i]) && !isnan(largest[i]))              \
            largest[i] = square;                                                   \
        volatile T root = SQRT(largest ? largest[i] : square);                     \
        mean = mean * (T)u->numbers[0];                                            \
        return -(mean / (root + (T)u->numbers[3]));                                \
    }                                                                              \
    static T rmsprop_##F(const fc_update *u, size_t i) {                           \
        const T *g = u->gradient, rho = (T)u->numbers[1], rest = (T)u->numbers[2]; \
        T *v = u->slots[0], *s = u->slots[1], *a = u->slots[2];                    \
        volatile T old = v[i] * rho, square = g[i] * g[i], spread, step;           \
        square = rest * square;                                                    \
        v[i] = spread = old + square;                                              \
        if (a) {                                                                   \
            volatile T kept = a[i] * rho, part = rest * g[i], mean = kept + part;  \
            a[i] = mean;                                                           \
            square = mean * mean;                                                  \
            spread = spread - square;                                              \
        }                                                                          \
        spread = spread + (T)u->numbers[3];                                        \
        step = (T)u->numbers[0] * g[i];                                            \
        step = step / SQRT(spread);                                                \
        if (s) {                                                                   \
            volatile T kept = s[i] * (T)u->numbers[4];                             \
            s[i] = step = kept + step;                                             \
        }                                                                          \
        return -step;                                                              \
    }                                                                              \
    void fc_ref_update_##F(const fc_update *u) {                                   \
        T *w = u->value;                                                           \
        for (size_t i = 0; i < u->count; i++) {                                    \
            volatile T shrunk = w[i] * (T)u->decay[0];                             \
            shrunk = shrunk * (T)u->decay[1];                                      \
            if (u->decay[0] != 0)                                                  \
                w[i] = w[i] - shrunk;                                              \
            w[i] += u->rule <= FC_UPDATE_NESTEROV ? sgd_##F(u, i)                  \
                : u->rule == FC_UPDATE_ADAM       ? adam_##F(u, i)                 \
                                                  : rmsprop_##F(u, i);                   \
        }                                                                          \
    }
REFERENCE(float, f32, sqrtf)
REFERENCE(double, f64, sqrt)
