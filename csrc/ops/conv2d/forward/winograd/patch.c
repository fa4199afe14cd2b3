/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/forward/winograd/patch.h"

#include "core/size.h"
#include "ops/conv2d/gather/pack.h"

fc_winograd_piece fc_winograd_piece_at(size_t tile_rows, size_t tile_cols, size_t tile, size_t end) {
    const size_t col = tile % tile_cols, row = tile / tile_cols % tile_rows, n = tile / tile_cols / tile_rows;
    const size_t count = fc_least(tile_cols - col, end - tile);
    return (fc_winograd_piece){(ptrdiff_t)n, (ptrdiff_t)row, (ptrdiff_t)col, fc_least(count, FC_WINOGRAD_PIECE)};
}

/* Cells of a piece: that of row `row`, column `col` at base + row_pitch * (row - first row of the piece) + ..., in
 * bytes. */
typedef struct winograd_source {
    const char *base;
    ptrdiff_t row, col, row_pitch, col_pitch;
} winograd_source;

static void transform_tiles(
    const fc_winograd_patches *p, const winograd_source *from, size_t count, size_t channels, char *v) {
    const ptrdiff_t side = (ptrdiff_t)p->side, step = (ptrdiff_t)p->step;
    const void *cells[FC_WINOGRAD_LARGEST * FC_WINOGRAD_LARGEST];
    for (ptrdiff_t tile = 0; tile < (ptrdiff_t)count; tile++) {
        for (ptrdiff_t r = 0; r < side; r++)
            for (ptrdiff_t c = 0; c < side; c++) {
                const int inside = (size_t)(from->row + r) < (size_t)p->tensor->h &&
                    (size_t)(from->col + tile * step + c) < (size_t)p->tensor->w;
                cells[r * side + c] = inside ? from->base + r * from->row_pitch + (tile * step + c) * from->col_pitch
                                             : p->zeros;
            }
        p->transform(cells, channels, v + (size_t)tile * p->pitch * p->size, p->element);
    }
}

/* A few channels of the piece as [row][column][channel], where channels are not adjacent in memory. */
static winograd_source stage_cells(const fc_winograd_patches *p, const winograd_source *from, size_t count,
    size_t channel, size_t channels, char *stage) {
    const fc_tensor_view *src = p->tensor;
    const ptrdiff_t size = (ptrdiff_t)p->size, cols = (ptrdiff_t)((count - 1) * p->step + p->side);
    const ptrdiff_t begin = fc_max(from->col, 0), end = fc_min(from->col + cols, src->w);
    const winograd_source staged = {
        stage, from->row, from->col, cols * FC_WINOGRAD_STAGED * size, FC_WINOGRAD_STAGED * size};
    const void *rows[FC_WINOGRAD_STAGED];
    for (ptrdiff_t r = 0; r < (ptrdiff_t)p->side && begin < end; r++) {
        if ((size_t)(from->row + r) >= (size_t)src->h)
            continue;
        for (size_t i = 0; i < channels; i++)
            rows[i] = from->base + r * from->row_pitch + (begin - from->col) * from->col_pitch +
                (ptrdiff_t)(channel + i) * src->c_pitch * size;
        fc_transpose_of(p->kernels, p->size)(stage + r * staged.row_pitch + (begin - from->col) * staged.col_pitch,
            FC_WINOGRAD_STAGED, rows, channels, (size_t)(end - begin));
    }
    return staged;
}

void fc_winograd_transform_patches(const fc_winograd_patches *p, size_t tile, size_t end, char *v, char *stage) {
    const fc_tensor_view *src = p->tensor;
    const ptrdiff_t size = (ptrdiff_t)p->size, step = (ptrdiff_t)p->step;
    const size_t all = (size_t)src->c, together = src->c_pitch == 1 ? all : FC_WINOGRAD_STAGED;
    while (tile < end) {
        const fc_winograd_piece piece = fc_winograd_piece_at(p->tile_rows, p->tile_cols, tile, end);
        winograd_source from = {
            p->base, piece.row * step + p->row, piece.col * step + p->col, src->h_pitch * size, src->w_pitch * size};
        from.base += (piece.n * src->n_pitch + from.row * src->h_pitch + from.col * src->w_pitch) * size;
        for (size_t c = 0; c < all; c += together) {
            const size_t channels = fc_least(all - c, together);
            const winograd_source cells = src->c_pitch == 1 ? from
                                                            : stage_cells(p, &from, piece.count, c, channels, stage);
            transform_tiles(p, &cells, piece.count, channels, v + c * p->size);
        }
        tile += piece.count;
        v += piece.count * p->pitch * p->size;
    }
}
