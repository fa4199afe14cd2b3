/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "kernels/ref/fft.h"
#include "ops/filter/fft.h"

/* Along columns: `rows` of image or results, two planes or one of complex numbers, re_cols and im_cols of them in
 * `cols` of the block. */
typedef struct columns_case {
    size_t rows, cols, re_cols, im_cols, re_rows, im_rows;
    int is_complex;
} columns_case;

static check_buffer twiddles_of(size_t n, const fc_fft *fft, size_t size) {
    check_buffer twiddles = check_alloc(2 * n * size, size), octant = check_alloc((n / 4 + 2) * sizeof(double), 0);
    fc_fft_twiddles(n, fft->radix, size == sizeof(double), (double *)octant.data, twiddles.data);
    check_guards(&twiddles);
    check_guards(&octant);
    check_free(&octant);
    return twiddles;
}

/* Columns that are looked at: some, and the last that exist. */
static size_t next(const columns_case *k, size_t c) {
    do
        c++;
    while (c < k->cols && c % 6 && c + 1 != k->cols && c != k->re_cols && c + 1 != k->re_cols && c + 1 != k->im_cols);
    return c;
}

static void **pointers(const check_buffer *b, size_t rows, size_t pitch) {
    void **row = malloc(rows * sizeof(void *));
    for (size_t r = 0; row && r < rows; r++)
        row[r] = b->data + r * pitch;
    return row;
}

/* The length of a transform after n: 1, 3 or 9 times a power of two. */
static size_t longer(size_t n) {
    for (size_t odd = 0; odd != 1 && odd != 3 && odd != 9; odd = n / (n & -n))
        n += 16;
    return n;
}

