/* SPDX-License-Identifier: MIT */
/*
 * Filters of one image, whatever the call they came by:
 *
 *     out[y][x][c] = finish(sum over j < k_h, i < k_w of kernel[j][i] * cell(y + top + j, x + left + i, c))
 *
 * cell() is the image, continued by the boundary rule, in the type `work`; finish() rounds the sum to the type of the
 * result. Rows, columns and rectangles count pixels, of `channels` numbers side by side; a complex number is one
 * number.
 */
#ifndef FC_OPS_FILTER_FILTER_H
#define FC_OPS_FILTER_FILTER_H

#include "core/dispatch.h"
#include "fastconv.h"

typedef struct fc_filter {
    fc_dtype image_type, work, result;
    ptrdiff_t h, w, channels;
    ptrdiff_t k_h, k_w;
    ptrdiff_t top, left; /* image cell under the first tap of the first output */
    ptrdiff_t out_h, out_w;
    fc_boundary boundary;
    const void *image;  /* h x w x channels, of image_type */
    const void *kernel; /* k_h x k_w, of work; correlated as it is */
    const void *fill;   /* one number of work, NULL for 0; read for FC_FILL only */
    fc_scaling scaling; /* of the sums on their way to out; other than 1 only where the result is converted */
    void *out;          /* out_h x out_w x channels, of result */
    const fc_kernels *kernels;
    size_t number, image_number, out_number; /* bytes of a number of work, of the image, of out */
    size_t cell;                             /* bytes of a number as fc_filter_source gives it */
    fc_convolve2d_fn *run, *sum; /* the direct kernels on such numbers, on numbers of work; unfused where taps cancel */
    fc_convert_fn *widen;        /* image_type to work, NULL where cells are of image_type */
    fc_convolve2d_fn *reads; /* the direct kernel that reads image_type and sums in work, NULL where there is none */
    unsigned char fill_byte; /* fill as a number of the image, where reads is not NULL */
    fc_narrow_fn *narrow;    /* work to result, NULL where they are the same */
    int streams;             /* out is written past the caches */
    int backwards;           /* direct sums begin with the last tap, where their order shows: where taps cancel */
} fc_filter;

typedef struct fc_rect {
    ptrdiff_t row, col, rows, cols;
} fc_rect;
enum { FC_ALL_CHANNELS = -1 };

/* ---------------------------------------------------------------- source.c: the way in */

/*
 * rows[i] = the numbers of image row rect.row + i from column rect.col on, rect.cols pixels of them: of all channels,
 * or of one. The rectangle may lie outside the image. What cannot be read where it lies is written to stage, of
 * fc_filter_stage_bytes(...) bytes.
 */
void fc_filter_source(const fc_filter *f, fc_rect rect, ptrdiff_t channel, const void **rows, void *stage);
fc_status fc_filter_stage_bytes(const fc_filter *f, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t channel, size_t *bytes);

/* The index of 0 .. n - 1 that the boundary rule puts at i; -1 for a fill value. */
ptrdiff_t fc_filter_folded(ptrdiff_t i, ptrdiff_t n, fc_boundary boundary);

/* f with the image's own numbers as cells, where a kernel reads them. */
void fc_filter_unwidened(const fc_filter *f, fc_filter *own);

/* Output columns [from, to) in at most three pieces [cuts[i], cuts[i + 1]), of which each reads in place or is staged
 * as a whole. */
size_t fc_filter_pieces(const fc_filter *f, ptrdiff_t from, ptrdiff_t to, ptrdiff_t cuts[4]);

/* ---------------------------------------------------------------- store.c: the way out */

/* Where sums may be written straight away, past the caches if f streams; NULL where they have to pass fc_filter_store.
 */
void *fc_filter_place(const fc_filter *f, ptrdiff_t row, ptrdiff_t col);
/* Sums of a rectangle of outputs, all channels or one; rows `pitch` numbers apart. A task that stored calls
 * fc_filter_stored at its end. */
void fc_filter_store(const fc_filter *f, fc_rect rect, ptrdiff_t channel, const void *sums, size_t pitch);
void fc_filter_stored(const fc_filter *f);

/* ---------------------------------------------------------------- taps.c */

typedef struct fc_fixed_plan fc_fixed_plan;

/* What is known of a kernel before an algorithm is chosen. */
typedef struct fc_filter_taps {
    int finite, equal; /* all taps finite; all of them the same, and not 0 */
    int cancels;       /* few taps, which equal cells cancel in */
    size_t nonzero;
    size_t rank;                /* of the factors; 0 where the kernel has none of a useful rank */
    const void *columns, *rows; /* as fc_factor gives them */
    size_t most;
    const fc_fixed_plan *fixed; /* as fixed_taps.h finds it; NULL where that was not asked, or sums of integers do not
                                   serve */
} fc_filter_taps;

/* Operations on a vector of sums by all taps, and by two passes for each product; bytes are widened as they are loaded.
 */
