/* SPDX-License-Identifier: MIT */
/* The type of the micro-kernels that read rows where they lie; the contract of types.h holds. */
#ifndef FC_KERNELS_IGEMM_TYPES_H
#define FC_KERNELS_IGEMM_TYPES_H

#include <stddef.h>

/*
 * The micro-kernel that reads rows where they lie:
 *
 *     c[r * c_pitch + j] = start[j] + sum over t < runs, i < length of a[t * height + r][i] * b[(t * length + i) *
 * b_pitch + j]
 *
 * for r < rows <= height, j < cols <= width; height is the tile's, and every run has `height` pointers, the spare ones
 * to anything readable. start: whole vectors, or NULL for 0; accumulate: 1 adds to what c holds. Then c[..] = c[..] *
 * scale[j] + shift[j], unless scale is NULL, plus added[r * added_pitch + j], unless that is NULL; relu: max(0, .) at
 * the end, and min(ceiling, .) unless ceiling is 0; NaN stays. b, start, scale and shift are read in whole vectors.
 * chain: additions in one register, after which the chains' sums are added up; 0 for FC_CHAIN. far: 1 where c and what
 * is added are in no near cache, of which what lies `ahead` bytes further on is asked for; b_far: 1 where b is not;
 * next: NULL, or `height` runs that will be read soon; b_next: NULL, or what will be read as b soon, of which
 * b_next_lines lines of 64 bytes are asked for every four steps of k. They are asked for bit by bit meanwhile.
 */
typedef struct fc_igemm_block {
    size_t runs, length;
    const void *const *a;
    const void *b;
    size_t b_pitch;
    void *c;
    size_t c_pitch, rows, cols;
    const void *start;
    size_t chain;
    int accumulate, relu, far, b_far;
    float ceiling;
    unsigned b_next_lines;
    const void *const *next;
    const void *b_next;
    const void *scale, *shift, *added;
    size_t added_pitch;
    ptrdiff_t ahead;
} fc_igemm_block;
typedef void fc_igemm_fn(const fc_igemm_block *block);
typedef struct fc_igemm_tile {
    size_t height, width, vectors;
    fc_igemm_fn *run;
    int wide; /* of bytes: a has 16-bit numbers, in the range of its bytes */
} fc_igemm_tile;
enum { FC_IGEMM_TILES = 16, FC_MAX_TILE_HEIGHT = 16 };
/*
 * In igemm_u8s8, igemm_s8u8, matrix_u8s8 and matrix_s8u8 `length` counts groups of four bytes, c and start are int32_t,
 * and with b[..][j] four bytes too
 *
 *     c[r * c_pitch + j] = start[j] + sum over t < runs, i < length, l < 4 of a[t * height + r][4 * i + l] * b[(t *
 * length + i) * b_pitch + j][l]
 *
 * modulo 2^32. Of wide tiles a[..] has 16-bit numbers instead of bytes, and b[..][j] the four bytes in the order 0, 2,
 * 1, 3.
 */

#endif
