/* SPDX-License-Identifier: MIT */
/* The cells of a task's blocks on their way into its transform. */
#include <string.h>

#include "ops/filter/fft_job.h"

/* Cells of a block: of the windows of its outputs; at an edge, all that the transform reads. */
static fc_rect cells_of(const fc_fft_job *j, const fc_fft_blocks *b, size_t side) {
    const fc_filter *f = j->f;
    const fc_rect *out = &b->rect[side];
    fc_rect cells = {out->row + f->top, out->col + f->left, out->rows + f->k_h - 1, out->cols + f->k_w - 1};
    if (!out->rows)
        return (fc_rect){0, 0, 0, 0};
    if (fc_fft_at_edge(j, b, side)) {
        cells.rows = (ptrdiff_t)j->cut.rows;
        cells.cols = (ptrdiff_t)j->cut.cols;
    }
    return cells;
}

int fc_fft_at_edge(const fc_fft_job *j, const fc_fft_blocks *b, size_t side) {
    const fc_filter *f = j->f;
    const fc_rect *out = &b->rect[side];
    if (!j->edged || !out->rows)
        return 0;
    const ptrdiff_t row = out->row + f->top, col = out->col + f->left;
    return row < 0 || col < 0 || row + (ptrdiff_t)j->cut.rows > f->h || col + (ptrdiff_t)j->cut.cols > f->w;
}

/* Sets s->rows[side] to a group of columns of a side's cells; how many. */
ptrdiff_t fc_fft_source(const fc_fft_job *j, const fc_fft_space *s, const fc_fft_blocks *b, size_t side, size_t col) {
    const fc_rect cells = cells_of(j, b, side);
    const ptrdiff_t cols = fc_fft_group(cells.cols, col);
    if (cols)
        fc_filter_source(j->f, (fc_rect){cells.row, cells.col + (ptrdiff_t)col, cells.rows, cols}, b->channel,
            s->rows[side], s->stage[side]);
    return cols;
}

size_t fc_fft_source_rows(const fc_fft_job *j, const fc_fft_blocks *b, size_t side) {
    return (size_t)cells_of(j, b, side).rows;
}

static void widen(const fc_fft_job *j, const void **rows, size_t count, size_t cols, unsigned char *copies) {
    const size_t numbers = cols << fc_filter_is_complex(j->f->work);
    for (size_t r = 0; r < count; r++) {
        const fc_any_float *from = rows[r];
        double *to = (double *)(copies + r * FC_FFT_GROUP * j->cell);
        for (size_t i = 0; i < numbers; i++)
            to[i] = (double)from[i];
        rows[r] = to;
    }
}

/* Of a block's cells, those that are not behind its windows. */
static double share_of(const fc_fft_job *j, const fc_rect *cells) {
    return (double)cells->rows * (double)cells->cols / ((double)j->cut.rows * (double)j->cut.cols);
}

double fc_fft_middle(const fc_fft_space *s, const fc_fft_blocks *b, size_t side) {
    return b->rect[side].rows ? s->bounds[side].middle : 0;
}

/* Of a group of columns of cells, those of the image, counted within the group; all where no zeros surround it. */
static fc_rect inside_of(const fc_fft_job *j, const fc_rect *cells, size_t col, ptrdiff_t cols) {
    const ptrdiff_t left = cells->col + (ptrdiff_t)col, first = fc_max(-cells->row, 0), from = fc_max(-left, 0);
    if (!j->edged)
        return (fc_rect){0, 0, cells->rows, cols};
    return (fc_rect){first, from, fc_max(fc_min(j->f->h - cells->row, cells->rows) - first, 0),
        fc_max(fc_min(j->f->w - left, cols) - from, 0)};
}

void fc_fft_survey_group(
    const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, size_t side, size_t col, ptrdiff_t cols) {
    const fc_rect cells = cells_of(j, b, side), inside = inside_of(j, &cells, col, cols);
    if (cols)
        fc_fft_survey(j->f, &j->tiling, &s->bounds[side], s->rows[side], (size_t)cells.rows, col, (size_t)cols, &inside,
            j->sizes->whole, share_of(j, &cells));
}

