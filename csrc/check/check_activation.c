/* SPDX-License-Identifier: MIT */
/* Activations, their gradients and softmax; with --ulp the error of the basic functions over all float32 values. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "core/parallel.h"
#include "kernels/ref/activation.h"

enum { MOST = 70, EPSILONS = 10 };

static const char *const names[] = {
#define FC_ACTIVATION(id, name, derivative) #name,
#include "kernels/activations.inc"
#undef FC_ACTIVATION
};
static const double alphas[] = {0.2, 1, 1.5};

/* What rounding may be measured against: the value, the gate of a product, and the least normal number times x. */
static double scale_of(fc_activation a, double x, long double want, double tiny, double least) {
    double scale = fmax(fmax(fabs((double)want), tiny * (1 + fabs(x))), least);
    if (isfinite(x))
        scale = fmax(scale, (double)fc_ref_gate(a, x));
    /* The exponent of gelu_tanh is itself rounded, as that of any implementation in one format. */
    if (a == FC_GELU_TANH && isfinite(x))
        scale *= 1 + fmin(1.6 * fabs(x) * (1 + 0.045 * x * x), 1000);
    return isfinite(scale) ? scale : 1;
}

#define CHECK(T, F, EPS, TINY, FORWARD, GRADIENT, GRADIENT_Y)                                                       \
    static void compare_##F(                                                                                        \
        fc_activation a, const T *x, const T *got, const long double *want, size_t n, double least) {               \
        for (size_t i = 0; i < n; i++) {                                                                            \
            T rounded = (T)want[i];                                                                                 \
            check_close_##F(got + i, &rounded, 1, EPSILONS * EPS, scale_of(a, (double)x[i], want[i], TINY, least)); \
        }                                                                                                           \
    }                                                                                                               \
    static void forward_##F(const fc_kernels *k, const char *isa, fc_activation a, double alpha, size_t n) {        \
        size_t shift = check_random_below(64);                                                                      \
        int in_place = check_random_below(2) == 0;                                                                  \
        check_buffer x = check_alloc(n * sizeof(T), check_random_below(64)), y = check_alloc(n * sizeof(T), shift); \
        T in[MOST];                                                                                                 \
        long double want[MOST];                                                                                     \
        check_case(names[a], isa, #F " n %zu alpha %g %s", n, alpha, in_place ? "in place" : "");                   \
        check_fill_##F##_extremes(in, n);                                                                           \
        for (size_t i = 0; i < n; i++)                                                                              \
            want[i] = fc_ref_activation(a, (T)alpha, in[i]);                                                        \
        memcpy(in_place ? y.data : x.data, in, n * sizeof(T));                                                      \
        FORWARD[a](n, alpha, in_place ? y.data : x.data, y.data);                                                   \
        compare_##F(a, in, (T *)y.data, want, n, 0);                                                                \
        check_guards(&x);                                                                                           \
        check_guards(&y);                                                                                           \
        check_free(&x);                                                                                             \
        check_free(&y);                                                                                             \
    }                                                                                                               \
    static void gradient_##F(                                                                                       \
        const fc_kernels *k, const char *isa, fc_activation a, double alpha, size_t n, int from_y) {                \
        check_buffer x = check_alloc(n * sizeof(T), check_random_below(64));                                        \
        check_buffer dy = check_alloc(n * sizeof(T), check_random_below(64)), dx = check_alloc(n * sizeof(T), 4);   \
        T from[MOST], g[MOST];                                                                                      \
        long double want[MOST];                                                                                     \
        check_case(names[a], isa, "gradient%s " #F " n %zu alpha %g", from_y ? " from y" : "", n, alpha);           \
        check_fill_##F##_extremes(from, n);                                                                         \
        check_fill_##F(g, n);                                                                                       \
        for (size_t i = 0; i < n; i++) {                                                                            \
            if (from_y)                                                                                             \
                from[i] = (T)fc_ref_activation(a, (T)alpha, from[i]);                                               \
            /* The derivative overflows by itself. */                                                               \
            want[i] = g[i] * (T)(from_y ? fc_ref_derivative_from_output : fc_ref_derivative)(a, (T)alpha, from[i]); \
        }                                                                                                           \
        memcpy(x.data, from, n * sizeof(T));                                                                        \
        memcpy(dy.data, g, n * sizeof(T));                                                                          \
        (from_y ? GRADIENT_Y : GRADIENT)[a](n, alpha, x.data, dy.data, dx.data);                                    \
        compare_##F(a, from, (T *)dx.data, want, n, from_y ? 2 : 0); /* y + alpha, 1 - y: of the size of 1 */       \
        check_guards(&dx);                                                                                          \
        check_free(&x);                                                                                             \
        check_free(&dy);                                                                                            \
        check_free(&dx);                                                                                            \
    }
CHECK(float, f32, FLT_EPSILON, FLT_MIN, k->activate_f32, k->activate_grad_f32, k->activate_grad_y_f32)
CHECK(double, f64, DBL_EPSILON, DBL_MIN, k->activate_f64, k->activate_grad_f64, k->activate_grad_y_f64)

static void activations(const fc_kernels *k, const char *isa) {
    for (int a = 0; a < FC_ACTIVATION_COUNT; a++)
        for (size_t n = 0; n < MOST; n += n < 36 ? 1 : 11) {
            const double alpha = alphas[check_random_below(3)];
            forward_f32(k, isa, (fc_activation)a, alpha, n);
            forward_f64(k, isa, (fc_activation)a, alpha, n);
            for (int from_y = 0; from_y <= fc_activation_from_output((fc_activation)a, alpha); from_y++) {
                gradient_f32(k, isa, (fc_activation)a, alpha, n, from_y);
                gradient_f64(k, isa, (fc_activation)a, alpha, n, from_y);
            }
            check_true((k->activate_grad_y_f32[a] != NULL) == fc_activation_from_output((fc_activation)a, alpha),
                "from_output");
        }
}

static const fc_relu_params rectifiers[] = {
    {0, 0, -INFINITY, INFINITY},
    {0.25, 0, 0, 2},
    {0, 1, -INFINITY, INFINITY},
    {0, 0.5, 0, 1.5},
    {-0.5, -1, 0, 0.75},
    {2, -0.25, -INFINITY, INFINITY},
    {0.125, 3, 0, INFINITY},
    {0, 2, 0, 0},
};

#define RECTIFIER(T, F, EPS, TINY)                                                                                  \
    static void rectifier_##F(const fc_kernels *k, const char *isa, const fc_relu_params *p, size_t n) {            \
        check_buffer x = check_alloc(n * sizeof(T), check_random_below(64)), y = check_alloc(n * sizeof(T), 4);     \
        check_buffer dy = check_alloc(n * sizeof(T), check_random_below(64)), dx = check_alloc(n * sizeof(T), 4);   \
        T in[MOST], g[MOST];                                                                                        \
        check_case("relu", isa, #F " n %zu slope %g threshold %g bounds %g,%g", n, p->negative_slope, p->threshold, \
            p->low, p->high);                                                                                       \
        check_fill_##F##_extremes(in, n);                                                                           \
        check_fill_##F(g, n);                                                                                       \
        for (size_t i = 0; i < n; i++)                                                                              \
            if (check_random_below(4) == 0)                                                                         \
                in[i] = (T)(check_random_below(2) ? p->threshold : p->high);                                        \
        memcpy(x.data, in, n * sizeof(T));                                                                          \
        memcpy(dy.data, g, n * sizeof(T));                                                                          \
        k->relu_##F(n, p, x.data, y.data);                                                                          \
        k->relu_grad_##F(n, p, x.data, dy.data, dx.data);                                                           \
        for (size_t i = 0; i < n; i++) {                                                                            \
            const T want = (T)fc_ref_relu(p, in[i]), slope = (T)(g[i] * fc_ref_relu_slope(p, in[i]));               \
            check_close_##F((T *)y.data + i, &want, 1, 2 * EPS, isfinite(want) ? fmax(fabs(want), TINY) : 1);       \
            check_close_##F((T *)dx.data + i, &slope, 1, 0, 1);                                                     \
        }                                                                                                           \
        check_guards(&y);                                                                                           \
        check_guards(&dx);                                                                                          \
        check_free(&x);                                                                                             \
        check_free(&y);                                                                                             \
        check_free(&dy);                                                                                            \
        check_free(&dx);                                                                                            \
    }
