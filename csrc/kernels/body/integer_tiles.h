/* SPDX-License-Identifier: MIT */
/*
 * Tiles 0-3 hold 16 rows of 16 sums each; a step takes 64 bytes of the rows (tile 4) times as many of 16 columns (tile
 * 5). Rows at one distance from each other, as neighbouring pixels are, are loaded where they lie; others, and what is
 * left of a run, by way of a copy with zeros behind.
 */
static inline void MATRIX(_finish)(const fc_igemm_block *block, const int32_t *sums) {
    for (size_t r = 0; r < block->rows; r++) {
        int32_t *c = (int32_t *)block->c + r * block->c_pitch;
        for (size_t j = 0; j < block->cols; j++) {
            int32_t sum = sums[64 * r + j];
            if (block->accumulate)
                sum = (int32_t)((uint32_t)sum + (uint32_t)c[j]);
            c[j] = block->relu && sum < 0 ? 0 : sum;
        }
    }
}

/* The distance between 16 rows, or 0 where they have none or lie on each other. */
static inline size_t MATRIX(_pitch)(const char *const *a) {
    const size_t pitch = (size_t)a[1] - (size_t)a[0];
    for (int r = 2; r < 16; r++)
        if ((size_t)a[r] - (size_t)a[r - 1] != pitch)
            return 0;
    return pitch;
}

/* Only the columns that c has. */
#define MATRIX_EACH(DO)     \
    DO(0);                  \
    if (block->cols > 16) { \
        DO(1);              \
    }                       \
    if (block->cols > 32) { \
        DO(2);              \
    }                       \
    if (block->cols > 48) { \
        DO(3);              \
    }
#define MATRIX_ZERO(TILE) TILE_ZERO(TILE)
#define MATRIX_START(TILE) TILE_LOAD(TILE, start + 16 * TILE, 0)
#define MATRIX_STORE(TILE) TILE_STORE(TILE, sums + 16 * TILE, 256)
#define MATRIX_STEP(TILE)                            \
    TILE_LOAD(5, b + 16 * TILE, 4 * block->b_pitch); \
    MATRIX_DOT(TILE, 4, 5)
#define MATRIX_LAST(TILE)                                                 \
    for (size_t l = 0; l < left; l++)                                     \
        memcpy(columns + 16 * l, b + l * block->b_pitch + 16 * TILE, 64); \
    TILE_LOAD(5, columns, 64);                                            \
    MATRIX_DOT(TILE, 4, 5)

static void MATRIX(_16x64)(const fc_igemm_block *block) {
    const char *const *a = (const char *const *)block->a;
    const int32_t *b = block->b, *start = block->start;
    int32_t sums[16 * 64], rows[16 * 16], columns[16 * 16];
    TILE_BEGIN();
    if (start) {
        MATRIX_EACH(MATRIX_START)
    } else {
        MATRIX_EACH(MATRIX_ZERO)
    }
    memset(columns, 0, sizeof columns);
    for (size_t t = 0; t < block->runs; t++, a += 16) {
        const size_t pitch = MATRIX(_pitch)(a), left = block->length % 16, whole = block->length - left;
        for (size_t i = 0; i < whole; i += 16, b += 16 * block->b_pitch) {
            for (int r = 0; r < 16 && !pitch; r++)
                memcpy(rows + 16 * r, a[r] + 4 * i, 64);
            if (pitch)
                TILE_LOAD(4, a[0] + 4 * i, pitch);
            else
                TILE_LOAD(4, rows, 64);
            MATRIX_EACH(MATRIX_STEP)
        }
        if (!left)
            continue;
        memset(rows, 0, sizeof rows);
        for (int r = 0; r < 16; r++)
            memcpy(rows + 16 * r, a[r] + 4 * whole, 4 * left);
        TILE_LOAD(4, rows, 64);
        MATRIX_EACH(MATRIX_LAST)
        b += left * block->b_pitch;
    }
    MATRIX_EACH(MATRIX_STORE)
    TILE_END();
    MATRIX(_finish)(block, sums);
}

static void MATRIX()(fc_igemm_tile *tiles) {
    tiles[0] = (fc_igemm_tile){16, 64, 4, MATRIX(_16x64), 0};
    tiles[1] = (fc_igemm_tile){0};
}

#undef MATRIX_EACH
#undef MATRIX_ZERO
#undef MATRIX_START
#undef MATRIX_STORE
#undef MATRIX_STEP
#undef MATRIX_LAST
