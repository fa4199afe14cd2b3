/* SPDX-License-Identifier: MIT */
/* The types of the slots that filter images; types.h includes them and says what holds for every kernel. */
#ifndef FC_KERNELS_FILTER_TYPES_H
#define FC_KERNELS_FILTER_TYPES_H

#include <stddef.h>
#include <stdint.h>

/*
 * out[r * out_pitch + c] = sum over j < k_h, k < k_w of taps[k * k_h + j] * rows[r + j][c + k * step], r < n_rows, c <
 * n_cols. Complex taps: a plane of k_h * k_w real parts, then one of imaginary parts. Bool taps: 0 or 0xff.
 */
typedef struct fc_convolve2d_block {
    const void *taps;
    size_t k_h, k_w;
    size_t step;             /* elements between the cells of neighbouring taps */
    const void *const *rows; /* n_rows + k_h - 1 of them, each n_cols + (k_w - 1) * step elements */
    size_t n_rows, n_cols;
    size_t ahead; /* further rows that will be read soon: the caches are asked for them */
    void *out;
    size_t out_pitch;
    int streams;   /* out is written past the caches where it lies on whole lines; stream_end follows */
    int backwards; /* unfused kernels add products from the last tap to the first, not from the first on */
} fc_convolve2d_block;
/*
 * u8_b16, u8_f32: taps and sums of 16 bits or float, rows of bytes. unfused: each product is rounded before it is
 * added, one after the other where taps are no more than 64. dots: taps[j * k_w + k], step 1; no streams, no order.
 */
typedef void fc_convolve2d_fn(const fc_convolve2d_block *block);

/*
 * out[r * out_pitch + c] = sum over t < n_taps of taps[t] * rows[r + places[t].row][c + places[t].offset], r < n_rows,
 * c < n_cols; of differences taps[t] * (cell of places[2 * t] - cell of places[2 * t + 1]). 0 where a sum is not
 * finite.
 */
typedef struct fc_sparse_place {
    size_t row, offset;
} fc_sparse_place;
typedef struct fc_sparse_block {
    const void *taps;
    const fc_sparse_place *places;
    size_t n_taps;
    const void *const *rows;
    size_t n_rows, n_cols;
    void *out;
    size_t out_pitch;
    size_t deepest, ahead; /* the last places' row; rows of outputs that follow, whose cells may be fetched */
    int streams;           /* as in fc_convolve2d_block */
} fc_sparse_block;
typedef int fc_sparse_fn(const fc_sparse_block *block);

/* Sums of windows of equal cells: out[r * out_pitch + c] = *tap * sum over j < k of rows[r + j][c], r < n_rows <= k, c
 * < n_cols. */
typedef struct fc_box_columns {
    size_t k;
    const void *const *rows; /* n_rows + k - 1 of them */
    size_t n_rows, n_cols;
    const void *tap;
    void *temp; /* k * FC_BOX_WIDTH elements, for the kernel's own use */
    void *out;
    size_t out_pitch;
} fc_box_columns;
typedef void fc_box_columns_fn(const fc_box_columns *block);
enum { FC_BOX_WIDTH = 32 };

/* sums[i] += enter[i] - leave[i], i < n, modulo 2^16; leave may be NULL, then nothing does. */
typedef void fc_slide_columns_fn(
    const uint8_t *restrict enter, const uint8_t *restrict leave, uint16_t *restrict sums, size_t n);
/* out[i] = tap * (sum over j < k of sums[i + j]), i < n, n at least 1; the sums stay below 2^31. */
typedef void fc_slide_rows_fn(const uint16_t *sums, size_t k, float tap, float *out, size_t n);

/*
 * dst[i] = src[i] * scale, i < n, rounded to the nearest integer (ties to even) and cut to the range of dst's type; NaN
 * gives the least. From 16 bits to 8: src[i] + 128 stays within 16 bits; with a multiplier other than 0, which is for
 * unsigned sums, right is at least 1 and dst[i] what fc_scaled gives, cut to 255.
 */
typedef struct fc_scaling {
    double scale;
    uint16_t multiplier, bias;
    uint8_t left, right;
} fc_scaling;
static inline uint16_t fc_scaled(uint16_t x, const fc_scaling *s) {
    return (uint16_t)((uint16_t)(((uint32_t)(uint16_t)(x << s->left) * s->multiplier >> 16) + s->bias) >> s->right);
}
typedef void fc_narrow_fn(const void *src, void *dst, size_t n, const fc_scaling *scaling);

/*
 * out[i] = sqrt(a[i]^2 + b[i]^2), i < n, each operation rounded, in float for int16_t. 0 where a square may have left
 * the range of the type, or a number is not finite.
 */
typedef int fc_lengths_fn(const void *a, const void *b, void *out, size_t n);

/* Whether src[i] is finite for every i < n. */
typedef int fc_finite_fn(const void *src, size_t n);

/* A copy that leaves whole lines of dst in no cache; stream_end makes it seen by other threads, and comes before they
 * may look. */
typedef void fc_stream_fn(void *dst, const void *src, size_t bytes);
typedef void fc_stream_end_fn(void);