RECTIFIER(float, f32, FLT_EPSILON, FLT_MIN)
RECTIFIER(double, f64, DBL_EPSILON, DBL_MIN)

/* e^(x - highest), with the rounding of the difference, which counts where a long double is a double. */
static long double exp_difference(double x, double highest) {
    const long double d = (long double)x - highest, back = d + highest;
    const long double error = (x - back) - (highest - (back - d));
    return expl(d) * (1 + error);
}

/* Softmax and its gradient along a column of `axis` elements `pitch` apart. */
static void reference_softmax(size_t axis, size_t pitch, const double *x, double *y) {
    double highest = -INFINITY;
    long double sum = 0;
    for (size_t i = 0; i < axis; i++)
        highest = fmax(highest, x[i * pitch]);
    for (size_t i = 0; i < axis; i++)
        sum += exp_difference(x[i * pitch], highest);
    for (size_t i = 0; i < axis; i++)
        y[i * pitch] = (double)(exp_difference(x[i * pitch], highest) / sum);
}

static void reference_softmax_grad(size_t axis, size_t pitch, const double *y, const double *dy, double *dx) {
    long double dot = 0;
    for (size_t i = 0; i < axis; i++)
        dot += (long double)y[i * pitch] * dy[i * pitch];
    for (size_t i = 0; i < axis; i++)
        dx[i * pitch] = (double)(y[i * pitch] * (dy[i * pitch] - dot));
}

