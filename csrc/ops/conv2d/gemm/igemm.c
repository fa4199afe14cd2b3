/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/gemm/igemm.h"

const fc_igemm_tile *fc_igemm_tiles(const fc_kernels *kernels, fc_dtype dtype) {
    return dtype == FC_F64 ? kernels->igemm_f64 : kernels->igemm_f32;
}

/* Cycles of a step of k for one row: FMAs or loads, whichever port is busier, and never under the FMA's latency a tile.
 */
static double row_cycles(const fc_igemm_tile *tile) {
    const double latency = 8, fmas = (double)(tile->height * tile->vectors),
                 loads = 0.5 * (double)tile->height + (double)tile->vectors;
    const double most = fmas > loads ? fmas : loads;
    return (most > latency ? most : latency) / (double)tile->height;
}

size_t fc_igemm_vectors(const fc_kernels *kernels, fc_dtype dtype, size_t outs) {
    size_t best = 0;
    double least = 0;
    const fc_igemm_tile *tiles = fc_igemm_tiles(kernels, dtype);
    for (const fc_igemm_tile *tile = tiles; tile->height; tile++) {
        if (tile->height < tiles->height)
            continue; /* lower ones overlap no more FMAs */
        const size_t whole = outs / tile->width, lanes = tile->width / tile->vectors,
                     rest = (outs % tile->width + lanes - 1) / lanes;
        const double cycles = row_cycles(tile) * ((double)whole + (double)rest / (double)tile->vectors);
        if (!best || cycles < least || (cycles == least && outs <= tile->width)) {
            best = tile->vectors;
            least = cycles;
        }
    }
    return best;
}

const fc_igemm_tile *fc_igemm_tile_for(const fc_kernels *kernels, fc_dtype dtype, size_t vectors, size_t rows) {
    const fc_igemm_tile *best = NULL;
    for (const fc_igemm_tile *tile = fc_igemm_tiles(kernels, dtype); tile->height; tile++)
        if (tile->vectors == vectors &&
            (!best ||
                (tile->height >= rows ? tile->height < best->height || best->height < rows
                                      : tile->height > best->height)))
            best = tile;
    return best;
}

size_t fc_igemm_narrowest(const fc_kernels *kernels, fc_dtype dtype, size_t vectors, size_t cols) {
    size_t least = vectors;
    for (const fc_igemm_tile *tile = fc_igemm_tiles(kernels, dtype); tile->height; tile++)
        if (tile->width >= cols && tile->vectors < least)
            least = tile->vectors;
    return least;
}