/*
 * Fourier transforms of blocks of complex numbers, rows x cols, each 1, 3 or 9 times a power of two, a multiple of 16
 * from FC_FFT_LEAST to FC_FFT_MOST, in strips of `lanes` columns: the real part of column c of row r is block[(c /
 * lanes * rows + r) * 2 * lanes + c % lanes], the imaginary part lies `lanes` further.
 *
 * Twiddles of length n: for each level, of m numbers (n at first) and r = fc_fft_radix(m, radix), the real and
 * imaginary parts of exp(-2 pi i j k / m) for 0 < j < m / r, 0 < k < r, k within j; the next level has m / r numbers.
 */
enum { FC_FFT_LEAST = 32, FC_FFT_MOST = 16384 };
/* Along the columns of `strips` strips from `block` on; forward leaves the order of rows reversed digit by digit,
 * inverse takes it so. */
typedef struct fc_fft_columns {
    size_t rows;
    const void *twiddles; /* of length rows */
    void *block;
    size_t strips;
    void *const *re, *const *im; /* the image's or the results' rows; im NULL: re are rows of complex numbers */
    size_t re_rows, im_rows;     /* of the results; all rows of the image are read */
    size_t re_cols, im_cols;     /* of rows of re and im, zeros behind them */
    /* a number a column, as many as strips have, which is added to all that is read, zeros as well, or written; NULL
       for complex numbers, or for none */
    const void *re_shift, *im_shift;
} fc_fft_columns;
/* 0 where a cell that was read or written is not finite, or could not be told from one. */
typedef int fc_fft_columns_fn(const fc_fft_columns *columns);
/*
 * Along the rows of the groups first <= group < end, each of `lanes` rows:
 *  spectrum: the transform over rows * cols, in an order of its own;
 *  filter: the transform times the spectrum, transformed back.
 */
typedef struct fc_fft_rows {
    size_t rows, cols;
    const void *twiddles; /* of length cols */
    void *block;
    void *spectrum; /* 2 * rows * cols numbers */
    void *scratch;  /* 2 * lanes * cols numbers, for filter */
    size_t first, end;
    double *energy; /* filter adds the squares of the transform's numbers to energy[0], those of the products to
                       energy[1] */
} fc_fft_rows;
typedef void fc_fft_rows_fn(const fc_fft_rows *rows);

/*
 * Lower bounds of sums of absolute values.
 * tiles: sums[u * pitch + v] = the sum over `high` rows and `width` columns of min(|number|, cap), a NaN being cap;
 * the last ones may hold fewer. width is 2 or 4.
 */
typedef struct fc_fft_tiles {
    const void *const *rows; /* n_rows of n_cols numbers */
    size_t n_rows, n_cols, high, width;
    double cap;
    void *sums;
    size_t pitch;
} fc_fft_tiles;
typedef void fc_fft_tiles_fn(const fc_fft_tiles *tiles);
/*
 * windows: sums (u, v) over i < high, j < wide of min(|rows[u * row_step + i][v + j * step]|, cap), a NaN being cap,
 * u < n_rows, v < n_cols. of_lots[u * lots + v / lot]: no more than the sums of a lot, and no less than the least of
 * its row. Returns the least of all. An infinite cap says that no number is negative or NaN.
 */
enum { FC_FFT_SHARED = 8, FC_FFT_PAD = 16 };
typedef struct fc_fft_windows {
    const void *const *rows; /* (n_rows - 1) * row_step + high of n_cols + (wide - 1) * step numbers */
    size_t n_rows, n_cols, high, wide, row_step, step;
    double cap;
    void *temp; /* fc_fft_windows_room numbers */
    size_t lot; /* columns, a multiple of FC_FFT_PAD */
    double *of_lots;
    size_t lots;
} fc_fft_windows;
static inline size_t fc_fft_windows_room(size_t n_cols, size_t wide, size_t step) {
    return 2 * FC_FFT_SHARED * (n_cols + wide * step + FC_FFT_PAD) + 3 * step + 2 * FC_FFT_PAD;
}
typedef double fc_fft_windows_fn(const fc_fft_windows *windows);
/*
 * sums[r * FC_FFT_LOT + c] = sum over t < m of sizes[t] * |rows[r + places[t].row][c + places[t].offset]|, r < n_rows,
 * c < FC_FFT_LOT, where m is n_taps, or as many taps as it takes for sums that are added up together to reach `enough`.
 * Returns the least sum.
 */
enum { FC_FFT_LOT = 64 };
typedef struct fc_fft_weigh {
    const void *const *rows;
    const void *sizes;
    const fc_sparse_place *places;
    size_t n_taps, n_rows;
    double enough;
    void *sums;
} fc_fft_weigh;
typedef double fc_fft_weigh_fn(const fc_fft_weigh *weigh);
typedef struct fc_fft {
    size_t lanes, radix;
    fc_fft_columns_fn *forward;
    fc_fft_rows_fn *filter, *spectrum;
    fc_fft_columns_fn *inverse;
    fc_fft_tiles_fn *tiles;
    fc_fft_windows_fn *windows;
    fc_fft_weigh_fn *weigh;
} fc_fft;
/*
 * Levels of 6 come last, one for each 3 in m. Before them 8 as often as possible where registers hold it, the rest 4;
 * or 4, and 8 once for odd powers of two.
 */
static inline size_t fc_fft_radix(size_t m, size_t most) {
    const size_t two = m & -m, power = two >> (m / two > 1) >> (m / two > 3);
    const int odd = (power & 0xaaaaaaaa) != 0;
    if (power == 1)
        return 6;
    return most == 8 ? (power == 4 || power == 16 ? 4 : 8) : odd ? 8 : 4;
}

#endif
