/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/gather/planes.h"

#include <string.h>

#include "core/size.h"
#include "ops/conv2d/gather/pack.h"

static ptrdiff_t reach(const fc_taps *taps) { return (taps->count - 1) * taps->step; }

fc_planes fc_planes_of(const fc_conv_view *v, ptrdiff_t rows, ptrdiff_t cols) {
    enum { LINE = 16, ALIASED = 512 };
    fc_planes p = {
        .rows = rows + reach(&v->rows) / v->rows.stride,
        .pitch = cols + reach(&v->cols) / v->cols.stride,
        .row_phases = fc_min(v->rows.stride, reach(&v->rows) + 1),
        .col_phases = fc_min(v->cols.stride, reach(&v->cols) + 1),
    };
    /* Planes a multiple of 2 KiB apart would share their sets of L1. */
    p.plane = fc_round_up(p.rows * p.pitch, LINE);
    p.plane += p.plane % ALIASED ? 0 : LINE;
    p.elements = (size_t)(p.plane * p.row_phases * p.col_phases * v->src.c);
    return p;
}

void fc_planes_offsets(const fc_conv_view *v, const fc_planes *p, ptrdiff_t *offsets) {
    for (ptrdiff_t s = 0; s < v->rows.count; s++)
        for (ptrdiff_t t = 0; t < v->cols.count; t++)
            for (ptrdiff_t c = 0; c < v->src.c; c++) {
                const ptrdiff_t row = s * v->rows.step, col = t * v->cols.step;
                const ptrdiff_t phase = (c * p->row_phases + row % v->rows.stride) * p->col_phases +
                    col % v->cols.stride;
                *offsets++ = phase * p->plane + row / v->rows.stride * p->pitch + col / v->cols.stride;
            }
}

/* One row of one phase, for all channels: cells [low, high) of it are cells of the image from `src` on, `step` pixels
 * apart. */
static void fill_row(const fc_conv_view *v, const fc_kernels *kernels, const fc_planes *p, const char *src,
    ptrdiff_t low, ptrdiff_t high, char *dst) {
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype), channel = p->plane * p->row_phases * p->col_phases,
                    step = v->cols.stride * v->src.w_pitch;
    for (ptrdiff_t c = 0; c < v->src.c; c++) {
        memset(dst + c * channel * size, 0, (size_t)(low * size));
        memset(dst + (c * channel + high) * size, 0, (size_t)((p->pitch - high) * size));
        if (v->src.c_pitch == 1 && v->src.c > 1)
            continue;
        const char *from = src + c * v->src.c_pitch * size;
        char *to = dst + (c * channel + low) * size;
        if (step == 1)
            fc_copy_elements(to, from, (size_t)((high - low) * size));
        else
            for (ptrdiff_t i = 0; i < high - low; i++)
                memcpy(to + i * size, from + i * step * size, (size_t)size);
    }
    if (v->src.c_pitch != 1 || v->src.c == 1)
        return;
    for (ptrdiff_t i = low; i < high; i += FC_MAX_PANEL) {
        const ptrdiff_t n = fc_min(high - i, FC_MAX_PANEL);
        const void *pixels[FC_MAX_PANEL];
        for (ptrdiff_t m = 0; m < n; m++)
            pixels[m] = src + (i - low + m) * step * size;
        fc_transpose_of(kernels, (size_t)size)(dst + i * size, (size_t)channel, pixels, (size_t)n, (size_t)v->src.c);
    }
}

/* Cells [low, high) of the rows of a phase lie in the image. */
static void find_cells(const fc_conv_view *v, const fc_planes *p, ptrdiff_t first, ptrdiff_t *low, ptrdiff_t *high) {
    const ptrdiff_t stride = v->cols.stride;
    *low = fc_min(first < 0 ? fc_ceil_div(-first, stride) : 0, p->pitch);
    *high = fc_max(*low, fc_min(p->pitch, v->src.w > first ? (v->src.w - first - 1) / stride + 1 : 0));
}

/* Rows of single channels under a stride of two: all rows of a channel and a residue at once, the residues of the
 * columns together. */
