"""The plots of the documentation, from the results of `make bench`."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from report import DTYPES, METHODS, RUNGS, SUFFIXES, Results, peer_rows


def figures(results: Results) -> dict[str, Figure]:
    """All of them, by name."""
    return {
        "speed-peers": peers(results),
        "speed-sizes": sizes(results),
        "speed-sharpness": sharpness(results),
        "speed-ladder": ladder(results),
    }


def _plain(axes: Any) -> None:
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _bars(axes: Any, names: list[str], times: list[float], ours: list[bool], left: float) -> None:
    places = np.arange(len(names))[::-1]
    axes.barh(places, times, color=["C0" if own else "0.75" for own in ours])
    for place, time in zip(places, times, strict=True):
        axes.text(time * 1.1, place, f"{time:,.0f}" if time >= 100 else f"{time:.3g}", va="center", fontsize=8)
    axes.set_yticks(places, names, fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(left, max(times) * 3)
    _plain(axes)
    axes.grid(axis="y", visible=False)


def peers(results: Results) -> Figure:
    """Everything that was compared, in float32."""
    figure = Figure(figsize=(9, 9), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[3, 1.3])
    for axes, suffix in ((above, ""), (below, "_value_and_grad")):
        test = f"test_peers.test_value{'_and_grad' if suffix else ''}"
        rows = [row for row in peer_rows(results, test, suffix) if row[2][0]]
        names = [f"{peer}: {form}" for peer, form, _ in rows]
        times = [found[0].ratio("copy") for _, _, found in rows if found[0]]
        _bars(axes, names, times, [peer.startswith("fastround") for peer, _, _ in rows], left=0.5)
        axes.axvline(1, color="black", linewidth=1)
        axes.set_title("value" if not suffix else "value and derivative")
    below.set_xlabel("time over that of a copy of the same arrays, float32, all threads")
    return figure


def sizes(results: Results) -> Figure:
    """The time for an element, by the number of elements."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    for axes, dtype in zip(figure.subplots(1, 2, sharey=True), DTYPES, strict=True):
        found = sorted(results.of("test_sizes.test_size", dtype=dtype, suffix=""), key=lambda r: int(r.params["size"]))
        elements = [r.params["size"] for r in found]
        axes.loglog(elements, [r.ns for r in found], label="sigmoid_round, all threads")
        axes.loglog(elements, [r.beside["one thread"] for r in found], label="sigmoid_round, one thread")
        axes.loglog(elements, [r.beside["np.exp"] for r in found], color="0.6", label="np.exp")
        axes.loglog(elements, [r.beside["np.copyto"] for r in found], color="0.6", linestyle=":", label="np.copyto")
        axes.set_title(dtype)
        axes.set_xlabel("elements")
        _plain(axes)
    figure.axes[0].set_ylabel("ns per element")
    figure.axes[0].legend(frameon=False, fontsize=8)
    return figure


def sharpness(results: Results) -> Figure:
    """The time by the sharpness."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    colours = mpl.colormaps["viridis"](np.linspace(0.1, 0.85, len(SUFFIXES)))
    for row, method in zip(grid, METHODS, strict=True):
        for axes, dtype in zip(row, DTYPES, strict=True):
            for (suffix, label), colour in zip(SUFFIXES.items(), colours, strict=True):
                found = results.of("test_contiguous.test_sharpness", method=method, dtype=dtype, suffix=suffix)
                points = sorted([(r.params["k"], r.ratio("k = 10")) for r in found] + [(10.0, 1.0)])
                axes.semilogx(
                    *zip(*points, strict=True), marker=".", color=colour, label=label.strip("`").replace("_", "…_", 1)
                )
            axes.set_title(f"{method}_round, {dtype}")
            _plain(axes)
    for axes in grid[1]:
        axes.set_xlabel("k")
    for axes in grid[:, 0]:
        axes.set_ylabel("time over that at k = 10")
        axes.set_ylim(bottom=0)
    grid[0, 0].legend(frameon=False, fontsize=8)
    return figure


def ladder(results: Results) -> Figure:
    """What each step bought."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for axes, dtype in zip(figure.subplots(1, 2, sharey=True), DTYPES, strict=True):
        found = {rung: results.one("test_ladder.test_rung", rung=rung, dtype=dtype) for rung in RUNGS}
        names = [RUNGS[rung] for rung, r in found.items() if r]
        _bars(axes, names, [r.ns for r in found.values() if r], ["fastround" in name for name in names], left=0.1)
        axes.set_title(dtype)
        axes.set_xlabel("ns per element")
    return figure
