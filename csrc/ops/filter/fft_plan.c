/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "core/cpu.h"
#include "core/size.h"
#include "ops/filter/fft_whole.h"

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

/* The lengths that transforms have, and their logarithms to base 2. */
static const struct {
    size_t n;
    double bits;
} LENGTHS[] = {
    {32, 5},
    {48, 5.5850},
    {64, 6},
    {96, 6.5850},
    {128, 7},
    {144, 7.1699},
    {192, 7.5850},
    {256, 8},
    {288, 8.1699},
    {384, 8.5850},
    {512, 9},
    {576, 9.1699},
    {768, 9.5850},
    {1024, 10},
    {1152, 10.1699},
    {1536, 10.5850},
    {2048, 11},
    {2304, 11.1699},
    {3072, 11.5850},
    {4096, 12},
    {4608, 12.1699},
    {6144, 12.5850},
    {8192, 13},
    {9216, 13.1699},
    {12288, 13.5850},
    {16384, 14},
};
enum { N_LENGTHS = sizeof LENGTHS / sizeof *LENGTHS };

/*
 * Of one block, all passes; measured with AVX-512 on float and double: what a vector of complex numbers takes, by the
 * levels of both transforms, more where a block and the spectrum leave L2. bits: the logarithm of points to base 2.
 */
static double block_cycles(const fc_fft *fft, double points, double bits, double l2) {
    const double beyond = bits < l2 ? 0 : bits < l2 + 3 ? bits - l2 : 3;
    return points / (double)fft->lanes * (7.8 * bits + 20 + 40 * beyond) + 2500;
}

/* The logarithm to base 2 of the numbers that L2 holds. */
static double l2_bits(const fc_filter *f) {
    const double part = fc_filter_is_complex(f->work) ? (double)f->number / 2 : (double)f->number;
    return log2((double)fc_caches()->l2 / part);
}

/* The cut into blocks of rows x cols. */
static fc_fft_cut cut_into(const fc_filter *f, size_t rows, size_t cols) {
    fc_fft_cut cut = {.rows = rows,
        .cols = cols,
        .out_rows = fc_min((ptrdiff_t)rows - f->k_h + 1, f->out_h),
        .out_cols = fc_min((ptrdiff_t)cols - f->k_w + 1, f->out_w)};
    cut.down = fc_ceil_div(f->out_h, cut.out_rows);
    cut.across = fc_ceil_div(f->out_w, cut.out_cols);
    cut.tasks = fc_parts((size_t)cut.down * (size_t)cut.across, fc_filter_is_complex(f->work) ? 1 : 2);
    return cut;
}

int fc_fft_plan(const fc_filter *f, fc_fft_cut *best) {
    /*
     * The bounds of a vector of complex numbers and of a block; the kernel's transform, most strips of which are 0; the
     * last tasks, which do not end together.
     */
    static const double BOUNDS = 30, BLOCK = 5000, KERNEL = 0.5, LAST = 0.4;
    const fc_fft *fft = fc_fft_kernels(f);
    /* Taking channels apart and putting them together goes a number at a time. */
    const double apart = f->channels > 1 ? 4 * (double)(f->out_h * f->channels) * (double)f->out_w : 0;
    best->cycles = -1;
    if (!fft || f->k_h > FC_FFT_MOST / 2 || f->k_w > FC_FFT_MOST / 2)
        return 0;
    const double l2 = l2_bits(f);
    for (size_t r = 0, more_rows = 1; more_rows && r < N_LENGTHS; r++) {
        if ((ptrdiff_t)LENGTHS[r].n < f->k_h)
            continue;
        for (size_t c = 0, more_cols = 1; more_cols && c < N_LENGTHS; c++) {
            if ((ptrdiff_t)LENGTHS[c].n < f->k_w)
                continue;
            fc_fft_cut cut = cut_into(f, LENGTHS[r].n, LENGTHS[c].n);
            const double points = (double)cut.rows * (double)cut.cols,
                         block = block_cycles(fft, points, LENGTHS[r].bits + LENGTHS[c].bits, l2),
                         bounds = BOUNDS * points / (double)fft->lanes + BLOCK;
            cut.cycles = ((double)cut.tasks * (double)f->channels + LAST) * (block + bounds) + KERNEL * block + apart;
            if (best->cycles < 0 || cut.cycles < best->cycles)
                *best = cut;
            more_cols = cut.across > 1;
            more_rows = cut.down > 1;
        }
    }
    return best->cycles >= 0;
}

