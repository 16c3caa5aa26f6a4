"""Smooth, differentiable rounding for NumPy arrays and inside Numba-compiled code.

The rounding functions are listed in `fastround.table`; each is a `numpy.ufunc` of a position x and a sharpness k, and
works under the same name in nopython code.  `fastround.reference` has them in pure Python.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import nopython
from .ufuncs import ufuncs as _ufuncs

__version__ = "0.1.0"

globals().update(_ufuncs)
nopython.register(_ufuncs)

__all__ = ["__version__", "reference", *_ufuncs]


def __getattr__(name: str) -> Any:
    """Import the reference implementation when it is first wanted."""
    if name == "reference":
        return importlib.import_module(".reference", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
