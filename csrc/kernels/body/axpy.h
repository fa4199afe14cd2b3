/* SPDX-License-Identifier: MIT */
/* A scaled row added to another. */
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
