"""A reader of HDF5 files as Keras and h5py write them, in Python and NumPy.

Read: superblocks 0 to 3, object headers 1 and 2, groups as symbol tables, link messages and fractal heaps, attributes
in headers and in fractal heaps, contiguous and compact datasets of numbers, bool and strings. Refused by a FileError
that names the object: chunked, compressed, external and virtual datasets, soft, external and second hard links,
committed and compound types. Files are not trusted: no offset leads out of the file, and the work is bounded by the
file's size. Checksums are not compared.

Source: "HDF5 File Format Specification Version 3.0", The HDF Group.
"""

from .by_h5py import open_by_h5py
from .objects import Dataset, Group, open_hdf5

__all__ = ["Dataset", "Group", "open_by_h5py", "open_hdf5"]
