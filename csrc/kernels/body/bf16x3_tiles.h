/* SPDX-License-Identifier: MIT */
/*
 * The product of split panels on a matrix unit: a block of 2 x 2 result tiles (0-3) from 2 left tiles (4, 5) and 2
 * right ones (6, 7), the products of a step ordered so that one side stays loaded. At the edges a block has one tile a
 * side. An instruction adds once to a sum for 32 products, so a chain of additions (kernels/body/chain.h) takes
 * BF16X3_CHAIN tiles of k.
 */
enum { BF16X3_CHAIN = 64 };
#define BF16X3_LOAD_LEFT(p)                     \
    TILE_LOAD(4, a + (p) * FC_BF16X3_TILE, 64); \
    if (two_rows)                               \
    TILE_LOAD(5, a + s->left_pitch + (p) * FC_BF16X3_TILE, 64)
#define BF16X3_LOAD_RIGHT(p)                    \
    TILE_LOAD(6, b + (p) * FC_BF16X3_TILE, 64); \
    if (two_cols)                               \
    TILE_LOAD(7, b + s->right_pitch + (p) * FC_BF16X3_TILE, 64)
#define BF16X3_MULTIPLY()       \
    TILE_DOT_BF16(0, 4, 6);     \
    if (two_cols)               \
        TILE_DOT_BF16(1, 4, 7); \
    if (two_rows)               \
        TILE_DOT_BF16(2, 5, 6); \
    if (two_rows && two_cols)   \
    TILE_DOT_BF16(3, 5, 7)
#define BF16X3_EACH_TILE(DO)                    \
    DO(0, c);                                   \
    if (two_cols)                               \
        DO(1, c + FC_BF16X3_ROWS);              \
    if (two_rows)                               \
        DO(2, c + FC_BF16X3_ROWS * s->c_pitch); \
    if (two_rows && two_cols)                   \
    DO(3, c + FC_BF16X3_ROWS * s->c_pitch + FC_BF16X3_ROWS)
#define BF16X3_ZERO(tile, at) TILE_ZERO(tile)
#define BF16X3_STORE(tile, at) TILE_STORE(tile, at, s->c_pitch * sizeof(float))
#define BF16X3_ADD(tile, at)                       \
    do {                                           \
        TILE_STORE(tile, sums, sizeof *sums);      \
        FC_NAME(bf16x3_add)(sums, at, s->c_pitch); \
    } while (0)

static inline void FC_NAME(bf16x3_add)(float (*sums)[FC_BF16X3_ROWS], float *c, size_t pitch) {
    for (size_t r = 0; r < FC_BF16X3_ROWS; r++, c += pitch)
        for (size_t i = 0; i < FC_BF16X3_ROWS; i++)
            c[i] += sums[r][i];
}

/* Sums of `tiles` tiles of k, stored or added to c. */
static inline __attribute__((always_inline)) void FC_NAME(bf16x3_chain)(const fc_bf16x3_block *s, size_t tiles,
    const uint16_t *a, const uint16_t *b, float *c, size_t planes, int add, int two_rows, int two_cols) {
    _Alignas(64) float sums[FC_BF16X3_ROWS][FC_BF16X3_ROWS];
    BF16X3_EACH_TILE(BF16X3_ZERO);
    for (size_t t = 0; t < tiles; t++, a += planes * FC_BF16X3_TILE, b += planes * FC_BF16X3_TILE) {
        if (planes == 3) {
            BF16X3_LOAD_LEFT(2);
            BF16X3_LOAD_RIGHT(0);
            BF16X3_MULTIPLY();
            BF16X3_LOAD_LEFT(1);
            BF16X3_MULTIPLY();
            BF16X3_LOAD_RIGHT(1);
            BF16X3_MULTIPLY();
            BF16X3_LOAD_LEFT(0);
            BF16X3_MULTIPLY();
            BF16X3_LOAD_RIGHT(2);
            BF16X3_MULTIPLY();
            BF16X3_LOAD_RIGHT(0);
            BF16X3_MULTIPLY();
            continue;
        }
        BF16X3_LOAD_RIGHT(0);
        if (planes == 2) {
            BF16X3_LOAD_LEFT(1);
            BF16X3_MULTIPLY();
        }
        BF16X3_LOAD_LEFT(0);
        BF16X3_MULTIPLY();
        if (planes == 2) {
            BF16X3_LOAD_RIGHT(1);
            BF16X3_MULTIPLY();
        }
    }
    if (add) {
        BF16X3_EACH_TILE(BF16X3_ADD);
    } else {
        BF16X3_EACH_TILE(BF16X3_STORE);
    }
}

static inline __attribute__((always_inline)) void FC_NAME(bf16x3_tiles)(const fc_bf16x3_block *s, const uint16_t *a,
    const uint16_t *b, float *c, size_t planes, int two_rows, int two_cols) {
    for (size_t t = 0; t < s->tiles; t += BF16X3_CHAIN) {
        const size_t tiles = s->tiles - t < BF16X3_CHAIN ? s->tiles - t : BF16X3_CHAIN,
                     at = t * planes * FC_BF16X3_TILE;
        FC_NAME(bf16x3_chain)(s, tiles, a + at, b + at, c, planes, s->accumulate || t, two_rows, two_cols);
    }
}

static inline __attribute__((always_inline)) void FC_NAME(split_panels)(const fc_bf16x3_block *s, size_t planes) {
    for (size_t j = 0; j < s->right_panels; j += 2)
        for (size_t i = 0; i < s->left_panels; i += 2) {
            const uint16_t *a = s->left + i * s->left_pitch, *b = s->right + j * s->right_pitch;
            float *c = s->c + i * FC_BF16X3_ROWS * s->c_pitch + j * FC_BF16X3_ROWS;
            const int two_rows = i + 1 < s->left_panels, two_cols = j + 1 < s->right_panels;
            if (two_rows && two_cols)
                FC_NAME(bf16x3_tiles)(s, a, b, c, planes, 1, 1);
            else if (two_rows)
                FC_NAME(bf16x3_tiles)(s, a, b, c, planes, 1, 0);
            else
                FC_NAME(bf16x3_tiles)(s, a, b, c, planes, 0, two_cols);
        }
}

static void FC_NAME(split_product)(const fc_bf16x3_block *s) {
    TILE_BEGIN();
    if (s->planes == 3)
        FC_NAME(split_panels)(s, 3);
    else if (s->planes == 2)
        FC_NAME(split_panels)(s, 2);
    else
        FC_NAME(split_panels)(s, 1);
    TILE_END();
}

static void FC_NAME(bf16x3_gemm)(fc_bf16x3_gemm *gemm) {
    *gemm = (fc_bf16x3_gemm){TILE_RATE_BF16, FC_NAME(split_product)};
}

#undef BF16X3_LOAD_LEFT
#undef BF16X3_LOAD_RIGHT
#undef BF16X3_MULTIPLY
#undef BF16X3_EACH_TILE
#undef BF16X3_ZERO
#undef BF16X3_ADD
#undef BF16X3_STORE