double fc_filter_direct_work(const fc_filter *f);
double fc_filter_pass_work(const fc_filter *f);
/* taps as fc_convolve2d_block has them, from `rows` x `cols` taps of the kernel, rows `pitch` taps apart. */
void fc_filter_pack_taps(const fc_filter *f, const void *kernel, size_t pitch, size_t rows, size_t cols, void *taps);
int fc_filter_is_complex(fc_dtype dtype);
/* Whether numbers, or their parts, are float. */
static inline int fc_filter_is_single(const fc_filter *f) { return f->work == FC_F32 || f->work == FC_C64; }
/* Number i of a kernel of real or complex floats; a complex tap has two. */
double fc_filter_tap_part(const fc_filter *f, size_t i);
/* Whether numbers [from, from + numbers) of these rows are finite; 1 for integers. Not for long double. */
int fc_filter_rows_finite(const fc_filter *f, const void *const *rows, size_t count, size_t from, size_t numbers);
/*
 * What a kernel is made of, as far as algorithm `id` asks for it; for FC_FILTER_AUTO as far as knowing it may save more
 * than it costs, for FC_FILTER_COUNT all. *memory, to be freed with fc_scratch_free, holds the factors and is NULL
 * where there are none.
 */
fc_status fc_filter_know(const fc_filter *f, fc_filter_algorithm_id id, fc_filter_taps *taps, void **memory);

/* ---------------------------------------------------------------- direct.c */

double fc_filter_direct_cycles(const fc_filter *f);

/* One rectangle of outputs by the definition, on this thread; scratch of fc_filter_direct_bytes(...) bytes. */
void fc_filter_direct(const fc_filter *f, const void *taps, fc_rect rect, ptrdiff_t channel, void *scratch);
fc_status fc_filter_direct_bytes(const fc_filter *f, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t channel, size_t *bytes);

/* ---------------------------------------------------------------- pairs.c */

/* Taps other than 0 whose products may each be rounded at little cost beside moving the image; and their pairs. */
enum { FC_FILTER_CANCELLING = 12, FC_FILTER_PAIRS = 32 };
/*
 * The taps of a kernel that cancels, real and at most FC_FILTER_CANCELLING others than 0, as differences of cells:
 * their number, 0 where it would pass FC_FILTER_PAIRS, their weights and two places each.
 */
size_t fc_filter_pairs(const fc_filter *f, void *weights, fc_sparse_place *places);

/* The taps other than 0, or differences of cells: two places a tap. */
typedef struct fc_filter_few {
    fc_sparse_fn *run;
    size_t count;
    void *taps;
    fc_sparse_place *places;
    int corners; /* whether the kernel's four corners are among them */
} fc_filter_few;

/* Taps as `rank` products of a column and a row. */
typedef struct fc_filter_passes {
    size_t rank;
    const unsigned char *columns, *rows; /* packed: the columns one by one, the rows as one kernel of `rank` rows */
    size_t piece, pitch; /* numbers of a row that are summed at a time, and with those that the row pass reads beyond */
    size_t pointer_bytes, lines_bytes, sums_bytes;
} fc_filter_passes;

/* The whole image in rectangles of outputs: by every tap, by the few other than 0, or in two passes; either may be
 * NULL. */
fc_status fc_filter_rectangles(const fc_filter *f, const fc_filter_few *few, const fc_filter_passes *passes);

/* ---------------------------------------------------------------- separable.c */

enum { FC_FILTER_ROWS = 4 }; /* outputs are summed so many rows at a time, of kernels/body/convolve2d.h */

/* A rectangle in two passes from its source rows; to place, or by sums to fc_filter_store; scratch of
 * fc_filter_passes_bytes(...) bytes. */
void fc_filter_pass(const fc_filter *f, const fc_filter_passes *passes, fc_rect rect, const void *const *rows,
    void *place, void *scratch);
size_t fc_filter_passes_bytes(const fc_filter_passes *passes);

/* ---------------------------------------------------------------- slide.c */

/* Whether windows of equal taps are bytes whose sums fit integers, and the run for these. */
int fc_filter_slides(const fc_filter *f);
double fc_filter_slide_cycles(const fc_filter *f);
fc_status fc_filter_slide(const fc_filter *f);

/* ---------------------------------------------------------------- fft.c */

/* Cycles of transforms at most, whatever the kernel is made of; a negative number where they do not serve. */
double fc_filter_fft_most(const fc_filter *f);

/* ---------------------------------------------------------------- algorithms */

typedef struct fc_filter_algorithm {
    const char *name;
    /* Cycles of one core for the whole image, a negative number where the algorithm does not serve. */
    double (*cycles)(const fc_filter *f, const fc_filter_taps *taps);
    fc_status (*run)(const fc_filter *f, const fc_filter_taps *taps);
} fc_filter_algorithm;

#define FC_FILTER_ALGORITHM(word) extern const fc_filter_algorithm fc_filter_by_##word;
#include "ops/filter/list.inc"
#undef FC_FILTER_ALGORITHM

/* ---------------------------------------------------------------- plan.c */

/* Numbers of `work` in a vector. */
double fc_filter_lanes(const fc_filter *f);
/* Cycles for the whole image at `work` vector operations a vector of sums, or what moving image and result takes where
 * that is more. */
double fc_filter_sums_cycles(const fc_filter *f, double work);
/* Runs the cheapest algorithm, or the one asked for; f needs no more than what comes before `kernels`. */
fc_status fc_filter_run(fc_filter *f, fc_filter_algorithm_id id);
fc_status fc_filter_explain(fc_filter *f, fc_filter_algorithm_id id, fc_filter_plan *plan);
/* Fills in what follows from the fields before `kernels`. */
fc_status fc_filter_complete(fc_filter *f);
/* Cycles of the cheapest algorithm. */
fc_status fc_filter_estimate(fc_filter *f, double *cycles);

#endif
