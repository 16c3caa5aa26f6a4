"""The one table of what fastround offers: its rounding functions, and the outputs that each comes with.

Names, docstrings, ufuncs, nopython overloads, type stubs and tests are made from it.  To add a rounding function, add
a kernel to `fastround.kernels` and a row here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple


class Function(NamedTuple):
    """A rounding function: a method of `fastround.kernels`, where its steps are, and whether it sums over windows."""

    name: str
    method: Literal["sigmoid", "density"]
    place: Literal["round", "floor", "ceil"]
    summary: str
    formula: str
    hard: str
    windowed: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of its operands."""
        return ("x", "k", "radius") if self.windowed else ("x", "k")

    def build(self) -> Callable[[Any], Any]:
        """The kernel module's builder, imported when first wanted."""
        builder: Callable[[Any], Any] = getattr(
            importlib.import_module(f".kernels.{self.method}", __package__), self.method
        )
        return builder

    def staircase(self, real: Any, picks: tuple[int, ...]) -> Any:
        """Its regimes for one precision, for outputs picked out of (value, ∂/∂x, ∂/∂k)."""
        from .kernels.staircase import staircase, windows

        if self.windowed:
            return windows(self.method, self.build(), self.place, real, picks)
        return staircase(self.build(), self.place, real, 2 in picks)


class Output(NamedTuple):
    """What a ufunc returns of (value, ∂/∂x, ∂/∂k), by position, and how it is described."""

    suffix: str
    picks: tuple[int, ...]
    summary: str
    formula: str
    bounds: str
    special: str


class Ufunc(NamedTuple):
    """One ufunc: a rounding function and one of its outputs."""

    function: Function
    output: Output

    @property
    def name(self) -> str:
        """The name of the ufunc, as of the attribute of `fastround` that holds it."""
        return self.function.name + self.output.suffix

    @property
    def infinite(self) -> Ufunc:
        """That of the infinite sum, if it is over windows."""
        return self._replace(function=FUNCTIONS[WINDOWED.index(self.function)])

    def staircase(self, real: Any) -> Any:
        """Its regimes for one precision."""
        return self.function.staircase(real, self.output.picks)

    @property
    def nout(self) -> int:
        """How many arrays it returns."""
        return len(self.output.picks)

    @property
    def nin(self) -> int:
        """How many operands it takes."""
        return len(self.function.inputs)


_SIGMOID = "S(x) = Σ n·[σ(k(x−n+½)) − σ(k(x−n−½))]"
_DENSITY = "D(x) = Σ n·ρ(k(x−n)) / Σ ρ(k(x−n))"

FUNCTIONS = (
    Function("sigmoid_round", "sigmoid", "round", "Smooth rounding by sigmoid windows", _SIGMOID, "np.rint(x)"),
    Function("density_round", "density", "round", "Smooth rounding by normalised densities", _DENSITY, "np.rint(x)"),
    Function(
        "sigmoid_floor", "sigmoid", "floor", "Smooth floor by sigmoid windows", f"S(x−½), {_SIGMOID}", "np.rint(x-0.5)"
    ),
    Function(
        "sigmoid_ceil", "sigmoid", "ceil", "Smooth ceiling by sigmoid windows", f"S(x+½), {_SIGMOID}", "np.rint(x+0.5)"
    ),
    Function(
        "density_floor",
        "density",
        "floor",
        "Smooth floor by normalised densities",
        f"D(x−½), {_DENSITY}",
        "np.rint(x-0.5)",
    ),
    Function(
        "density_ceil",
        "density",
        "ceil",
        "Smooth ceiling by normalised densities",
        f"D(x+½), {_DENSITY}",
        "np.rint(x+0.5)",
    ),
)

_VALUE_BOUND = "The value is within 4 ulp of the exact one"
_GRAD_BOUND = "∂/∂x is within 6 ulp of the exact one while it is a normal number, and may be 0 below"
_GRAD_K_BOUND = "∂/∂k is within 8 ulp of the larger of the machine epsilon and its largest magnitude over x"

OUTPUTS = (
    Output("", (0,), "the value", "f(x)", _VALUE_BOUND, "{soft} at k = 0, {hard} at k = ∞, and ±∞ at x = ±∞"),
    Output("_grad", (1,), "the derivative by x", "∂f/∂x", _GRAD_BOUND, "1 at k = 0, 0 at k = ∞, and nan at x = ±∞"),
    Output("_grad_k", (2,), "the derivative by k", "∂f/∂k", _GRAD_K_BOUND, "0 at k = 0 and k = ∞, and nan at x = ±∞"),
    Output(
        "_value_and_grad",
        (0, 1),
        "the value and the derivative by x, in one pass",
        "(f(x), ∂f/∂x)",
        f"{_VALUE_BOUND}; {_GRAD_BOUND}; to the bit what the two functions for one output return",
        "({soft}, 1) at k = 0, ({hard}, 0) at k = ∞, and (±∞, nan) at x = ±∞",
    ),
)

# The same over the integers nearest to x.
WINDOWED = tuple(
    function._replace(name=f"{function.name}_windowed", summary=f"{function.summary} near x", windowed=True)
    for function in FUNCTIONS
)

UFUNCS = tuple(Ufunc(function, output) for function in FUNCTIONS + WINDOWED for output in OUTPUTS)


def names() -> Iterator[str]:
    """The names of all ufuncs."""
    return (ufunc.name for ufunc in UFUNCS)


