/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/gemm/tile.h"

#include <string.h>

#include "core/cpu.h"
#include "ops/elementwise/activation.h"
#include "ops/conv2d/gather/pack.h"

const fc_gemm_tile *fc_gemm_tiles(const fc_kernels *kernels, fc_dtype dtype) {
    return dtype == FC_F64 ? kernels->gemm_f64 : kernels->gemm_f32;
}

double fc_step_cycles(size_t rows, size_t vectors, double latency) {
    const size_t fmas = rows * vectors, loads = rows + vectors;
    const double most = (double)(fmas > loads ? fmas : loads);
    return most > latency ? most : latency;
}

double fc_tile_cycles(const fc_gemm_tile *tile) { return fc_step_cycles(tile->rows, tile->vectors, FC_FMA_LATENCY); }

double fc_store_cycles(const fc_costs *costs, const fc_conv_view *view, int pixels_in_rows) {
    const int channels_last = view->dst.layout == FC_NHWC, neighbours = view->dst.w_pitch == 1;
    if (pixels_in_rows)
        return channels_last ? costs->store_contiguous : neighbours ? costs->store_transposed : costs->store_scattered;
    return neighbours ? costs->store_contiguous : channels_last ? costs->store_transposed : costs->store_scattered;
}

double fc_far_cycles(const fc_costs *costs, const fc_conv_view *view) {
    const double numbers = (double)(view->n * view->src.h * view->src.w) * (double)(view->src.c * view->groups),
                 bytes = numbers * (double)fc_dtype_size(view->dtype);
    return view->src.c_pitch == 1 && view->src.c > 1 && bytes > (double)fc_caches()->l3 / 2
        ? costs->transposed_far * numbers
        : 0;
}

void fc_pack_bias(const fc_kernels *kernels, fc_dtype dtype, const void *bias, size_t count, size_t padded, void *dst) {
    const size_t size = fc_dtype_size(fc_compute_dtype(dtype));
    if (fc_is_half(dtype))
        fc_widen(kernels, dtype, bias, dst, count);
    else
        memcpy(dst, bias, count * size);
    memset((char *)dst + count * size, 0, (padded - count) * size);
}

char *fc_tile_in_output(const fc_finished_tile *f, size_t *pitch) {
    const fc_tensor_view *dst = &f->view->dst;
    if (fc_is_half(f->view->dtype) || dst->h_pitch != dst->w * dst->w_pitch)
        return NULL;
    if (f->pixels != (f->pixels_in_rows ? f->rows : f->cols) || f->outs != (f->pixels_in_rows ? f->cols : f->rows))
        return NULL;
    const fc_pixel at = fc_pixel_at(f->view, f->pixel);
    const ptrdiff_t within = at.row * dst->w + at.col;
    const int one_image = within + (ptrdiff_t)f->pixels <= dst->h * dst->w || dst->n_pitch == dst->h * dst->h_pitch;
    *pitch = (size_t)(f->pixels_in_rows ? dst->w_pitch : dst->c_pitch);
    if (!one_image || (f->pixels_in_rows ? dst->c_pitch : dst->w_pitch) != 1)
        return NULL;
    return f->dst +
        (at.n * dst->n_pitch + within * dst->w_pitch + (ptrdiff_t)f->out * dst->c_pitch) *
        (ptrdiff_t)fc_dtype_size(f->view->dtype);
}

static void store_pixels_in_rows(
    const fc_finished_tile *f, const char *tile, const fc_run *run, char *to, size_t size) {
    const ptrdiff_t w_pitch = f->view->dst.w_pitch * (ptrdiff_t)size;
    const void *rows[FC_MAX_TILE_ROWS];
    for (size_t i = 0; i < run->count; i++)
        rows[i] = tile + (run->begin + i) * f->cols * size;
    if (f->view->dst.w_pitch == 1) {
        fc_transpose_of(f->kernels, size)(to, (size_t)f->view->dst.c_pitch, rows, run->count, f->outs);
        return;
    }
    for (size_t i = 0; i < run->count; i++, to += w_pitch)
        if (f->view->dst.c_pitch == 1)
            fc_copy_elements(to, rows[i], f->outs * size);
        else
            for (size_t o = 0; o < f->outs; o++)
                memcpy(to + (ptrdiff_t)(o * size) * f->view->dst.c_pitch, (const char *)rows[i] + o * size, size);
}

