/* SPDX-License-Identifier: MIT */
/*
 * Long sums in pieces. A chain of additions in one register loses up to a third of its length in units of its last
 * place where the summands are alike, as each rounds the same way. So a chain ends after LENGTH steps and is added to
 * `parts`, which lie in L1 beside the tile (Blanchard, Higham and Mary, "A class of fast and accurate summation
 * algorithms", SIAM J. Sci. Comput. 42(3), 2020). Where chains end follows from the step's number in the sum alone.
 */
#undef CHAIN_PARTS
#undef CHAIN_FOLD
#undef CHAIN_END
/* Opaque, lest the compiler spread the parts over the registers that the steps need. */
#define CHAIN_PARTS(ROWS, VECTORS, LENGTH)                    \
    _Alignas(64) T parts_of_tile[(ROWS) * (VECTORS) * LANES]; \
    T *parts = V(opaque)(parts_of_tile);                      \
    const size_t chain = LENGTH;                              \
    size_t room = chain;                                      \
    int folded = 0
/* sum[ROWS][VECTORS] to the parts; the chain begins anew. */
#define CHAIN_FOLD(ROWS, VECTORS)                                                  \
    do {                                                                           \
        _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++)                    \
            _Pragma("GCC unroll 16") for (int v = 0; v < VECTORS; v++) {           \
            T *part = parts + (r * VECTORS + v) * LANES;                           \
            V(store)(part, folded ? V(add)(V(load)(part), sum[r][v]) : sum[r][v]); \
            sum[r][v] = V(set1)(0);                                                \
        }                                                                          \
        folded = 1;                                                                \
        room = chain;                                                              \
    } while (0)
/* The whole sum. */
#define CHAIN_END(ROWS, VECTORS)                                                                                       \
    if (folded)                                                                                                        \
    _Pragma("GCC unroll 16") for (int r = 0; r < ROWS; r++) _Pragma("GCC unroll 16") for (int v = 0; v < VECTORS; v++) \
        sum[r][v] = V(add)(V(load)(parts + (r * VECTORS + v) * LANES), sum[r][v])
