"""A controller for threadpoolctl: it sets the threads of a build without OpenMP, which threadpoolctl knows nothing of.

Importing this module registers it. ``import fastconv`` does so where there is no OpenMP and threadpoolctl has been
imported before.
"""

import os
from typing import Any

import threadpoolctl

import fastconv

from . import _core

__all__ = ["FastconvController"]


class FastconvController(threadpoolctl.LibController):
    """The threads that calls use where `fastconv.set_num_threads` has set none.

    Examples
    --------
    >>> import fastconv.threadpool
    >>> with threadpoolctl.threadpool_limits(1, user_api="openmp"):
    ...     [found["num_threads"] for found in threadpoolctl.threadpool_info() if found["internal_api"] == "fastconv"]
    [1]
    """

    user_api, internal_api = "openmp", "fastconv"
    filename_prefixes = (os.path.basename(_core.__file__).lower(),)

    def get_num_threads(self) -> Any:
        return _core.get_default_threads()

    def set_num_threads(self, num_threads: int) -> None:
        _core.set_default_threads(num_threads)

    def get_version(self) -> Any:
        if not os.path.samefile(str(self.filepath), _core.__file__):
            raise OSError(f"{self.filepath} is another package's")  # which threadpoolctl then leaves alone
        return fastconv.__version__


threadpoolctl.register(FastconvController)
