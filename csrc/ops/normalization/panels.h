/* SPDX-License-Identifier: MIT */
/*
 * A tensor (outer, channels, inner) as panels: rows of at most NORM_COLUMNS numbers that lie side by side, of a fixed
 * number of channels in turn. Channels that lie last and are few are taken several cells a row.
 */
#ifndef FC_OPS_NORMALIZATION_PANELS_H
#define FC_OPS_NORMALIZATION_PANELS_H

#include "core/dispatch.h"
#include "fastconv.h"

enum {
    NORM_COLUMNS = 64,
    NORM_ROWS = 64,     /* summed in registers; what they have of x stays in L1 */
    NORM_PARAMETERS = 5 /* mean, factor, offset, slope, shift */
};

/* Row r begins at element offset + r * pitch; column c is of channel `channel` + c % period. */
typedef struct norm_panel {
    size_t rows, width, pitch, offset, channel, period;
} norm_panel;

typedef struct norm_job {
    const fc_norm_params *params;
    const fc_kernels *kernels;
    size_t size, period;                 /* bytes of a number; the longest period of a panel */
    size_t panels, slices, units, tasks; /* a unit is a slice of a panel's rows; a task has units that follow */
    double *sums, *parts;                /* for each channel, and for each unit: `numbers` of them, period apart */
    double *parameters[NORM_PARAMETERS]; /* for each channel, as numbers of the dtype */
    const char *x, *added, *dy;
    char *to, *masked;
    void *scratch;
} norm_job;

/* Checks the sizes, cuts the job and takes its scratch memory, with `numbers` sums a channel. */
fc_status fc_norm_begin(norm_job *job, const fc_norm_params *params, size_t numbers);

/* The rows of a unit. */
norm_panel fc_norm_panel(const norm_job *job, size_t unit);

/* Runs `unit(job, panel, part)` for every unit that has rows. */
typedef void norm_unit(const norm_job *job, const norm_panel *panel, double *part);
void fc_norm_for(const norm_job *job, norm_unit *unit, double passes);

/* A block of a panel's rows with the job's arrays, and the first `count` parameters, repeated to its width in `room`.
 */
fc_norm_block fc_norm_block_of(
    const norm_job *job, const norm_panel *panel, size_t count, double room[NORM_PARAMETERS][NORM_COLUMNS]);
/* The same block further on. */
void fc_norm_move(const norm_job *job, fc_norm_block *block, size_t elements);

/* A number rounded to the job's dtype. */
double fc_norm_round(const norm_job *job, double value);
/* sums[i % period] += from[i] for i < width, numbers of the dtype. */
void fc_norm_fold(const norm_job *job, const norm_panel *panel, const void *from, double *sums);

/* mean, factor and offset of every channel, which are the same bits for the same statistics. */
void fc_norm_factors(const norm_job *job, const fc_any_double *mean, const fc_any_double *variance, const void *scale,
    const void *offset);

/* Element i of an array of the dtype, `without` where there is none. */
double fc_norm_number(const norm_job *job, const void *array, size_t i, double without);

#endif
