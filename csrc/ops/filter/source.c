/* SPDX-License-Identifier: MIT */
/*
 * Cells of the image for a kernel: pointers to its rows where nothing else is needed, so that rows above and below it
 * cost nothing; copies of the columns that cross its left or right border, of converted numbers, of single channels.
 */
#include <math.h>
#include <string.h>

#include "core/scratch.h"
#include "core/size.h"
#include "ops/filter/filter.h"

enum {
    CHUNK = 256, /* numbers gathered at a time */
    LINE_BYTES = 64,
    NARROW_BYTES = 1024, /* pieces below this gain nothing from being read in place */
    TAP_BYTES =
        18 /* nor do those below this for each tap: columns of their own at the borders take longer than copies */
};

ptrdiff_t fc_filter_folded(ptrdiff_t i, ptrdiff_t n, fc_boundary boundary) {
    const ptrdiff_t period = boundary == FC_WRAP ? n : boundary == FC_SYMM ? 2 * n : 2 * n - 2;
    if (i >= 0 && i < n)
        return i;
    if (boundary == FC_FILL)
        return -1;
    if (boundary == FC_NEAREST || period == 0)
        return i < 0 ? 0 : n - 1;
    if (i < -period || i >= period)
        i %= period;
    if (i < 0)
        i += period;
    return i < n ? i : boundary == FC_SYMM ? period - 1 - i : period - i;
}

static void copy_number(unsigned char *to, const unsigned char *from, size_t size) {
    switch (size) {
    case 1:
        *to = *from;
        break;
    case 2:
        memcpy(to, from, 2);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    default:
        memcpy(to, from, size);
    }
}

/* to[i] = from[i * step], i < count, numbers of `size` bytes. */
static void take(const unsigned char *source, size_t step, size_t count, size_t size, unsigned char *target) {
#define TAKE(bytes)                                                       \
    case bytes:                                                           \
        for (size_t i = 0; i < count; i++)                                \
            memcpy(target + i * bytes, source + i * step * bytes, bytes); \
        break;
    switch (size) {
        TAKE(1)
        TAKE(2)
        TAKE(4)
        TAKE(8) default : for (size_t i = 0; i < count; i++) memcpy(target + i * size, source + i * step * size, size);
    }
#undef TAKE
}

/* count pixels of an image row from column first on, any of them outside, in the image's type to `to`. */
static void gather(const fc_filter *f, const unsigned char *row, ptrdiff_t first, ptrdiff_t count, ptrdiff_t channel,
    unsigned char *to) {
    const size_t size = f->image_number, pixel = size * (size_t)f->channels, taken = channel < 0 ? pixel : size;
    row += channel < 0 ? 0 : (size_t)channel * size;
    if (channel >= 0 && first >= 0 && first + count <= f->w) {
        take(row + (size_t)first * pixel, (size_t)f->channels, (size_t)count, size, to);
        return;
    }
    for (ptrdiff_t i = 0; i < count; i++, to += taken) {
        const ptrdiff_t at = fc_filter_folded(first + i, f->w, f->boundary);
        copy_number(to, row + (size_t)at * pixel, taken);
    }
}

static void fill_numbers(const fc_filter *f, unsigned char *to, size_t count) {
    if (!f->fill)
        memset(to, 0, count * f->cell);
    else if (f->cell == 1)
        memset(to, *(const unsigned char *)f->fill, count);
    else
        for (size_t i = 0; i < count; i++)
            copy_number(to + i * f->cell, f->fill, f->cell);
}

/* Pixels that lie outside the image, or of a single channel, in the type of work. */
static void stage_scattered(const fc_filter *f, const unsigned char *row, ptrdiff_t first, ptrdiff_t count,
    ptrdiff_t channel, unsigned char *to) {
    const ptrdiff_t taken = channel < 0 ? f->channels : 1, most = fc_max(CHUNK / taken, 1);
    unsigned char chunk[CHUNK * 16];
    if (!f->widen) {
        gather(f, row, first, count, channel, to);
        return;
    }
    for (ptrdiff_t i = 0; i < count && taken > CHUNK; i++)
        f->widen(row + (size_t)(fc_filter_folded(first + i, f->w, f->boundary) * taken) * f->image_number,
            to + (size_t)(i * taken) * f->cell, (size_t)taken);
    if (taken > CHUNK)
        return;
    for (ptrdiff_t done = 0, n; done < count; done += n) {
        n = fc_min(count - done, most);
        gather(f, row, first + done, n, channel, chunk);
        f->widen(chunk, to + (size_t)(done * taken) * f->cell, (size_t)(n * taken));
    }
}

