/* SPDX-License-Identifier: MIT */
/* Splitting float into planes of bfloat16, and the product of split panels in vector words. */
static inline void FC_NAME(store_planes)(uint16_t *dst, size_t planes, vf32 a, vf32 b) {
    for (size_t p = 0; p < planes; p++, dst += FC_BF16X3_TILE) {
        vf32 a_part = p == 2 ? a : vf32_bf16_round(a), b_part = p == 2 ? b : vf32_bf16_round(b);
        vf32_store((float *)dst, vf32_bf16_join(a_part, b_part));
        a = vf32_sub(a, a_part);
        b = vf32_sub(b, b_part);
    }
}

/* 1 if a lane is outside of what 0 and 2^-50..2^50 give: see the words most and least. */
static inline int FC_NAME(out_of_range)(vf32 top, vf32 low) {
    const uint32_t largest = (127u + 50) << 24, smallest = ((127u - 50) << 24) - 1;
    uint32_t tops[VF32_LANES], lows[VF32_LANES];
    int out = 0;
    vf32_store((float *)tops, top);
    vf32_store((float *)lows, low);
    for (size_t i = 0; i < VF32_LANES; i++)
        out |= tops[i] > largest || lows[i] < smallest;
    return out;
}

static inline __attribute__((always_inline)) vf32 FC_NAME(load_as)(fc_dtype dtype, const void *src, size_t i) {
    return dtype == FC_F32 ? vf32_load((const float *)src + i)
        : dtype == FC_F16  ? vf32_load_f16((const uint16_t *)src + i)
                           : vf32_load_bf16((const uint16_t *)src + i);
}

static inline __attribute__((always_inline)) int FC_NAME(split_planes)(
    const fc_bf16x3_source *s, fc_dtype dtype, size_t planes) {
    const uint32_t none = 0xffffffffu;
    float lowest;
    memcpy(&lowest, &none, sizeof lowest);
    vf32 top = vf32_set1(0), low = vf32_set1(lowest);
    for (size_t t = 0; t < s->tiles; t++)
        for (size_t r = 0; r < FC_BF16X3_ROWS; r++) {
            const size_t row = t * s->tile_pitch + r * s->row_pitch;
            uint16_t *dst = s->dst + (t * planes * FC_BF16X3_ROWS + r) * FC_BF16X3_K;
            for (size_t i = 0; i < FC_BF16X3_ROWS; i += VF32_LANES) {
                vf32 a = FC_NAME(load_as)(dtype, s->src, row + i),
                     b = FC_NAME(load_as)(dtype, s->src, row + s->pair_pitch + i);
                top = vf32_most(vf32_most(top, a), b);
                low = vf32_least(vf32_least(low, a), b);
                FC_NAME(store_planes)(dst + 2 * i, planes, a, b);
            }
        }
    return FC_NAME(out_of_range)(top, low);
}

static int FC_NAME(bf16x3_rows)(const fc_bf16x3_source *s) {
    if (s->dtype != FC_F32)
        return s->dtype == FC_F16 ? FC_NAME(split_planes)(s, FC_F16, 2) : FC_NAME(split_planes)(s, FC_BF16, 1);
    return s->planes == 1 ? FC_NAME(split_planes)(s, FC_F32, 1)
        : s->planes == 2  ? FC_NAME(split_planes)(s, FC_F32, 2)
                          : FC_NAME(split_planes)(s, FC_F32, 3);
}

#if defined(VEC_TILES)
#include "kernels/body/bf16x3_tiles.h"
#else
/*
 * The register block: BF16X3_HEIGHT rows of a left panel times 1 or BF16X3_PANELS right panels. As in
 * kernels/body/chain.h a sum is added to c after BF16X3_CHAIN tiles of k, where it is to be as good as float32's.
 */
enum {
    BF16X3_CHAIN = 8,
    BF16X3_PANELS = (int)VF32_LANES == (int)FC_BF16X3_ROWS ? 2 : 1,
    BF16X3_VECTORS = (int)FC_BF16X3_ROWS / (int)VF32_LANES,
    BF16X3_WIDTH = BF16X3_PANELS * BF16X3_VECTORS,
    BF16X3_HEIGHT = BF16X3_WIDTH > VEC_REGISTERS / 4 ? 1 : VEC_REGISTERS / 2 / BF16X3_WIDTH
};

