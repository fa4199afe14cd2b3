# What this module was built by.
cdef extern from *:
    """
    #if defined(__clang__)
    #define FC_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define FC_COMPILER "gcc " __VERSION__
    #else
    #define FC_COMPILER "unknown"
    #endif
    """
    const char *COMPILER "FC_COMPILER"


def compiler():
    """The C compiler this module was built with."""
    return COMPILER.decode()


def left_out_isas():
    """Instruction sets of this machine that the compiler lacked."""
    names = []
    while fc_left_out_isa(len(names)) is not NULL:
        names.append(fc_left_out_isa(len(names)).decode())
    return names
