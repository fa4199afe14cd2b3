/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>

#include "fastconv.h"

static atomic_int precision = FC_HIGHEST;

fc_status fc_set_precision(fc_precision wanted) {
    if (wanted < FC_HIGHEST || wanted > FC_MEDIUM)
        return FC_BAD_ARGUMENT;
    atomic_store(&precision, (int)wanted);
    return FC_OK;
}

fc_precision fc_get_precision(void) { return (fc_precision)atomic_load(&precision); }
