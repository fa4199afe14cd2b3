/* SPDX-License-Identifier: MIT */
#include "ops/algo/pack_weights.h"

#include "core/parallel.h"
#include "core/size.h"
#include "ops/algo/pack.h"
#include "ops/algo/tile.h"

enum { RAW_K = 16 };    /* steps of k widened at a time when packing half weights */

fc_status fc_weights_bytes(const fc_weight_panels *p, const fc_conv_view *view, size_t *bytes) {
    const ptrdiff_t factors[] = {view->groups, (ptrdiff_t)(p->panels * p->width), (ptrdiff_t)p->k + 1, (ptrdiff_t)fc_dtype_size(fc_compute_dtype(view->dtype))};
    return fc_multiply(factors, 4, bytes);
}

typedef struct pack_job {
    const fc_weight_panels *p;
    const fc_kernels *kernels;
    const fc_conv_view *view;
    const char *weights;
    char *packed;
} pack_job;

static void pack_panel(void *job_, size_t task, size_t worker) {
    (void)worker;
    const pack_job *job = job_;
    const fc_weight_panels *p = job->p;
    const size_t size = fc_dtype_size(fc_compute_dtype(job->view->dtype)), panel = task % p->panels, group = task / p->panels;
    const size_t outs = (size_t)job->view->dst.c, o = panel * p->width, count = outs - o < p->width ? outs - o : p->width;
    const fc_gather gather = {job->view, job->kernels, NULL};
    const char *weights = job->weights + (ptrdiff_t)group * job->view->w_group_pitch * (ptrdiff_t)fc_dtype_size(job->view->dtype);
    uint16_t raw[FC_MAX_PANEL * RAW_K];
    for (size_t k0 = 0; k0 < p->k; k0 += p->block_k) {
        size_t k1 = k0 + p->block_k < p->k ? k0 + p->block_k : p->k;
        char *to = job->packed + (group * fc_weights_of_group(p) + k0 * p->panels * p->width + panel * (k1 - k0) * p->width) * size;
        const size_t step = fc_is_half(job->view->dtype) ? RAW_K : k1 - k0;
        for (size_t k = k0; k < k1; k += step) {
            size_t end = k1 - k < step ? k1 : k + step;
            fc_pack_weight_panel(&gather, weights, o, count, p->width, k, end, raw, to + (k - k0) * p->width * size);
        }
    }
}

void fc_pack_weights(const fc_weight_panels *p, const fc_kernels *kernels, const fc_conv_view *view, const void *weights, const void *bias, void *packed) {
    pack_job job = {p, kernels, view, weights, packed};
    const size_t panels = (size_t)view->groups * p->panels, size = fc_dtype_size(fc_compute_dtype(view->dtype));
    fc_parallel_for(panels, fc_parallel_workers(panels, 8.0 * (double)(panels * p->width * p->k)), pack_panel, &job);
    if (!bias)
        return;
    char *to = (char *)packed + (size_t)view->groups * fc_weights_of_group(p) * size;
    for (size_t group = 0; group < (size_t)view->groups; group++)
        fc_pack_bias(kernels, view->dtype, (const char *)bias + group * (size_t)view->dst.c * fc_dtype_size(view->dtype),
                     (size_t)view->dst.c, p->panels * p->width, to + group * p->panels * p->width * size);
}
