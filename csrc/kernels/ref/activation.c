/* SPDX-License-Identifier: MIT */
#include "kernels/ref/activation.h"

#include <math.h>

static const long double selu_scale = 1.0507009873554804934193349852946L,
                         selu_alpha = 1.6732632423543772848170429916717L;

static long double sigmoid(long double x) { return 1 / (1 + expl(-x)); }
static long double softplus(long double x) { return fmaxl(x, 0) + log1pl(expl(-fabsl(x))); }
static long double relu6(long double x) { return x < 0 ? 0 : x > 6 ? 6 : x; }
static long double gelu_u(long double x) { return 1.59576912160573071176L * (x + 0.044715L * x * x * x); }
/* e / (1 + e)^2 */
static long double slope(long double e) { return e / ((1 + e) * (1 + e)); }
/* Where a long double is a double, the rounding of an argument would cost the tails of these their last digits. */
static long double normal_tail(long double x) {
    const long double root = sqrtl(0.5L), rest = fmal(-root, root, 0.5L) / (2 * root);
    const long double to = -x * root, error = isfinite(to) ? fmal(-x, root, -to) - x * rest : 0;
    return (erfcl(to) - 1.12837916709551257390L * expl(-to * to) * error) / 2;
}
static long double normal_density(long double x) {
    const long double square = x * x, error = isfinite(square) ? fmal(x, x, -square) : 0;
    return expl(-square / 2) * (1 - error / 2) * 0.398942280401432677940L;
}
static int inside(long double x, long double low, long double high) { return low < x && x < high; }

long double fc_ref_gate(fc_activation activation, long double x) {
    switch (activation) {
    case FC_SILU:
        return sigmoid(x);
    case FC_GELU:
        return normal_tail(x);
    case FC_GELU_TANH:
        return sigmoid(gelu_u(x));
    case FC_HARD_SILU:
        return relu6(x + 3) / 6;
    case FC_MISH:
        return tanhl(softplus(x));
    default:
        return 0;
    }
}

static long double gate_slope(fc_activation activation, long double x) {
    const long double gate = fc_ref_gate(activation, x), e = expl(-fabsl(x));
    switch (activation) {
    case FC_SILU:
        return slope(e);
    case FC_GELU:
        return normal_density(x);
    case FC_GELU_TANH:
        return slope(expl(-fabsl(gelu_u(x)))) * 1.59576912160573071176L * (1 + 3 * 0.044715L * x * x);
    case FC_HARD_SILU:
        return inside(x, -3, 3) ? 1.0L / 6 : 0;
    default:
        return (1 - gate) * (1 + gate) * sigmoid(x);
    }
}

long double fc_ref_activation(fc_activation activation, long double alpha, long double x) {
    if (isnan(x))
        return x;
    switch (activation) {
    case FC_LINEAR:
        return x;
    case FC_RELU:
        return x > 0 ? x : 0;
    case FC_RELU6:
        return relu6(x);
    case FC_LEAKY_RELU:
        return x < 0 ? alpha * x : x;
    case FC_ELU:
        return x < 0 ? alpha * expm1l(x) : x;
    case FC_SELU:
        return selu_scale * (x < 0 ? selu_alpha * expm1l(x) : x);
    case FC_SIGMOID:
        return sigmoid(x);
    case FC_TANH:
        return tanhl(x);
    case FC_EXPONENTIAL:
        return expl(x);
    case FC_SOFTPLUS:
        return softplus(x);
    case FC_SOFTSIGN:
        return isinf(x) ? copysignl(1, x) : x / (1 + fabsl(x));
    case FC_HARD_SIGMOID:
        return relu6(x + 3) / 6;
    default: {
        const long double gate = fc_ref_gate(activation, x);
        return gate == 0 ? -0.0L : x * gate;
    }
    }
}

long double fc_ref_derivative(fc_activation activation, long double alpha, long double x) {
    if (isnan(x) && activation != FC_LINEAR)
        return x;
    switch (activation) {
    case FC_LINEAR:
        return 1;
    case FC_RELU:
        return x > 0;
    case FC_RELU6:
        return inside(x, 0, 6);
    case FC_LEAKY_RELU:
        return x > 0 ? 1 : alpha;
    case FC_ELU:
        return x < 0 ? alpha * expl(x) : 1;
    case FC_SELU:
        return selu_scale * (x < 0 ? selu_alpha * expl(x) : 1);
    case FC_SIGMOID:
        return slope(expl(-fabsl(x)));
    case FC_TANH:
        return 4 * slope(expl(-2 * fabsl(x)));
    case FC_EXPONENTIAL:
        return expl(x);
    case FC_SOFTPLUS:
        return sigmoid(x);
    case FC_SOFTSIGN:
        return 1 / ((1 + fabsl(x)) * (1 + fabsl(x)));
    case FC_HARD_SIGMOID:
        return inside(x, -3, 3) ? 1.0L / 6 : 0;
    default: {
        const long double rest = gate_slope(activation, x);
        return fc_ref_gate(activation, x) + (rest == 0 || isnan(rest) ? 0 : x * rest);
    }
    }
}

long double fc_ref_derivative_from_output(fc_activation activation, long double alpha, long double y) {
    if (isnan(y) && activation != FC_LINEAR)
        return y;
    switch (activation) {
    case FC_ELU:
        return y < 0 ? y + alpha : 1;
    case FC_SELU:
        return y < 0 ? y + selu_scale * selu_alpha : selu_scale;
    case FC_SIGMOID:
        return y * (1 - y);
    case FC_TANH:
        return (1 - y) * (1 + y);
    case FC_EXPONENTIAL:
        return y;
    case FC_SOFTPLUS:
        return -expm1l(-y);
    case FC_SOFTSIGN:
        return (1 - fabsl(y)) * (1 - fabsl(y));
    case FC_HARD_SIGMOID:
        return inside(y, 0, 1) ? 1.0L / 6 : 0;
    default:
        return fc_ref_derivative(activation, alpha, y);
    }
}

double fc_ref_relu(const fc_relu_params *p, double x) {
    if (isnan(x))
        return x;
    if (x > p->threshold)
        return fmin(fmax(x, p->low), p->high);
    return p->negative_slope == 0 ? 0 : p->negative_slope * (x - p->threshold);
}

double fc_ref_relu_slope(const fc_relu_params *p, double x) {
    if (isnan(x))
        return x;
    if (x > p->threshold)
        return p->low <= x && x <= p->high;
    return x < p->threshold ? p->negative_slope : 0;
}
