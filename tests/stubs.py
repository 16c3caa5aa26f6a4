"""Writes fastround/__init__.pyi, which tells type checkers the names that are made at import: `make generate`."""

from __future__ import annotations

from pathlib import Path

import fastround
from fastround.table import UFUNCS

STUB = Path(fastround.__file__).with_suffix(".pyi")


def stub() -> str:
    """The text of the stub."""
    declared = "\n".join(
        f'{ufunc.name}: Final[np.ufunc]\n"""{ufunc.function.summary}: {ufunc.output.summary}."""' for ufunc in UFUNCS
    )
    return f"""\
# Generated from fastround/table.py by `make generate`.

from typing import Final

import numpy as np

from . import reference as reference
from . import sharpness as sharpness
from .windows import window_error as window_error
from .windows import window_radius as window_radius

__all__: Final[list[str]]
__version__: Final[str]

{declared}
"""


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
