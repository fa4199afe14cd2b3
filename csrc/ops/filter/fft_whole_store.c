/* SPDX-License-Identifier: MIT */
/* Results on their way out of a transform of the whole image, and which of them are too light for it. */
#include <math.h>

#include "ops/filter/fft_whole_job.h"

/* The middle times the taps that meet the image is added to a row of sums. */
#define SHIFT(T)                      \
    for (size_t c = 0; c < cols; c++) \
        ((T *)sums)[c] = (T)((double)((T *)sums)[c] + middle * taps[c]);
static void shift(const fc_fft_whole *j, void *sums, const double *taps, size_t cols) {
    const double middle = j->image.middle;
    if (fc_filter_is_single(j->f)) {
        SHIFT(float)
    } else {
        SHIFT(double)
    }
}
#undef SHIFT

/* The larger of a number's parts. */
#define SIZES(T)                                                                \
    for (size_t c = 0; c < cols; c++) {                                         \
        const double re = fabs((double)((const T *)sums)[c * step]),            \
                     im = fabs((double)((const T *)sums)[c * step + step - 1]); \
        sizes[c] = re > im ? re : im;                                           \
    }
static void sizes_of(const fc_filter *f, const void *sums, size_t cols, double *sizes) {
    const size_t step = 1 + (size_t)fc_filter_is_complex(f->work);
    if (fc_filter_is_single(f)) {
        SIZES(float)
    } else {
        SIZES(double)
    }
}
#undef SIZES

/* Those of a row of outputs that weigh less than their least: none weighs less than its own size. */
static fc_fft_span judge(const fc_fft_whole *j, const void *sums, const double *taps, size_t cols) {
    const double shifted = fc_fft_whole_shifted(j);
    double sizes[FC_FFT_GROUP];
    size_t light = 0, first = 0, end = cols;
    sizes_of(j->f, sums, cols, sizes);
    for (size_t c = 0; c < cols; c++) {
        sizes[c] -= j->least + shifted * fabs(taps[c]);
        light += !(sizes[c] >= 0);
    }
    if (!light)
        return (fc_fft_span){0, 0};
    while (sizes[first] >= 0)
        first++;
    while (sizes[end - 1] >= 0)
        end--;
    return (fc_fft_span){(unsigned char)first, (unsigned char)end};
}

/* To the nearest whole number; adding 0 makes a negative zero of it positive. */
static void round_row(const fc_filter *f, void *sums, size_t cols) {
    for (size_t c = 0; c < cols; c++)
        if (f->work == FC_F32)
            ((float *)sums)[c] = rintf(((float *)sums)[c]) + 0.0f;
        else
            ((double *)sums)[c] = rint(((double *)sums)[c]) + 0.0;
}

/* What is done to a group of sums before it is stored, and what is too light among them. */
static void finish(const fc_fft_whole *j, size_t from, size_t cols, unsigned char *sums, fc_fft_span *spans) {
    const fc_filter *f = j->f;
    const size_t pitch = FC_FFT_GROUP * f->number;
    double taps[FC_FFT_GROUP] = {0};
    if (!j->sizes)
        fc_fft_add_cells(f, j->taken, j->backwards, 0, f->out_h, (ptrdiff_t)from, (ptrdiff_t)cols, sums);
    for (ptrdiff_t r = 0; r < f->out_h; r++, sums += pitch) {
        if (j->image.middle != 0)
            fc_fft_edge_sums(f, &j->edges, r, (ptrdiff_t)from, cols, taps);
        if (j->image.middle != 0 && !j->sizes)
            shift(j, sums, taps, cols);
        if (j->whole)
            round_row(f, sums, cols);
        else
            spans[r] = judge(j, sums, taps, cols);
    }
}

/* Columns [FC_FFT_GROUP * task, ...) of the results, or of what they weigh. */
void fc_fft_whole_store(void *job_, size_t task, size_t worker) {
    const fc_fft_whole *j = job_;
    const fc_filter *f = j->f;
    const fc_fft_whole_space s = fc_fft_whole_space_of(j, worker);
    const size_t from = task * FC_FFT_GROUP, cols = fc_least(FC_FFT_GROUP, (size_t)f->out_w - from),
                 out_h = (size_t)f->out_h;
    for (size_t r = 0; r < out_h; r++)
        s.re[r] = s.cells + r * FC_FFT_GROUP * f->number;
    fc_fft_columns columns = fc_fft_whole_columns(j, &s, from, cols);
    columns.re_rows = out_h;
    columns.strips = fc_least(columns.strips, fc_parts(cols, j->fft->lanes));
    j->failed[task] |= !j->fft->inverse(&columns);
    finish(j, from, cols, s.cells, j->spans + task * out_h);
    if (!j->sizes)
        fc_filter_store(
            f, (fc_rect){0, (ptrdiff_t)from, f->out_h, (ptrdiff_t)cols}, FC_ALL_CHANNELS, s.cells, FC_FFT_GROUP);
    fc_filter_stored(f);
}
