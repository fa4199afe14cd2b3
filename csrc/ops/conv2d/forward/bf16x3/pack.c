/* SPDX-License-Identifier: MIT */
/* Panels of pixels and of the kernel in planes of bfloat16. */
#include <stdatomic.h>
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/conv2d/forward/bf16x3/bf16x3.h"
#include "ops/conv2d/gemm/tile.h"

static size_t tiles_of(size_t k) { return (k + FC_BF16X3_K - 1) / FC_BF16X3_K; }
static size_t padded_outs(const fc_bf16x3_blocking *b) { return b->out_panels * FC_BF16X3_PANEL; }

size_t fc_bf16x3_panel_elements(const fc_bf16x3_blocking *b, size_t k) {
    return tiles_of(k) * b->planes * FC_BF16X3_TILE;
}
size_t fc_bf16x3_bias_elements(const fc_bf16x3_blocking *b) { return (size_t)b->view->groups * padded_outs(b); }

float *fc_bf16x3_bias(const fc_bf16x3_blocking *b, fc_bf16x3_kernel *packed, size_t group) {
    return (float *)(packed + 1) + group * padded_outs(b);
}

uint16_t *fc_bf16x3_planes(const fc_bf16x3_blocking *b, fc_bf16x3_kernel *packed, size_t group, size_t k0) {
    char *first = (char *)(packed + 1) + fc_align_up(fc_bf16x3_bias_elements(b) * sizeof(float));
    return (uint16_t *)first + padded_outs(b) * b->planes * (group * b->padded_k + k0);
}

typedef struct pack_job {
    const fc_bf16x3_blocking *b;
    const char *weights;
    fc_bf16x3_kernel *packed;
    atomic_int out_of_range;
} pack_job;

/* One tile of a panel of the kernel. */
static int split_weight_tile(const fc_gather *g, const fc_bf16x3_blocking *b, const char *weights, size_t o,
    size_t count, size_t k, size_t k1, uint16_t *dst) {
    _Alignas(FC_ALIGNMENT) char by_k[FC_BF16X3_TILE * sizeof(float)], by_out[FC_BF16X3_TILE * sizeof(float)];
    const size_t steps = k1 - k < FC_BF16X3_K ? k1 - k : FC_BF16X3_K, size = fc_dtype_size(b->view->dtype);
    fc_pack_weight_panel(g, weights, o, count, FC_BF16X3_PANEL, k, k + steps, NULL, by_k);
    memset(by_k + steps * FC_BF16X3_PANEL * size, 0, (FC_BF16X3_K - steps) * FC_BF16X3_PANEL * size);
    fc_bf16x3_source source = {
        by_k, b->view->dtype, 0, FC_BF16X3_PANEL, FC_BF16X3_PANEL * FC_BF16X3_ROWS, 1, b->planes, dst};
    if (!b->pixels_in_rows) {
        const void *rows[FC_BF16X3_K];
        for (size_t i = 0; i < FC_BF16X3_K; i++)
            rows[i] = by_k + i * FC_BF16X3_PANEL * size;
        fc_transpose_of(b->kernels, size)(by_out, FC_BF16X3_K, rows, FC_BF16X3_K, FC_BF16X3_PANEL);
        source.src = by_out;
        source.row_pitch = FC_BF16X3_K;
        source.pair_pitch = FC_BF16X3_ROWS;
    }
    return b->kernels->bf16x3_rows(&source);
}

/* Step k of a block of channels, taps, channels in the kernel's own order: tap, channel. */
static size_t patched_k(const fc_bf16x3_blocking *b, size_t k0, size_t k1, size_t k) {
    const size_t c = (size_t)b->view->src.c, taps = b->k / c, channels = (k1 - k0) / taps;
    return (k - k0) / channels * c + k0 / taps + (k - k0) % channels;
}