static void fill_pairs(const fc_conv_view *v, const fc_kernels *kernels, const fc_planes *p, const char *image,
    ptrdiff_t i, ptrdiff_t j, char *dst) {
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype), first = j * 2 + v->cols.first,
                    skipped = fc_max(0, -first);
    const ptrdiff_t cols = fc_max(0, fc_min(2 * p->pitch, v->src.w - first) - skipped),
                    phases = p->row_phases * p->col_phases;
    int padded = 0;
    for (ptrdiff_t phase = 0; phase < p->col_phases; phase++) {
        ptrdiff_t low, high;
        find_cells(v, p, first + phase, &low, &high);
        padded |= low > 0 || high < p->pitch;
    }
    for (ptrdiff_t c = 0; c < v->src.c; c++)
        for (ptrdiff_t row_phase = 0; row_phase < p->row_phases; row_phase++) {
            const ptrdiff_t stride = v->rows.stride, top = i * stride + v->rows.first + row_phase;
            const ptrdiff_t begin = fc_min(p->rows, top < 0 ? fc_ceil_div(-top, stride) : 0);
            const ptrdiff_t end = fc_max(
                begin, fc_min(p->rows, v->src.h > top ? (v->src.h - top - 1) / stride + 1 : 0));
            char *planes = dst + (c * phases + row_phase * p->col_phases) * p->plane * size;
            void *to[2] = {NULL, NULL};
            for (ptrdiff_t f = 0; f < 2; f++)
                if ((skipped + f) % 2 < p->col_phases)
                    to[f] = planes + ((skipped + f) % 2 * p->plane + (skipped + f) / 2 + begin * p->pitch) * size;
            if (padded || end - begin < p->rows)
                memset(planes, 0, (size_t)(p->col_phases * p->plane * size));
            (v->dtype == FC_F64 ? kernels->deinterleave_f64 : kernels->deinterleave_f32)(&(fc_deinterleave){
                .rows = (size_t)(end - begin),
                .cols = (size_t)cols,
                .step = 2,
                .y = to,
                .y_pitch = p->pitch,
                .x_pitch = stride * v->src.h_pitch,
                .x = image + (c * v->src.c_pitch + (top + begin * stride) * v->src.h_pitch + first + skipped) * size,
            });
        }
}

/* Between one plane and the next: vectors reach over a plane's last row, and what they read there is multiplied, though
 * no result has it. What scratch memory holds may be subnormal numbers, which are slow. */
static void clear_ends(const fc_planes *p, ptrdiff_t planes, ptrdiff_t size, char *dst) {
    const ptrdiff_t used = p->rows * p->pitch;
    for (ptrdiff_t i = 0; i < planes; i++)
        memset(dst + (i * p->plane + used) * size, 0, (size_t)((p->plane - used) * size));
}

void fc_fill_planes(const fc_conv_view *v, const fc_kernels *kernels, const fc_planes *p, const char *image,
    ptrdiff_t i, ptrdiff_t j, char *dst) {
    const ptrdiff_t size = (ptrdiff_t)fc_dtype_size(v->dtype), stride = v->cols.stride;
    clear_ends(p, v->src.c * p->row_phases * p->col_phases, size, dst);
    if (stride == 2 && v->src.w_pitch == 1) {
        fill_pairs(v, kernels, p, image, i, j, dst);
        return;
    }
    for (ptrdiff_t row_phase = 0; row_phase < p->row_phases; row_phase++)
        for (ptrdiff_t col_phase = 0; col_phase < p->col_phases; col_phase++) {
            const ptrdiff_t col = j * stride + v->cols.first + col_phase;
            ptrdiff_t low, high;
            find_cells(v, p, col, &low, &high);
            for (ptrdiff_t r = 0; r < p->rows; r++) {
                const ptrdiff_t row = (i + r) * v->rows.stride + v->rows.first + row_phase;
                const int inside = fc_inside(row, v->src.h);
                char *to = dst + ((row_phase * p->col_phases + col_phase) * p->plane + r * p->pitch) * size;
                fill_row(v, kernels, p, image + (row * v->src.h_pitch + (col + low * stride) * v->src.w_pitch) * size,
                    inside ? low : p->pitch, inside ? high : p->pitch, to);
            }
        }
}
