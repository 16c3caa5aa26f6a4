"""Sums over windows by their radius, beside the infinite sum at the same sharpness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import Call, Timed, outputs

import fastround as fr

# Soft, where the window matters for every radius; between; and sharp, where it matters for small ones.
SHARPNESSES = (0.1, 0.5, 2.0, 10.0)
RADII = (1, 2, 3, 10, 100, 1000)
# Ends of the sharpnesses and a radius: sharp, soft, and where distances are not few.
RANGES = {
    f"{least} to {greatest}, radius {radius}": (least, greatest, radius)
    for least, greatest, radius in ((8, 12, 2), (8, 12, 5), (1, 2, 2), (1, 2, 5), (1, 2, 10))
}


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("k", SHARPNESSES)
@pytest.mark.parametrize("suffix", ["", "_value_and_grad"])
@pytest.mark.parametrize("method", ["sigmoid", "density"])
def test_radius(timed: Timed, x: Any, dtype: str, method: str, suffix: str, k: float, radius: int) -> None:
    # In the first cache and in one thread, where nothing but the arithmetic takes time.
    x = x[: 2**14]
    out = outputs(x, suffix)
    infinite, windowed = (getattr(fr, f"{method}_round{kind}{suffix}") for kind in ("", "_windowed"))
    beside = Call(infinite, x, k, out=out, elements=x.size, threads=1)
    timed(Call(windowed, x, k, radius, out=out, elements=x.size, threads=1), {"infinite sum": beside})


@pytest.mark.parametrize("sharpness", RANGES)
@pytest.mark.parametrize("suffix", ["", "_grad", "_grad_k", "_value_and_grad"])
@pytest.mark.parametrize("method", ["sigmoid", "density"])
def test_one_k_per_element(timed: Timed, x: Any, dtype: str, method: str, suffix: str, sharpness: str) -> None:
    # Beyond the caches, but not so many that the slowest take minutes.
    x, (least, greatest, radius) = x[: x.size // 16], RANGES[sharpness]
    k, out = np.linspace(least, greatest, x.size).astype(x.dtype), outputs(x, suffix)
    windowed = getattr(fr, f"{method}_round_windowed{suffix}")
    one_k = Call(windowed, x, (least + greatest) / 2, radius, out=out, elements=x.size)
    timed(Call(windowed, x, k, radius, out=out, elements=x.size), {"one k": one_k})
