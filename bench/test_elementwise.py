"""The ufuncs beside a copy by all threads, the literal sum and np.arctan2, in one run: `make bench`.

Read the ratios, since times are those of one machine in one hour.  Nothing here is asserted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import copy, copy_to_two, literal_sum

import fastround as fr

Timed = Callable[..., None]

methods = pytest.mark.parametrize("method", ["sigmoid", "density"])
suffixes = pytest.mark.parametrize("suffix", ["", "_grad", "_grad_k", "_value_and_grad"])


def outputs(x: Any, suffix: str) -> Any:
    """What `out=` takes, its pages mapped."""
    out = tuple(np.zeros_like(x) for _ in range(2 if suffix == "_value_and_grad" else 1))
    return out if len(out) > 1 else out[0]


class TestContiguous:
    def test_copy(self, timed: Timed, x: Any) -> None:
        timed(copy, x, outputs(x, ""), elements=x.size)

    def test_copy_to_two(self, timed: Timed, x: Any) -> None:
        timed(copy_to_two, x, *outputs(x, "_value_and_grad"), elements=x.size)

    def test_literal_sum(self, timed: Timed, x: Any) -> None:
        # A sixteenth of the elements: it needs eleven times the memory, several times over.
        part = x[: x.size // 16]
        timed(literal_sum, part, x.dtype.type(10), elements=part.size, beside=self.copied(x))

    @methods
    @suffixes
    @pytest.mark.parametrize("k", [0.1, 2.0, 10.0, 200.0, 1e4])
    def test_ufunc(self, timed: Timed, x: Any, method: str, suffix: str, k: float) -> None:
        ufunc = getattr(fr, f"{method}_round{suffix}")
        timed(ufunc, x, k, out=outputs(x, suffix), elements=x.size, beside=self.copied(x, suffix))

    @pytest.mark.parametrize("name", ["sigmoid_floor", "density_ceil"])
    def test_other_places(self, timed: Timed, x: Any, name: str) -> None:
        timed(getattr(fr, name), x, 10.0, out=outputs(x, ""), elements=x.size, beside=self.copied(x))

    @staticmethod
    def copied(x: Any, suffix: str = "") -> str:
        return f"TestContiguous::test_copy{'_to_two' if suffix == '_value_and_grad' else ''}[{x.dtype}]"


class TestVarying:
    @methods
    @suffixes
    @pytest.mark.parametrize("highest", [10.0, 1e4])
    def test_one_k_per_element(self, timed: Timed, x: Any, method: str, suffix: str, highest: float) -> None:
        ufunc = getattr(fr, f"{method}_round{suffix}")
        k = np.geomspace(8.0, highest, x.size).astype(x.dtype)
        scalar = f"TestContiguous::test_ufunc[{x.dtype}-10.0-{suffix}-{method}]"
        timed(ufunc, x, k, out=outputs(x, suffix), elements=x.size, beside=scalar)


@suffixes
class TestStrided:
    """A quarter of the elements in each test, so that all use as many."""

    def test_contiguous(self, timed: Timed, x: Any, suffix: str) -> None:
        self.run(timed, x[: x.size // 4], suffix)

    def test_every_second(self, timed: Timed, x: Any, suffix: str) -> None:
        self.run(timed, x[: x.size // 2 : 2], suffix)

    def test_offset_by_one(self, timed: Timed, x: Any, suffix: str) -> None:
        self.run(timed, x[1 : x.size // 4 + 1], suffix)

    def test_half_of_each_row(self, timed: Timed, x: Any, suffix: str) -> None:
        self.run(timed, x.reshape(-1, 2048)[::2, :1024], suffix)

    @staticmethod
    def run(timed: Timed, x: Any, suffix: str) -> None:
        contiguous = f"TestStrided::test_contiguous[{x.dtype}-{suffix}]"
        ufunc = getattr(fr, f"sigmoid_round{suffix}")
        timed(ufunc, x, 10.0, out=outputs(x, suffix), elements=x.size, beside=contiguous)


@pytest.mark.parametrize("operands", [(0.3, 10.0), (np.full(1, 0.3), 10.0)], ids=["scalar", "array"])
class TestLatency:
    def test_arctan2(self, timed: Timed, operands: tuple[Any, Any]) -> None:
        timed(np.arctan2, *operands)

    @methods
    @suffixes
    def test_ufunc(self, timed: Timed, operands: tuple[Any, Any], method: str, suffix: str) -> None:
        kind = "scalar" if np.isscalar(operands[0]) else "array"
        timed(getattr(fr, f"{method}_round{suffix}"), *operands, beside=f"TestLatency::test_arctan2[{kind}]")