static void split_weight_panel(void *job_, size_t task, size_t worker) {
    (void)worker;
    pack_job *job = job_;
    const fc_bf16x3_blocking *b = job->b;
    const size_t panel = task % b->out_panels, group = task / b->out_panels, outs = (size_t)b->view->dst.c;
    const size_t o = panel * FC_BF16X3_PANEL, count = outs - o < FC_BF16X3_PANEL ? outs - o : FC_BF16X3_PANEL;
    const fc_gather gather = {&b->moved, b->kernels, NULL};
    const char *weights = job->weights +
        (ptrdiff_t)group * b->view->w_group_pitch * (ptrdiff_t)fc_dtype_size(b->view->dtype);
    int out_of_range = 0;
    for (size_t k0 = 0; k0 < b->k; k0 += b->block_k) {
        const size_t k1 = b->k - k0 < b->block_k ? b->k : k0 + b->block_k;
        uint16_t *to = fc_bf16x3_planes(b, job->packed, group, k0) + panel * fc_bf16x3_panel_elements(b, k1 - k0);
        for (size_t k = k0; k < k1; k += FC_BF16X3_K, to += b->planes * FC_BF16X3_TILE) {
            const size_t from = b->patched ? patched_k(b, k0, k1, k) : k;
            out_of_range |= split_weight_tile(
                &gather, b, weights, o, count, from, b->patched ? from + FC_BF16X3_K : k1, to);
        }
    }
    if (out_of_range)
        atomic_store(&job->out_of_range, 1);
}

void fc_bf16x3_pack_kernel(
    const fc_bf16x3_blocking *b, const void *kernel, const void *bias, fc_bf16x3_kernel *packed) {
    const fc_conv_view *v = b->view;
    const size_t panels = (size_t)v->groups * b->out_panels, outs = (size_t)v->dst.c;
    pack_job job = {.b = b, .weights = kernel, .packed = packed};
    fc_parallel_for(
        panels, fc_parallel_workers(panels, 8.0 * (double)(panels * FC_BF16X3_PANEL * b->k)), split_weight_panel, &job);
    packed->kernel = kernel;
    packed->bias = bias;
    packed->out_of_range = atomic_load(&job.out_of_range);
    for (size_t group = 0; bias && group < (size_t)v->groups; group++)
        fc_pack_bias(b->kernels, v->dtype, (const char *)bias + group * outs * fc_dtype_size(v->dtype), outs,
            padded_outs(b), fc_bf16x3_bias(b, packed, group));
}

size_t fc_bf16x3_panel_scratch(const fc_bf16x3_blocking *b) {
    return tiles_of(b->block_k) * FC_BF16X3_TILE * fc_dtype_size(b->view->dtype);
}

int fc_bf16x3_pixel_panel(const fc_bf16x3_blocking *b, const fc_gather *g, size_t pixel, size_t count, size_t k0,
    size_t k1, void *scratch, uint16_t *dst) {
    const size_t tiles = tiles_of(k1 - k0), pitch = tiles * FC_BF16X3_K, size = fc_dtype_size(b->view->dtype);
    char *panel = scratch;
    fc_bf16x3_source source = {panel, b->view->dtype, FC_BF16X3_K, pitch, FC_BF16X3_ROWS, tiles, b->planes, dst};
    if (b->pixels_in_rows) {
        fc_pack_gather_rows(g, pixel, count, k0, k1, pitch, NULL, panel);
        memset(panel + count * pitch * size, 0, (FC_BF16X3_PANEL - count) * pitch * size);
    } else {
        fc_pack_pixel_panel(g, pixel, count, FC_BF16X3_PANEL, k0, k1, NULL, panel);
        memset(panel + (k1 - k0) * FC_BF16X3_PANEL * size, 0, (pitch - (k1 - k0)) * FC_BF16X3_PANEL * size);
        source.tile_pitch = FC_BF16X3_TILE;
        source.row_pitch = FC_BF16X3_PANEL;
        source.pair_pitch = FC_BF16X3_PANEL * FC_BF16X3_ROWS;
    }
    return b->kernels->bf16x3_rows(&source);
}
