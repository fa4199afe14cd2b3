/* SPDX-License-Identifier: MIT */
#include "tensorflow/tf_api.h"

#include <dlfcn.h>

fc_tf_functions tf;

/* The library `import tensorflow` has loaded; RTLD_NOLOAD keeps it from being loaded a second time. */
static void *loaded_tensorflow(void) {
    static const char *const names[] = {"libtensorflow_framework.so.2", "libtensorflow_framework.2.dylib"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_NOLOAD);
    return library;
}

const char *fc_tf_find_functions(void) {
    void *library = loaded_tensorflow();
    if (!library)
        return "libtensorflow_framework";
#define FC_TF_FIND(result, name, arguments)           \
    *(void **)&tf.name = dlsym(library, "TF_" #name); \
    if (!tf.name)                                     \
        return "TF_" #name;
    FC_TF_FUNCTIONS(FC_TF_FIND)
#undef FC_TF_FIND
    return NULL;
}