static inline vf32 FC_NAME(broadcast_pair)(const uint16_t *pair) {
    float both;
    memcpy(&both, pair, sizeof both);
    return vf32_set1(both);
}

/* Adds tile a (from its row of the block on) times the tiles b of `panels` panels. */
static inline __attribute__((always_inline)) void FC_NAME(split_step)(
    const uint16_t *a, const uint16_t *b, size_t right_pitch, int panels, vf32 (*sum)[BF16X3_WIDTH]) {
    for (size_t i = 0; i < FC_BF16X3_ROWS; i++, a += 2, b += FC_BF16X3_K) {
        vf32 right[BF16X3_WIDTH];
        _Pragma("GCC unroll 16") for (int v = 0; v < panels * BF16X3_VECTORS; v++) right[v] = vf32_load(
            (const float *)(b + (size_t)(v / BF16X3_VECTORS) * right_pitch + v % BF16X3_VECTORS * 2 * VF32_LANES));
        _Pragma("GCC unroll 16") for (int r = 0; r < BF16X3_HEIGHT; r++) {
            vf32 left = FC_NAME(broadcast_pair)(a + r * FC_BF16X3_K);
            _Pragma("GCC unroll 16") for (int v = 0; v < panels * BF16X3_VECTORS; v++)
                sum[r][v] = vf32_dot_bf16(sum[r][v], left, right[v]);
        }
    }
}

static inline __attribute__((always_inline)) void FC_NAME(split_rows_of_block)(
    const fc_bf16x3_block *s, const uint16_t *a, const uint16_t *b, float *c, int panels) {
    const size_t chain = s->planes == FC_BF16X3_PLANES ? BF16X3_CHAIN : s->tiles;
    for (size_t t = 0; t < s->tiles; t += chain) {
        const size_t end = s->tiles - t < chain ? s->tiles : t + chain;
        vf32 sum[BF16X3_HEIGHT][BF16X3_WIDTH];
        _Pragma("GCC unroll 16") for (int r = 0; r < BF16X3_HEIGHT; r++)
            _Pragma("GCC unroll 16") for (int v = 0; v < panels * BF16X3_VECTORS; v++) sum[r][v] = vf32_set1(0);
        for (size_t i = t; i < end; i++, a += s->planes * FC_BF16X3_TILE, b += s->planes * FC_BF16X3_TILE)
            for (size_t order = s->planes; order-- > 0;) /* the smallest products first */
                for (size_t p = 0; p <= order; p++)
                    FC_NAME(split_step)(
                        a + p * FC_BF16X3_TILE, b + (order - p) * FC_BF16X3_TILE, s->right_pitch, panels, sum);
        _Pragma("GCC unroll 16") for (int r = 0; r < BF16X3_HEIGHT; r++)
            _Pragma("GCC unroll 16") for (int v = 0; v < panels * BF16X3_VECTORS; v++) {
            float *to = c + (size_t)r * s->c_pitch + v * VF32_LANES;
            vf32_store(to, s->accumulate || t ? vf32_add(vf32_load(to), sum[r][v]) : sum[r][v]);
        }
    }
}

static void FC_NAME(split_product)(const fc_bf16x3_block *s) {
    for (size_t j = 0; j < s->right_panels; j += BF16X3_PANELS)
        for (size_t i = 0; i < s->left_panels; i++)
            for (size_t r = 0; r < FC_BF16X3_ROWS; r += BF16X3_HEIGHT) {
                const uint16_t *a = s->left + i * s->left_pitch + r * FC_BF16X3_K, *b = s->right + j * s->right_pitch;
                float *c = s->c + (i * FC_BF16X3_ROWS + r) * s->c_pitch + j * FC_BF16X3_ROWS;
                if (j + BF16X3_PANELS <= s->right_panels)
                    FC_NAME(split_rows_of_block)(s, a, b, c, BF16X3_PANELS);
                else
                    FC_NAME(split_rows_of_block)(s, a, b, c, 1);
            }
}

static void FC_NAME(bf16x3_gemm)(fc_bf16x3_gemm *gemm) {
#if defined(VEC_DOTS_BF16)
    *gemm = (fc_bf16x3_gemm){2 * VF32_LANES, FC_NAME(split_product)};
#else
    *gemm = (fc_bf16x3_gemm){0.8 * VF32_LANES, FC_NAME(split_product)};
#endif
}
#endif
