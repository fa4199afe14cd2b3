"""A pytest plugin: SciPy's own tests with fastconv's functions in the place of SciPy's."""

import json

from scipy import ndimage, signal
from scipy._lib import _array_api

import fastconv
from fastconv import drop_in

_originals = {(module, name): getattr(module, name) for module in (signal, ndimage) for name in module.__all__}
fastconv.patch_scipy()  # before a test module imports the names

# SciPy looks up what a function takes by the function itself.
_table = getattr(_array_api, "xp_capabilities_table", {})
for (_module, _name), _original in _originals.items():
    if _original in _table:
        _table.setdefault(getattr(_module, _name), _table[_original])


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"fastconv's calls: {json.dumps(drop_in.calls())}")
