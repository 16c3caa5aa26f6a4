"""Memory laid out otherwise, beside as many elements without gaps; and k an array, beside k a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import Call, Timed, outputs
from test_contiguous import call, methods, suffixes

import fastround as fr

Operands = tuple[Any, Any, dict[str, Any]]
Layout = Callable[[Any, int], Operands]
WIDTH = 1024


def _every_second(x: Any, part: int) -> Operands:
    return x[: 2 * part : 2], 10.0, {}


def _every_second_out(x: Any, part: int) -> Operands:
    return x[:part], 10.0, {"out": lambda: np.zeros(2 * part, x.dtype)[::2]}


def _reversed(x: Any, part: int) -> Operands:
    return x[:part][::-1], 10.0, {}


def _offset(x: Any, part: int) -> Operands:
    return x[1 : part + 1], 10.0, {}


def _offset_out(x: Any, part: int) -> Operands:
    return x[:part], 10.0, {"out": lambda: np.zeros(part + 1, x.dtype)[1:]}


def _half_of_each_row(x: Any, part: int) -> Operands:
    return x[: 2 * part].reshape(-1, 2 * WIDTH)[:, :WIDTH], 10.0, {}


def _every_second_row_and_column(x: Any, part: int) -> Operands:
    return x[: 4 * part].reshape(-1, 2 * WIDTH)[::2, ::2], 10.0, {}


def _without_margins(x: Any, part: int) -> Operands:
    return x[:part].reshape(-1, WIDTH)[1:-1, 1:-1], 10.0, {}


def _by_numpy(layout: Layout) -> Layout:
    """The same with a keyword that changes nothing, but leaves the call to NumPy."""

    def operands(x: Any, part: int) -> Operands:
        operand, k, options = layout(x, part)
        return operand, k, {**options, "order": "K"}

    return operands


def _fortran(x: Any, part: int) -> Operands:
    rows = np.asfortranarray(x[:part].reshape(-1, WIDTH))
    return rows, 10.0, {"out": lambda: np.zeros_like(rows)}


def _fortran_to_c(x: Any, part: int) -> Operands:
    return np.asfortranarray(x[:part].reshape(-1, WIDTH)), 10.0, {}


def _rows_of_three(x: Any, part: int) -> Operands:
    return x[: 4 * (part // 4)].reshape(-1, 4)[:, :3], 10.0, {}


def _k_per_column_of_three(x: Any, part: int) -> Operands:
    return x[: 3 * (part // 3)].reshape(-1, 3), np.array([8, 10, 12], x.dtype), {}


def _k_per_row(x: Any, part: int) -> Operands:
    return x[:part].reshape(-1, WIDTH), np.linspace(8, 12, part // WIDTH, dtype=x.dtype)[:, None], {}


def _k_per_column(x: Any, part: int) -> Operands:
    return x[:part].reshape(-1, WIDTH), np.linspace(8, 12, WIDTH, dtype=x.dtype), {}


def _where_half(x: Any, part: int) -> Operands:
    return x[:part], 10.0, {"where": np.arange(part) // (WIDTH // 2) % 2 == 0}


def _where_every_second(x: Any, part: int) -> Operands:
    return x[:part], 10.0, {"where": np.arange(part) % 2 == 0}


# What NumPy would copy, 8192 elements at a time.
ROWS: dict[str, Layout] = {
    "half of each row": _half_of_each_row,
    "x[::2, ::2]": _every_second_row_and_column,
    "x[1:-1, 1:-1]": _without_margins,
    "rows of 3, of an array with 4": _rows_of_three,
    "one k per row": _k_per_row,
    "rows of 3, one k per column": _k_per_column_of_three,
}
LAYOUTS: dict[str, Layout] = {
    "x[::2]": _every_second,
    "out[::2]": _every_second_out,
    "x[::-1]": _reversed,
    "x[1:]": _offset,
    "out[1:]": _offset_out,
    **ROWS,
    **{f"NumPy, {name}": _by_numpy(layout) for name, layout in ROWS.items()},
    "Fortran order": _fortran,
    "Fortran order to C order": _fortran_to_c,
    "one k per column": _k_per_column,
    "where= in runs": _where_half,
    "where= every second": _where_every_second,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("suffix", ["", "_value_and_grad"])
def test_layout(timed: Timed, x: Any, dtype: str, suffix: str, layout: str) -> None:
    # A quarter of the elements, so that all layouts use about as many.
    ours, contiguous = _calls(f"sigmoid_round{suffix}", x, x.size // 4, layout)
    beside = {"contiguous": contiguous}
    if not suffix:
        # What NumPy takes for a copy, by one thread, and what the layout costs a function of its own, which is slower.
        if "where" not in ours.kwargs:
            beside["np.copyto"] = Call(np.copyto, ours.kwargs["out"][0], ours.args[0], elements=ours.elements)
        beside["np.arctan2"], beside["np.arctan2 contiguous"] = _calls("arctan2", x, x.size // 64, layout)
    timed(ours, beside)


def _calls(name: str, x: Any, part: int, layout: str) -> tuple[Call, Call]:
    """A call on part of x in some layout, and one on as many elements without gaps."""
    operand, k, options = LAYOUTS[layout](x, max(part, 4 * WIDTH))
    contiguous = x[: operand.size]
    ufunc = getattr(np if name == "arctan2" else fr, name)
    make = options.pop("out", lambda: outputs(operand))
    out = tuple(make() for _ in range(ufunc.nout))
    return (
        Call(ufunc, operand, k, out=out, elements=operand.size, **options),
        Call(ufunc, contiguous, 10.0, out=tuple(outputs(contiguous) for _ in out), elements=operand.size),
    )


def _around_ten(size: int) -> Any:
    return np.linspace(8, 12, size)


def _any(size: int) -> Any:
    return 10 ** np.random.default_rng(1).uniform(-2, 4, size)


def _any_sorted(size: int) -> Any:
    return np.sort(_any(size))


SHARPNESSES = {"8 to 12": _around_ten, "0.01 to 10⁴, sorted": _any_sorted, "0.01 to 10⁴, at random": _any}


@pytest.mark.parametrize("sharpness", SHARPNESSES)
@suffixes
@methods
def test_one_k_per_element(timed: Timed, x: Any, dtype: str, method: str, suffix: str, sharpness: str) -> None:
    part = x[: x.size // 2]
    k = SHARPNESSES[sharpness](part.size).astype(x.dtype)
    name, out = f"{method}_round{suffix}", outputs(part, suffix)
    timed(call(part, name, k, out), {"k = 10": call(part, name, 10.0, out)})
