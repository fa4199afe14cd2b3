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
    }
    return "unknown status";
}

size_t fc_dtype_size(fc_dtype dtype) {
    switch (dtype) {
    case FC_BOOL:
    case FC_I8:
    case FC_U8:
        return 1;
    case FC_I16:
    case FC_U16:
    case FC_F16:
    case FC_BF16:
        return 2;
    case FC_I32:
    case FC_U32:
    case FC_F32:
        return 4;
    case FC_I64:
    case FC_U64:
    case FC_F64:
    case FC_C64:
        return 8;
    case FC_C128:
        return 16;
    case FC_LONGDOUBLE:
        return sizeof(long double);
    case FC_CLONGDOUBLE:
        return 2 * sizeof(long double);
    case FC_DTYPE_COUNT:
        break;
    }
    return 0;
}
