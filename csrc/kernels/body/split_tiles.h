/* SPDX-License-Identifier: MIT */
/*
 * The product of split panels on a matrix unit: a block of 2 x 2 result tiles (0-3) from 2 left tiles (4, 5) and 2
 * right ones (6, 7), the products of a step ordered so that one side stays loaded. At the edges a block has one tile a
 * side.
 */
#define SPLIT_LOAD_LEFT(p)                     \
    TILE_LOAD(4, a + (p) * FC_SPLIT_TILE, 64); \
    if (two_rows)                              \
    TILE_LOAD(5, a + s->left_pitch + (p) * FC_SPLIT_TILE, 64)
#define SPLIT_LOAD_RIGHT(p)                    \
    TILE_LOAD(6, b + (p) * FC_SPLIT_TILE, 64); \
    if (two_cols)                              \
    TILE_LOAD(7, b + s->right_pitch + (p) * FC_SPLIT_TILE, 64)
#define SPLIT_MULTIPLY()        \
    TILE_DOT_BF16(0, 4, 6);     \
    if (two_cols)               \
        TILE_DOT_BF16(1, 4, 7); \
    if (two_rows)               \
        TILE_DOT_BF16(2, 5, 6); \
    if (two_rows && two_cols)   \
    TILE_DOT_BF16(3, 5, 7)
#define SPLIT_EACH_TILE(DO)                    \
    DO(0, c);                                  \
    if (two_cols)                              \
        DO(1, c + FC_SPLIT_ROWS);              \
    if (two_rows)                              \
        DO(2, c + FC_SPLIT_ROWS * s->c_pitch); \
    if (two_rows && two_cols)                  \
    DO(3, c + FC_SPLIT_ROWS * s->c_pitch + FC_SPLIT_ROWS)
#define SPLIT_ZERO(tile, at) TILE_ZERO(tile)
#define SPLIT_LOAD(tile, at) TILE_LOAD(tile, at, s->c_pitch * sizeof(float))
#define SPLIT_STORE(tile, at) TILE_STORE(tile, at, s->c_pitch * sizeof(float))

static inline __attribute__((always_inline)) void FC_NAME(split_tiles)(const fc_split_block *s, const uint16_t *a,
    const uint16_t *b, float *c, size_t planes, int two_rows, int two_cols) {
    if (s->accumulate) {
        SPLIT_EACH_TILE(SPLIT_LOAD);
    } else {
        SPLIT_EACH_TILE(SPLIT_ZERO);
    }
    for (size_t t = 0; t < s->tiles; t++, a += planes * FC_SPLIT_TILE, b += planes * FC_SPLIT_TILE) {
        if (planes == 3) {
            SPLIT_LOAD_LEFT(2);
            SPLIT_LOAD_RIGHT(0);
            SPLIT_MULTIPLY();
            SPLIT_LOAD_LEFT(1);
            SPLIT_MULTIPLY();
            SPLIT_LOAD_RIGHT(1);
            SPLIT_MULTIPLY();
            SPLIT_LOAD_LEFT(0);
            SPLIT_MULTIPLY();
            SPLIT_LOAD_RIGHT(2);
            SPLIT_MULTIPLY();
            SPLIT_LOAD_RIGHT(0);
            SPLIT_MULTIPLY();
            continue;
        }
        SPLIT_LOAD_RIGHT(0);
        if (planes == 2) {
            SPLIT_LOAD_LEFT(1);
            SPLIT_MULTIPLY();
        }
        SPLIT_LOAD_LEFT(0);
        SPLIT_MULTIPLY();
        if (planes == 2) {
            SPLIT_LOAD_RIGHT(1);
            SPLIT_MULTIPLY();
        }
    }
    SPLIT_EACH_TILE(SPLIT_STORE);
}

static inline __attribute__((always_inline)) void FC_NAME(split_panels)(const fc_split_block *s, size_t planes) {
    for (size_t j = 0; j < s->right_panels; j += 2)
        for (size_t i = 0; i < s->left_panels; i += 2) {
            const uint16_t *a = s->left + i * s->left_pitch, *b = s->right + j * s->right_pitch;
            float *c = s->c + i * FC_SPLIT_ROWS * s->c_pitch + j * FC_SPLIT_ROWS;
            const int two_rows = i + 1 < s->left_panels, two_cols = j + 1 < s->right_panels;
            if (two_rows && two_cols)
                FC_NAME(split_tiles)(s, a, b, c, planes, 1, 1);
            else if (two_rows)
                FC_NAME(split_tiles)(s, a, b, c, planes, 1, 0);
            else
                FC_NAME(split_tiles)(s, a, b, c, planes, 0, two_cols);
        }
}

static void FC_NAME(split_product)(const fc_split_block *s) {
    TILE_BEGIN();
    if (s->planes == 3)
        FC_NAME(split_panels)(s, 3);
    else if (s->planes == 2)
        FC_NAME(split_panels)(s, 2);
    else
        FC_NAME(split_panels)(s, 1);
    TILE_END();
}

static void FC_NAME(split_gemm)(fc_split_gemm *gemm) {
    *gemm = (fc_split_gemm){TILE_RATE_BF16, FC_NAME(split_product)};
}

#undef SPLIT_LOAD_LEFT
#undef SPLIT_LOAD_RIGHT
#undef SPLIT_MULTIPLY
#undef SPLIT_EACH_TILE
#undef SPLIT_ZERO
#undef SPLIT_LOAD
#undef SPLIT_STORE