void fc_fft_sum_side(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, size_t side, int together) {
    const fc_rect *out = &b->rect[side];
    if (out->rows)
        fc_fft_sum_windows(
            j->f, &j->tiling, &s->bounds[side], s->rows[side], (size_t)out->rows, (size_t)out->cols, together);
}

/* n numbers of the transform := x. */
#define FILL(T)                    \
    for (size_t i = 0; i < n; i++) \
        ((T *)to)[i] = (T)x;
static void fill(const fc_fft_job *j, unsigned char *to, size_t n, double x) {
    if (j->part == sizeof(double)) {
        FILL(double)
    } else {
        FILL(float)
    }
}
#undef FILL

/*
 * The middle is taken off all cells of a group of columns, or, at an edge, off the image's own: rows outside it get
 * what comes to 0.
 */
static void take_middle(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, size_t side, size_t col) {
    const double middle = fc_fft_middle(s, b, side);
    const size_t n = fc_least(FC_FFT_GROUP, j->cut.cols - col);
    if (!fc_fft_at_edge(j, b, side) || middle == 0) {
        fill(j, s->shift[side], n, -middle);
        return;
    }
    const fc_rect cells = cells_of(j, b, side), inside = inside_of(j, &cells, col, fc_fft_group(cells.cols, col));
    const size_t first = inside.cols ? (size_t)inside.col * j->part : 0;
    memset(s->shift[side], 0, n * j->part);
    memset(s->bare[side], 0, n * j->part);
    fill(j, s->shift[side] + first, (size_t)inside.cols, -middle);
    fill(j, s->bare[side] + first, (size_t)inside.cols, middle);
    for (ptrdiff_t row = 0; row < cells.rows; row++)
        if (row < inside.row || row >= inside.row + inside.rows)
            s->rows[side][row] = s->bare[side];
}

/* A group of columns of a side; 0 where too many of its cells stand out. */
static int load_side(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, size_t side, size_t col,
    ptrdiff_t cols, fc_fft_cells *taken) {
    const size_t count = fc_fft_source_rows(j, b, side);
    if (!taken)
        fc_fft_survey_group(j, s, b, side, col, cols);
    if (taken &&
        !fc_fft_take_cells(j->f, taken, side, (ptrdiff_t)col, s->rows[side], count, (size_t)cols, s->cells[side]))
        return 0;
    if (j->wide)
        widen(j, s->rows[side], count, (size_t)cols, s->cells[side]);
    return 1;
}

int fc_fft_take_all(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b) {
    for (size_t col = 0; col < j->cut.cols; col += FC_FFT_GROUP)
        for (size_t side = 0; side < j->sides; side++) {
            const ptrdiff_t cols = fc_fft_source(j, s, b, side, col);
            if (cols &&
                !fc_fft_take_cells(j->f, s->taken, side, (ptrdiff_t)col, s->rows[side], fc_fft_source_rows(j, b, side),
                    (size_t)cols, s->cells[side]))
                return 0;
        }
    return 1;
}

int fc_fft_load(const fc_fft_job *j, fc_fft_space *s, const fc_fft_blocks *b, fc_fft_cells *taken) {
    int finite = 1;
    if (j->squares_bytes)
        memset(s->of_rows, 0, j->squares_bytes);
    for (size_t col = 0; col < j->cut.cols; col += FC_FFT_GROUP) {
        ptrdiff_t cols[2] = {0, 0};
        for (size_t side = 0; side < j->sides; side++) {
            cols[side] = fc_fft_source(j, s, b, side, col);
            if (cols[side] && !load_side(j, s, b, side, col, cols[side], taken))
                return 0;
            for (size_t row = cols[side] ? fc_fft_source_rows(j, b, side) : 0; row < j->cut.rows; row++)
                s->rows[side][row] = j->zeros;
            take_middle(j, s, b, side, col);
        }
        const fc_fft_columns columns = fc_fft_columns_of(j, s, col, cols);
        if (j->squares_bytes)
            fc_fft_add_squares(j->fft, j->narrow, j->part, &columns, s->of_rows, s->of_cols + col);
        finite &= j->fft->forward(&columns);
    }
    for (size_t side = 0; !taken && side < j->sides; side++)
        fc_fft_sum_side(j, s, b, side, 1);
    return finite;
}
