/* SPDX-License-Identifier: MIT */
/*
 * One step of an optimizer on many small variables: what TensorFlow runs as an op a variable, each of which may wake
 * other threads for a few numbers. Values are read and given back; Python assigns them, since TensorFlow's C API has
 * no way to a variable. The formulas are Keras' (keras/src/optimizers), in its order of operations.
 */
#include <math.h>
#include <string.h>

#include "tensorflow/op.h"

enum { MOST_HYPER = 5, MOST_SLOTS = 2 };

/* The same operations on wider vectors, chosen when the library is loaded; none is contracted, so the bits are the
 * same. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define ANY_WIDTH __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ANY_WIDTH
#endif

/* The memory of one variable: its value and slots as they were (x, s) and as they become (y, t). */
typedef struct update {
    size_t count;
    const float *gradient, *x, *s[MOST_SLOTS];
    float *y, *t[MOST_SLOTS];
} update;

typedef struct rule {
    const char *name;
    int slots, hyper;
    void (*run)(const update *u, const float *hyper);
} rule;

/* hyper: learning rate */
ANY_WIDTH static void sgd(const update *u, const float *hyper) {
#pragma GCC ivdep
    for (size_t i = 0; i < u->count; i++)
        u->y[i] = u->x[i] - u->gradient[i] * hyper[0];
}

/* hyper: learning rate, momentum */
ANY_WIDTH static void momentum(const update *u, const float *hyper) {
#pragma GCC ivdep
    for (size_t i = 0; i < u->count; i++) {
        u->t[0][i] = u->s[0][i] * hyper[1] - u->gradient[i] * hyper[0];
        u->y[i] = u->x[i] + u->t[0][i];
    }
}

ANY_WIDTH static void nesterov(const update *u, const float *hyper) {
#pragma GCC ivdep
    for (size_t i = 0; i < u->count; i++) {
        const float step = u->gradient[i] * hyper[0];
        u->t[0][i] = u->s[0][i] * hyper[1] - step;
        u->y[i] = u->x[i] + (u->t[0][i] * hyper[1] - step);
    }
}

/* hyper: learning rate, beta 1, beta 2, epsilon, the step's number from 1 */
ANY_WIDTH static void adam(const update *u, const float *hyper) {
    const float b1 = hyper[1], b2 = hyper[2], epsilon = hyper[3];
    const float alpha = hyper[0] * sqrtf(1 - powf(b2, hyper[4])) / (1 - powf(b1, hyper[4]));
#pragma GCC ivdep
    for (size_t i = 0; i < u->count; i++) {
        const float g = u->gradient[i];
        const float m = u->s[0][i] + (g - u->s[0][i]) * (1 - b1), v = u->s[1][i] + (g * g - u->s[1][i]) * (1 - b2);
        u->t[0][i] = m;
        u->t[1][i] = v;
        u->y[i] = u->x[i] - m * alpha / (sqrtf(v) + epsilon);
    }
}

/* hyper: learning rate, rho, epsilon */
ANY_WIDTH static void rmsprop(const update *u, const float *hyper) {
    const float rate = hyper[0], rho = hyper[1], epsilon = hyper[2];
#pragma GCC ivdep
    for (size_t i = 0; i < u->count; i++) {
        const float g = u->gradient[i], v = rho * u->s[0][i] + (1 - rho) * (g * g);
        u->t[0][i] = v;
        u->y[i] = u->x[i] - rate * g / sqrtf(v + epsilon);
    }
}

/* hyper: learning rate, rho, epsilon, momentum */
ANY_WIDTH static void rmsprop_momentum(const update *u, const float *hyper) {
    const float rate = hyper[0], rho = hyper[1], epsilon = hyper[2];
#pragma GCC ivdep
    for (size_t i = 0; i < u->count; i++) {
        const float g = u->gradient[i], v = rho * u->s[0][i] + (1 - rho) * (g * g);
        const float m = hyper[3] * u->s[1][i] + rate * g / sqrtf(v + epsilon);
        u->t[0][i] = v;
        u->t[1][i] = m;
        u->y[i] = u->x[i] - m;
    }
}