def docstring(ufunc: Ufunc) -> str:
    """The documentation of a ufunc, without the signature that NumPy puts before it."""
    function, output = ufunc.function, ufunc.output
    returned = ("y", "dy")[-ufunc.nout :] if ufunc.nout > 1 else ("y",)
    described = "ndarray or scalar\n    Of the broadcast shape of the operands and the common dtype of `x` and `k`."
    returns = "\n".join(f"{name} : {described}" for name in returned)
    sources = {"sigmoid": "method 1", "density": "method 2"}
    soft, hard = _SOFT[function.place], _HARD[function.place]
    example = _EXAMPLES[output.suffix].format(name=ufunc.name, soft=2.25 + _SHIFT[function.place], hard=hard)
    summed, bounds, special, both = "over all integers n", output.bounds, output.special, "either operand"
    radius, scalars, negative, refused, too_large = "", "`k` is a scalar", "k < 0", "", ""
    width = {"sigmoid": "4.4", "density": "2.2"}[function.method]
    if function.windowed:
        y = {"round": "x", "floor": "x−½", "ceil": "x+½"}[function.place]
        summed = f"over the 2·radius+1 integers n nearest to {y}"
        if function.method == "sigmoid":
            summed += (
                ", and without what that would leak:\nc + Σ sinh(kr)/(cosh(kr) + cosh(k(j−½))) over j = 1 … radius, "
            )
            summed += f"c = rint({y}), r = {y}−c"
        radius, scalars, negative = _RADIUS, "`k` and `radius` are scalars", "k < 0 or radius < 0"
        refused = ", or `radius` is not of an integer type"
        too_large = "\nOverflowError\n    If `radius` is a Python integer beyond 64 bits."
        special, both = _WINDOWED_SPECIAL[output.suffix], "`x` or `k`"
        example = _WINDOWED_EXAMPLES[output.suffix].format(
            name=ufunc.name, hard=_HARD_AT[function.place], method=function.method
        )
    return f"""{function.summary}: {output.summary}.

{output.formula} of f(x) = {function.formula},
{summed}, where σ(z) = 1/(1+e^(−z)) and ρ = σ(1−σ).

Parameters
----------
x : array_like
    Real numbers.  float32 and float64 are computed in their own precision, float16 in that of
    float32; integers and booleans become floats as in `numpy.arctan2`.
k : array_like
    Sharpness in [0, ∞], broadcast against `x`.  The steps are about {width}/k wide.
{radius}out, where, casting, order, dtype, subok : optional
    As in every `numpy.ufunc`.

Returns
-------
{returns}

Notes
-----
{bounds}.
The result does not depend on memory layout, the number of threads, or whether {scalars}, to the bit.

Special values: {special.format(soft=soft, hard=function.hard)}.
A nan in {both} gives nan, and {negative} gives nan with NumPy's "invalid value" warning.

Raises
------
TypeError
    If an operand is complex, an object or a string{refused}.{too_large}

References
----------
"Smooth Approximations of the Rounding Function", arXiv 2504.19026, {sources[function.method]}.

Examples
--------
>>> import numpy as np, fastround as fr
{example}"""


_RADIUS = """radius : array_like of int
    How many integers are taken on either side of the nearest one; of any integer type.
"""
_WINDOWED_SPECIAL = {
    "": "{hard} at k = 0, at k = ∞ and at radius = 0, and ±∞ at x = ±∞",
    "_grad": "0 at k = 0, at k = ∞ and at radius = 0, and nan at x = ±∞",
    "_grad_k": "0 at k = ∞ and at radius = 0, and nan at x = ±∞",
    "_value_and_grad": "({hard}, 0) at k = 0, at k = ∞ and at radius = 0, and (±∞, nan) at x = ±∞",
}
_SOFT = {"round": "x", "floor": "x-0.5", "ceil": "x+0.5"}
_SHIFT = {"round": 0.0, "floor": -0.5, "ceil": 0.5}
_HARD = {"round": "rint", "floor": "floor", "ceil": "ceil"}

_EXAMPLES = {
    "": ">>> float(fr.{name}(2.25, 0.0))\n{soft}\n>>> bool(abs(fr.{name}(2.25, 1e3) - np.{hard}(2.25)) < 1e-6)\nTrue",
    "_grad": ">>> float(fr.{name}(2.25, 0.0))\n1.0",
    "_grad_k": ">>> bool(fr.{name}(2.25, 0.0) == 0)\nTrue",
    "_value_and_grad": ">>> y, dy = fr.{name}(2.25, 0.0)\n>>> float(y), float(dy)\n({soft}, 1.0)",
}

_HARD_AT = {"round": 2.0, "floor": 2.0, "ceil": 3.0}
_WINDOWED_EXAMPLES = {
    "": ">>> float(fr.{name}(2.25, 5.0, 0))\n{hard}\n"
    ">>> bool(abs(fr.{name}(2.25, 5.0, 2) - fr.{name}(2.25, 5.0, 50)) <= fr.window_error(5.0, 2, '{method}'))\nTrue",
    "_grad": ">>> float(fr.{name}(2.25, 5.0, 0))\n0.0",
    "_grad_k": ">>> bool(fr.{name}(2.25, 5.0, 0) == 0)\nTrue",
    "_value_and_grad": ">>> y, dy = fr.{name}(2.25, 5.0, 0)\n>>> float(y), float(dy)\n({hard}, 0.0)",
}