/* Pixels [first, first + count) of an image row, border included. */
static void stage_row(const fc_filter *f, const unsigned char *row, ptrdiff_t first, ptrdiff_t count, ptrdiff_t channel,
    unsigned char *to) {
    const ptrdiff_t from = fc_min(fc_max(-first, 0), count), end = fc_max(fc_min(f->w - first, count), from);
    const size_t taken = channel < 0 ? (size_t)f->channels : 1, pixel = taken * f->cell;
    unsigned char *inside = to + (size_t)from * pixel, *behind = to + (size_t)end * pixel;
    if (f->boundary == FC_FILL) {
        fill_numbers(f, to, (size_t)from * taken);
        fill_numbers(f, behind, (size_t)(count - end) * taken);
    } else {
        stage_scattered(f, row, first, from, channel, to);
        stage_scattered(f, row, first + end, count - end, channel, behind);
    }
    const unsigned char *source = row + (size_t)(first + from) * (size_t)f->channels * f->image_number;
    if (taken != (size_t)f->channels)
        stage_scattered(f, row, first + from, end - from, channel, inside);
    else if (f->widen)
        f->widen(source, inside, (size_t)(end - from) * taken);
    else
        memcpy(inside, source, (size_t)(end - from) * pixel);
}

static int read_in_place(const fc_filter *f, ptrdiff_t col, ptrdiff_t cols, ptrdiff_t channel) {
    return !f->widen && (channel < 0 || f->channels == 1) && col >= 0 && col + cols <= f->w;
}

static size_t row_bytes(const fc_filter *f, ptrdiff_t cols, ptrdiff_t channel) {
    return fc_align_up((size_t)cols * (channel < 0 ? (size_t)f->channels : 1) * f->cell);
}

fc_status fc_filter_stage_bytes(const fc_filter *f, ptrdiff_t rows, ptrdiff_t cols, ptrdiff_t channel, size_t *bytes) {
    const ptrdiff_t row[] = {cols, channel < 0 ? f->channels : 1, (ptrdiff_t)f->cell};
    size_t one;
    FC_TRY(fc_multiply(row, 3, &one));
    return fc_multiply((ptrdiff_t[]){rows + 1, (ptrdiff_t)fc_align_up(one)}, 2, bytes);
}

void fc_filter_source(const fc_filter *f, fc_rect rect, ptrdiff_t channel, const void **rows, void *stage_) {
    const size_t image_row = (size_t)(f->w * f->channels) * f->image_number, bytes = row_bytes(f, rect.cols, channel);
    const int in_place = read_in_place(f, rect.col, rect.cols, channel);
    unsigned char *stage = stage_, *filled = NULL;
    for (ptrdiff_t i = 0; i < rect.rows; i++) {
        const ptrdiff_t y = rect.row + i;
        const int inside = y >= 0 && y < f->h;
        if (!inside && f->boundary == FC_FILL) {
            if (!filled) {
                filled = stage;
                stage += bytes;
                fill_numbers(f, filled, bytes / f->cell);
            }
            rows[i] = filled;
            continue;
        }
        const unsigned char *row = (const unsigned char *)f->image +
            (size_t)fc_filter_folded(y, f->h, f->boundary) * image_row;
        if (in_place) {
            rows[i] = row + (size_t)(rect.col * f->channels) * f->image_number;
            continue;
        }
        stage_row(f, row, rect.col, rect.cols, channel, stage);
        rows[i] = stage;
        stage += bytes;
    }
}

void fc_filter_unwidened(const fc_filter *f, fc_filter *own) {
    *own = *f;
    if (!f->reads)
        return;
    own->run = f->reads;
    own->widen = NULL;
    own->cell = f->image_number;
    own->fill = f->fill ? &own->fill_byte : NULL;
}

/* Columns that read over a border are staged, rounded up to a line so that they need no masks. */
size_t fc_filter_pieces(const fc_filter *f, ptrdiff_t from, ptrdiff_t to, ptrdiff_t cuts[4]) {
    const ptrdiff_t pixel = (ptrdiff_t)f->cell * f->channels, line = fc_max(LINE_BYTES / pixel, 1);
    ptrdiff_t first = fc_min(-f->left, f->out_w), end = fc_min(f->w - f->k_w - f->left + 1, f->out_w);
    const double narrow = fmax(NARROW_BYTES, TAP_BYTES * (double)f->k_h * (double)f->k_w);
    cuts[0] = from;
    if (f->widen || f->cell == 1 || ((first > 0 || end < f->out_w) && (double)(end - first) * (double)pixel < narrow)) {
        cuts[1] = to;
        return 1;
    }
    first = first > 0 ? fc_max(first, line) : 0;
    end = end < f->out_w ? fc_max(fc_min(end, f->out_w - line), first) : end;
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        ptrdiff_t cut = i ? end : first;
        if (cut > cuts[count] && cut < to)
            cuts[++count] = cut;
    }
    cuts[++count] = to;
    return count;
}
