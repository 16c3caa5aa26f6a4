"""The sums as they are published, over a window of integers and term by term: how far off they are, and their figures.

Smooth rounding is usually computed by the formulas of arXiv 2504.19026 as they stand, over the integers around x,

    S(x) = sum of n [sigma(k(x - (n - 1/2))) - sigma(k(x - (n + 1/2)))]
    D(x) = sum of n rho(k(x - n)) / sum of rho(k(x - n)),      rho = sigma (1 - sigma).

Here are both, and their derivatives by x, as an array program has them.  What they lack is compared with
`fastround.reference`, which has the infinite sums.  Nothing in fastround computes with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

import fastround as fr

from . import reference
from .arguments import Method

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array: TypeAlias = NDArray[Any]

SHARPNESSES = (0.5, 1, 2, 5, 10, 20, 50, 100)
MAGNITUDES = {"1": 1.0, "1e3": 1e3, "1e6": 1e6, "2^24": 2.0**24}
CENTRES: dict[str, Callable[[Array], Array]] = {"floor": np.floor, "nearest": np.rint}
RADII = (2, 5)
DTYPES: tuple[Any, ...] = (np.float32, np.float64)


# --- The sums ---------------------------------------------------------------------------------------------------------


def _sigma(z: Array) -> Array:
    sigma: Array = 1 / (1 + np.exp(-z))
    return sigma


def _rho(z: Array) -> Array:
    sigma = _sigma(z)
    rho: Array = sigma * (1 - sigma)
    return rho


def _window(x: Array, k: float, radius: int, centre: str) -> tuple[Array, Array, Array, Any]:
    """x along a new axis, the integers of the window on it, and k and 1/2, all of the precision of x."""
    n = CENTRES[centre](x)[..., np.newaxis] + np.arange(-radius, radius + 1, dtype=x.dtype)
    return x[..., np.newaxis], n, x.dtype.type(k), x.dtype.type(0.5)


def sigmoid(x: Array, k: float, radius: int, centre: str = "nearest") -> Array:
    """The published sum of the sigmoid method."""
    x, n, k_, half = _window(x, k, radius, centre)
    total: Array = np.sum(n * (_sigma(k_ * (x - (n - half))) - _sigma(k_ * (x - (n + half)))), axis=-1)
    return total


def sigmoid_grad(x: Array, k: float, radius: int, centre: str = "nearest") -> Array:
    """The derivative of `sigmoid` by x, term by term."""
    x, n, k_, half = _window(x, k, radius, centre)
    total: Array = np.sum(n * k_ * (_rho(k_ * (x - (n - half))) - _rho(k_ * (x - (n + half)))), axis=-1)
    return total


def density(x: Array, k: float, radius: int, centre: str = "nearest") -> Array:
    """The published sums of the density method."""
    x, n, k_, _ = _window(x, k, radius, centre)
    weights = _rho(k_ * (x - n))
    mean: Array = np.sum(n * weights, axis=-1) / np.sum(weights, axis=-1)
    return mean


def density_grad(x: Array, k: float, radius: int, centre: str = "nearest") -> Array:
    """The derivative of `density` by x, by the rule for quotients."""
    x, n, k_, _ = _window(x, k, radius, centre)
    weights = _rho(k_ * (x - n))
    slopes = k_ * weights * (1 - 2 * _sigma(k_ * (x - n)))
    top, bottom = np.sum(n * weights, axis=-1), np.sum(weights, axis=-1)
    grad: Array = (np.sum(n * slopes, axis=-1) * bottom - top * np.sum(slopes, axis=-1)) / bottom**2
    return grad


SUMS = {"sigmoid": sigmoid, "sigmoid_grad": sigmoid_grad, "density": density, "density_grad": density_grad}


# --- How far off they are ---------------------------------------------------------------------------------------------


class Table(NamedTuple):
    """A table, whose first row is its heading."""

    title: str
    rows: list[list[str]]

    def markdown(self) -> str:
        """The title in bold and the table in Markdown, with aligned columns."""
        widths = [max(map(len, column)) for column in zip(*self.rows, strict=True)]
        lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in self.rows]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join([f"**{self.title}**", "", *lines, ""])


def tables() -> Iterator[Table]:
    """All tables: single results, where the error comes from, and the largest errors of every kind."""
    yield _examples()
    yield _causes()
    for name in SUMS:
        for dtype in DTYPES:
            yield _errors(name, dtype)


def _examples() -> Table:
    rows = [["sum", "dtype", "x", "k", "radius", "centre", "result", "exact"]]
    for name, dtype, position, k, radius, centre in (
        ("sigmoid", np.float32, 1e6, 0.5, 5, "floor"),
        ("sigmoid", np.float64, 1e6, 0.5, 5, "floor"),
        ("sigmoid", np.float32, 2.0**24, 10.0, 5, "floor"),
        ("sigmoid_grad", np.float32, 2.0**24, 10.0, 5, "floor"),
        ("sigmoid_grad", np.float32, 1000.25, 1.0, 5, "floor"),
        ("density", np.float32, 0.3, 100.0, 5, "nearest"),
        ("density", np.float64, 0.4, 100.0, 5, "nearest"),
        ("density_grad", np.float32, 0.3, 100.0, 5, "nearest"),
    ):
        x = np.array([position], dtype)
        with np.errstate(all="ignore"):
            result = float(SUMS[name](x, k, radius, centre)[0])
        exact = _exact(name, (float(x[0]),), k)[0]
        cells = np.dtype(dtype).name, f"{position:.10g}", f"{k:g}", str(radius), centre
        rows.append([name, *cells, f"{result:.10g}", f"{exact:.10g}"])
    return Table("Single results", rows)


def _causes(magnitude: str = "1e6", radius: int = 5) -> Table:
    """The error of the sigmoid sum in parts, which are differences of numbers as large as x."""
    window, leak = ["only the nearest integers"], ["weights that do not add up to 1"]
    rounding = {dtype: [f"rounding, {np.dtype(dtype).name}"] for dtype in DTYPES}
    resolved = 1e-15 * MAGNITUDES[magnitude]
    for k in SHARPNESSES:
        for dtype, row in rounding.items():
            x = positions(MAGNITUDES[magnitude], dtype)
            points = x.astype(np.float64).tolist()
            literal = np.array([reference.sigmoid_round_literal(p, k, radius, center="nearest") for p in points])
            with np.errstate(all="ignore"):
                row.append(_largest(sigmoid(x, k, radius) - literal, resolved))
        # Of the last dtype, which has all the positions.
        windowed = np.array([reference.sigmoid_round_windowed(p, k, radius) for p in points])
        window.append(_largest(windowed - _exact("sigmoid", tuple(points), k), resolved))
        leak.append(_largest(literal - windowed, resolved))
    title = f"Where the error of the sigmoid sum comes from, about |x| = {magnitude}, radius {radius}, centre nearest"
    return Table(title, [["largest part of the error", *_headings()], window, leak, *rounding.values()])


def _errors(name: str, dtype: Any) -> Table:
    rows = [["x", "centre", "radius", *_headings()]]
    for label, magnitude in MAGNITUDES.items():
        x = positions(magnitude, dtype)
        points = tuple(x.astype(np.float64).tolist())
        exact = {k: np.array(_exact(name, points, k)) for k in SHARPNESSES}
        for centre in CENTRES:
            for radius in RADII:
                with np.errstate(all="ignore"):
                    results = {k: SUMS[name](x, k, radius, centre) for k in SHARPNESSES}
                errors = [_largest(results[k] - exact[k]) for k in SHARPNESSES]
                rows.append([label, centre, str(radius), *errors])
        ufunc = getattr(fr, name.replace("_", "_round_") if "_" in name else f"{name}_round")
        errors = [_largest(ufunc(x, dtype(k)) - exact[k]) for k in SHARPNESSES]
        rows.append([label, "fastround", "", *errors])
    return Table(f"Largest error of {name}, {np.dtype(dtype).name}", rows)


def positions(magnitude: float, dtype: Any) -> Array:
    """Where the sums are tried: up to 1 away from ±magnitude, a 16th apart, as far as the precision has them."""
    near = magnitude + np.arange(-16, 17) / 16
    return np.unique(np.concatenate([-near, near]).astype(dtype))


@cache
def _exact(name: str, points: tuple[float, ...], k: float) -> list[float]:
    method, _, suffix = name.partition("_")
    function = getattr(reference, f"{method}_round{'_' * bool(suffix)}{suffix}")
    return [function(point, k) for point in points]


def _headings() -> list[str]:
    return [f"k = {k:g}" for k in SHARPNESSES]


def _largest(errors: Array, resolved: float = 0.0) -> str:
    """The largest error in two digits, or nan if there is one; what is not resolved is not shown."""
    largest = np.max(np.abs(errors))
    if largest <= resolved:
        return f"< {resolved:g}" if resolved else "0"
    mantissa, _, exponent = f"{largest:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


# --- The figures ------------------------------------------------------------------------------------------------------

CURVES = (2, 5, 10, 20, 50)
DISTANCES = (0.02, 0.05, 0.1, 0.2, 0.4)


def figures() -> dict[str, Figure]:
    """Curves and derivatives of both methods, and how fast they become hard; drawn with fastround's own functions."""
    return {"literal-curves": _curves(), "literal-convergence": _convergence()}


