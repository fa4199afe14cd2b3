/* SPDX-License-Identifier: MIT */
/* Convolution with one input channel a group: memory-bound, so a vector of channels and no packing. */
static void TYPED(depthwise)(size_t taps, const void *const *x, const void *w_, size_t w_pitch, size_t channels, void *y_) {
    const T *w = w_;
    T *y = y_;
    for (size_t c = 0; c < channels; c += LANES) {
        size_t n = channels - c < LANES ? channels - c : LANES;
        VEC sum = V(set1)(0);
        if (n == LANES)
            for (size_t t = 0; t < taps; t++)
                sum = V(fma)(V(load)((const T *)x[t] + c), V(load)(w + t * w_pitch + c), sum);
        else
            for (size_t t = 0; t < taps; t++)
                sum = V(fma)(V(load_n)((const T *)x[t] + c, n), V(load_n)(w + t * w_pitch + c, n), sum);
        V(store_n)(y + c, sum, n);
    }
}

static void TYPED(axpy)(size_t n, const void *w_, const void *x_, size_t x_step, void *y_) {
    const T *x = x_;
    T *y = y_, w = *(const T *)w_;
    VEC weight = V(set1)(w);
    size_t i = 0;
    if (x_step == 1) {
        for (; i + LANES <= n; i += LANES)
            V(store)(y + i, V(fma)(weight, V(load)(x + i), V(load)(y + i)));
        if (i < n)
            V(store_n)(y + i, V(fma)(weight, V(load_n)(x + i, n - i), V(load_n)(y + i, n - i)), n - i);
        return;
    }
    /* Gathered through the stack so that every element meets the same rounding as in the vector loop. */
    for (; i < n; i += LANES) {
        size_t m = n - i < LANES ? n - i : LANES;
        T lanes[LANES] = {0};
        for (size_t j = 0; j < m; j++)
            lanes[j] = x[(i + j) * x_step];
        V(store_n)(y + i, V(fma)(weight, V(load)(lanes), V(load_n)(y + i, m)), m);
    }
}
