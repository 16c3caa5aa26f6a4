"""Draws the pictures of the documentation with fastround itself: `make generate`."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import fastround as fr
from fastround import literal

IMAGES = Path(__file__).parent / "images"
SHARPNESSES = (2, 5, 10, 30)


def rounding() -> Figure:
    """Smooth rounding and its derivative, for several sharpnesses."""
    x = np.linspace(-1.75, 1.75, 1401)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(x, np.rint(x), color="0.75", label="np.rint")
    for k, colour in zip(SHARPNESSES, mpl.colormaps["viridis"](np.linspace(0.85, 0.1, len(SHARPNESSES))), strict=True):
        value, slope = fr.sigmoid_round_value_and_grad(x, k)
        left.plot(x, value, color=colour, label=f"k = {k}")
        right.plot(x, slope, color=colour)
    left.set_title("sigmoid_round(x, k)")
    right.set_title("sigmoid_round_grad(x, k)")
    left.legend(frameon=False)
    for axes in (left, right):
        axes.set_xlabel("x")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    # Without the version of Matplotlib, the same curves make the same file.
    rounding().savefig(IMAGES / "rounding.png", dpi=110, metadata={"Software": None})
    literal.save_figures(IMAGES)
