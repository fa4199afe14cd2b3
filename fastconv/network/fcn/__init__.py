"""``.fcn`` files: a network's graph and weights in one file, which is mapped into memory when it is loaded.

::

    header      64 bytes: `layout.Header`
    weights     arrays in C order, each at a multiple of 64 bytes
    table       JSON in UTF-8: inputs, outputs, nodes and layers of the graph, and of each constant dtype, shape,
                offset and CRC-32

Names of operators and dtypes come from closed tables. No part of a file is code.
"""

from .layout import MAGIC, dtype_named
from .reader import map_fcn, read_fcn
from .writer import save_fcn

__all__ = ["MAGIC", "dtype_named", "map_fcn", "read_fcn", "save_fcn"]
