/* SPDX-License-Identifier: MIT */
/* Register tiles: which ones there are, what they cost, and how a finished one reaches the output. */
#ifndef FC_OPS_CONV2D_GEMM_TILE_H
#define FC_OPS_CONV2D_GEMM_TILE_H

#include "ops/conv2d/costs.h"
#include "ops/conv2d/view.h"

const fc_gemm_tile *fc_gemm_tiles(const fc_kernels *kernels, fc_dtype dtype);

enum { FC_FMA_LATENCY = 8 }; /* in FMAs, where the cost table has none */
/* Cycles a step of k under a register tile, in units of one FMA: the busier of the FMA and the load ports, never under
 * the FMAs' latency, which few rows do not hide. */
double fc_step_cycles(size_t rows, size_t vectors, double latency);
double fc_tile_cycles(const fc_gemm_tile *tile);
/* Cycles to store one element of a tile. */
double fc_store_cycles(const fc_costs *costs, const fc_conv_view *view, int pixels_in_rows);
/* What transposing all of x takes more where it comes from memory. */
double fc_far_cycles(const fc_costs *costs, const fc_conv_view *view);

/* bias in the compute type, 0 from `count` up to `padded`. */
void fc_pack_bias(const fc_kernels *kernels, fc_dtype dtype, const void *bias, size_t count, size_t padded, void *dst);

/* A tile in the compute type on its way to pixels [pixel, pixel + pixels) and channels [out, out + outs) of dst (of one
 * group). */
typedef struct fc_finished_tile {
    const fc_conv_view *view;
    const fc_kernels *kernels;
    void *tile;
    size_t rows, cols;
    int pixels_in_rows;
    size_t pixel, pixels, out, outs;
    const void *bias; /* in the compute type, of the tile's channels, or NULL */
    fc_activation activation;
    double alpha;
    char *dst;
} fc_finished_tile;

/*
 * Where a full tile can be computed right in the output, its address there and the distance of its rows in elements;
 * NULL where it must be computed aside and stored by fc_finish_tile.
 */
char *fc_tile_in_output(const fc_finished_tile *f, size_t *pitch);
/* Adds the bias and applies the activation to a tile that lies in the output. */
void fc_finish_in_place(const fc_finished_tile *f, size_t pitch);

/* Adds the bias, applies the activation, converts, stores. Overwrites the tile. */
void fc_finish_tile(const fc_finished_tile *f);

#endif
