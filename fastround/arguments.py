"""What the helpers of windows and sharpness have in common: checks of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Method: TypeAlias = Literal["sigmoid", "density"]
Reals: TypeAlias = NDArray[np.float64]


def reals(name: str, value: ArrayLike, domain: str, inside: Callable[[Reals], Any]) -> Reals:
    """The argument as float64; an error if it is not real, or not inside its domain.  A nan is inside none."""
    array = np.asarray(value)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} must be real, not {array.dtype}")
    array = array.astype(np.float64)
    _require(name, array, domain, inside(array))
    return array


def sharpnesses(k: ArrayLike) -> Reals:
    """A sharpness, or an array of them."""
    return reals("k", k, "in [0, inf]", lambda k: k >= 0)


def whole(name: str, value: ArrayLike) -> NDArray[Any]:
    """The argument as an array of integers that are not negative."""
    array = np.asarray(value)
    if array.dtype.kind not in "bui":
        raise ValueError(f"{name} must be of an integer type, not {array.dtype}")
    _require(name, array, "at least 0", array >= 0)
    return array


def choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """An error if the argument is none of the known ones."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, not {value!r}")


def _require(name: str, array: NDArray[Any], domain: str, inside: Any) -> None:
    if not np.all(inside):
        raise ValueError(f"{name} must be {domain}, got {array[~np.asarray(inside)].flat[0]}")
