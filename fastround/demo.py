"""The demonstration: a quantiser for a photograph, learned by gradient descent through rounding.

Each channel has a uniform quantiser of b bits with two parameters, which rounding hides from gradient descent:

    q(x) = offset + step·y,    y = clip(round(z), 0, 2^b − 1),    z = (x − offset)/step.

All the methods below start from the smallest and the largest value of the channel, see the same random pixels, and
take the same number of steps at the same rates; they differ in what they put in place of the derivative of rounding.
All are judged after their last step, on all pixels, with np.rint.

*straight-through* rounds, and takes 1 for the derivative.

*smooth, in place of rint* differentiates the squared error with S(z, k) = `sigmoid_round` for round(z), while the
sharpness k grows. It misleads while k is small: a smooth staircase has a smaller error than the hard one.

*smooth, expected error* repairs this. S(z, k) is the mean of the integers n under the weights e^(−k(z−n)²/2), and
∂S/∂x = k times their variance. So both outputs of `sigmoid_round_value_and_grad` together give the error that is to be
expected if n is drawn with these weights,

    E(offset + step·n − x)² = (offset + step·S − x)² + step²·(∂S/∂x)/k.

Descending on it with the weights held fixed while k grows is deterministic annealing (K. Rose, Proc. IEEE 86, 1998).

*hard, codes held fixed* is the last with k = ∞ from the first step on. It shows what the annealing adds: on the
default photograph nothing with 3 bits, and a better minimum with 2 or 4.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageOps
from rich.console import Console
from rich.progress import track
from rich.table import Table

import fastround as fr

from . import literal

Array: TypeAlias = NDArray[Any]
Rounding: TypeAlias = Callable[[Array, float], tuple[Array, Array | float, Array | float]]

PIXELS_KEPT = 2_000_000
BATCH = 2**14

# Rules of thumb, the same for all methods and pictures. In the two ends of the range the curvature of the squared error
# is at most 2 for fixed codes, and gradient descent takes its reciprocal for the rate. At k = 4 the steepest slope of
# the smooth staircase is 1, that of the identity; at k = 400 its steps are as wide as 1 % of the distance between them.
RATE = 0.5
MOMENTUM = 0.9
SOFTEST, SHARPEST = 4.0, 400.0


class DemoError(Exception):
    """A picture that cannot be read or written, with a message for the user."""


class Quantiser(NamedTuple):
    """Uniform quantisers, one per channel: `offset` and `step` are columns, `top` is the largest code."""

    offset: Array
    step: Array
    top: int

    def __call__(self, x: Array) -> Array:
        """Quantise the rows of x, with hard rounding."""
        levels: Array = self.offset + self.step * np.clip(np.rint((x - self.offset) / self.step), 0, self.top)
        return levels

    def errors(self, x: Array) -> Array:
        """Mean squared error of each row."""
        errors: Array = np.square(self(x) - x).mean(axis=1, dtype=np.float64)
        return errors


class Method(NamedTuple):
    """What stands in for rounding while a quantiser is learned: a rule, and the sharpness it starts and ends with."""

    name: str
    rounding: Rounding
    softest: float
    sharpest: float


def straight_through(z: Array, k: float) -> tuple[Array, float, float]:
    """Hard rounding, whose derivative is said to be that of the identity."""
    return np.rint(z), 1.0, 0.0


def in_place_of_rint(z: Array, k: float) -> tuple[Array, Array, float]:
    """Smooth rounding and its derivative."""
    y, slope = fr.sigmoid_round_value_and_grad(z, k)
    return y, slope, 0.0


def expected_error(z: Array, k: float) -> tuple[Array, float, Array]:
    """Mean and variance of a random rounding, whose probabilities are held fixed."""
    y, slope = fr.sigmoid_round_value_and_grad(z, k)
    return y, 0.0, slope / k


STRAIGHT_THROUGH = Method("straight-through", straight_through, math.inf, math.inf)
SMOOTH = Method("smooth, expected error", expected_error, SOFTEST, SHARPEST)
METHODS = (
    STRAIGHT_THROUGH,
    SMOOTH,
    Method("smooth, in place of rint", in_place_of_rint, SOFTEST, SHARPEST),
    Method("hard, codes held fixed", expected_error, math.inf, math.inf),
)
MIN_MAX = "min-max"


def load(picture: Path | None) -> tuple[Array, str]:
    """Read a picture as an array of 8-bit levels.

    Parameters
    ----------
    picture : Path, optional
        Any file Pillow reads. By default a photograph that comes with Matplotlib.

    Returns
    -------
    pixels : ndarray of float32, shape (height, width) or (height, width, 3)
        Grey or RGB. Transparency is laid over white, and deeper greys are scaled to 0..255.
    description : str
        What was read, for the user.

    Raises
    ------
    DemoError
        If there is no such file, or no picture in it.
    """
    path = picture or Path(get_sample_data("grace_hopper.jpg", asfileobj=False))
    try:
        with Image.open(path) as image:
            pixels = _levels(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise DemoError(f"there is no file {path}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow reports a damaged file by any of these, depending on the format.
        raise DemoError(f"cannot read {path} as a picture: {error}") from error
    height, width = pixels.shape[:2]
    description = f"{path.name}, {width} x {height}, {'grey' if pixels.ndim == 2 else 'RGB'}"
    stride = math.ceil(math.sqrt(height * width / PIXELS_KEPT))
    if stride > 1:
        description += f", one of {stride} x {stride} pixels"
    return pixels[::stride, ::stride], description


def _levels(image: Image.Image) -> Array:
    """The grey or RGB levels of a picture, 0..255."""
    if image.mode.startswith(("I", "F")):  # Pillow would clip these at 255
        deep = np.asarray(image, np.float32)
        if not np.isfinite(deep).all():
            raise ValueError("some of its pixels are not finite")
        low, high = (0, 65535) if image.mode.startswith("I;16") else (deep.min(), deep.max())
        return (deep - low) * np.float32(255 / max(high - low, 1e-30))
    grey = image.mode in ("1", "L", "LA", "La")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("L" if grey else "RGB"), np.float32)


def min_max(x: Array, bits: int) -> Quantiser:
    """The quantisers whose first and last levels are the least and the greatest value of each row."""
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    top = 2**bits - 1
    # A constant row is its own first level, whatever the step.
    return Quantiser(low, np.where(high > low, (high - low) / np.float32(top), np.float32(1)), top)


def gradient(x: Array, quantiser: Quantiser, rounding: Rounding, k: float) -> tuple[Array, Array]:
    """Derivatives of the mean squared error of each row by offset and step, through a stand-in for rounding.

    Parameters
    ----------
    x : ndarray, shape (channels, pixels)
        What is quantised.
    quantiser : Quantiser
        Where the derivatives are taken.
    rounding : callable
        From z and the sharpness to the code, its derivative by z, and its variance.
    k : float
        The sharpness.

    Returns
    -------
    by_offset, by_step : ndarray, shape (channels, 1)
    """
    offset, step, top = quantiser
    z = (x - offset) / step
    clipped = np.clip(z, 0, top)
    inside = (clipped == z).astype(x.dtype)
    y, slope, variance = rounding(clipped, k)
    error = offset + step * y - x
    # ∂z/∂offset = −1/step and ∂z/∂step = −z/step, and both cancel the step before y. Beyond the ends y is constant.
    slope = inside * slope
    by_offset = 2 * error * (1 - slope)
    by_step = 2 * (error * (y - z * slope) + step * (inside * variance))
    return by_offset.mean(axis=1, keepdims=True), by_step.mean(axis=1, keepdims=True)


def learn(
    x: Array, start: Quantiser, method: Method, steps: int, seed: int, progress: Callable[[range], Iterable[int]] = iter
) -> Quantiser:
    """Gradient descent on the squared error, with momentum, from `start`.

    The parameters it moves are the ends of the range, the first and the last level: in these the problem is well
    conditioned, in offset and step it is not.

    Parameters
    ----------
    x : ndarray of float32, shape (channels, pixels)
        What is quantised. Every step looks at some random pixels of it.
    start : Quantiser
        Where to start.
    method : Method
        The stand-in for rounding.
    steps : int
        Number of steps. The rate falls to zero along a cosine, and the sharpness grows by a constant factor.
    seed : int
        Of the choice of pixels: the same for the same seed, whatever the method.
    progress : callable, optional
        Wrapped around the iteration.

    Returns
    -------
    Quantiser
        After the last step.
    """
    top = start.top

    def between(first: Array, last: Array) -> Quantiser:
        return Quantiser(first.astype(x.dtype), ((last - first) / top).astype(x.dtype), top)

    random = np.random.default_rng(seed)
    if math.isinf(method.softest):
        sharpness = np.full(steps, math.inf)
    else:
        sharpness = np.geomspace(method.softest, method.sharpest, steps)
    first = start.offset.astype(np.float64)
    width = top * start.step.astype(np.float64)
    last = first + width
    varies = x.max(axis=1, keepdims=True) > x.min(axis=1, keepdims=True)
    first_velocity, last_velocity = np.zeros_like(first), np.zeros_like(last)
    for i in progress(range(steps)):
        pixels = random.integers(x.shape[1], size=min(BATCH, x.shape[1]))
        by_offset, by_step = gradient(x[:, pixels], between(first, last), method.rounding, float(sharpness[i]))
        rate = RATE * (1 + math.cos(math.pi * i / steps)) / 2 * varies
        # offset = first and step = (last − first)/top.
        first_velocity = MOMENTUM * first_velocity - rate * (by_offset - by_step / top)
        last_velocity = MOMENTUM * last_velocity - rate * (by_step / top)
        first = first + first_velocity
        # Momentum must not turn the range inside out.
        last = np.maximum(last + last_velocity, first + width / 100)
    return between(first, last)


def results(x: Array, quantisers: dict[str, Quantiser], steps: int) -> Table:
    """Error of each quantiser in each channel, the lowest ones marked."""
    channels = ("red", "green", "blue") if len(x) == 3 else ("grey",)
    rows = {}
    for name, quantiser in quantisers.items():
        errors = quantiser.errors(x)
        total = float(errors.mean())
        levels = [f"{math.sqrt(error):.2f}" for error in (*errors, total)]
        rows[name] = [*levels, f"{10 * math.log10(255**2 / total):.2f}" if total else "inf"]
    lowest = [min(column, key=float) for column in zip(*rows.values(), strict=True)]
    lowest[-1] = max((row[-1] for row in rows.values()), key=float)
    table = Table(title=f"RMSE in 8-bit levels, by np.rint, after {steps} steps (* lowest)")
    table.add_column("quantiser", no_wrap=True)
    for heading in (*channels, "all", "PSNR/dB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in rows.items():
        marked = [cell + ("*" if cell == best else " ") for cell, best in zip(row, lowest, strict=True)]
        # The first three are what the demonstration is about, the others what one may ask next.
        table.add_row(name, *marked, end_section=name in (MIN_MAX, SMOOTH.name))
    return table


def draw(pixels: Array, quantisers: dict[str, Quantiser], path: Path) -> None:
    """Save the picture and what the quantisers make of it, side by side."""
    x, (height, width) = rows(pixels), pixels.shape[:2]
    panels = {"original\n": pixels}
    for name, quantiser in quantisers.items():
        error = math.sqrt(quantiser.errors(x).mean())
        panels[f"{name}\nRMSE {error:.2f}"] = quantiser(x).T.reshape(pixels.shape)
    # Wide pictures go below each other, so that all fit a screen.
    shape = (1, len(panels)) if width < 2 * height else (len(panels), 1)
    size = 3.5 if width < 2 * height else 7.0
    figure = Figure(figsize=(size * shape[1], (size * height / width + 0.6) * shape[0]), layout="constrained", dpi=150)
    for axes, (title, panel) in zip(figure.subplots(*shape).flat, panels.items(), strict=True):
        axes.imshow(np.clip(np.rint(panel), 0, 255).astype(np.uint8), cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    # Panels of a fixed shape leave the layout too little room for the titles.
    figure.savefig(path, bbox_inches="tight", pad_inches=0.1)


def rows(pixels: Array) -> Array:
    """The channels of a picture as rows."""
    return np.ascontiguousarray(pixels.reshape(pixels.shape[0] * pixels.shape[1], -1).T)


def speed(seed: int, size: int = 2**22, k: float = 10.0, repeats: int = 7) -> Table:
    """Time per element of `sigmoid_round`, and of the literal sum on a part of the array."""
    table = Table(title=f"ns per element, {size:,} elements, k = {k:g}, best of {repeats}")
    for heading in ("", "fr.sigmoid_round", "literal sum, radius 5", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    random = np.random.default_rng(seed)
    for dtype in (np.float32, np.float64):
        x = random.uniform(-8, 8, size).astype(dtype)
        # The extra axis makes the sum slow, and needs much memory; a part that fits the cache flatters it.
        part = x[: size // 256]
        ours = _best(partial(fr.sigmoid_round, x, k, out=np.empty_like(x)), repeats) / x.size
        theirs = _best(partial(literal.sigmoid, part, k, 5), repeats) / part.size
        table.add_row(np.dtype(dtype).name, f"{ours * 1e9:.2f}", f"{theirs * 1e9:.0f}", f"{theirs / ours:.0f}")
    return table


def _best(function: Callable[[], object], repeats: int) -> float:
    """The shortest time of a call in seconds, after one for warming up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def run(picture: Path | None, output: Path, steps: int, bits: int, seed: int) -> Path:
    """Run the demonstration, and print what comes out.

    Parameters
    ----------
    picture : Path, optional
        The picture to quantise; by default a photograph that comes with Matplotlib.
    output : Path
        Folder for `fastround-demo.png`, made if there is none.
    steps : int
        Steps of gradient descent.
    bits : int
        Bits per channel.
    seed : int
        Seed of all random choices.

    Returns
    -------
    Path
        The saved picture.

    Raises
    ------
    DemoError
        If the picture cannot be read, or the output not be written.
    """
    console = Console()
    pixels, description = load(picture)
    with _writing(output):
        output.mkdir(parents=True, exist_ok=True)
    x = rows(pixels)
    console.print(f"{description}: {bits} bits per channel", markup=False, highlight=False)
    start = min_max(x, bits)
    quantisers = {MIN_MAX: start}
    for method in METHODS:

        def progress(iterations: range, method: Method = method) -> Iterable[int]:
            return track(iterations, f"{method.name:26}", console=console)

        quantisers[method.name] = learn(x, start, method, steps, seed, progress)
    console.print(results(x, quantisers, steps))
    theirs, ours = (math.sqrt(quantisers[m.name].errors(x).mean()) for m in (STRAIGHT_THROUGH, SMOOTH))
    if theirs > 0:
        verdict = f"{abs(1 - ours / theirs):.1%} {'below' if ours < theirs else 'above'}"
        console.print(f"RMSE of {SMOOTH.name}: {verdict} {STRAIGHT_THROUGH.name}")
    path = output / "fastround-demo.png"
    with _writing(output):
        draw(pixels, {name: quantisers[name] for name in (MIN_MAX, STRAIGHT_THROUGH.name, SMOOTH.name)}, path)
    console.print(f"Saved {path}", markup=False, highlight=False, soft_wrap=True)
    console.print(speed(seed))
    return path


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DemoError(f"cannot write to {output}: {error}") from error
