/* SPDX-License-Identifier: MIT */
/* The gradients of batch normalization: a pass for the sums of dy and of dy * (x - mean), and one for dx. */
#include <math.h>

#include "core/caller.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/normalization/panels.h"

static void sum_unit(const norm_job *job, const norm_panel *panel, double *part) {
    double room[NORM_PARAMETERS][NORM_COLUMNS], found[2 * NORM_COLUMNS];
    fc_norm_block block = fc_norm_block_of(job, panel, 3, room);
    block.sums = found;
    for (size_t row = 0; row < panel->rows; row += NORM_ROWS) {
        block.rows = fc_least(panel->rows - row, NORM_ROWS);
        (job->size == sizeof(double) ? job->kernels->norm_grad_sums_f64 : job->kernels->norm_grad_sums_f32)(&block);
        fc_norm_fold(job, panel, found, part);
        fc_norm_fold(job, panel, (const char *)found + panel->width * job->size, part + job->period);
        fc_norm_move(job, &block, NORM_ROWS * panel->pitch);
    }
}

static void grad_unit(const norm_job *job, const norm_panel *panel, double *part) {
    double room[NORM_PARAMETERS][NORM_COLUMNS];
    const fc_norm_block block = fc_norm_block_of(job, panel, NORM_PARAMETERS, room);
    (void)part;
    (job->size == sizeof(double) ? job->kernels->norm_grad_f64 : job->kernels->norm_grad_f32)(&block);
}

static void add_units(const norm_job *job) {
    const size_t channels = job->params->channels;
    for (size_t unit = 0; unit < job->units; unit++) {
        const norm_panel panel = fc_norm_panel(job, unit);
        const double *part = job->parts + unit * 2 * job->period;
        for (size_t c = 0; c < panel.period; c++) {
            job->sums[panel.channel + c] += part[c];
            job->sums[channels + panel.channel + c] += part[job->period + c];
        }
    }
}

static void write(const norm_job *job, void *array, size_t i, double value) {
    if (!array)
        return;
    if (job->size == sizeof value)
        ((fc_any_double *)array)[i] = value;
    else
        ((fc_any_float *)array)[i] = (float)value;
}

/* The gradients of scale and offset, and the slope and shift of dx. */
static void finish_sums(const norm_job *job, const fc_norm_gradients *arrays) {
    const fc_norm_params *p = job->params;
    const fc_any_double *mean = arrays->mean, *variance = arrays->variance;
    const double cells = (double)p->outer * (double)p->inner;
    for (size_t c = 0; c < p->channels; c++) {
        const double inverse = 1 / sqrt(variance[c] + p->epsilon);
        const double factor = inverse * fc_norm_number(job, arrays->scale, c, 1);
        const double left = mean[c] - job->parameters[0][c]; /* what rounding the mean left of it */
        const double sum = job->sums[c], product = job->sums[p->channels + c] - left * sum;
        const double slope = -factor * inverse * inverse * product / cells;
        write(job, arrays->dscale, c, product * inverse);
        write(job, arrays->doffset, c, sum);
        job->parameters[3][c] = slope;
        job->parameters[4][c] = -factor * sum / cells - slope * left;
    }
}

fc_status fc_norm_grads(const fc_norm_params *p, const fc_norm_gradients *arrays) {
    norm_job job = {
        .x = arrays->x, .added = arrays->added, .dy = arrays->dy, .to = arrays->dx, .masked = arrays->dadded};
    if (!arrays->x || !arrays->dy || !arrays->mean || !arrays->variance || (arrays->added && !p->relu) ||
        (arrays->dadded && !(arrays->added && arrays->dx)))
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_norm_begin(&job, p, 2));
    fc_norm_factors(&job, arrays->mean, arrays->variance, arrays->scale, arrays->offset);
    fc_norm_for(&job, sum_unit, arrays->added ? 3 : 2);
    if (!fc_interrupted()) {
        add_units(&job);
        finish_sums(&job, arrays);
        if (arrays->dx)
            fc_norm_for(&job, grad_unit, arrays->added ? 5 : 3);
    }
    fc_scratch_free(job.scratch);
    return FC_OK;
}