enum { ROWS = 3, COLUMNS = 77 };

#define SOFTMAX(T, F, EPS)                                                                                        \
    static void softmax_##F(const fc_kernels *k, const char *isa, size_t axis, int panel) {                       \
        const size_t columns = panel ? 1 + check_random_below(COLUMNS) : ROWS, n = axis * columns;                \
        const size_t pitch = panel ? columns : 1, step = panel ? 1 : axis;                                        \
        double x[MOST * COLUMNS], y[MOST * COLUMNS], dy[MOST * COLUMNS], dx[MOST * COLUMNS];                      \
        T want[MOST * COLUMNS], in[MOST * COLUMNS];                                                               \
        check_buffer from = check_alloc(n * sizeof(T), check_random_below(64));                                   \
        check_buffer by = check_alloc(n * sizeof(T), 4), to = check_alloc(n * sizeof(T), check_random_below(64)); \
        check_case(panel ? "softmax_panel" : "softmax", isa, #F " axis %zu columns %zu", axis, columns);          \
        check_fill_##F(in, n);                                                                                    \
        for (size_t i = 0; i < n; i++) {                                                                          \
            in[i] *= 30;                                                                                          \
            x[i] = in[i];                                                                                         \
            dy[i] = check_random_unit() > 0 ? 1 : -0.5;                                                           \
        }                                                                                                         \
        for (size_t c = 0; c < columns; c++)                                                                      \
            reference_softmax(axis, pitch, x + c * step, y + c * step);                                           \
        memcpy(from.data, in, n * sizeof(T));                                                                     \
        if (panel)                                                                                                \
            k->softmax_panel_##F(axis, pitch, columns, from.data, to.data);                                       \
        else                                                                                                      \
            k->softmax_##F(columns, axis, from.data, to.data);                                                    \
        for (size_t i = 0; i < n; i++) {                                                                          \
            want[i] = (T)y[i];                                                                                    \
            check_close_##F(                                                                                      \
                (T *)to.data + i, want + i, 1, 8 * EPS, fmax(fabs(y[i]), sizeof(T) == 4 ? FLT_MIN : DBL_MIN));    \
            y[i] = (double)want[i];                                                                               \
        }                                                                                                         \
        check_guards(&to);                                                                                        \
        for (size_t c = 0; c < columns; c++)                                                                      \
            reference_softmax_grad(axis, pitch, y + c * step, dy + c * step, dx + c * step);                      \
        for (size_t i = 0; i < n; i++) {                                                                          \
            memcpy(from.data + i * sizeof(T), want + i, sizeof(T));                                               \
            in[i] = (T)dy[i];                                                                                     \
            memcpy(by.data + i * sizeof(T), in + i, sizeof(T));                                                   \
            in[i] = (T)dx[i];                                                                                     \
        }                                                                                                         \
        if (panel)                                                                                                \
            k->softmax_grad_panel_##F(axis, pitch, columns, from.data, by.data, to.data);                         \
        else                                                                                                      \
            k->softmax_grad_##F(columns, axis, from.data, by.data, to.data);                                      \
        check_close_##F((T *)to.data, in, n, (4 + (double)axis) * EPS, 1);                                        \
        check_guards(&to);                                                                                        \
        check_free(&from);                                                                                        \
        check_free(&by);                                                                                          \
        check_free(&to);                                                                                          \
    }
SOFTMAX(float, f32, FLT_EPSILON)
SOFTMAX(double, f64, DBL_EPSILON)

/*
 * Error of a kernel in units in the last place of the exact result: every float32 with 2^-29 <= |x| < 512, and outside,
 * where the functions are nearly constant or linear, every 97th.
 */
typedef struct scan {
    fc_activation_fn *run;
    double (*exact)(double);
    double worst[256];
    float at[256];
} scan;

/* Good to far more digits than float's; fc_ref_activation, in long double, would take hours. */
static double exact_sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }
static double exact_elu(double x) { return x < 0 ? expm1(x) : x; }
static double exact_selu(double x) { return 1.0507009873554804934 * (x < 0 ? 1.6732632423543772848 * expm1(x) : x); }
static double exact_softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static double exact_softsign(double x) { return isinf(x) ? copysign(1, x) : x / (1 + fabs(x)); }
static double exact_silu(double x) { return isinf(x) ? fmax(x, 0) : x * exact_sigmoid(x); }
static double exact_gelu(double x) { return isinf(x) ? fmax(x, 0) : x * erfc(-x * 0.70710678118654752440) / 2; }
static double exact_mish(double x) { return isinf(x) ? fmax(x, 0) : x * tanh(isnan(x) ? x : exact_softplus(x)); }

