/* SPDX-License-Identifier: MIT */
/* igemm.h for bytes: four of a row and four of each column at a step, summed in 32 bits. */
static inline void IGEMM_B8(_store)(int32_t *row, vi32 sum, size_t at, const fc_igemm_block *block) {
    const size_t n = block->cols > at ? block->cols - at : 0;
    if (block->accumulate)
        sum = vi32_add(n >= VI32_LANES ? vi32_load(row + at) : vi32_load_n(row + at, n), sum);
    if (block->relu)
        sum = vi32_max(sum, vi32_set1(0));
    if (n >= VI32_LANES)
        vi32_store(row + at, sum);
    else
        vi32_store_n(row + at, sum, n);
}

/* The products of four of a row with four of each column. */
#if defined(VEC_WIDE_ROWS)
#define IGEMM_ROW_BYTES 8
#define IGEMM_HALF(HEIGHT, VECTORS, AT, WORD)                                                                       \
    {                                                                                                               \
        vi32 columns[VECTORS];                                                                                      \
        _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) columns[j] = WORD(vi32_load(b + j * VI32_LANES)); \
        _Pragma("GCC unroll 16") for (int r = 0; r < HEIGHT; r++) {                                                 \
            int32_t two;                                                                                            \
            memcpy(&two, a[r] + IGEMM_ROW_BYTES * i + AT, sizeof two);                                              \
            vi32 row = vi32_set1(two);                                                                              \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++)                                               \
                sum[r][j] = vi32_dot_s16(sum[r][j], row, columns[j]);                                               \
        }                                                                                                           \
    }
#define IGEMM_STEP(HEIGHT, VECTORS) IGEMM_HALF(HEIGHT, VECTORS, 0, IGEMM_EVEN) IGEMM_HALF(HEIGHT, VECTORS, 4, IGEMM_ODD)
#else
#define IGEMM_ROW_BYTES 4
#define IGEMM_STEP(HEIGHT, VECTORS)                                                                                  \
    vi32 columns[VECTORS];                                                                                           \
    _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) columns[j] = vi32_load(b + j * VI32_LANES);            \
    _Pragma("GCC unroll 16") for (int r = 0; r < HEIGHT; r++) {                                                      \
        int32_t four;                                                                                                \
        memcpy(&four, a[r] + IGEMM_ROW_BYTES * i, sizeof four);                                                      \
        vi32 row = vi32_set1(four);                                                                                  \
        _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) sum[r][j] = IGEMM_DOT(sum[r][j], row, columns[j]); \
    }
#endif

#define IGEMM_KERNEL(HEIGHT, VECTORS)                                                               \
    static void IGEMM_B8(_##HEIGHT##x##VECTORS)(const fc_igemm_block *block) {                      \
        const char *const *a = (const char *const *)block->a;                                       \
        const int32_t *b = block->b, *start = block->start;                                         \
        int32_t *c = block->c;                                                                      \
        vi32 sum[HEIGHT][VECTORS];                                                                  \
        _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++) {                                 \
            vi32 first = start ? vi32_load(start + j * VI32_LANES) : vi32_set1(0);                  \
            _Pragma("GCC unroll 16") for (int r = 0; r < HEIGHT; r++) sum[r][j] = first;            \
        }                                                                                           \
        for (size_t t = 0; t < block->runs; t++, a += HEIGHT)                                       \
            for (size_t i = 0; i < block->length; i++, b += block->b_pitch) {                       \
                IGEMM_STEP(HEIGHT, VECTORS)                                                         \
            }                                                                                       \
        _Pragma("GCC unroll 16") for (int r = 0; r < HEIGHT; r++) if ((size_t)r < block->rows)      \
            _Pragma("GCC unroll 4") for (int j = 0; j < VECTORS; j++)                               \
                IGEMM_B8(_store)(c + (size_t)r * block->c_pitch, sum[r][j], j * VI32_LANES, block); \
    }

IGEMM_B8_SHAPES(IGEMM_KERNEL)
#undef IGEMM_KERNEL
#undef IGEMM_STEP
#undef IGEMM_HALF

static void IGEMM_B8()(fc_igemm_tile *tiles) {
#define IGEMM_ROW(HEIGHT, VECTORS) \
    *tiles++ = (fc_igemm_tile){    \
        HEIGHT, VECTORS * VI32_LANES, VECTORS, IGEMM_B8(_##HEIGHT##x##VECTORS), IGEMM_ROW_BYTES == 8};
    IGEMM_B8_SHAPES(IGEMM_ROW)
#undef IGEMM_ROW
    *tiles = (fc_igemm_tile){0};
}
#undef IGEMM_ROW_BYTES
