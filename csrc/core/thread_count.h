/* SPDX-License-Identifier: MIT */
#ifndef FC_CORE_THREAD_COUNT_H
#define FC_CORE_THREAD_COUNT_H

#include "fastconv.h"

/* What fc_get_num_threads gives, and fc_limit_threads leaves; 1 inside a parallel region of OpenMP. */
int fc_threads_of_this_call(void);

#endif
