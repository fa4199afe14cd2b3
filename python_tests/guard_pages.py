"""Arrays beside pages that may not be touched: a read or write outside of one ends the process."""

import ctypes
import mmap

import numpy as np

PAGE, NONE = mmap.PAGESIZE, 0
libc = ctypes.CDLL(None)
libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
maps = []


def guarded(array, at_end):
    """A copy of array that starts or ends at the edge of such a page."""
    pages = -(-array.nbytes // PAGE) + 2
    memory = mmap.mmap(-1, pages * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for guard in start, start + (pages - 1) * PAGE:
        assert libc.mprotect(guard, PAGE, NONE) == 0
    maps.append(memory)
    place = (pages - 1) * PAGE - array.nbytes if at_end else PAGE
    inner = np.frombuffer(memory, array.dtype, array.size, place).reshape(array.shape)
    inner[...] = array
    return inner
