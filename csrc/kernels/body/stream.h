/* SPDX-License-Identifier: MIT */
/* Whole lines are written past the caches, the ends of dst that share a line with others as usual. */
static void FC_NAME(stream)(void *dst_, const void *src_, size_t bytes) {
    enum { LINE = 64, STEP = LINE / sizeof(vf32) };
    unsigned char *dst = dst_;
    const unsigned char *src = src_;
    const size_t before = -(uintptr_t)dst % LINE, head = before < bytes ? before : bytes, tail = (bytes - head) % LINE;
    memcpy(dst, src, head);
    size_t at = head;
    for (; at < bytes - tail; at += LINE)
        for (size_t i = 0; i < STEP; i++)
            vf32_stream(
                (float *)(dst + at + i * sizeof(vf32)), vf32_load((const float *)(src + at + i * sizeof(vf32))));
    memcpy(dst + at, src + at, tail);
}

static void FC_NAME(stream_end)(void) { vec_stream_end(); }
