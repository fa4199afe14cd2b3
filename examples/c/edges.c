/* SPDX-License-Identifier: MIT */
/* The vertical edges of a small picture, in C: cc edges.c $(pkg-config --cflags --libs fastconv) */
#include <stdio.h>

#include <fastconv.h>

enum { HEIGHT = 6, WIDTH = 8 };

int main(void) {
    static const float sobel[3][3] = {{1, 0, -1}, {2, 0, -2}, {1, 0, -1}};
    float image[HEIGHT][WIDTH], edges[HEIGHT][WIDTH];
    for (int row = 0; row < HEIGHT; row++)
        for (int col = 0; col < WIDTH; col++)
            image[row][col] = col < WIDTH / 2 ? 0 : 1;
    const fc_convolve2d_params params = {
        .dtype = FC_F32, .image_h = HEIGHT, .image_w = WIDTH, .k_h = 3, .k_w = 3, .mode = FC_SAME, .boundary = FC_SYMM};
    fc_status status = fc_init();
    if (status == FC_OK)
        status = fc_convolve2d(&params, image, sobel, NULL, edges);
    if (status != FC_OK) {
        fprintf(stderr, "fastconv: %s\n", fc_status_text(status));
        return 1;
    }
    printf("fastconv %s on %s\n", FASTCONV_VERSION, fc_active_isa());
    for (int row = 0; row < HEIGHT; row++)
        for (int col = 0; col < WIDTH; col++)
            printf("%g%c", edges[row][col], col + 1 < WIDTH ? ' ' : '\n');
    return 0;
}
