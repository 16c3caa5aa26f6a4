"""One element: what a call costs, beside NumPy's own ufuncs called alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import Call, Timed
from test_contiguous import methods, suffixes

import fastround as fr

OPERANDS: dict[str, tuple[tuple[Any, Any], dict[str, Any]]] = {
    "numbers": ((0.3, 10.0), {}),
    "array of one": ((np.full(1, 0.3), 10.0), {}),
    "array of one, out=": ((np.full(1, 0.3), 10.0), {"out": np.zeros(1)}),
    "array of one float32": ((np.full(1, 0.3, np.float32), 10.0), {}),
}


@pytest.mark.parametrize("operands", OPERANDS)
@suffixes
@methods
def test_one_element(timed: Timed, method: str, suffix: str, operands: str) -> None:
    args, options = OPERANDS[operands]
    beside = {"np.exp": Call(np.exp, args[0], **options)}
    # One that takes as many operands and returns as many results.
    alike = np.divmod if suffix == "_value_and_grad" else np.arctan2
    if options and alike.nout == 2:
        options = {"out": (np.zeros(1), np.zeros(1))}
    beside["alike"] = Call(alike, *args, **options)
    timed(Call(getattr(fr, f"{method}_round{suffix}"), *args, **options), beside)
