"""Choosing the sharpness k: from what is wanted of the steps, from another package's parameter, or over time.

Each helper comes with its inverse:

==================  ==================  ===============================================================
k from              the inverse         what it is
==================  ==================  ===============================================================
`from_width`        `width`             the width over which a step rises from 10 % to 90 %
`from_tolerance`    `tolerance`,        the largest difference from hard rounding, outside a distance
                    `distance`          of the steps
`from_slope`        `slope`             the smallest slope, at the integers
`from_parameter`    `parameter`         what another package calls its softness, alpha, temperature, ...
==================  ==================  ===============================================================

and `linear`, `geometric` and `cosine` are schedules of k for annealing.

Steps of floors and ceilings have the same shape as those of rounding, so that all of this holds for them with
"integers" and "half-integers" exchanged.  Nothing here is an asymptotic formula, unless it says so: the relations are
solved with the rounding functions themselves, and hold for soft k too, where steps run into each other.

**The methods.**  `density_round` at k has nearly the steps that `sigmoid_round` has at 2k:

.. math:: \\sup_x |D_k(x) - S_{2k}(x)| \\le \\tfrac12 e^{-k/2},

with equality in the limit of large k, and a greatest difference of 0.049, at k = 3.5.  The difference is largest in
relative terms where both are flat: at the integers, the slope of D is twice that of S.  So `method="density"` is not
half of the sharpness for `method="sigmoid"`, but solved by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from .arguments import Method, Reals, choice, reals, sharpnesses
from .ufuncs import ufuncs

__all__ = [
    "PARAMETERS",
    "cosine",
    "distance",
    "from_parameter",
    "from_slope",
    "from_tolerance",
    "from_width",
    "geometric",
    "linear",
    "parameter",
    "slope",
    "tolerance",
    "width",
]

_METHODS = ("sigmoid", "density")


# --- The shape of a step ----------------------------------------------------------------------------------------------


def width(k: ArrayLike, method: Method = "sigmoid") -> Any:
    r"""The width of a step, from 10 % to 90 % of its height.

    .. math:: w = 2h, \quad S(\tfrac12 - h) = 0.1, \qquad w \approx \frac{2 \ln 9}{k} \approx \frac{4.394}{k}.

    Parameters
    ----------
    k : array_like
        Sharpness, in [0, ∞].
    method : {"sigmoid", "density"}
        Of smooth rounding; steps of the density method are about half as wide.

    Returns
    -------
    float64 or ndarray of float64
        Of the shape of `k`, in [0, 0.8] and to about 1e-15 of itself.

    Raises
    ------
    TypeError
        If `k` is not real.
    ValueError
        If `k` is negative or nan, or there is no such method.

    Notes
    -----
    The approximation on the right is the width of a step by itself, which is 0.2 % too large at k = 10, and 20 % at
    k = 5, where neighbouring steps run into each other.  At k = 0 the width is 0.8, at k = ∞ it is 0.

    Examples
    --------
    >>> from fastround import sharpness
    >>> float(sharpness.width(20.0))
    0.219722
    """
    return 2.0 * distance(k, 0.1, method)


def from_width(width: ArrayLike, method: Method = "sigmoid") -> Any:
    """The sharpness at which steps have a given width: the inverse of `width`.

    Parameters
    ----------
    width : array_like
        Distance over which a step rises from 10 % to 90 % of its height, in (0, 0.8].
    method : {"sigmoid", "density"}
        Of smooth rounding.

    Returns
    -------
    float64 or ndarray of float64
        The least sharpness whose steps are no wider.

    Raises
    ------
    TypeError
        If `width` is not real.
    ValueError
        If `width` is outside its domain, or there is no such method.

    Notes
    -----
    Between k = 0 and k = 1 the width falls by no more than 4e-8, so that it does not determine soft k well.

    Examples
    --------
    >>> from fastround import sharpness
    >>> float(sharpness.from_width(0.1))
    43.944492
    >>> float(sharpness.from_width(0.1, method="density"))
    21.973149
    """
    widths = reals("width", width, "in (0, 0.8]", lambda width: (width > 0) & (width <= 0.8))
    return from_tolerance(0.1, widths / 2, method)


def tolerance(k: ArrayLike, distance: ArrayLike, method: Method = "sigmoid") -> Any:
    r"""The largest difference from hard rounding, outside a distance δ of the half-integers.

    .. math:: \max_{|x-n-\frac12| \ge \delta} |S(x) - \mathrm{rint}(x)|
              = S(\tfrac12 - \delta) \le \frac1{1+e^{k\delta}}.

    Parameters
    ----------
    k : array_like
        Sharpness, in [0, ∞].
    distance : array_like
        Distance from the half-integers, in (0, ½].
    method : {"sigmoid", "density"}
        Of smooth rounding.

    Returns
    -------
    float64 or ndarray of float64
        Of the broadcast shape of `k` and `distance`, to 4 units in the last place.

    Raises
    ------
    TypeError
        If `k` or `distance` is not real.
    ValueError
        If one of them is outside its domain, or there is no such method.

    Notes
    -----
    The inequality is that for the sigmoid method.  It is nearly an equality where δ is small and kδ is not.

    Examples
    --------
    >>> from fastround import sharpness
    >>> float(sharpness.tolerance(50.0, 0.1))
    0.006693
    """
    choice("method", method, _METHODS)
    distances = reals("distance", distance, "in (0, 0.5]", _is_distance)
    return ufuncs[f"{method}_ceil"](-distances, sharpnesses(k))


def from_tolerance(tol: ArrayLike, distance: ArrayLike, method: Method = "sigmoid") -> Any:
    r"""The sharpness for which rounding is hard to a tolerance, outside a distance δ of the half-integers.

    It is the least k for which `tolerance` (k, δ) ≤ `tol`, and

    .. math:: k \le \frac1\delta \ln\Bigl(\frac1{tol} - 1\Bigr).

    Parameters
    ----------
    tol : array_like
        Largest difference allowed, at least 0.
    distance : array_like
        Distance δ from the half-integers, in (0, ½].
    method : {"sigmoid", "density"}
        Of smooth rounding.

    Returns
    -------
    float64 or ndarray of float64
        Of the broadcast shape of `tol` and `distance`: 0 where the identity is within the tolerance, which is from
        ½ - δ on, and ∞ for a tolerance of 0.

    Raises
    ------
    TypeError
        If `tol` or `distance` is not real.
    ValueError
        If one of them is outside its domain, or there is no such method.

    Examples
    --------
    >>> import numpy as np, fastround as fr
    >>> from fastround import sharpness
    >>> k = sharpness.from_tolerance(1e-3, 0.0625)
    >>> float(k)
    110.508076
    >>> bool(np.abs(fr.sigmoid_round(np.linspace(-0.4375, 0.4375, 99), k)).max() <= 1e-3)
    True
    """
    choice("method", method, _METHODS)
    tol, distance = np.broadcast_arrays(
        reals("tol", tol, "at least 0", lambda tol: tol >= 0),
        reals("distance", distance, "in (0, 0.5]", _is_distance),
    )
    with np.errstate(all="ignore"):
        sharpest = 1.001 * _logit(np.minimum(tol, 0.5)) / distance
    return _bracket(lambda k: ufuncs[f"{method}_ceil"](-distance, k) <= tol, sharpest)[1][()]


def distance(k: ArrayLike, tol: ArrayLike, method: Method = "sigmoid") -> Any:
    r"""The distance from the half-integers outside of which rounding is hard to a tolerance.

    It is the least δ for which `tolerance` (k, δ) ≤ `tol`: the other inverse of `tolerance`.

    Parameters
    ----------
    k : array_like
        Sharpness, in [0, ∞].
    tol : array_like
        Largest difference allowed, in (0, ½].
    method : {"sigmoid", "density"}
        Of smooth rounding.

    Returns
    -------
    float64 or ndarray of float64
        Of the broadcast shape of `k` and `tol`.

    Raises
    ------
    TypeError
        If `k` or `tol` is not real.
    ValueError
        If one of them is outside its domain, or there is no such method.

    Examples
    --------
    >>> from fastround import sharpness
    >>> sharpness.distance([10.0, 100.0], 1e-3).round(4)
    array([0.4925, 0.0691])
    """
    choice("method", method, _METHODS)
    sharp, tol = np.broadcast_arrays(
        sharpnesses(k), reals("tol", tol, "in (0, 0.5]", lambda tol: (tol > 0) & (tol <= 0.5))
    )
    with np.errstate(all="ignore"):
        farthest = np.fmin(1.001 * _logit(tol) / sharp, 0.5)
    return _bracket(lambda delta: ufuncs[f"{method}_ceil"](-delta, sharp) <= tol, farthest)[1][()]


def slope(k: ArrayLike, method: Method = "sigmoid") -> Any:
    r"""The smallest slope, which is that at the integers.

    .. math:: S'(0) = \frac k2 \sum_{j\ge1} \frac1{\cosh^2(\frac k2(j-\frac12))} \approx 2k\,e^{-k/2},
              \qquad D'(0) \approx 8k\,e^{-k}.

    Parameters
    ----------
    k : array_like
        Sharpness, in [0, ∞].
    method : {"sigmoid", "density"}
        Of smooth rounding.

    Returns
    -------
    float64 or ndarray of float64
        To 6 units in the last place; below the smallest normal number, 0 is possible.

    Raises
    ------
    TypeError
        If `k` is not real.
    ValueError
        If `k` is negative or nan, or there is no such method.

    Notes
    -----
    The approximations are too large by about 2e^(-k/2) and 10e^(-k) of themselves.

    Examples
    --------
    >>> from fastround import sharpness
    >>> sharpness.slope([1.0, 10.0, 20.0]).round(6)
    array([1.      , 0.132967, 0.001816])
    """
    choice("method", method, _METHODS)
    return ufuncs[f"{method}_round_grad"](0.0, sharpnesses(k))


def from_slope(slope: ArrayLike, method: Method = "sigmoid") -> Any:
    """The sharpness at which the smallest slope is a given one: the inverse of `slope`.

    Rounding that must not lose its gradient anywhere can be this sharp, and no sharper.

    Parameters
    ----------
    slope : array_like
        Slope at the integers, in [0, 1].
    method : {"sigmoid", "density"}
        Of smooth rounding.

    Returns
    -------
    float64 or ndarray of float64
        The largest sharpness whose slope is no smaller: ∞ for a slope of 0.

    Raises
    ------
    TypeError
        If `slope` is not real.
    ValueError
        If `slope` is outside its domain, or there is no such method.

    Examples
    --------
    >>> from fastround import sharpness
    >>> float(sharpness.from_slope(0.01))
    16.160542
    """
    choice("method", method, _METHODS)
    least = reals("slope", slope, "in [0, 1]", lambda slope: (slope >= 0) & (slope <= 1))
    with np.errstate(all="ignore"):
        # There, 2k e^(-k/2) is below the slope already.
        sharpest = 5.0 * (1.0 - np.log(least))
    return _bracket(lambda k: ufuncs[f"{method}_round_grad"](0.0, k) < least, sharpest)[0][()]


def _is_distance(distance: Reals) -> Any:
    return (distance > 0) & (distance <= 0.5)


def _logit(tol: Reals) -> Reals:
    """ln(1/tol - 1): a step by itself differs by tol at this over k; with all others, nearer."""
    logit: Reals = np.log1p(-tol) - np.log(tol)
    return logit


@np.errstate(all="ignore")
def _bracket(condition: Callable[[Reals], Any], high: Reals) -> tuple[Reals, Reals]:
    """Where a condition begins to hold, between 0 and `high`: neighbouring floats, the second of which meets it."""
    low = np.zeros_like(high)
    high = np.where(condition(low), low, high)
    for _ in range(64):
        middle = low / 2 + high / 2
        met = condition(middle)
        low, high = np.where(met, low, middle), np.where(met, middle, high)
    return low, high


# --- The parameters of other packages ---------------------------------------------------------------------------------

PARAMETERS = {
    "softness": (1.0, -1.0),
    "alpha": (2.0, 1.0),
    "temperature": (2.0, -1.0),
    "mu": (2.0, -1.0),
    "tau": (2.0, -1.0),
    "weight": (2.0, 1.0),
}
"""For the name of each parameter a factor and a power: k = factor * parameter**power."""


def from_parameter(name: str, value: ArrayLike, method: Method = "sigmoid") -> Any:
    r"""The sharpness that corresponds to another package's parameter.

    ===============  ======================  =================================================================
    parameter        sharpness               where
    ===============  ======================  =================================================================
    ``softness``     k = 1 / softness        softjax and softtorch, ``round`` with ``mode="smooth"``
    ``alpha``        k = 2 * alpha           tensorflow_compression and NeuralCompression, ``soft_round``
    ``temperature``  k = 2 / temperature     CoDeX, C3 and Cool-Chic, ``soft_round``
    ``mu``           k = 2 / mu              OpenMDAO, ``act_tanh``
    ``tau``          k = 2 / tau             BoTorch, ``approximate_round``
    ``weight``       k = 2 * weight          pyRDDLGym, ``SoftRounding.round``
    ===============  ======================  =================================================================

    Parameters
    ----------
    name : str
        Of the parameter, from the table.
    value : array_like
        Its value, in [0, ∞].
    method : {"sigmoid", "density"}
        Of smooth rounding.  For the density method the sharpness is half of that in the table.

    Returns
    -------
    float64 or ndarray of float64
        Of the shape of `value`.

    Raises
    ------
    TypeError
        If `value` is not real.
    ValueError
        If there is no such parameter or method, or `value` is negative or nan.

    Notes
    -----
    The softness is that of the same function, `sigmoid_round`, but for their window and its leak.  The others are of
    one step by itself,

    .. math:: n + \tfrac12 + \frac{\tanh(\frac k2(x-n-\frac12))}{2z} \quad\text{for}\quad n \le x < n+1,

    where z is tanh(k/4) for alpha, temperature and weight, so that integers are met, and 1 for mu and tau.  Those with
    z = tanh(k/4) differ from `sigmoid_round` by less than e^(-k/2), and by no more than 0.032 at any k; with z = 1,
    by no more than e^(-k/2), and in the limit of k → 0 by ½.  For the density method add ½e^(-k/2), at its own k.

    Examples
    --------
    >>> from fastround import sharpness
    >>> sharpness.from_parameter("temperature", [0.3, 0.1]).round(3)
    array([ 6.667, 20.   ])
    """
    choice("method", method, _METHODS)
    choice("name", name, tuple(PARAMETERS))
    values = reals(name, value, "in [0, inf]", lambda value: value >= 0)
    factor, power = PARAMETERS[name]
    with np.errstate(all="ignore"):
        return (_PER_METHOD[method] * factor * values**power)[()]


def parameter(name: str, k: ArrayLike, method: Method = "sigmoid") -> Any:
    """Another package's parameter that corresponds to a sharpness: the inverse of `from_parameter`.

    Parameters
    ----------
    name : str
        Of the parameter, from the table at `from_parameter`.
    k : array_like
        Sharpness, in [0, ∞].
    method : {"sigmoid", "density"}
        Of smooth rounding, whose sharpness `k` is.

    Returns
    -------
    float64 or ndarray of float64
        Of the shape of `k`.

    Raises
    ------
    TypeError
        If `k` is not real.
    ValueError
        If there is no such parameter or method, or `k` is negative or nan.

    Examples
    --------
    >>> from fastround import sharpness
    >>> float(sharpness.parameter("alpha", 10.0))
    5.0
    """
    choice("method", method, _METHODS)
    choice("name", name, tuple(PARAMETERS))
    factor, power = PARAMETERS[name]
    with np.errstate(all="ignore"):
        return ((sharpnesses(k) / (_PER_METHOD[method] * factor)) ** power)[()]


_PER_METHOD = {"sigmoid": 1.0, "density": 0.5}
"""The sharpness of each method, over that of the sigmoid method with nearly the same steps."""


# --- Schedules --------------------------------------------------------------------------------------------------------


def linear(start: float, stop: float, steps: SupportsIndex) -> Reals:
    r"""A schedule that changes by the same amount at every step.

    .. math:: k_i = (1-t)\,start + t\,stop, \qquad t = \frac i{steps-1}, \quad i = 0, \ldots, steps-1.

    Parameters
    ----------
    start, stop : float
        The first and the last sharpness, in [0, ∞); they are met exactly.
    steps : int
        How many there are, at least 1.  One step is `start`.

    Returns
    -------
    ndarray of float64, shape (steps,)
        One sharpness for each step, in order.

    Raises
    ------
    TypeError
        If `start` or `stop` is not real, or `steps` is no integer.
    ValueError
        If `start` or `stop` is outside its domain or not a single number, or `steps` is less than 1.

    Examples
    --------
    >>> from fastround import sharpness
    >>> sharpness.linear(2.0, 20.0, 4)
    array([ 2.,  8., 14., 20.])
    """
    return np.linspace(*_schedule(start, stop, steps))


def geometric(start: float, stop: float, steps: SupportsIndex) -> Reals:
    r"""A schedule that changes by the same factor at every step.

    .. math:: k_i = start^{1-t}\,stop^t, \qquad t = \frac i{steps-1}, \quad i = 0, \ldots, steps-1.

    The steps of the rounding function become narrower by a constant factor.

    Parameters
    ----------
    start, stop : float
        The first and the last sharpness, in (0, ∞); they are met exactly.
    steps : int
        How many there are, at least 1.  One step is `start`.

    Returns
    -------
    ndarray of float64, shape (steps,)
        One sharpness for each step, in order.

    Raises
    ------
    TypeError
        If `start` or `stop` is not real, or `steps` is no integer.
    ValueError
        If `start` or `stop` is outside its domain or not a single number, or `steps` is less than 1.

    Examples
    --------
    >>> from fastround import sharpness
    >>> sharpness.geometric(2.0, 54.0, 4)
    array([ 2.,  6., 18., 54.])
    """
    return np.geomspace(*_schedule(start, stop, steps, above=0.0))


def cosine(start: float, stop: float, steps: SupportsIndex) -> Reals:
    r"""A schedule that sets off and arrives slowly, along half a period of the cosine.

    .. math:: k_i = start + (stop - start)\,\frac{1-\cos \pi t}2,
              \qquad t = \frac i{steps-1}, \quad i = 0, \ldots, steps-1.

    Parameters
    ----------
    start, stop : float
        The first and the last sharpness, in [0, ∞); they are met exactly.
    steps : int
        How many there are, at least 1.  One step is `start`.

    Returns
    -------
    ndarray of float64, shape (steps,)
        One sharpness for each step, in order.

    Raises
    ------
    TypeError
        If `start` or `stop` is not real, or `steps` is no integer.
    ValueError
        If `start` or `stop` is outside its domain or not a single number, or `steps` is less than 1.

    Examples
    --------
    >>> from fastround import sharpness
    >>> sharpness.cosine(2.0, 18.0, 5).round(3)
    array([ 2.   ,  4.343, 10.   , 15.657, 18.   ])
    """
    first, last, count = _schedule(start, stop, steps)
    share = (1.0 - np.cos(np.linspace(0.0, np.pi, count))) / 2.0
    return first * (1.0 - share) + last * share


def _schedule(start: float, stop: float, steps: SupportsIndex, above: float = -1.0) -> tuple[float, float, int]:
    """The arguments of a schedule, checked; `above` is what the ends must exceed."""
    domain = "a number in (0, inf)" if above == 0.0 else "a number in [0, inf)"
    ends = [
        float(reals(name, value, domain, lambda k: (k.ndim == 0) & np.isfinite(k) & (k >= 0) & (k > above)))
        for name, value in (("start", start), ("stop", stop))
    ]
    if (count := index(steps)) < 1:
        raise ValueError(f"steps must be at least 1, got {count}")
    return ends[0], ends[1], count
