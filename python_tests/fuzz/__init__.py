"""A differential fuzzer of the functions on NumPy arrays: random small calls against references in float64.

A case is a dict that JSON holds, drawn from a seed and an index. `table.py` lists the functions; each family of them
has a module that draws a case and runs it against its reference.
"""
