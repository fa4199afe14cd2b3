/* SPDX-License-Identifier: MIT */
#include "ops/normalization/panels.h"

#include <math.h>
#include <string.h>

#include "core/parallel.h"
#include "core/scratch.h"
#include "core/size.h"

static void cut(norm_job *job) {
    const fc_norm_params *p = job->params;
    const double work = 4.0 * (double)(p->outer * p->channels * p->inner * job->size);
    job->period = p->inner > 1 ? 1 : fc_least(p->channels, NORM_COLUMNS);
    if (p->inner > 1)
        job->panels = p->channels * fc_parts(p->inner, NORM_COLUMNS);
    else if (p->channels > NORM_COLUMNS)
        job->panels = fc_parts(p->channels, NORM_COLUMNS);
    else
        job->panels = p->outer % (NORM_COLUMNS / p->channels) ? 2 : 1;
    const size_t tasks = fc_task_count_of_sums(work);
    job->slices = fc_least(fc_parts(tasks, job->panels), fc_parts(p->outer, NORM_ROWS));
    job->units = job->panels * job->slices;
    job->tasks = fc_least(job->units, tasks);
}

fc_status fc_norm_begin(norm_job *job, const fc_norm_params *params, size_t numbers) {
    const ptrdiff_t sizes[] = {(ptrdiff_t)params->outer, (ptrdiff_t)params->channels, (ptrdiff_t)params->inner, 8};
    size_t bytes;
    if (params->dtype != FC_F32 && params->dtype != FC_F64)
        return FC_BAD_DTYPE;
    FC_TRY(fc_multiply(sizes, 4, &bytes));
    if (!bytes)
        return FC_BAD_SHAPE;
    FC_TRY(fc_find_kernels(&job->kernels));
    job->params = params;
    job->size = fc_dtype_size(params->dtype);
    cut(job);
    const size_t sums = numbers * params->channels, parts = numbers * job->units * job->period;
    job->scratch = fc_scratch_alloc((sums + parts + NORM_PARAMETERS * params->channels) * sizeof(double));
    if (!job->scratch)
        return FC_OUT_OF_MEMORY;
    job->sums = job->scratch;
    job->parts = job->sums + sums;
    memset(job->scratch, 0, (sums + parts) * sizeof(double));
    for (size_t i = 0; i < NORM_PARAMETERS; i++)
        job->parameters[i] = job->parts + parts + i * params->channels;
    return FC_OK;
}

static norm_panel whole_panel(const norm_job *job, size_t i) {
    const fc_norm_params *p = job->params;
    if (p->inner > 1) {
        const size_t across = fc_parts(p->inner, NORM_COLUMNS), channel = i / across,
                     column = i % across * NORM_COLUMNS;
        return (norm_panel){p->outer, fc_least(p->inner - column, NORM_COLUMNS), p->channels * p->inner,
            channel * p->inner + column, channel, 1};
    }
    if (p->channels > NORM_COLUMNS) {
        const size_t first = i * NORM_COLUMNS, width = fc_least(p->channels - first, NORM_COLUMNS);
        return (norm_panel){p->outer, width, p->channels, first, first, width};
    }
    const size_t cells = NORM_COLUMNS / p->channels, rows = p->outer / cells, width = cells * p->channels;
    if (i)
        return (norm_panel){1, p->outer % cells * p->channels, width, rows * width, 0, p->channels};
    return (norm_panel){rows, width, width, 0, 0, p->channels};
}

norm_panel fc_norm_panel(const norm_job *job, size_t unit) {
    norm_panel panel = whole_panel(job, unit / job->slices);
    const size_t slice = unit % job->slices, begin = panel.rows * slice / job->slices;
    panel.rows = panel.rows * (slice + 1) / job->slices - begin;
    panel.offset += begin * panel.pitch;
    return panel;
}

typedef struct norm_loop {
    const norm_job *job;
    norm_unit *unit;
} norm_loop;

static void run_task(void *loop_, size_t task, size_t worker) {
    const norm_loop *loop = loop_;
    const norm_job *job = loop->job;
    (void)worker;
    const size_t numbers = (size_t)(job->parameters[0] - job->parts) / job->units;
    for (size_t i = job->units * task / job->tasks; i < job->units * (task + 1) / job->tasks; i++) {
        const norm_panel panel = fc_norm_panel(job, i);
        if (panel.rows && panel.width)
            loop->unit(job, &panel, job->parts + i * numbers);
    }
}

void fc_norm_for(const norm_job *job, norm_unit *unit, double passes) {
    const fc_norm_params *p = job->params;
    const double bytes = (double)(p->outer * p->channels * p->inner * job->size);
    norm_loop loop = {job, unit};
    fc_parallel_for(job->tasks, fc_parallel_workers(job->tasks, 4 * passes * bytes), run_task, &loop);
}

fc_norm_block fc_norm_block_of(
    const norm_job *job, const norm_panel *panel, size_t count, double room[NORM_PARAMETERS][NORM_COLUMNS]) {
    for (size_t k = 0; k < count; k++)
        for (size_t c = 0; c < panel->width; c++) {
            const double value = job->parameters[k][panel->channel + c % panel->period];
            if (job->size == sizeof value)
                room[k][c] = value;
            else
                ((float *)room[k])[c] = (float)value;
        }
    fc_norm_block block = {.rows = panel->rows,
        .width = panel->width,
        .pitch = panel->pitch,
        .relu = job->params->relu,
        .x = job->x,
        .added = job->added,
        .dy = job->dy,
        .mean = room[0],
        .factor = room[1],
        .offset = room[2],
        .slope = room[3],
        .shift = room[4],
        .to = job->to,
        .masked = job->masked};
    fc_norm_move(job, &block, panel->offset);
    return block;
}

void fc_norm_move(const norm_job *job, fc_norm_block *block, size_t elements) {
    const size_t bytes = elements * job->size;
    block->x = (const char *)block->x + bytes;
    block->added = block->added ? (const char *)block->added + bytes : NULL;
    block->dy = block->dy ? (const char *)block->dy + bytes : NULL;
    block->to = block->to ? (char *)block->to + bytes : NULL;
    block->masked = block->masked ? (char *)block->masked + bytes : NULL;
}

double fc_norm_round(const norm_job *job, double value) { return job->size == sizeof value ? value : (float)value; }

double fc_norm_number(const norm_job *job, const void *array, size_t i, double without) {
    if (!array)
        return without;
    return job->size == sizeof(double) ? ((const fc_any_double *)array)[i] : ((const fc_any_float *)array)[i];
}

void fc_norm_fold(const norm_job *job, const norm_panel *panel, const void *from, double *sums) {
    for (size_t cell = 0; cell < panel->width; cell += panel->period)
        for (size_t c = 0; c < panel->period; c++)
            sums[c] += fc_norm_number(job, from, cell + c, 0);
}

void fc_norm_factors(const norm_job *job, const fc_any_double *mean, const fc_any_double *variance, const void *scale,
    const void *offset) {
    for (size_t c = 0; c < job->params->channels; c++) {
        const double factor = fc_norm_number(job, scale, c, 1) / sqrt(variance[c] + job->params->epsilon);
        const double rounded = fc_norm_round(job, mean[c]);
        job->parameters[0][c] = rounded;
        job->parameters[1][c] = fc_norm_round(job, factor);
        /* What rounding the mean left of it. */
        job->parameters[2][c] = fc_norm_round(
            job, fc_norm_number(job, offset, c, 0) - (isfinite(mean[c]) ? mean[c] - rounded : 0) * factor);
    }
}
