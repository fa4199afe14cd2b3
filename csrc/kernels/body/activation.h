/* SPDX-License-Identifier: MIT */
/* The loops of the activations and their gradients, one a row of kernels/activations.inc. */
#include "kernels/body/activation_functions.h"

#define FROM_INPUT(name)
#define FROM_OUTPUT(name) GRADIENT_LOOP(activate_grad_y_##name, V(dfy_##name))
#define GRADIENT_LOOP(slot, derivative)                                                               \
    static void TYPED(slot)(size_t n, double alpha_, const void *from_, const void *dy_, void *dx_) { \
        const T *from = from_, *dy = dy_;                                                             \
        T *dx = dx_;                                                                                  \
        VEC alpha = V(set1)((T)alpha_);                                                               \
        size_t i = 0;                                                                                 \
        for (; i + LANES <= n; i += LANES)                                                            \
            V(store)(dx + i, V(mul)(V(load)(dy + i), derivative(V(load)(from + i), alpha)));          \
        if (i < n) {                                                                                  \
            VEC slope = derivative(V(load_n)(from + i, n - i), alpha);                                \
            V(store_n)(dx + i, V(mul)(V(load_n)(dy + i, n - i), slope), n - i);                       \
        }                                                                                             \
    }
#define FC_ACTIVATION(id, name, derivative)                                                 \
    static void TYPED(activate_##name)(size_t n, double alpha_, const void *x_, void *y_) { \
        const T *x = x_;                                                                    \
        T *y = y_;                                                                          \
        VEC alpha = V(set1)((T)alpha_);                                                     \
        size_t i = 0;                                                                       \
        for (; i + LANES <= n; i += LANES)                                                  \
            V(store)(y + i, V(f_##name)(V(load)(x + i), alpha));                            \
        if (i < n)                                                                          \
            V(store_n)(y + i, V(f_##name)(V(load_n)(x + i, n - i), alpha), n - i);          \
    }                                                                                       \
    GRADIENT_LOOP(activate_grad_##name, V(df_##name))                                       \
    derivative(name)
#include "kernels/activations.inc"
#undef FC_ACTIVATION
#undef FROM_INPUT
#undef FROM_OUTPUT
#undef GRADIENT_LOOP

static void TYPED(activate)(fc_activation_fn **table) {
#define FC_ACTIVATION(id, name, derivative) table[id] = TYPED(activate_##name);
#include "kernels/activations.inc"
#undef FC_ACTIVATION
}
static void TYPED(activate_grad)(fc_activation_grad_fn **table) {
#define FC_ACTIVATION(id, name, derivative) table[id] = TYPED(activate_grad_##name);
#include "kernels/activations.inc"
#undef FC_ACTIVATION
}
static void TYPED(activate_grad_y)(fc_activation_grad_fn **table) {
#define FROM_INPUT(name) NULL
#define FROM_OUTPUT(name) TYPED(activate_grad_y_##name)
#define FC_ACTIVATION(id, name, derivative) table[id] = derivative(name);
#include "kernels/activations.inc"
#undef FC_ACTIVATION
#undef FROM_INPUT
#undef FROM_OUTPUT
}
