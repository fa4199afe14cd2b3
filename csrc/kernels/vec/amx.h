/* SPDX-License-Identifier: MIT */
/* AVX-512 with AMX: eight tiles of 16 rows of 64 bytes. Tiles are named by number, so the words are macros. */
#ifndef FC_VEC_AMX_H
#define FC_VEC_AMX_H

#include "kernels/vec/avx512.h"

#define VEC_TILES 1
#define TILE_RATE_BF16 256 /* 512 a cycle, in which these CPUs do two vector FMAs */
#define TILE_BEGIN() amx_configure()
#define TILE_END() _tile_release()
#define TILE_ZERO(tile) _tile_zero(tile)
#define TILE_LOAD(tile, p, pitch) _tile_loadd(tile, p, pitch)
#define TILE_STORE(tile, p, pitch) _tile_stored(tile, p, pitch)
#define TILE_DOT_BF16(sum, a, b) _tile_dpbf16ps(sum, a, b)
#define TILE_DOT_U8S8(sum, a, b) _tile_dpbusd(sum, a, b)
#define TILE_DOT_S8U8(sum, a, b) _tile_dpbsud(sum, a, b)

static inline void amx_configure(void) {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.row_bytes[i] = 64;
        config.rows[i] = 16;
    }
    _tile_loadconfig(&config);
}

#endif