static void scan_part(void *scan_, size_t part, size_t worker) {
    scan *s = scan_;
    enum { BLOCK = 1 << 12 };
    float x[BLOCK], y[BLOCK];
    const size_t exponents = part % 128; /* two of them, biased by 127 */
    const uint32_t step = exponents >= 49 && exponents <= 67 ? 1 : 97;
    (void)worker;
    for (uint64_t bits = (uint64_t)part << 24; bits < ((uint64_t)part + 1) << 24; bits += (uint64_t)BLOCK * step) {
        for (uint32_t i = 0; i < BLOCK; i++) {
            const uint32_t u = (uint32_t)(bits + (uint64_t)i * step);
            memcpy(x + i, &u, 4);
        }
        s->run(BLOCK, 1, x, y);
        for (size_t i = 0; i < BLOCK; i++) {
            const double want = s->exact(x[i]);
            if ((isnan(want) && isnan(y[i])) || (float)want == y[i])
                continue;
            int exponent;
            frexp(want, &exponent);
            const double error = fabs(y[i] - want) / ldexp(1, (exponent > -125 ? exponent : -125) - 24);
            if (!(error <= s->worst[part])) {
                s->worst[part] = error;
                s->at[part] = x[i];
            }
        }
    }
}

static void measure(const fc_kernels *k, const char *isa) {
    static const struct {
        fc_activation activation;
        double (*exact)(double);
    } functions[] = {
        {FC_EXPONENTIAL, exp},
        {FC_SIGMOID, exact_sigmoid},
        {FC_TANH, tanh},
        {FC_ELU, exact_elu},
        {FC_SELU, exact_selu},
        {FC_SOFTPLUS, exact_softplus},
        {FC_SOFTSIGN, exact_softsign},
        {FC_SILU, exact_silu},
        {FC_GELU, exact_gelu},
        {FC_MISH, exact_mish},
    };
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        scan s = {.run = k->activate_f32[functions[f].activation], .exact = functions[f].exact};
        fc_parallel_for(256, fc_parallel_workers(256, 1e12), scan_part, &s);
        size_t worst = 0;
        for (size_t part = 1; part < 256; part++)
            if (!(s.worst[part] <= s.worst[worst]))
                worst = part;
        printf(
            "%-7s %-22s at most %.3f ulp, at %.9g\n", isa, names[functions[f].activation], s.worst[worst], s.at[worst]);
    }
}

enum { TIMED = 1 << 14 };
typedef struct timed {
    fc_activation_fn *forward;
    fc_activation_grad_fn *gradient;
    float x[TIMED], dy[TIMED], y[TIMED];
} timed;

static void run_timed(void *timed_) {
    timed *t = timed_;
    if (t->gradient)
        t->gradient(TIMED, 1, t->x, t->dy, t->y);
    else
        t->forward(TIMED, 1, t->x, t->y);
}

static void bench(const fc_kernels *k, const char *isa) {
    static timed t;
    check_fill_f32(t.x, TIMED);
    check_fill_f32(t.dy, TIMED);
    for (int a = FC_RELU; a < FC_ACTIVATION_COUNT; a++) {
        t.forward = k->activate_f32[a];
        t.gradient = NULL;
        check_time(names[a], isa, "float32 in cache", run_timed, &t, 8.0 * TIMED, "GB/s");
        t.gradient = k->activate_grad_f32[a];
        check_time(names[a], isa, "gradient, float32 in cache", run_timed, &t, 12.0 * TIMED, "GB/s");
    }
}

void check_activation(const fc_kernels *kernels, const char *isa) {
    activations(kernels, isa);
    for (size_t i = 0; i < sizeof rectifiers / sizeof *rectifiers; i++)
        for (size_t n = 0; n < 36; n++) {
            rectifier_f32(kernels, isa, &rectifiers[i], n);
            rectifier_f64(kernels, isa, &rectifiers[i], n);
        }
    for (size_t axis = 1; axis < MOST; axis += axis < 36 ? 1 : 11)
        for (int panel = 0; panel < 2; panel++) {
            softmax_f32(kernels, isa, axis, panel);
            softmax_f64(kernels, isa, axis, panel);
        }
    if (check_measuring())
        measure(kernels, isa);
    if (check_benching())
        bench(kernels, isa);
}
