"""Smooth, differentiable rounding for NumPy arrays and inside Numba-compiled code.

The rounding functions are listed in `fastround.table`; each is a `numpy.ufunc` of a position x and a sharpness k, those
over windows also of a radius, and works under the same name in nopython code.  `fastround.reference` has them in pure
Python, `fastround.sharpness` helps to choose k, and `window_error` and `window_radius` tell what sums over windows cost
in truth.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import nopython
from .ufuncs import ufuncs as _ufuncs

__version__ = "0.1.0"

# Imported when they are first wanted, from the modules named.
_lazy = {
    "reference": "reference",
    "sharpness": "sharpness",
    "window_error": "windows",
    "window_radius": "windows",
}

globals().update(_ufuncs)
nopython.register(_ufuncs)

__all__ = ["__version__", *_lazy, *_ufuncs]


def __getattr__(name: str) -> Any:
    if name not in _lazy:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f".{_lazy[name]}", __name__)
    return getattr(module, name, module)
