/* SPDX-License-Identifier: MIT */
/* Rows of bytes on a matrix unit, in both orders of signedness; no tiles where there is none. */
#if defined(VEC_TILES)
#define MATRIX(slot) FC_NAME(matrix_u8s8##slot)
#define MATRIX_DOT(sum, a, b) TILE_DOT_U8S8(sum, a, b)
#include "kernels/body/integer_tiles.h"
#undef MATRIX
#undef MATRIX_DOT
#define MATRIX(slot) FC_NAME(matrix_s8u8##slot)
#define MATRIX_DOT(sum, a, b) TILE_DOT_S8U8(sum, a, b)
#include "kernels/body/integer_tiles.h"
#undef MATRIX
#undef MATRIX_DOT
#else
static void FC_NAME(matrix_u8s8)(fc_igemm_tile *tiles) { *tiles = (fc_igemm_tile){0}; }
static void FC_NAME(matrix_s8u8)(fc_igemm_tile *tiles) { *tiles = (fc_igemm_tile){0}; }
#endif
