/* SPDX-License-Identifier: MIT */
/*
 * Finished sums on their way to the result: rounded to its type, and past the caches where the result is too large for
 * them. A line that is written whole past the caches is not read first, a third of what a filter of few taps moves.
 */
#include <string.h>

#include "core/size.h"
#include "ops/filter/filter.h"

enum { CHUNK_BYTES = 4096, LINE_BYTES = 64 };

void *fc_filter_place(const fc_filter *f, ptrdiff_t row, ptrdiff_t col) {
    const size_t line = (size_t)(f->out_w * f->channels) * f->out_number;
    if (f->narrow || (f->streams && ((uintptr_t)f->out | line) % LINE_BYTES))
        return NULL;
    return (unsigned char *)f->out + (size_t)row * line + (size_t)(col * f->channels) * f->out_number;
}

static void store_row(const fc_filter *f, const unsigned char *sums, size_t count, unsigned char *to) {
    unsigned char chunk[CHUNK_BYTES];
    if (!f->narrow) {
        f->streams ? f->kernels->stream(to, sums, count * f->number) : (void)memcpy(to, sums, count * f->number);
        return;
    }
    if (!f->streams) {
        f->narrow(sums, to, count, &f->scaling);
        return;
    }
    for (size_t done = 0, n; done < count; done += n) {
        n = fc_least(count - done, CHUNK_BYTES / f->out_number);
        f->narrow(sums + done * f->number, chunk, n, &f->scaling);
        f->kernels->stream(to + done * f->out_number, chunk, n * f->out_number);
    }
}

/* to[i * step] = from[i], i < count, numbers of `size` bytes. */
static void spread(const unsigned char *from, size_t count, size_t size, unsigned char *to, size_t step) {
#define SPREAD(bytes)                                               \
    case bytes:                                                     \
        for (size_t i = 0; i < count; i++)                          \
            memcpy(to + i * step * bytes, from + i * bytes, bytes); \
        break;
    switch (size) {
        SPREAD(1)
        SPREAD(2)
        SPREAD(4)
        SPREAD(8) default : for (size_t i = 0; i < count; i++) memcpy(to + i * step * size, from + i * size, size);
    }
#undef SPREAD
}

/* One channel of a row of pixels. */
static void store_channel(const fc_filter *f, const unsigned char *sums, size_t count, unsigned char *to) {
    const size_t size = f->out_number, step = size * (size_t)f->channels;
    unsigned char chunk[CHUNK_BYTES];
    for (size_t done = 0, n; done < count; done += n) {
        const unsigned char *from = sums + done * f->number;
        n = fc_least(count - done, CHUNK_BYTES / size);
        if (f->narrow) {
            f->narrow(from, chunk, n, &f->scaling);
            from = chunk;
        }
        spread(from, n, size, to + done * step, (size_t)f->channels);
    }
}

void fc_filter_store(const fc_filter *f, fc_rect rect, ptrdiff_t channel, const void *sums, size_t pitch) {
    const size_t pixel = f->out_number * (size_t)f->channels;
    const int all = channel < 0 || f->channels == 1;
    if (all && rect.cols == f->out_w && pitch == (size_t)(rect.cols * f->channels)) {
        store_row(f, sums, (size_t)rect.rows * pitch, (unsigned char *)f->out + (size_t)(rect.row * f->out_w) * pixel);
        return;
    }
    for (ptrdiff_t i = 0; i < rect.rows; i++) {
        const unsigned char *row = (const unsigned char *)sums + (size_t)i * pitch * f->number;
        unsigned char *to = (unsigned char *)f->out + (size_t)((rect.row + i) * f->out_w + rect.col) * pixel;
        if (all)
            store_row(f, row, (size_t)(rect.cols * f->channels), to);
        else
            store_channel(f, row, (size_t)rect.cols, to + (size_t)channel * f->out_number);
    }
}

void fc_filter_stored(const fc_filter *f) {
    if (f->streams)
        f->kernels->stream_end();
}
