/* SPDX-License-Identifier: MIT */
/*
 * Complex numbers as pairs of real columns: with p = sum of re(tap) * x and q = sum of im(tap) * x over the real
 * columns, the result is (p_re - q_im, p_im + q_re). The taps come as two planes, real parts first.
 */
static void TYPED(convolve2d_complex)(const fc_convolve2d_block *b) {
    enum { COLS = TYPED(convolve2d_WIDE) * LANES };
    const T *re_taps = b->taps, *im_taps = re_taps + b->k_h * b->k_w;
    const size_t cols = 2 * b->n_cols;
    const int how = b->backwards ? TYPED(convolve2d_BACKWARDS) : 0;
    const TYPED(convolve2d_pieces) pieces = TYPED(convolve2d_cut)(b->k_h, b->k_w);
    T p[4 * COLS], q[4 * COLS];
    for (size_t r = 0, n; r < b->n_rows; r += n) {
        n = b->n_rows - r < 4 ? 1 : 4;
        for (size_t first = 0, width; first < cols; first += width) {
            width = TYPED(convolve2d_width)(&first, cols);
            TYPED(convolve2d_any)(
                &pieces, re_taps, b->k_h, b->k_w, b->rows + r, n, first, 2 * b->step, width, p, COLS, how);
            TYPED(convolve2d_any)(
                &pieces, im_taps, b->k_h, b->k_w, b->rows + r, n, first, 2 * b->step, width, q, COLS, how);
            for (size_t i = 0; i < n; i++) {
                T *sum = p + i * COLS, *turned = q + i * COLS;
                for (size_t c = 0; c < width; c += 2) {
                    sum[c] -= turned[c + 1];
                    sum[c + 1] += turned[c];
                }
                memcpy((T *)b->out + 2 * (r + i) * b->out_pitch + first, sum, width * sizeof(T));
            }
        }
    }
}