def _curves() -> Figure:
    from matplotlib.figure import Figure

    x = np.linspace(-2, 2, 2001)
    figure = Figure(figsize=(9, 6.6), layout="constrained")
    for row, method in zip(figure.subplots(2, 2), ("sigmoid", "density"), strict=True):
        row[0].plot(x, np.rint(x), color="0.75", label="np.rint")
        for k, colour in zip(CURVES, _colours(len(CURVES)), strict=True):
            value, slope = getattr(fr, f"{method}_round_value_and_grad")(x, k)
            row[0].plot(x, value, color=colour, label=f"k = {k}")
            row[1].semilogy(x, slope, color=colour)
        row[0].set(title=f"{method}_round(x, k)", xlabel="x")
        row[1].set(title=f"{method}_round_grad(x, k)", xlabel="x", ylim=(1e-6, 50))
        row[0].legend(frameon=False)
        _tidy(*row)
    return figure


def _convergence() -> Figure:
    from matplotlib.figure import Figure

    k = np.geomspace(1, 1000, 400)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    methods: tuple[Method, ...] = ("sigmoid", "density")
    for axes, method in zip(panels, methods, strict=True):
        for distance, colour in zip(DISTANCES, _colours(len(DISTANCES)), strict=True):
            axes.loglog(k, fr.sharpness.tolerance(k, distance, method), color=colour, label=f"{distance:g}")
        axes.set(title=f"{method}: largest |f(x, k) - rint(x)|", xlabel="k", ylim=(1e-16, 1))
        _tidy(axes)
    panels[0].legend(frameon=False, title="farther from half-integers than", fontsize="small", title_fontsize="small")
    return figure


def _colours(count: int) -> Any:
    import matplotlib as mpl

    return mpl.colormaps["viridis"](np.linspace(0.85, 0.1, count))


def _tidy(*panels: Any) -> None:
    for axes in panels:
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)


def save_figures(folder: Path) -> list[Path]:
    """Draw the figures into a folder, which is made if there is none.

    Parameters
    ----------
    folder : Path
        Where to save them.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    OSError
        If they cannot be written.
    """
    drawn = figures()
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"fastround-{name}.png" for name in drawn]
    for path, figure in zip(paths, drawn.values(), strict=True):
        # Without the version of Matplotlib, the same curves make the same file.
        figure.savefig(path, dpi=110, metadata={"Software": None})
    return paths
