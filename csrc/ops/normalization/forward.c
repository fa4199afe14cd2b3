/* SPDX-License-Identifier: MIT */
/*
 * The statistics of a batch, and the batch normalized by them: two passes over x. Each block of rows is summed less its
 * own mean while it lies in L1, and the blocks' means and sums of squares are joined in double (Chan, Golub and
 * LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979), so that nothing cancels.
 */
#include <math.h>

#include "core/caller.h"
#include "core/scratch.h"
#include "core/size.h"
#include "ops/normalization/panels.h"

/* Of a channel, in an array of three numbers with `period` between them: cells, mean, sum of squares about it. */
static void join(double *into, size_t into_period, double cells, double mean, double squares) {
    double *count = into, *center = into + into_period, *spread = into + 2 * into_period;
    if (!cells)
        return;
    const double all = *count + cells, apart = mean - *center;
    *spread += squares + (*count ? apart * apart * (*count * cells / all) : 0);
    *center = *count ? *center + apart * (cells / all) : mean;
    *count = all;
}

/* The sums over the block's columns, a number for each channel of its period: of x - pivot, then of the squares. */
static void moments(
    const norm_job *job, const norm_panel *panel, const fc_norm_block *block, const void *pivot, double *sums) {
    double found[2 * NORM_COLUMNS] = {0};
    fc_norm_block summed = *block;
    summed.mean = pivot;
    summed.sums = found;
    (job->size == sizeof(double) ? job->kernels->norm_moments_f64 : job->kernels->norm_moments_f32)(&summed);
    for (size_t c = 0; c < 2 * panel->period; c++)
        sums[c] = 0;
    fc_norm_fold(job, panel, found, sums);
    fc_norm_fold(job, panel, (const char *)found + panel->width * job->size, sums + panel->period);
}

static void add_block(const norm_job *job, const norm_panel *panel, const fc_norm_block *block, double *part) {
    static const double zero[NORM_COLUMNS];
    const double cells = (double)block->rows * (double)(panel->width / panel->period);
    double sums[2 * NORM_COLUMNS], means[NORM_COLUMNS], pivot[NORM_COLUMNS] = {0};
    moments(job, panel, block, zero, sums);
    for (size_t c = 0; c < panel->period; c++)
        means[c] = fc_norm_round(job, sums[c] / cells);
    for (size_t c = 0; c < panel->width; c++)
        if (job->size == sizeof(double))
            pivot[c] = means[c % panel->period];
        else
            ((float *)pivot)[c] = (float)means[c % panel->period];
    moments(job, panel, block, pivot, sums);
    for (size_t c = 0; c < panel->period; c++) {
        const double sum = sums[c], spread = sums[panel->period + c] - sum * (sum / cells);
        join(part + c, job->period, cells, means[c] + sum / cells, spread < 0 ? 0 : spread);
    }
}

static void gather_unit(const norm_job *job, const norm_panel *panel, double *part) {
    double room[NORM_PARAMETERS][NORM_COLUMNS];
    fc_norm_block block = fc_norm_block_of(job, panel, 0, room);
    for (size_t row = 0; row < panel->rows; row += NORM_ROWS) {
        block.rows = fc_least(panel->rows - row, NORM_ROWS);
        add_block(job, panel, &block, part);
        fc_norm_move(job, &block, NORM_ROWS * panel->pitch);
    }
}

static void apply_unit(const norm_job *job, const norm_panel *panel, double *part) {
    double room[NORM_PARAMETERS][NORM_COLUMNS];
    const fc_norm_block block = fc_norm_block_of(job, panel, 3, room);
    (void)part;
    (job->size == sizeof(double) ? job->kernels->norm_apply_f64 : job->kernels->norm_apply_f32)(&block);
}

/* The units' moments joined, in their order. */
static void finish_moments(const norm_job *job, fc_any_double *mean, fc_any_double *variance) {
    const size_t channels = job->params->channels;
    for (size_t unit = 0; unit < job->units; unit++) {
        const norm_panel panel = fc_norm_panel(job, unit);
        const double *part = job->parts + unit * 3 * job->period;
        for (size_t c = 0; c < panel.period; c++)
            join(job->sums + panel.channel + c, channels, part[c], part[job->period + c], part[2 * job->period + c]);
    }
    for (size_t c = 0; c < channels; c++) {
        mean[c] = job->sums[channels + c];
        variance[c] = job->sums[2 * channels + c] / job->sums[c];
    }
}

fc_status fc_norm(const fc_norm_params *p, const void *x, const void *scale, const void *offset, const void *added,
    double *mean, double *variance, void *y) {
    norm_job job = {.x = x, .added = added, .to = y};
    if (!x || !y || !mean || !variance || (added && !p->relu))
        return FC_BAD_ARGUMENT;
    FC_TRY(fc_norm_begin(&job, p, 3));
    fc_norm_for(&job, gather_unit, 1);
    if (!fc_interrupted()) {
        finish_moments(&job, mean, variance);
        fc_norm_factors(&job, mean, variance, scale, offset);
        fc_norm_for(&job, apply_unit, added ? 3 : 2);
    }
    fc_scratch_free(job.scratch);
    return FC_OK;
}
