/* SPDX-License-Identifier: MIT */
#include "fastconv.h"

const char *fc_status_text(fc_status status) {
    switch (status) {
    case FC_OK:
        return "no error";
    case FC_OUT_OF_MEMORY:
        return "out of memory";
    case FC_BAD_SHAPE:
        return "sizes are negative, zero or inconsistent";
    case FC_TOO_LARGE:
        return "sizes overflow the address space";
    case FC_BAD_DTYPE:
        return "no kernel for this dtype";
    case FC_BAD_ARGUMENT:
        return "argument out of range";
    case FC_NEEDS_INPUT:
        return "this gradient needs the input of the activation";
    case FC_UNKNOWN_ISA:
        return "unknown instruction set";
    case FC_MISSING_ISA:
        return "instruction set not available on this CPU or not compiled in";
    case FC_NOT_PACKED:
        return "the kernel is not packed for this layer";
    }
    return "unknown status";
}