static void store_pixels_in_cols(
    const fc_finished_tile *f, const char *tile, const fc_run *run, char *to, size_t size) {
    const ptrdiff_t c_pitch = f->view->dst.c_pitch * (ptrdiff_t)size, w_pitch = f->view->dst.w_pitch * (ptrdiff_t)size;
    const void *rows[FC_MAX_TILE_ROWS];
    for (size_t o = 0; o < f->outs; o++)
        rows[o] = tile + (o * f->cols + run->begin) * size;
    if (f->view->dst.c_pitch == 1) {
        fc_transpose_of(f->kernels, size)(to, (size_t)f->view->dst.w_pitch, rows, f->outs, run->count);
        return;
    }
    for (size_t o = 0; o < f->outs; o++, to += c_pitch)
        if (f->view->dst.w_pitch == 1)
            fc_copy_elements(to, rows[o], run->count * size);
        else
            for (size_t i = 0; i < run->count; i++)
                memcpy(to + (ptrdiff_t)i * w_pitch, (const char *)rows[o] + i * size, size);
}

static void add_bias(const fc_finished_tile *f, void *tile, size_t pitch) {
    const int wide = f->view->dtype == FC_F64;
    if (!f->bias)
        return;
    fc_tile_bias_fn *by_row = wide ? f->kernels->bias_rows_f64 : f->kernels->bias_rows_f32;
    fc_tile_bias_fn *by_col = wide ? f->kernels->bias_cols_f64 : f->kernels->bias_cols_f32;
    (f->pixels_in_rows ? by_col : by_row)(tile, pitch, f->rows, f->cols, f->bias);
}

void fc_finish_in_place(const fc_finished_tile *f, size_t pitch) {
    const size_t size = fc_dtype_size(f->view->dtype);
    add_bias(f, f->tile, pitch);
    if (f->activation == FC_LINEAR)
        return;
    fc_activation_fn *activate = fc_activation_kernel(f->kernels, f->view->dtype, f->activation);
    for (size_t r = 0; r < f->rows; r++) {
        char *row = (char *)f->tile + r * pitch * size;
        activate(f->cols, f->alpha, row, row);
    }
}

void fc_finish_tile(const fc_finished_tile *f) {
    const fc_conv_view *v = f->view;
    const size_t elements = f->rows * f->cols;
    add_bias(f, f->tile, f->cols);
    if (f->activation != FC_LINEAR)
        fc_activation_kernel(f->kernels, fc_compute_dtype(v->dtype), f->activation)(
            elements, f->alpha, f->tile, f->tile);
    uint16_t narrow[FC_MAX_TILE_ROWS * FC_MAX_TILE_COLS];
    const char *tile = f->tile;
    if (fc_is_half(v->dtype)) {
        fc_narrow(f->kernels, v->dtype, f->tile, narrow, elements);
        tile = (const char *)narrow;
    }
    const size_t size = fc_dtype_size(v->dtype);
    fc_run runs[FC_MAX_PANEL];
    for (size_t r = 0, found = fc_find_runs(v, f->pixel, f->pixels, v->dst.h_pitch == v->dst.w * v->dst.w_pitch, runs);
        r < found; r++) {
        const fc_pixel at = runs[r].at;
        char *to = f->dst +
            (at.n * v->dst.n_pitch + at.row * v->dst.h_pitch + at.col * v->dst.w_pitch +
                (ptrdiff_t)f->out * v->dst.c_pitch) *
                (ptrdiff_t)size;
        (f->pixels_in_rows ? store_pixels_in_rows : store_pixels_in_cols)(f, tile, &runs[r], to, size);
    }
}
