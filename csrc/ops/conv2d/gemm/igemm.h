/* SPDX-License-Identifier: MIT */
/* Choosing among the tiles of the micro-kernel that reads rows in place (kernels/body/igemm.h). */
#ifndef FC_OPS_CONV2D_GEMM_IGEMM_H
#define FC_OPS_CONV2D_GEMM_IGEMM_H

#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/view.h"

/* dtype: F32 or F64. */
const fc_igemm_tile *fc_igemm_tiles(const fc_kernels *kernels, fc_dtype dtype);

/* How many vectors wide the panels of output channels are, so that the fewest lanes idle and the most FMAs overlap. */
size_t fc_igemm_vectors(const fc_kernels *kernels, fc_dtype dtype, size_t outs);

/* The lowest tile of that many vectors that holds `rows` rows, the highest where none does. Its height does not depend
 * on the vectors. */
const fc_igemm_tile *fc_igemm_tile_for(const fc_kernels *kernels, fc_dtype dtype, size_t vectors, size_t rows);

/* The least vectors a tile must have for `cols` columns, at most `vectors`. */
size_t fc_igemm_narrowest(const fc_kernels *kernels, fc_dtype dtype, size_t vectors, size_t cols);

/* Lines of b_next that each of `calls` calls asks for every four steps of k, so that all ask for as much as they read;
 * and the bytes that `steps` steps of k ask for. */
static inline unsigned fc_asked_lines(size_t row_bytes, size_t calls) {
    return (unsigned)fc_parts(4 * row_bytes, calls * FC_ALIGNMENT);
}
static inline size_t fc_asked_bytes(size_t steps, unsigned lines) { return steps / 4 * lines * FC_ALIGNMENT; }

#endif
