/* SPDX-License-Identifier: MIT */
/* How an integer layer is cut, and the copy of the input its kernels read. */
#ifndef FC_OPS_CONV2D_FORWARD_INTEGER_INTEGER_H
#define FC_OPS_CONV2D_FORWARD_INTEGER_INTEGER_H

#include "ops/conv2d/algorithm.h"

/*
 * One axis of a staged copy: what the windows of a block of outputs read, either every cell once, or each window by
 * itself where strides or dilation leave more cells unread than windows share. Window i has its tap t in cell i *
 * out_step + t * tap_step.
 */
typedef struct fc_staged_axis {
    ptrdiff_t count, out_step, tap_step;
    int apart;
} fc_staged_axis;

/* What a kernel alone determines: its packed form holds for images of any size. */
typedef struct fc_integer_form {
    const fc_igemm_tile *tiles;       /* of one width, falling heights */
    size_t tile_count, width, panels; /* output channels of a tile, and tiles to an output pixel */
    size_t runs, length;              /* runs of bytes a window has, and groups of four in a run */
    double pixel_cycles;              /* estimated, for all output channels of a pixel and group */
    int joined;                       /* 1: a run is a row of the window; 0: one tap */
    int flip;                         /* x is moved to the other signedness by its top bit, and start makes up for it */
    int is_signed;                    /* whether what is staged is of int8: the kernel is not */
} fc_integer_form;

typedef struct fc_integer_cut {
    ptrdiff_t rows, cols; /* of output pixels in a block */
    ptrdiff_t row_blocks, col_blocks;
    size_t chunk_panels, chunks, tasks;
    fc_staged_axis staged_rows, staged_cols;                   /* of a whole block */
    size_t staged_bytes, wide_bytes, tile_bytes, worker_bytes; /* wide_bytes: of what is staged as 16-bit numbers */
} fc_integer_cut;

fc_integer_form fc_integer_choose(const fc_layer *layer);
fc_integer_cut fc_integer_cut_layer(const fc_layer *layer, const fc_integer_form *form);

fc_staged_axis fc_stage_axis(const fc_taps *taps, ptrdiff_t outs, int apart);
/* Copies what output rows [row, row + ...) and columns [col, ...) of one image and group read; src: that group's first
 * channel; pad: what padded cells hold, of x. */
void fc_stage_block(const fc_layer *layer, const fc_staged_axis *rows, const fc_staged_axis *cols, int flip,
    uint8_t pad, const uint8_t *src, ptrdiff_t row, ptrdiff_t col, uint8_t *dst);

/* What padded cells of a layer's x hold. */
static inline uint8_t fc_padded_byte(const fc_layer *layer) {
    return layer->requantized ? (uint8_t)layer->requantized->x_zero : 0;
}
/* rows * cols sums, `pitch` apart, times the factors of columns, as bytes, y_pitch apart. */
void fc_requantize_rows(const fc_layer *layer, size_t rows, size_t cols, const float *factors, const int32_t *sums,
    size_t pitch, uint8_t *y, size_t y_pitch);

#endif
