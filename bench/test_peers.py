"""Other tools on the same arrays, each beside a copy: what people publish, and the best that an expert would write."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import peers
import pytest
from conftest import Call, Timed
from test_contiguous import call, copied

import fastround as fr

# Threads of one package spin for a while when their work is done, and would slow down those of the next.
PAUSE = 0.02


def _time(timed: Timed, x: Any, peer: tuple[str, Callable[..., Callable[[], Any]]], form: str, suffix: str) -> None:
    package, build = peer
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is absent: install the extra bench-peers")
    # A sixteenth where each element needs eleven times the memory, several times over, or much time.
    part = x[: x.size // 16] if form == "literal sum" else x
    function = build(form, part, bool(suffix))
    result = function()[0] if suffix else function()
    beside = {"copy": copied(x, suffix, pause=PAUSE)}
    timed(Call(function, elements=part.size, pause=PAUSE), beside, **peers.worst_ulp(result, part, peers.K))


@pytest.mark.parametrize("form", peers.FORMS)
@pytest.mark.parametrize("peer", peers.PEERS)
def test_value(timed: Timed, x: Any, dtype: str, peer: str, form: str) -> None:
    _time(timed, x, peers.PEERS[peer], form, "")


@pytest.mark.parametrize("form", peers.FORMS)
@pytest.mark.parametrize("peer", peers.WITH_GRADIENTS)
def test_value_and_grad(timed: Timed, x: Any, dtype: str, peer: str, form: str) -> None:
    _time(timed, x, peers.PEERS[peer], form, "_value_and_grad")


@pytest.mark.parametrize("suffix", ["", "_value_and_grad"])
def test_fastround(timed: Timed, x: Any, dtype: str, suffix: str) -> None:
    ours = call(x, f"sigmoid_round{suffix}", peers.K, pause=PAUSE)
    result = ours()[0] if suffix else ours()
    timed(ours, {"copy": copied(x, suffix, pause=PAUSE)}, **peers.worst_ulp(result, x, peers.K))


def test_fastround_without_out(timed: Timed, x: Any, dtype: str) -> None:
    """Into a new array at each call, as PyTorch and JAX work."""
    ours = Call(fr.sigmoid_round, x, peers.K, elements=x.size, pause=PAUSE)
    timed(ours, {"copy": copied(x, pause=PAUSE)}, **peers.worst_ulp(ours(), x, peers.K))
