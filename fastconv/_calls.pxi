# What holds for a call: the threads of the blocks around it, and an end when a signal's handler raises.
import os
import threading
from contextvars import ContextVar

from cpython.mem cimport PyMem_Calloc, PyMem_Free

cdef extern from *:
    """
    /* In Python's main thread, without the GIL. The exception stays set until the call has come back. */
    static int fc_signal_raised(void) {
        PyGILState_STATE state = PyGILState_Ensure();
        const int raised = PyErr_CheckSignals() < 0;
        PyGILState_Release(state);
        return raised;
    }
    """
    int signal_raised "fc_signal_raised"() noexcept nogil

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()

cdef unsigned long _main_thread = threading.main_thread().ident


def _become_main_thread():
    global _main_thread
    _main_thread = PyThread_get_thread_ident()


os.register_at_fork(after_in_child=_become_main_thread)


cdef class ThreadBlock:
    """A number of threads that has been asked for; 0 when the block has been left."""
    cdef public int threads

    def __init__(self, int threads):
        self.threads = threads


cdef class Series:
    """A block in which calls of this thread follow one another: workers wait awake between them, 1 ms at most."""
    cdef int counted

    def __enter__(self):
        self.counted = fc_begin_series()

    def __exit__(self, *exception):
        fc_end_series(self.counted)
        self.counted = 0


# The blocks around a call, the innermost last; a context that was copied may still have some that were left.
thread_blocks = ContextVar("fastconv.threads", default=())
cdef object _thread_blocks = thread_blocks
cdef int _shared_threads = 0


def share_num_threads(int n):
    """The threads of the block entered last, for calls that belong to no context: those of a framework's own threads. 0: there are no blocks."""
    global _shared_threads
    _shared_threads = n
    fc_share_num_threads(n)


cdef int _threads_here() except? -2:
    """As fc_caller.threads wants them."""
    cdef ThreadBlock block
    if not _shared_threads:
        return 0
    for block in reversed(<tuple>_thread_blocks.get()):
        if block.threads:
            return block.threads
    return -1


cdef int _enter(fc_caller *caller, bint interruptible) except -1:
    """Begin a call, which _leave must end. `interruptible`: no argument is lost where it ends half-way."""
    caller.threads = _threads_here()
    caller.interrupts = NULL
    if interruptible and PyThread_get_thread_ident() == _main_thread:
        caller.interrupts = signal_raised
    fc_enter(caller)
    return 0


cdef int _leave(fc_status status) except -1:
    if fc_leave():
        return -1       # what the signal's handler has raised
    return _raise(status)


def set_num_threads(int n):
    _raise(fc_set_num_threads(n))


def set_default_threads(int n):
    _raise(fc_set_default_threads(n))


def get_default_threads():
    """What holds where no number is set."""
    return fc_get_default_threads()


def get_num_threads():
    cdef fc_caller caller
    _enter(&caller, False)
    n = fc_get_num_threads()
    _leave(FC_OK)
    return n


def task_times(function, size_t most=1 << 12):
    """The tasks that the calls of `function()` are cut into, which this thread runs one after the other.

    (loop, threads that it might have used, begin, end in nanoseconds of time.thread_time_ns) each; a MemoryError where
    there are more than `most`.
    """
    cdef fc_task_time *times = <fc_task_time *>PyMem_Calloc(most, sizeof(fc_task_time))
    cdef size_t i, count = 0
    if times is NULL:
        raise MemoryError("fastconv: no memory for the times of tasks")
    try:
        fc_record_tasks(times, most)
        try:
            function()
        finally:
            count = fc_recorded_tasks()
        if count > most:
            raise MemoryError(f"fastconv: {count} tasks, and room for the times of {most}")
        return [(times[i].loop, times[i].threads, times[i].begin, times[i].end) for i in range(count)]
    finally:
        PyMem_Free(times)
