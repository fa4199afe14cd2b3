/* SPDX-License-Identifier: MIT */
#ifndef FC_OPS_CONV2D_FORWARD_DIRECT_DIRECT_H
#define FC_OPS_CONV2D_FORWARD_DIRECT_DIRECT_H

#include "ops/conv2d/algorithm.h"
#include "ops/conv2d/gather/pixels.h"
#include "ops/conv2d/gemm/pack_weights.h"
#include "ops/conv2d/gemm/igemm.h"

/* Pixels of a block that make a tile, and their part of the table. */
typedef struct fc_pixel_panel {
    ptrdiff_t count, i, j; /* i, j: of the first pixel, in the block */
    const fc_igemm_tile *tile, *narrow;
    size_t runs, length, at_once; /* runs of how many elements, runs a step of k */
    const void **table;
    ptrdiff_t y; /* the first pixel's results, in bytes from the block's */
} fc_pixel_panel;

/* Before a worker's panels: the block they were made for, one after its place among the blocks, its rows and columns,
 * where it reads x, and their number. */
typedef struct fc_panels_made {
    size_t after;
    ptrdiff_t rows, cols;
    const char *from;
    size_t count;
} fc_panels_made;

/* Of a worker: count tiles of pixels, and the pointers of all. */
typedef struct fc_direct_panels {
    fc_panels_made *made;
    fc_pixel_panel *panels;
    const void **table;
} fc_direct_panels;

/* The kernel is packed before the run; by each worker, the panels it comes to need; never: it is read in place. */
typedef enum fc_direct_form { FC_DIRECT_PACKED, FC_DIRECT_ON_DEMAND, FC_DIRECT_UNPACKED } fc_direct_form;

typedef struct fc_direct_plan {
    fc_weight_panels weights;
    size_t vectors, height; /* of the highest tile */
    const fc_igemm_tile *tiles[FC_MAX_TILE_HEIGHT + 1],
        *narrow_tiles[FC_MAX_TILE_HEIGHT + 1]; /* by the number of pixels; for the last panel */
    size_t size;                               /* bytes of an element in the compute type */
    fc_direct_form form;
    int kernel_in_l2, in_place;   /* the kernel stays in L2; results go straight to y */
    int passing;                  /* packed on demand, each panel by the one task that needs it, over the one before */
    size_t weights_pitch;         /* of a step of k */
    int patched, joined, in_line; /* in_line: one row of pixels, each read under one tap and inside */
    size_t unit;                  /* elements of a run where taps are joined as far as `joined` says */
    size_t runs;                  /* of them */
    size_t pieces, piece, units;  /* a step of k: a piece of one run (pieces > 1), or up to `units` whole runs */
    size_t chain;                 /* additions in one register: whole runs where they are short */
    ptrdiff_t pixel_pitch;        /* of the patch */
    ptrdiff_t rows, cols;         /* output pixels of a block */
    size_t row_blocks, col_blocks, chunk_panels, chunks, tasks;
    size_t made_bytes, panel_bytes, table_bytes, patch_bytes, raw_bytes, flag_bytes; /* parts of a worker */
    size_t worker_bytes, zero_bytes, bias_bytes;
} fc_direct_plan;

/* The panels of the packed kernel. */
fc_weight_panels fc_direct_weights(const fc_layer *layer);
/* Cuts plan->layer, which becomes the layer as this algorithm reads it. */
fc_direct_plan fc_direct_cut(const fc_layer *layer, fc_direct_form form, fc_layer_plan *plan);
void fc_direct_set_form(const fc_layer *layer, fc_direct_form form, fc_direct_plan *direct);
/* The panels of a block; those of a block of the same size that are there are used again where they can be. */
void fc_direct_make_panels(
    const fc_conv_view *view, const fc_direct_plan *direct, const fc_pixel_block *block, const fc_direct_panels *own);
/* For one run: packed on demand as long as a worker's copy stays in its L2, or where one core needs each panel alone: a
 * kernel that lies across is read line after line by panels. */
void fc_direct_choose_form(const fc_layer *layer, fc_direct_plan *direct);
/* Whether neighbouring rows fall into one set of L1, where they evict one another. pitch: elements between them. */
int fc_shares_sets(ptrdiff_t pitch, size_t size);
/* Estimated cycles of a run. */
double fc_direct_cost(const fc_layer *layer, const fc_direct_plan *direct);
/* The rest of the plan, and its tiles. */
void fc_direct_keep(const fc_direct_plan *direct, fc_layer_plan *plan);
void fc_direct_complete(fc_layer_plan *plan);
fc_status fc_direct_run(
    const fc_layer_plan *plan, const fc_layer_weights *weights, const void *x, void *y, const fc_epilogue *epilogue);

static inline int fc_direct_supports(const fc_layer *layer) {
    return layer->params.c_in > 0 && !fc_is_integer(layer->view.dtype);
}

#endif
