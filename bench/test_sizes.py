"""From one element to millions, with one thread and with all: no size should be slower with all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import Call, Timed, outputs, positions
from test_contiguous import call, copied

# Closer together where the threads set in.
SIZES = sorted({4**i for i in range(13)} | {2**i for i in range(12, 19)})


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("suffix", ["", "_grad_k"])
def test_size(timed: Timed, smoke: bool, dtype: str, suffix: str, size: int) -> None:
    if smoke and size > 2**16:
        pytest.skip("large arrays are for timing")
    x: Any = positions(size, dtype)
    out = outputs(x)
    beside = {
        "one thread": call(x, f"sigmoid_round{suffix}", out=out, threads=1),
        "np.exp": Call(np.exp, x, out=out, elements=size),
        "np.copyto": Call(np.copyto, out, x, elements=size),
        "copy": copied(x),
    }
    timed(call(x, f"sigmoid_round{suffix}", out=out), beside)