#define CHECK_FFT(T, F, EPSILON)                                                                                       \
    /* Part 0 or 1 of cell (r, c) of a block, and of the image or the results. */                                      \
    static T *block_##F(const fc_fft *fft, const check_buffer *b, size_t rows, size_t r, size_t c, size_t part) {      \
        return (T *)b->data + (c / fft->lanes * rows + r) * 2 * fft->lanes + part * fft->lanes + c % fft->lanes;       \
    }                                                                                                                  \
    static T *plane_##F(const columns_case *k, const check_buffer *planes, size_t r, size_t c, size_t part) {          \
        return k->is_complex ? (T *)planes[0].data + (r * k->re_cols + c) * 2 + part                                   \
                             : (T *)planes[part].data + r * (part ? k->im_cols : k->re_cols) + c;                      \
    }                                                                                                                  \
    static void columns_##F(const fc_fft *fft, const char *isa, const columns_case *k, int inverse, int bad) {         \
        check_case(inverse ? "fft_" #F " inverse" : "fft_" #F " forward", isa,                                         \
            "%zu x %zu of %zu, %zu (%zu, %zu rows) complex %d bad %d", k->rows, k->cols, k->re_cols, k->im_cols,       \
            k->re_rows, k->im_rows, k->is_complex, bad);                                                               \
        const size_t pitch[2] = {k->re_cols << k->is_complex, k->im_cols}, length = 2 * k->rows * k->cols;             \
        const size_t shifts = k->is_complex ? 0 : k->cols;                                                             \
        check_buffer twiddles = twiddles_of(k->rows, fft, sizeof(T)), block = check_alloc(length * sizeof(T), 64),     \
                     planes[2], shift[2];                                                                              \
        void **rows[2];                                                                                                \
        for (size_t side = 0; side < 2; side++) {                                                                      \
            planes[side] = check_alloc(                                                                                \
                (inverse ? side ? k->im_rows : k->re_rows : k->rows) * pitch[side] * sizeof(T), sizeof(T));            \
            rows[side] = pointers(&planes[side], k->rows, pitch[side] * sizeof(T));                                    \
            check_fill_##F((T *)planes[side].data, planes[side].bytes / sizeof(T));                                    \
            shift[side] = check_alloc(shifts * sizeof(T), sizeof(T));                                                  \
            check_fill_##F((T *)shift[side].data, shifts);                                                             \
            for (size_t c = 0; c < shifts; c++)                                                                        \
                ((T *)shift[side].data)[c] *= (T)0x1p-5; /* sums of a column are no larger than those of its noise */  \
        }                                                                                                              \
        check_fill_##F((T *)block.data, length);                                                                       \
        if (bad)                                                                                                       \
            *(inverse ? block_##F(fft, &block, k->rows, k->rows - 1, 0, 1)                                             \
                      : plane_##F(k, planes, k->rows - 1, 0, 0)) = (T)INFINITY;                                        \
        double *in = calloc(4 * k->rows, sizeof *in), *out = in + 2 * k->rows, *want = calloc(length, sizeof *want);   \
        for (size_t c = 0; in && want && c < k->cols; c = next(k, c)) {                                                \
            for (size_t r = 0; r < k->rows; r++)                                                                       \
                for (size_t part = 0; part < 2; part++) {                                                              \
                    const size_t at = fc_ref_fft_place(k->rows, fft->radix, r);                                        \
                    const int there = c < (part ? k->im_cols : k->re_cols);                                            \
                    in[2 * r + part] = inverse ? (double)*block_##F(fft, &block, k->rows, at, c, part)                 \
                                               : (shifts ? (double)((T *)shift[part].data)[c] : 0) +                   \
                            (there ? (double)*plane_##F(k, planes, r, c, part) : 0);                                   \
                }                                                                                                      \
            fc_ref_dft(k->rows, inverse ? 1 : -1, in, out);                                                            \
            memcpy(want + 2 * k->rows * c, out, 2 * k->rows * sizeof *out);                                            \
        }                                                                                                              \
        const fc_fft_columns columns = {k->rows, twiddles.data, block.data, k->cols / fft->lanes, rows[0],             \
            k->is_complex ? NULL : rows[1], k->re_rows, k->im_rows, k->re_cols, k->im_cols,                            \
            shifts ? shift[0].data : NULL, shifts ? shift[1].data : NULL};                                             \
        check_true((inverse ? fft->inverse : fft->forward)(&columns) == !bad,                                          \
            "finite cells taken for others, or the reverse");                                                          \
        for (size_t c = 0; !bad && c < k->cols; c = next(k, c))                                                        \
            for (size_t r = 0; r < k->rows; r++)                                                                       \
                for (size_t part = 0; part < 2; part++) {                                                              \
                    const double added = inverse && shifts ? (double)((T *)shift[part].data)[c] : 0;                   \
                    const T value = (T)(want[2 * k->rows * c + 2 * r + part] + added);                                 \
                    const int there = c < (part ? k->im_cols : k->re_cols) && r < (part ? k->im_rows : k->re_rows);    \
                    if (!inverse || there)                                                                             \
                        check_close_##F(inverse                                                                        \
                                ? plane_##F(k, planes, r, c, part)                                                     \
                                : block_##F(fft, &block, k->rows, fc_ref_fft_place(k->rows, fft->radix, r), c, part),  \
                            &value, 1, 8 * EPSILON, sqrt((double)k->rows) * 4);                                        \
                }                                                                                                      \
        check_guards(&block);                                                                                          \
        for (size_t side = 0; side < 2; side++) {                                                                      \
            check_guards(&planes[side]);                                                                               \
            check_free(&planes[side]);                                                                                 \
            check_free(&shift[side]);                                                                                  \
            free(rows[side]);                                                                                          \
        }                                                                                                              \
        check_free(&twiddles);                                                                                         \
        check_free(&block);                                                                                            \
        free(in);                                                                                                      \
        free(want);                                                                                                    \
    }                                                                                                                  \
    /* Along rows: a block times another's spectrum is a convolution of their rows. */                                 \
    static void rows_##F(const fc_fft *fft, const char *isa, size_t rows, size_t cols) {                               \
        double energy[2] = {0, 0}, squares[2] = {0, 0};                                                                \
        check_case("fft_" #F " filter", isa, "%zu x %zu", rows, cols);                                                 \
        const size_t length = 2 * rows * cols;                                                                         \
        check_buffer twiddles = twiddles_of(cols, fft, sizeof(T)), spectrum = check_alloc(length * sizeof(T), 0);      \
        check_buffer scratch = check_alloc(2 * fft->lanes * cols * sizeof(T), 0), blocks[2];                           \
        double *x = calloc(6 * cols * rows, sizeof *x), *h = x + length, *y = h + length;                              \
        for (size_t i = 0; i < 2; i++) {                                                                               \
            blocks[i] = check_alloc(length * sizeof(T), 64);                                                           \
            check_fill_##F((T *)blocks[i].data, length);                                                               \
        }                                                                                                              \
        for (size_t r = 0; x && r < rows; r++) {                                                                       \
            for (size_t i = 0; i < 2 * cols; i++) {                                                                    \
                x[2 * cols * r + i] = (double)*block_##F(fft, &blocks[0], rows, r, i / 2, i % 2);                      \
                h[2 * cols * r + i] = (double)*block_##F(fft, &blocks[1], rows, r, i / 2, i % 2);                      \
            }                                                                                                          \
            fc_ref_convolve_round(cols, x + 2 * cols * r, h + 2 * cols * r, y + 2 * cols * r);                         \
        }                                                                                                              \
        for (size_t first = 0, end; first < rows / fft->lanes; first = end) {                                          \
            end = first + 1 + (rows / fft->lanes - first) / 2;                                                         \
            fc_fft_rows task = {rows, cols, twiddles.data, blocks[1].data, spectrum.data, NULL, first, end, energy};   \
            fft->spectrum(&task);                                                                                      \
            task.block = blocks[0].data;                                                                               \
            task.scratch = scratch.data;                                                                               \
            fft->filter(&task);                                                                                        \
        }                                                                                                              \
        for (size_t r = 0; r < rows; r++)                                                                              \
            for (size_t i = 0; i < 2 * cols; i++) {                                                                    \
                const T value = (T)(y[2 * cols * r + i] / (double)rows);                                               \
                squares[0] += x[2 * cols * r + i] * x[2 * cols * r + i];                                               \
                squares[1] += (double)value * (double)value;                                                           \
                check_close_##F(block_##F(fft, &blocks[0], rows, r, i / 2, i % 2), &value, 1, 16 * EPSILON,            \
                    sqrt((double)cols) * 4 / (double)rows);                                                            \
            }                                                                                                          \
        check_true(fabs(energy[0] / (double)cols / squares[0] - 1) < 1e-3, "energy of the transform");                 \
        check_true(fabs(energy[1] * (double)cols / squares[1] - 1) < 1e-3, "energy of the products");                  \
        check_guards(&spectrum);                                                                                       \
        check_guards(&scratch);                                                                                        \
        for (size_t i = 0; i < 2; i++) {                                                                               \
            check_guards(&blocks[i]);                                                                                  \
            check_free(&blocks[i]);                                                                                    \
        }                                                                                                              \
        check_free(&twiddles);                                                                                         \
        check_free(&spectrum);                                                                                         \
        check_free(&scratch);                                                                                          \
        free(x);                                                                                                       \
    }                                                                                                                  \
    static void twiddles_##F(const fc_fft *fft, const char *isa, size_t n) {                                           \
        check_case("fft_" #F " twiddles", isa, "%zu", n);                                                              \
        check_buffer twiddles = twiddles_of(n, fft, sizeof(T));                                                        \
        const T *w = (const T *)twiddles.data;                                                                         \
        for (size_t m = n, r; m > 1; m /= r) {                                                                         \
            r = fc_fft_radix(m, fft->radix);                                                                           \
            for (size_t j = 1; j < m / r; j++)                                                                         \
                for (size_t k = 1; k < r; k++, w += 2) {                                                               \
                    const size_t turn = j * k;                                                                         \
                    double re, im;                                                                                     \
                    fc_ref_root_of_unity(m, turn, &re, &im);                                                           \
                    const T root[2] = {(T)re, (T) - im};                                                               \
                    check_close_##F(w, root, 2, EPSILON, 1);                                                           \
                }                                                                                                      \
        }                                                                                                              \
        check_free(&twiddles);                                                                                         \
    }                                                                                                                  \
    static double energy_##F[2];                                                                                       \
    typedef struct bench_##F {                                                                                         \
        const fc_fft *fft;                                                                                             \
        fc_fft_columns in, out;                                                                                        \
        fc_fft_rows rows;                                                                                              \
    } bench_##F;                                                                                                       \
    static void bench_run_##F(void *context) {                                                                         \
        const bench_##F *b = context;                                                                                  \
        b->fft->forward(&b->in);                                                                                       \
        b->fft->filter(&b->rows);                                                                                      \
        b->fft->inverse(&b->out);                                                                                      \
    }                                                                                                                  \
    static void time_##F(const fc_fft *fft, const char *isa, size_t n) {                                               \
        const size_t bytes = 2 * n * n * sizeof(T);                                                                    \
        check_buffer twiddles = twiddles_of(n, fft, sizeof(T)), block = check_alloc(bytes, 0),                         \
                     spectrum = check_alloc(bytes, 0);                                                                 \
        check_buffer scratch = check_alloc(2 * fft->lanes * n * sizeof(T), 0), image = check_alloc(bytes, sizeof(T));  \
        void **rows = pointers(&image, 2 * n, n * sizeof(T));                                                          \
        const size_t strips = n / fft->lanes;                                                                          \
        const fc_fft_columns columns = {n, twiddles.data, block.data, strips, rows, rows + n, n, n, n, n, NULL, NULL}; \
        const bench_##F b = {fft, columns, columns,                                                                    \
            {n, n, twiddles.data, block.data, spectrum.data, scratch.data, 0, strips, energy_##F}};                    \
        char parameters[32];                                                                                           \
        snprintf(parameters, sizeof parameters, "%zu x %zu", n, n);                                                    \
        memset(image.data, 0, bytes);                                                                                  \
        memset(spectrum.data, 0, bytes);                                                                               \
        /* By the usual count of 5 n log2 n for a transform of n, forth and back. */                                   \
        check_time("fft_" #F, isa, parameters, bench_run_##F, (void *)(size_t)&b,                                      \
            20 * (double)(n * n) * log2((double)n), "GFLOP/s");                                                        \
        free(rows);                                                                                                    \
        check_buffer *all[] = {&twiddles, &block, &spectrum, &scratch, &image};                                        \
        for (size_t i = 0; i < 5; i++)                                                                                 \
            check_free(all[i]);                                                                                        \
    }                                                                                                                  \
    /* Sums of cut sizes in tiles, those of windows of tiles, and weighted sizes, all against their definitions. */    \
    static void tiles_##F(                                                                                             \
        const fc_fft *fft, const char *isa, size_t n_rows, size_t n_cols, size_t high, size_t width) {                 \
        check_case("fft_" #F " tiles", isa, "%zu x %zu of %zu x %zu", n_rows, n_cols, high, width);                    \
        const size_t across = (n_cols + width - 1) / width, pitch = across + n_cols % 3,                               \
                     down = (n_rows + high - 1) / high;                                                                \
        check_buffer image = check_alloc(n_rows * n_cols * sizeof(T), sizeof(T)),                                      \
                     sums = check_alloc((down * pitch - n_cols % 3) * sizeof(T), sizeof(T));                           \
        void **rows = pointers(&image, n_rows, n_cols * sizeof(T));                                                    \
        T *const x = (T *)image.data;                                                                                  \
        check_fill_##F(x, n_rows *n_cols);                                                                             \
        x[n_cols - 1] = (T)INFINITY;                                                                                   \
        x[0] = (T)NAN;                                                                                                 \
        fft->tiles(&(fc_fft_tiles){(const void *const *)rows, n_rows, n_cols, high, width, 0.5, sums.data, pitch});    \
        for (size_t i = 0; i < down * across; i++) {                                                                   \
            const size_t u = i / across, v = i % across;                                                               \
            double sum = 0;                                                                                            \
            for (size_t r = u * high; r < n_rows && r < (u + 1) * high; r++)                                           \
                for (size_t c = v * width; c < n_cols && c < (v + 1) * width; c++)                                     \
                    sum += fabs((double)x[r * n_cols + c]) < 0.5 ? fabs((double)x[r * n_cols + c]) : 0.5;              \
            const T want = (T)sum;                                                                                     \
            check_close_##F((T *)sums.data + u * pitch + v, &want, 1, 8 * EPSILON, sum);                               \
        }                                                                                                              \
        check_guards(&sums);                                                                                           \
        check_free(&sums);                                                                                             \
        check_free(&image);                                                                                            \
        free(rows);                                                                                                    \
    }                                                                                                                  \
    static void windows_##F(const fc_fft *fft, const char *isa, size_t n_rows, size_t n_cols, size_t high,             \
        size_t wide, size_t step, double cap) {                                                                        \
        check_case("fft_" #F " windows", isa, "%zu x %zu of %zu x %zu, step %zu, cap %g", n_rows, n_cols, high, wide,  \
            step, cap);                                                                                                \
        const size_t row_step = 1 + n_cols % 3, all = (n_rows - 1) * row_step + high,                                  \
                     cols = n_cols + (wide - 1) * step, lot = 2 * FC_FFT_PAD, lots = (n_cols + lot - 1) / lot;         \
        const double bound = 16 * EPSILON * (double)(high * wide);                                                     \
        check_buffer cells = check_alloc(all * cols * sizeof(T), sizeof(T));                                           \
        check_buffer temp = check_alloc(fc_fft_windows_room(n_cols, wide, step) * sizeof(T), 64),                      \
                     of_lots = check_alloc(n_rows * lots * sizeof(double), 0);                                         \
        void **rows = pointers(&cells, all, cols * sizeof(T));                                                         \
        T *const x = (T *)cells.data;                                                                                  \
        double found = INFINITY;                                                                                       \
        check_fill_##F(x, cells.bytes / sizeof(T));                                                                    \
        x[all * cols / 2] = (T)NAN;                                                                                    \
        for (size_t i = 0; cap > 1 && i < cells.bytes / sizeof(T); i++)                                                \
            x[i] = x[i] < 0 ? -x[i] : x[i] >= 0 ? x[i] : 0;                                                            \
        const double got = fft->windows(&(fc_fft_windows){(const void *const *)rows, n_rows, n_cols, high, wide,       \
            row_step, step, cap, temp.data, lot, (double *)of_lots.data, lots});                                       \
        for (size_t u = 0; u < n_rows; u++) {                                                                          \
            const double *of_lot = (double *)of_lots.data + u * lots;                                                  \
            double of_row = INFINITY, said = INFINITY;                                                                 \
            for (size_t v = 0; v < n_cols; v++) {                                                                      \
                double sum = 0;                                                                                        \
                for (size_t i = 0; i < high * wide; i++) {                                                             \
                    const double cell = fabs((double)x[(u * row_step + i / wide) * cols + v + i % wide * step]);       \
                    sum += cell < cap ? cell : cap;                                                                    \
                }                                                                                                      \
                check_true(of_lot[v / lot] <= sum + bound, "more than a window of the lot");                           \
                of_row = sum < of_row ? sum : of_row;                                                                  \
            }                                                                                                          \
            for (size_t i = 0; i < lots; i++)                                                                          \
                said = of_lot[i] < said ? of_lot[i] : said;                                                            \
            check_true(fabs(said - of_row) <= bound, "not the least of a row");                                        \
            found = of_row < found ? of_row : found;                                                                   \
        }                                                                                                              \
        check_true(fabs(got - found) <= bound, "not the least of the windows");                                        \
        check_guards(&temp);                                                                                           \
        check_guards(&of_lots);                                                                                        \
        check_free(&cells);                                                                                            \
        check_free(&temp);                                                                                             \
        check_free(&of_lots);                                                                                          \
        free(rows);                                                                                                    \
    }                                                                                                                  \
    static void weigh_##F(const fc_fft *fft, const char *isa, size_t n_taps, size_t n_rows, double enough) {           \
        check_case("fft_" #F " weigh", isa, "%zu taps, %zu rows, %g", n_taps, n_rows, enough);                         \
        enum { HIGH = 5, COLS = FC_FFT_LOT + 7 };                                                                      \
        const size_t all = HIGH + n_rows - 1;                                                                          \
        check_buffer image = check_alloc(all * COLS * sizeof(T), sizeof(T)),                                           \
                     sizes = check_alloc(n_taps * sizeof(T), 0);                                                       \
        check_buffer sums = check_alloc(n_rows * FC_FFT_LOT * sizeof(T), sizeof(T));                                   \
        fc_sparse_place *places = malloc(n_taps * sizeof *places);                                                     \
        void **rows = pointers(&image, all, COLS * sizeof(T));                                                         \
        check_fill_##F((T *)image.data, all *COLS);                                                                    \
        for (size_t t = 0; places && t < n_taps; t++) {                                                                \
            places[t] = (fc_sparse_place){check_random_below(HIGH), check_random_below(8)};                            \
            ((T *)sizes.data)[t] = (T)fabs(check_random_unit());                                                       \
        }                                                                                                              \
        const fc_fft_weigh job = {(const void *const *)rows, sizes.data, places, n_taps, n_rows, enough, sums.data};   \
        const double least = fft->weigh(&job);                                                                         \
        double found = INFINITY;                                                                                       \
        for (size_t i = 0; places && i < n_rows * FC_FFT_LOT; i++) {                                                   \
            const size_t r = i / FC_FFT_LOT, c = i % FC_FFT_LOT;                                                       \
            double sum = 0;                                                                                            \
            for (size_t t = 0; t < n_taps; t++)                                                                        \
                sum += (double)((T *)sizes.data)[t] *                                                                  \
                    fabs((double)((T **)rows)[r + places[t].row][c + places[t].offset]);                               \
            const double got = (double)((T *)sums.data)[i];                                                            \
            found = got < found ? got : found;                                                                         \
            check_true(got <= sum + 16 * EPSILON * (double)n_taps, "more than there is");                              \
            check_true(got >= (sum < enough ? sum : enough) - 16 * EPSILON * (double)n_taps, "less than is enough");   \
        }                                                                                                              \
        check_guards(&sums);                                                                                           \
        check_free(&image);                                                                                            \
        check_free(&sizes);                                                                                            \
        check_free(&sums);                                                                                             \
        check_true(!places || least == found, "not the least");                                                        \
        free(places);                                                                                                  \
        free(rows);                                                                                                    \
    }                                                                                                                  \
    static void all_##F(const fc_fft *fft, const char *isa) {                                                          \
        for (size_t n = 1; n < 150; n += 1 + n / 5)                                                                    \
            for (size_t width = 2; width <= 4; width += 2) {                                                           \
                tiles_##F(fft, isa, 1 + n % 7, n, 1 + n % 3, width);                                                   \
                windows_##F(fft, isa, 1 + n % 13, n, 1 + n % 19, width + n % 9, 1 + n % 2, 0.5);                       \
                windows_##F(fft, isa, 1 + n % 13, n, 1 + n % 19, width + n % 9, 1 + n % 2, INFINITY);                  \
            }                                                                                                          \
        for (size_t taps = 1; taps < 40; taps += 6)                                                                    \
            for (size_t i = 0; i < 3; i++)                                                                             \
                weigh_##F(fft, isa, taps, 1 + taps % 11, (double)i * 2);                                               \
        for (size_t n = FC_FFT_LEAST; n <= 2048; n = longer(n))                                                        \
            twiddles_##F(fft, isa, n);                                                                                 \
        for (size_t n = FC_FFT_LEAST; n <= 512; n = longer(n)) {                                                       \
            const columns_case cases[] = {{n, 32, 32, 32, n - 3, n - 5, 0}, {n, 32, 31, 1, 1, 1, 0},                   \
                {n, 32, 17, 32, n, n, 0}, {n, 32, 29, 29, n - 1, n - 1, 1}, {n, 32, 32, 32, 7, n, 0},                  \
                {n, 32, 32, 0, n - 7, 0, 0}};                                                                          \
            for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)                                                  \
                for (int inverse = 0; inverse < 2; inverse++)                                                          \
                    columns_##F(fft, isa, &cases[i], inverse, 0);                                                      \
            columns_##F(fft, isa, &cases[0], 0, 1);                                                                    \
            columns_##F(fft, isa, &cases[0], 1, 1);                                                                    \
            columns_##F(fft, isa, &cases[3], 0, 1);                                                                    \
            if (n < 512) {                                                                                             \
                rows_##F(fft, isa, 32, n);                                                                             \
                rows_##F(fft, isa, 48, n);                                                                             \
            }                                                                                                          \
        }                                                                                                              \
        rows_##F(fft, isa, 128, 64);                                                                                   \
        for (size_t n = 64; check_benching() && n <= 512; n *= 2)                                                      \
            time_##F(fft, isa, n);                                                                                     \
    }
CHECK_FFT(float, f32, 0x1p-24)
CHECK_FFT(double, f64, 0x1p-53)

void check_fft(const fc_kernels *kernels, const char *isa) {
    all_f32(&kernels->fft_f32, isa);
    all_f64(&kernels->fft_f64, isa);
}
