/* SPDX-License-Identifier: MIT */
/*
 * Sums of windows of bytes, each from its neighbour: of integers nothing is lost when what left a window is taken away
 * again. Along a row, the differences of neighbouring windows are added up within a vector, in as many steps as its
 * lanes have bits.
 */
static void FC_NAME(slide_columns)(
    const uint8_t *restrict enter, const uint8_t *restrict leave, uint16_t *restrict sums, size_t n) {
    if (leave)
        for (size_t i = 0; i < n; i++)
            sums[i] = (uint16_t)(sums[i] + enter[i] - leave[i]);
    else
        for (size_t i = 0; i < n; i++)
            sums[i] = (uint16_t)(sums[i] + enter[i]);
}

typedef int32_t vb32_signed __attribute__((vector_size(sizeof(vb32))));
typedef float vb32_floats __attribute__((vector_size(sizeof(vb32))));
static inline vb32 vb32_load_u16(const uint16_t *p) { return (vb32)vi32_load_u16(p); }

/* Lane i: the sum of lanes 0 .. i. */
static inline vb32 vb32_add_up(vb32 v) {
#pragma GCC unroll 8
    for (int by = 1; by < (int)vb32_LANES; by *= 2)
        v += (vb32)vi32_shift_up((vi32)v, by);
    return v;
}

static void FC_NAME(slide_rows)(const uint16_t *sums, size_t k, float tap, float *out, size_t n) {
    uint32_t window = 0;
    for (size_t i = 0; i < k; i++)
        window += sums[i];
    out[0] = tap * (float)window;
    vb32 before = vb32_set1(window);
    size_t i = 1;
    for (; i + vb32_LANES <= n; i += vb32_LANES) {
        const vb32 now = before + vb32_add_up(vb32_load_u16(sums + i + k - 1) - vb32_load_u16(sums + i - 1));
        const vb32_floats results = __builtin_convertvector((vb32_signed)now, vb32_floats) * tap;
        memcpy(out + i, &results, sizeof results);
        before = vb32_set1(now[vb32_LANES - 1]);
    }
    for (window = before[0]; i < n; i++) {
        window += (uint32_t)sums[i + k - 1] - sums[i - 1];
        out[i] = tap * (float)window;
    }
}