/* hyper: learning rate, rho, epsilon */
ANY_WIDTH static void adadelta(const update *u, const float *hyper) {
    const float rate = hyper[0], rho = hyper[1], epsilon = hyper[2];
#pragma GCC ivdep
    for (size_t i = 0; i < u->count; i++) {
        const float g = u->gradient[i], a = rho * u->s[0][i] + (1 - rho) * (g * g);
        const float delta = -(sqrtf(u->s[1][i] + epsilon) * g / sqrtf(a + epsilon));
        u->t[0][i] = a;
        u->t[1][i] = rho * u->s[1][i] + (1 - rho) * (delta * delta);
        u->y[i] = u->x[i] + rate * delta;
    }
}

static const rule rules[] = {
    {"sgd", 0, 1, sgd},
    {"momentum", 1, 2, momentum},
    {"nesterov", 1, 2, nesterov},
    {"adam", 2, 5, adam},
    {"rmsprop", 1, 3, rmsprop},
    {"rmsprop_momentum", 2, 4, rmsprop_momentum},
    {"adadelta", 2, 3, adadelta},
};

typedef struct update_kernel {
    op_kernel base;
    const rule *rule;
    int variables;
} update_kernel;

/* Input `index`, which must have as many elements as the variable. */
static const void *input_of(call *c, int index, const input *variable) {
    const input x = call_input(c, index);
    int same = x.rank == variable->rank;
    for (int i = 0; call_ok(c) && same && i < x.rank; i++)
        same = tf.Dim(x.tensor, i) == tf.Dim(variable->tensor, i);
    if (!same)
        call_fail(c, TF_INVALID_ARGUMENT, "gradients and slots must have the shapes of their variables");
    return x.data;
}

/* The inputs are all variables, all gradients, all first slots, all second slots, then hyper; the outputs likewise. */
static void update_variable(call *c, const update_kernel *k, int index, const float *hyper) {
    const int held = c->held_count;
    const input x = call_input(c, index);
    int64_t dims[MAX_RANK] = {0};
    for (int i = 0; call_ok(c) && i < x.rank; i++)
        dims[i] = tf.Dim(x.tensor, i);
    update u = {.x = x.data, .gradient = input_of(c, k->variables + index, &x)};
    u.y = call_output_at(c, index, dims, x.rank);
    for (int slot = 0; slot < k->rule->slots; slot++) {
        u.s[slot] = input_of(c, (2 + slot) * k->variables + index, &x);
        u.t[slot] = call_output_at(c, (1 + slot) * k->variables + index, dims, x.rank);
    }
    if (call_ok(c)) {
        u.count = count_of(dims, x.rank);
        k->rule->run(&u, hyper);
    }
    while (c->held_count > held)
        tf.DeleteTensor(c->held[--c->held_count]);
}

static void run_update(const op_kernel *base, call *c) {
    const update_kernel *k = (const update_kernel *)base;
    const input hyper = call_input(c, (2 + k->rule->slots) * k->variables);
    if (call_ok(c) && (hyper.rank != 1 || hyper.dims[0] != k->rule->hyper))
        call_fail(c, TF_INVALID_ARGUMENT, "`hyper` must have %d elements", k->rule->hyper);
    for (int i = 0; call_ok(c) && i < k->variables; i++)
        update_variable(c, k, i, hyper.data);
}

static void *create_update(TF_OpKernelConstruction *ctx) {
    creation c = creation_begin(ctx, "FastconvUpdate", run_update, sizeof(update_kernel));
    char name[32] = "";
    if (creation_ok(&c))
        tf.OpKernelConstruction_GetAttrString(ctx, "rule", name, sizeof name - 1, c.status);
    const int64_t variables = creation_int(&c, "N"), slots = creation_int(&c, "S");
    if (!creation_ok(&c))
        return creation_end(&c);
    update_kernel *k = (update_kernel *)c.kernel;
    k->variables = (int)variables;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(name, rules[i].name))
            k->rule = &rules[i];
    if (!k->rule)
        creation_fail(&c, "unknown `rule` '%s'", name);
    else if (slots != k->rule->slots * variables)
        creation_fail(&c, "rule '%s' has %d slots for each variable", name, k->rule->slots);
    return creation_end(&c);
}

static const op_spec update_op = {"FastconvUpdate",
    {"variables: N * T", "gradients: N * T", "slots: S * T", "hyper: T"}, {"new_variables: N * T", "new_slots: S * T"},
    {"T: {float}", "N: int >= 1", "S: int >= 0", "rule: string"}, shape_unknown, create_update};

const op_spec *const fc_tf_update_ops[] = {&update_op, NULL};