int fc_fft_between_zeros(const fc_filter *f) {
    static const unsigned char zeros[2 * sizeof(double)];
    return f->boundary == FC_FILL && (!f->fill || !memcmp(f->fill, zeros, f->number));
}

/* Cells along an axis of a block round which windows of k cells that begin before the image, or end behind it, read
 * zeros only. */
static size_t round_cells(ptrdiff_t start, ptrdiff_t n, ptrdiff_t k, ptrdiff_t size) {
    return (size_t)fc_max(fc_max(size - fc_min(start, 0), n - 1 + start + k), fc_max(n, k));
}

static size_t length_of(size_t cells) {
    for (size_t i = 0; i < N_LENGTHS; i++)
        if (LENGTHS[i].n >= cells)
            return i;
    return N_LENGTHS;
}

/* Whether some windows of k cells hold less than half as many of the image's, along an axis. */
static int holds_few(ptrdiff_t start, ptrdiff_t n, ptrdiff_t k, ptrdiff_t size) {
    return k + start < k / 2 || size - (n - 1 + start) < k / 2;
}

/* Of the blocks' outputs, those in blocks that reach over the image's edges. */
static double share_at_edges(const fc_filter *f, const fc_fft_cut *blocks) {
    const double down = fmax((double)blocks->down - 2, 0), across = fmax((double)blocks->across - 2, 0);
    return holds_few(f->top, f->out_h, f->k_h, f->h) || holds_few(f->left, f->out_w, f->k_w, f->w)
        ? 1 - down * across / ((double)blocks->down * (double)blocks->across)
        : 0;
}

/*
 * Blocks at edges where windows hold few cells take as long as their direct sums, measured on 256 x 256 and 512 x 512
 * images, or, of float, as transforms in double.
 */
double fc_fft_blocks_cycles(const fc_filter *f, const fc_fft_cut *blocks) {
    static const double SUMMED = 1.2, AGAIN = 3;
    const double summed = SUMMED * fc_filter_direct_cycles(f), again = AGAIN * blocks->cycles;
    return blocks->cycles + share_at_edges(f, blocks) * (fc_filter_is_single(f) ? fmin(summed, again) : summed);
}

/* The kernel's transform and what outputs weigh take as long as the image's, or half as long again. */
int fc_fft_plan_whole(const fc_filter *f, fc_fft_cut *whole) {
    static const double TRANSFORMS = 2.2;
    const size_t r = length_of(round_cells(f->top, f->out_h, f->k_h, f->h)),
                 c = length_of(round_cells(f->left, f->out_w, f->k_w, f->w));
    const fc_fft *fft = fc_fft_kernels(f);
    if (!fft || f->channels != 1 || !fc_fft_between_zeros(f) || r == N_LENGTHS || c == N_LENGTHS)
        return 0;
    *whole = (fc_fft_cut){.rows = LENGTHS[r].n, .cols = LENGTHS[c].n, .out_rows = f->out_h, .out_cols = f->out_w};
    whole->down = whole->across = 1;
    whole->tasks = 1;
    whole->cycles = TRANSFORMS *
        block_cycles(fft, (double)whole->rows * (double)whole->cols, LENGTHS[r].bits + LENGTHS[c].bits, l2_bits(f));
    return 1;
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
