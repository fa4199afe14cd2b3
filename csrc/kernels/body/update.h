/* SPDX-License-Identifier: MIT */
/* Steps of optimizers: loops that the compiler turns into vectors by itself; fc_update_fn of kernels/types.h. */

#define UPDATE_SQRT(x) (sizeof(T) == sizeof(float) ? (T)__builtin_sqrtf((float)(x)) : (T)__builtin_sqrt((double)(x)))
#define UPDATE_INLINE static inline __attribute__((always_inline))

UPDATE_INLINE void TYPED(update_sgd)(const fc_update *u, const int nesterov) {
    const T rate = (T)u->numbers[0], momentum = (T)u->numbers[1];
    const ANY *restrict g = u->gradient;
    ANY *restrict w = u->value, *restrict v = u->slots[0];
    if (!v) {
        for (size_t i = 0; i < u->count; i++)
            w[i] -= g[i] * rate;
        return;
    }
    for (size_t i = 0; i < u->count; i++) {
        const T step = g[i] * rate, moved = v[i] * momentum - step;
        v[i] = moved;
        w[i] += nesterov ? moved * momentum - step : moved;
    }
}

UPDATE_INLINE void TYPED(update_adam)(const fc_update *u, const int amsgrad) {
    const T rate = (T)u->numbers[0], first = (T)u->numbers[1], second = (T)u->numbers[2], epsilon = (T)u->numbers[3];
    const ANY *restrict g = u->gradient;
    ANY *restrict w = u->value, *restrict m = u->slots[0], *restrict v = u->slots[1], *restrict largest = u->slots[2];
    for (size_t i = 0; i < u->count; i++) {
        const T mean = m[i] + (g[i] - m[i]) * first, square = v[i] + (g[i] * g[i] - v[i]) * second;
        T top = square;
        if (amsgrad)
            largest[i] = top = largest[i] > square || largest[i] != largest[i] ? largest[i] : square;
        m[i] = mean;
        v[i] = square;
        w[i] -= mean * rate / (UPDATE_SQRT(top) + epsilon);
    }
}

UPDATE_INLINE void TYPED(update_rmsprop)(const fc_update *u, const int moves, const int centered) {
    const T rate = (T)u->numbers[0], rho = (T)u->numbers[1], rest = (T)u->numbers[2], epsilon = (T)u->numbers[3],
            momentum = (T)u->numbers[4];
    const ANY *restrict g = u->gradient;
    ANY *restrict w = u->value, *restrict v = u->slots[0], *restrict s = u->slots[1], *restrict a = u->slots[2];
    for (size_t i = 0; i < u->count; i++) {
        const T square = v[i] * rho + rest * (g[i] * g[i]);
        T spread = square;
        v[i] = square;
        if (centered) {
            const T mean = a[i] * rho + rest * g[i];
            a[i] = mean;
            spread = square - mean * mean;
        }
        T step = rate * g[i] / UPDATE_SQRT(spread + epsilon);
        if (moves)
            s[i] = step = s[i] * momentum + step;
        w[i] -= step;
    }
}

static void TYPED(update)(const fc_update *u) {
    if (u->decay[0] != 0) {
        const T decay = (T)u->decay[0], rate = (T)u->decay[1];
        ANY *restrict w = u->value;
        for (size_t i = 0; i < u->count; i++)
            w[i] -= w[i] * decay * rate;
    }
    switch (u->rule) {
    case FC_UPDATE_SGD:
        TYPED(update_sgd)(u, 0);
        break;
    case FC_UPDATE_NESTEROV:
        TYPED(update_sgd)(u, 1);
        break;
    case FC_UPDATE_ADAM:
        if (u->slots[2])
            TYPED(update_adam)(u, 1);
        else
            TYPED(update_adam)(u, 0);
        break;
    default:
        if (u->slots[2])
            TYPED(update_rmsprop)(u, u->slots[1] != NULL, 1);
        else
            TYPED(update_rmsprop)(u, u->slots[1] != NULL, 0);
    }
}

#undef UPDATE_SQRT
#undef UPDATE_INLINE
