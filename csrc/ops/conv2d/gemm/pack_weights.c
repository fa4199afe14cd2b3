/* SPDX-License-Identifier: MIT */
#include "ops/conv2d/gemm/pack_weights.h"

#include "core/cpu.h"
#include "core/parallel.h"
#include "core/size.h"
#include "ops/conv2d/gather/pack.h"
#include "ops/conv2d/gemm/tile.h"

enum {
    RAW_K = 16,          /* steps of k widened at a time when packing half weights */
    PANELS_TOGETHER = 8, /* of a task */
    STRETCH = 128,       /* steps of k of a task */
    ROWS_TOGETHER = 32   /* of a panel before the next one's */
};

fc_status fc_weights_bytes(const fc_weight_panels *p, const fc_conv_view *view, size_t *bytes) {
    const ptrdiff_t factors[] = {view->groups, (ptrdiff_t)(p->panels * p->width), (ptrdiff_t)p->k + 1,
        (ptrdiff_t)fc_dtype_size(fc_compute_dtype(view->dtype))};
    return fc_multiply(factors, 4, bytes);
}

typedef struct pack_job {
    const fc_weight_panels *p;
    const fc_kernels *kernels;
    const fc_conv_view *view;
    const char *weights;
    char *packed;
    size_t spans, stretches; /* of panels, of k */
} pack_job;

/* Steps [k0, k1) of a panel of a group. */
static void pack_steps(const fc_weight_panels *p, const fc_gather *gather, const char *weights, size_t panel, size_t k0,
    size_t k1, char *to) {
    const fc_dtype dtype = gather->view->dtype;
    const size_t outs = (size_t)gather->view->dst.c, o = panel * p->width, count = fc_least(outs - o, p->width);
    const size_t row = p->width * fc_dtype_size(fc_compute_dtype(dtype)), step = fc_is_half(dtype) ? RAW_K : k1 - k0;
    uint16_t raw[FC_MAX_PANEL * RAW_K];
    for (size_t k = k0; k < k1; k += step)
        fc_pack_weight_panel(gather, weights, o, count, p->width, k, fc_least(k1, k + step), raw, to + (k - k0) * row);
}

static const char *of_group(const fc_conv_view *view, const void *weights, size_t group) {
    return (const char *)weights + (ptrdiff_t)group * view->w_group_pitch * (ptrdiff_t)fc_dtype_size(view->dtype);
}

/* Some neighbouring panels of a stretch of k: of all of them a few rows at a time, which lie together in the kernel. */
static void pack_stretch(void *job_, size_t task, size_t worker) {
    (void)worker;
    const pack_job *job = job_;
    const fc_weight_panels *p = job->p;
    const size_t first = task % job->spans * PANELS_TOGETHER, end = fc_least(p->panels, first + PANELS_TOGETHER),
                 stretch = task / job->spans % job->stretches, group = task / job->spans / job->stretches;
    const size_t size = fc_dtype_size(fc_compute_dtype(job->view->dtype)), per_block = fc_parts(p->block_k, STRETCH);
    const size_t block = stretch / per_block * p->block_k, block_end = fc_least(p->k, block + p->block_k),
                 begin = block + stretch % per_block * STRETCH, stop = fc_least(block_end, begin + STRETCH);
    const fc_gather gather = {job->view, job->kernels, NULL};
    const char *weights = of_group(job->view, job->weights, group);
    char *to = job->packed + (group * fc_weights_of_group(p) + block * p->panels * p->width) * size;
    const size_t step = job->view->w_out_pitch == 1 ? ROWS_TOGETHER : STRETCH;
    for (size_t k = begin; k < stop; k += step)
        for (size_t panel = first; panel < end; panel++)
            pack_steps(p, &gather, weights, panel, k, fc_least(stop, k + step),
                to + (panel * (block_end - block) + k - block) * p->width * size);
}

void fc_pack_weights_panel(const fc_weight_panels *p, const fc_kernels *kernels, const fc_conv_view *view,
    const void *weights, size_t group, size_t panel, void *to) {
    const fc_gather gather = {view, kernels, NULL};
    pack_steps(p, &gather, of_group(view, weights, group), panel, 0, p->k, to);
}

int fc_packs_on_demand(const fc_weight_panels *p, const fc_conv_view *view) {
    size_t bytes;
    return p->block_k == p->k && fc_weights_bytes(p, view, &bytes) == FC_OK && bytes <= fc_caches()->l2;
}

const char *fc_pack_on_demand(const fc_weight_panels *p, const fc_kernels *kernels, const fc_conv_view *view,
    const void *weights, size_t group, size_t begin, size_t end, char *memory) {
    char *flags = memory + group * p->panels;
    char *panels = memory + fc_panel_flag_bytes(p, view) + group * p->panels * fc_panel_bytes(p, view);
    for (size_t panel = begin; panel < end; panel++) {
        if (!flags[panel])
            fc_pack_weights_panel(p, kernels, view, weights, group, panel, panels + panel * fc_panel_bytes(p, view));
        flags[panel] = 1;
    }
    return panels;
}

void fc_pack_biases(
    const fc_weight_panels *p, const fc_kernels *kernels, const fc_conv_view *view, const void *bias, void *to) {
    const size_t outs = (size_t)view->dst.c, padded = p->panels * p->width,
                 size = fc_dtype_size(fc_compute_dtype(view->dtype));
    for (size_t group = 0; group < (size_t)view->groups; group++)
        fc_pack_bias(kernels, view->dtype, (const char *)bias + group * outs * fc_dtype_size(view->dtype), outs, padded,
            (char *)to + group * padded * size);
}

void fc_pack_weights(const fc_weight_panels *p, const fc_kernels *kernels, const fc_conv_view *view,
    const void *weights, const void *bias, void *packed) {
    const size_t spans = fc_parts(p->panels, PANELS_TOGETHER), size = fc_dtype_size(fc_compute_dtype(view->dtype)),
                 stretches = p->k ? fc_parts(p->k, p->block_k) * fc_parts(p->block_k, STRETCH) : 0,
                 tasks = (size_t)view->groups * spans * stretches;
    pack_job job = {p, kernels, view, weights, packed, spans, stretches};
    fc_parallel_for(tasks, fc_parallel_workers(tasks, 8.0 * (double)fc_weights_of_group(p) * (double)view->groups),
        pack_stretch, &job);
    if (bias)
        fc_pack_biases(p, kernels, view, bias, (char *)packed + (size_t)view->groups * fc_weights_of_group(p) * size);
}
