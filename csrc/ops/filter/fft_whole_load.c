/* SPDX-License-Identifier: MIT */
/* The kernel and the image on their way into a transform of the whole image. */
#include <math.h>
#include <string.h>

#include "ops/filter/fft_whole_job.h"

/* to[i] = from[i] - middle, or the size of from[i], n numbers. */
#define TAKE(T, ANY, fabs_)                                          \
    for (size_t i = 0; i < n; i++) {                                 \
        const T x = ((const ANY *)from)[i];                          \
        ((T *)to)[i] = j->sizes ? fabs_(x) : x - (T)j->image.middle; \
    }
#define TAKE_COMPLEX(T, ANY, hypot_)                                                  \
    for (size_t i = 0; i < n; i++) {                                                  \
        const T re = ((const ANY *)from)[2 * i], im = ((const ANY *)from)[2 * i + 1]; \
        ((T *)to)[2 * i] = j->sizes ? hypot_(re, im) : re;                            \
        ((T *)to)[2 * i + 1] = j->sizes ? 0 : im;                                     \
    }

static void *take_numbers(const fc_fft_whole *j, const void *from, size_t n, void *to) {
    switch (j->f->work) {
    case FC_F32:
        TAKE(float, fc_any_float, fabsf) break;
    case FC_F64:
        TAKE(double, fc_any_double, fabs) break;
    case FC_C64:
        TAKE_COMPLEX(float, fc_any_float, hypotf) break;
    default:
        TAKE_COMPLEX(double, fc_any_double, hypot)
    }
    return to;
}
#undef TAKE
#undef TAKE_COMPLEX

/* A group of columns as the transform reads it. */
static fc_fft_columns columns_of(const fc_fft_whole *j, const fc_fft_whole_space *s, size_t from, size_t cols) {
    for (size_t r = 0; r < j->cut->rows; r++)
        s->im[r] = j->zeros;
    return fc_fft_whole_columns(j, s, from, cols);
}

static void forward(const fc_fft_whole *j, size_t group, const fc_fft_columns *columns) {
    j->failed[group] |= !j->fft->forward(columns);
}

static void add_squares(const fc_fft_whole *j, size_t group, const fc_fft_columns *columns) {
    double *of_rows = j->of_rows + group * j->cut->rows, *of_cols = j->of_cols + group * FC_FFT_GROUP;
    memset(of_rows, 0, j->cut->rows * sizeof *of_rows);
    memset(of_cols, 0, fc_least(FC_FFT_GROUP, j->cut->cols - group * FC_FFT_GROUP) * sizeof *of_cols);
    fc_fft_add_squares(j->fft, j->narrow, j->part, columns, of_rows, of_cols);
}

/* The place in a block of n of what lies at -at, counted round. */
static size_t turned(ptrdiff_t at, size_t n) {
    const ptrdiff_t size = (ptrdiff_t)n, rest = -at % size;
    return (size_t)(rest < 0 ? rest + size : rest);
}

/* to[c] = tap k - c of a row, counted round the block; 0 where there is none. */
static void put_taps(const fc_fft_whole *j, const unsigned char *taps, size_t k, size_t cols, unsigned char *to) {
    const size_t size = j->f->number, k_w = (size_t)j->f->k_w;
    for (size_t c = 0; c < cols; c++, to += size) {
        if (k >= k_w)
            memset(to, 0, size);
        else if (size == sizeof(float))
            memcpy(to, taps + k * sizeof(float), sizeof(float));
        else if (size == sizeof(double))
            memcpy(to, taps + k * sizeof(double), sizeof(double));
        else
            memcpy(to, taps + k * size, size);
        k = k ? k - 1 : j->cut->cols - 1;
    }
}

/* Columns [FC_FFT_GROUP * task, ...) of the kernel: tap (i, k) lies at cell (-i - top, -k - left), counted round the
 * block. */
void fc_fft_whole_load_taps(void *job_, size_t task, size_t worker) {
    const fc_fft_whole *j = job_;
    const fc_filter *f = j->f;
    const fc_fft_whole_space s = fc_fft_whole_space_of(j, worker);
    const size_t rows = j->cut->rows, from = task * FC_FFT_GROUP, width = fc_least(FC_FFT_GROUP, j->cut->cols - from);
    for (size_t r = 0; r < rows; r++)
        s.re[r] = j->zeros;
    for (size_t i = 0; i < (size_t)f->k_h; i++) {
        unsigned char *row = s.cells + i * FC_FFT_GROUP * f->number;
        const unsigned char *taps = (const unsigned char *)f->kernel + i * (size_t)f->k_w * f->number;
        if (j->sizes)
            taps = take_numbers(j, taps, (size_t)f->k_w, s.scratch);
        s.re[turned((ptrdiff_t)i + f->top, rows)] = row;
        put_taps(j, taps, turned((ptrdiff_t)from + f->left, j->cut->cols), width, row);
    }
    const fc_fft_columns columns = columns_of(j, &s, from, width);
    forward(j, task, &columns);
}

/* Columns [FC_FFT_GROUP * task, ...) of the image; cells that were taken count as its middle. */
void fc_fft_whole_load_cells(void *job_, size_t task, size_t worker) {
    const fc_fft_whole *j = job_;
    const fc_filter *f = j->f;
    const fc_fft_whole_space s = fc_fft_whole_space_of(j, worker);
    const ptrdiff_t from = (ptrdiff_t)task * FC_FFT_GROUP, cols = fc_min(fc_max(f->w - from, 0), FC_FFT_GROUP);
    size_t row = 0;
    if (cols)
        fc_filter_source(f, (fc_rect){0, from, f->h, cols}, FC_ALL_CHANNELS, s.re, s.stage);
    for (; cols && row < (size_t)f->h; row++) {
        unsigned char *to = s.cells + row * FC_FFT_GROUP * f->number;
        take_numbers(j, s.re[row], (size_t)cols, to);
        s.re[row] = to;
    }
    for (; row < j->cut->rows; row++)
        s.re[row] = j->zeros;
    for (size_t i = 0; i < j->taken->count; i++) {
        const ptrdiff_t r = j->taken->cells[i].row + f->top, c = j->taken->cells[i].col + f->left - from;
        if (c >= 0 && c < cols)
            memset(s.cells + (size_t)(r * FC_FFT_GROUP + c) * f->number, 0, f->number);
    }
    const fc_fft_columns columns = columns_of(j, &s, (size_t)from, (size_t)cols);
    if (j->of_rows)
        add_squares(j, task, &columns);
    forward(j, task, &columns);
}
