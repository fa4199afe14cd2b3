/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "core/cpu.h"
#include "core/size.h"
#include "ops/filter/fft.h"

const fc_fft *fc_fft_kernels(const fc_filter *f) {
    switch (f->work) {
    case FC_F32:
    case FC_C64:
        return &f->kernels->fft_f32;
    case FC_F64:
    case FC_C128:
        return &f->kernels->fft_f64;
    default:
        return NULL;
    }
}

/*
 * Of one block, all passes; measured with AVX-512 on float and double: what a vector of complex numbers takes, by the
 * levels of both transforms, more where a block and the spectrum leave L2.
 */
static double block_cycles(const fc_filter *f, const fc_fft *fft, size_t rows, size_t cols) {
    const double points = (double)rows * (double)cols,
                 part = fc_filter_is_complex(f->work) ? (double)f->number / 2 : (double)f->number;
    const double steps = log2(points), beyond = log2(points * part / (double)fc_caches()->l2);
    return points / (double)fft->lanes * (9.5 * steps + 25 + 50 * fmin(fmax(beyond, 0), 3)) + 3000;
}

static size_t first_power(ptrdiff_t least) {
    size_t n = FC_FFT_LEAST;
    while ((ptrdiff_t)n < least)
        n *= 2;
    return n;
}

int fc_fft_plan(const fc_filter *f, fc_fft_cut *best) {
    const fc_fft *fft = fc_fft_kernels(f);
    const size_t blocks_a_task = fc_filter_is_complex(f->work) ? 1 : 2;
    /* Taking channels apart and putting them together goes a number at a time. */
    const double apart = f->channels > 1 ? 4 * (double)(f->out_h * f->channels) * (double)f->out_w : 0;
    best->cycles = -1;
    if (!fft || f->k_h > FC_FFT_MOST / 2 || f->k_w > FC_FFT_MOST / 2)
        return 0;
    for (size_t rows = first_power(f->k_h); rows <= FC_FFT_MOST; rows *= 2) {
        for (size_t cols = first_power(f->k_w); cols <= FC_FFT_MOST; cols *= 2) {
            fc_fft_cut cut = {rows, cols, fc_min((ptrdiff_t)rows - f->k_h + 1, f->out_h),
                fc_min((ptrdiff_t)cols - f->k_w + 1, f->out_w), 0, 0, 0, 0};
            cut.down = fc_ceil_div(f->out_h, cut.out_rows);
            cut.across = fc_ceil_div(f->out_w, cut.out_cols);
            cut.tasks = fc_parts((size_t)cut.down * (size_t)cut.across, blocks_a_task);
            /* One more for the kernel's transform, which takes half of it, and for the last tasks, which do not end
             * together. */
            cut.cycles = ((double)cut.tasks * (double)f->channels + 1) * block_cycles(f, fft, rows, cols) + apart;
            if (best->cycles < 0 || cut.cycles < best->cycles)
                *best = cut;
            if (cut.across == 1)
                break;
        }
        if ((ptrdiff_t)rows - f->k_h + 1 >= f->out_h)
            break;
    }
    return best->cycles >= 0;
}

/* Cosines and sines of 2 pi t / n for t <= n / 8, from an angle and what its rounding lost. */
static void fill_octant(size_t n, double *octant) {
    const double pi = 3.14159265358979311600, rest = 1.22464679914735317723e-16;
    for (size_t t = 0; t <= n / 8; t++) {
        const double turn = 2 * (double)t / (double)n, angle = turn * pi, lost = fma(turn, pi, -angle) + turn * rest;
        octant[2 * t] = 8 * t == n ? M_SQRT1_2 : cos(angle) - lost * sin(angle);
        octant[2 * t + 1] = 8 * t == n ? M_SQRT1_2 : sin(angle) + lost * cos(angle);
    }
}

/* exp(-2 pi i t / n), t < n. */
static void find_root(const double *octant, size_t n, size_t t, double *re, double *im) {
    const int below = 2 * t > n;
    t = below ? n - t : t;
    const int left = 4 * t > n;
    t = left ? n / 2 - t : t;
    const int steep = 8 * t > n;
    t = steep ? n / 4 - t : t;
    const double cosine = octant[2 * t + steep], sine = octant[2 * t + !steep];
    *re = left ? -cosine : cosine;
    *im = below ? sine : -sine;
}

void fc_fft_twiddles(size_t n, size_t radix, int is_double, double *octant, void *twiddles) {
    size_t at = 0;
    fill_octant(n, octant);
    for (size_t m = n, r; m > 1; m /= r) {
        r = fc_fft_radix(m, radix);
        for (size_t j = 1; j < m / r; j++)
            for (size_t k = 1; k < r; k++, at += 2) {
                double root[2];
                find_root(octant, n, j * k * (n / m), root, root + 1);
                for (size_t i = 0; i < 2; i++)
                    if (is_double)
                        ((double *)twiddles)[at + i] = root[i];
                    else
                        ((float *)twiddles)[at + i] = (float)root[i];
            }
    }
}
