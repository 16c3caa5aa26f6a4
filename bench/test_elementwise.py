"""The ufuncs beside a copy by all threads, the literal sum and np.arctan2, in one run: `make bench`.

Groups are sorted by the fastest; read the ratios, since times are those of one machine in one hour.  Nothing here is
asserted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import copy, copy_to_two, literal_sum

import fastround as fr

Timed = Callable[..., None]

SHARPNESSES = (0.1, 2.0, 10.0, 200.0, 1e4)
SUFFIXES = ("", "_grad", "_grad_k", "_value_and_grad")

methods = pytest.mark.parametrize("method", ["sigmoid", "density"])


def outputs(x: Any, suffix: str) -> Any:
    """What `out=` takes, its pages mapped."""
    out = tuple(np.zeros_like(x) for _ in range(2 if suffix == "_value_and_grad" else 1))
    return out if len(out) > 1 else out[0]


@pytest.mark.benchmark(group="contiguous")
class TestContiguous:
    def test_copy(self, timed: Timed, x: Any) -> None:
        timed(copy, x, outputs(x, ""), elements=x.size)

    def test_copy_to_two(self, timed: Timed, x: Any) -> None:
        timed(copy_to_two, x, *outputs(x, "_value_and_grad"), elements=x.size)

    @methods
    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("k", SHARPNESSES)
    def test_ufunc(self, timed: Timed, x: Any, method: str, suffix: str, k: float) -> None:
        ufunc = getattr(fr, f"{method}_round{suffix}")
        timed(ufunc, x, k, out=outputs(x, suffix), elements=x.size)

    @pytest.mark.parametrize("name", ["sigmoid_floor", "density_ceil"])
    def test_other_places(self, timed: Timed, x: Any, name: str) -> None:
        timed(getattr(fr, name), x, 10.0, out=outputs(x, ""), elements=x.size)

    def test_literal_sum(self, timed: Timed, x: Any) -> None:
        # A sixteenth of the elements: it needs eleven times the memory, several times over.
        part = x[: x.size // 16]
        timed(literal_sum, part, x.dtype.type(10), elements=part.size)


@pytest.mark.benchmark(group="k an array")
class TestVarying:
    @methods
    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("highest", [10.0, 1e4])
    def test_one_k_per_element(self, timed: Timed, x: Any, method: str, suffix: str, highest: float) -> None:
        ufunc = getattr(fr, f"{method}_round{suffix}")
        k = np.geomspace(8.0, highest, x.size).astype(x.dtype)
        timed(ufunc, x, k, out=outputs(x, suffix), elements=x.size)


@pytest.mark.benchmark(group="strided")
class TestStrided:
    """A quarter of the elements in each test, so that all use as many."""

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_contiguous(self, timed: Timed, x: Any, suffix: str) -> None:
        part = x[: x.size // 4]
        timed(self.ufunc(suffix), part, 10.0, out=outputs(part, suffix), elements=part.size)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_every_second(self, timed: Timed, x: Any, suffix: str) -> None:
        part = x[: x.size // 2 : 2]
        timed(self.ufunc(suffix), part, 10.0, out=outputs(part, suffix), elements=part.size)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_offset_by_one(self, timed: Timed, x: Any, suffix: str) -> None:
        part = x[1 : x.size // 4 + 1]
        timed(self.ufunc(suffix), part, 10.0, out=outputs(part, suffix), elements=part.size)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_half_of_each_row(self, timed: Timed, x: Any, suffix: str) -> None:
        part = x.reshape(-1, 2048)[::2, :1024]
        timed(self.ufunc(suffix), part, 10.0, out=outputs(part, suffix), elements=part.size)

    @staticmethod
    def ufunc(suffix: str) -> np.ufunc:
        ufunc: np.ufunc = getattr(fr, f"sigmoid_round{suffix}")
        return ufunc


@pytest.mark.benchmark(group="one element")
class TestLatency:
    @pytest.mark.parametrize("operands", [(0.3, 10.0), (np.full(1, 0.3), 10.0)], ids=["scalar", "array"])
    def test_arctan2(self, timed: Timed, operands: tuple[Any, Any]) -> None:
        timed(np.arctan2, *operands)

    @methods
    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("operands", [(0.3, 10.0), (np.full(1, 0.3), 10.0)], ids=["scalar", "array"])
    def test_ufunc(self, timed: Timed, operands: tuple[Any, Any], method: str, suffix: str) -> None:
        timed(getattr(fr, f"{method}_round{suffix}"), *operands)
