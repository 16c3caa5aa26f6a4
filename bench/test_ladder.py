"""What each step bought, from the literal sum to fastround: the rungs of `ladder.py` on the same array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ladder
import numpy as np
import pytest
from conftest import Call, Timed, outputs
from peers import worst_ulp
from test_contiguous import copied

import fastround as fr


def _ufunc(ufunc: Any) -> Callable[[Any], Callable[..., Any]]:
    return lambda real: lambda x, k, out: ufunc(x, k, out=out)


# From the precision to the function of x, k and out; and the threads it uses.
RUNGS: dict[str, tuple[Callable[[Any], Callable[..., Any]], int | None]] = {
    "literal_sum": (lambda real: ladder.literal_sum, 1),
    "jitted_sum": (_ufunc(ladder.jitted_sum), 1),
    "leak_free_terms": (_ufunc(ladder.leak_free_terms), 1),
    "one_exponential": (_ufunc(ladder.one_exponential), 1),
    "hoisted_constants": (lambda real: ladder.hoisted_constants, 1),
    "vectorised": (ladder.vectorised, 1),
    "threads": (lambda real: ladder.vectorised(real, parallel=True), None),
    "fastround, one thread": (_ufunc(fr.sigmoid_round), 1),
    "fastround": (_ufunc(fr.sigmoid_round), None),
}
SLOW = ("literal_sum", "jitted_sum", "leak_free_terms", "one_exponential")


@pytest.mark.parametrize("rung", RUNGS)
def test_rung(timed: Timed, x: Any, dtype: str, rung: str) -> None:
    build, threads = RUNGS[rung]
    # A sixteenth of the elements for those whose speed has nothing to do with that of memory.
    part = x[: x.size // 16] if rung in SLOW else x
    out, k = outputs(part), x.dtype.type(10)
    run = build(np.dtype(dtype).type)
    run(part, k, out)
    timed(Call(run, part, k, out, elements=part.size, threads=threads), {"copy": copied(x)}, **worst_ulp(out, part, 10))
