/* SPDX-License-Identifier: MIT */
/* Steps of optimizers against kernels/ref, to the bit: any number of numbers, all slots and decays. */
#include <math.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/update.h"

enum { ARRAYS = 5 }; /* gradient, value, slots */

typedef struct update_case {
    fc_update_rule rule;
    size_t count;
    int slots, decays, special; /* slots: a bit for each */
} update_case;

#define CHECK_UPDATE(T, F)                                                                                            \
    static void compare_##F(fc_update_fn *run, const char *isa, const update_case *p) {                               \
        check_buffer got[ARRAYS], want[ARRAYS];                                                                       \
        fc_update u = {.rule = p->rule,                                                                               \
            .numbers = {0.01, p->rule == FC_UPDATE_ADAM ? 0.1 : 0.9, 0.1, 1e-7, 0.8},                                 \
            .decay = {p->decays ? 0.004 : 0, 0.01},                                                                   \
            .count = p->count};                                                                                       \
        check_case("update", isa, #F " rule %d count %zu slots %d decays %d special %d", p->rule, p->count, p->slots, \
            p->decays, p->special);                                                                                   \
        for (size_t i = 0; i < ARRAYS; i++) {                                                                         \
            got[i] = check_alloc(p->count * sizeof(T), sizeof(T) * (i % 3));                                          \
            want[i] = check_alloc(p->count * sizeof(T), 0);                                                           \
            check_fill_##F((T *)got[i].data, p->count);                                                               \
            for (size_t j = 0; i > 1 && j < p->count; j++)                                                            \
                ((T *)got[i].data)[j] = (T)fabs((double)((T *)got[i].data)[j]);                                       \
            if (i == 0 && p->special && p->count)                                                                     \
                ((T *)got[0].data)[check_random_below(p->count)] = p->special > 1 ? INFINITY : NAN;                   \
            memcpy(want[i].data, got[i].data, got[i].bytes);                                                          \
        }                                                                                                             \
        for (size_t pass = 0; pass < 2; pass++) {                                                                     \
            const check_buffer *of = pass ? want : got;                                                               \
            u.gradient = of[0].data;                                                                                  \
            u.value = of[1].data;                                                                                     \
            for (int slot = 0; slot < FC_UPDATE_SLOTS; slot++)                                                        \
                u.slots[slot] = p->slots >> slot & 1 ? of[2 + slot].data : NULL;                                      \
            (pass ? fc_ref_update_##F : run)(&u);                                                                     \
        }                                                                                                             \
        for (size_t i = 0; i < ARRAYS; i++) {                                                                         \
            check_close_##F((T *)got[i].data, (T *)want[i].data, p->count, 0, 0);                                     \
            check_guards(&got[i]);                                                                                    \
            check_free(&got[i]);                                                                                      \
            check_free(&want[i]);                                                                                     \
        }                                                                                                             \
    }
CHECK_UPDATE(float, f32)
CHECK_UPDATE(double, f64)

void check_update(const fc_kernels *kernels, const char *isa) {
    static const struct {
        fc_update_rule rule;
        int slots;
    } kinds[] = {{FC_UPDATE_SGD, 0}, {FC_UPDATE_SGD, 1}, {FC_UPDATE_NESTEROV, 1}, {FC_UPDATE_ADAM, 3},
        {FC_UPDATE_ADAM, 7}, {FC_UPDATE_RMSPROP, 1}, {FC_UPDATE_RMSPROP, 3}, {FC_UPDATE_RMSPROP, 5},
        {FC_UPDATE_RMSPROP, 7}};
    enum { KINDS = sizeof kinds / sizeof *kinds, CASES = 8 * KINDS };
    for (size_t i = 0; i < CASES; i++) {
        const update_case p = {.rule = kinds[i % KINDS].rule,
            .count = check_random_below(70),
            .slots = kinds[i % KINDS].slots,
            .decays = i / KINDS % 2,
            .special = i % 5 ? 0 : 1 + (int)(i / 5 % 2)};
        compare_f32(kernels->update_f32, isa, &p);
        compare_f64(kernels->update_f64, isa, &p);
    }
}
