"""What a window costs in truth: the error of a sum over the nearest integers only, and the window for an error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arguments import Method, Reals, choice, reals, sharpnesses, whole

__all__ = ["window_error", "window_radius"]

LARGEST_RADIUS = 2**53
"""Beyond, not every integer is a float."""

_SOFT = 1 / 16
"""Up to this sharpness, the sum over a window of the density method is an integral with corrections."""


def window_error(k: ArrayLike, radius: ArrayLike, method: Method = "sigmoid") -> Any:
    r"""How far a windowed sum is from the infinite one, at worst.

    For the sigmoid method and M = `radius` the largest error over all x is

    .. math:: \sup_x |S(x) - S_M(x)| = \frac{1}{1 + e^{kM}},

    and for the density method it is

    .. math:: \sup_x |D(x) - D_M(x)|
              = \frac{(M+\frac12)\,\rho(k(M+\frac12))}{\rho(k(M+\frac12)) + 2\sum_{j=0}^{M-1}\rho(k(j+\frac12))}.

    Both are proved, and met at the half-integers (see the mathematics in the documentation).  Floors and ceilings
    have the same errors.

    Parameters
    ----------
    k : array_like
        Sharpness, in [0, ∞].
    radius : array_like of int
        How many integers are taken on either side of the nearest one.
    method : {"sigmoid", "density"}
        Of smooth rounding.

    Returns
    -------
    float64 or ndarray of float64
        Of the broadcast shape of `k` and `radius`.

    Raises
    ------
    TypeError
        If `k` is not real.
    ValueError
        If `k` is negative or nan, `radius` is negative or not of an integer type, or there is no such method.

    See Also
    --------
    window_radius : The inverse.

    Notes
    -----
    The relative error is about 1e-14 + 1e-16·kM.  It is the mathematical error alone; the rounding errors of the
    functions come on top.  At radius 0, or k = 0, the error is ½; at k = ∞ it is 0 for every radius.

    Examples
    --------
    >>> import fastround as fr
    >>> float(fr.window_error(1.0, 3))
    0.047426
    >>> fr.window_error(1.0, [1, 2, 3], method="density").round(4)
    array([0.3613, 0.209 , 0.1063])
    """
    choice("method", method, tuple(_ERRORS))
    sharpness, integers = np.broadcast_arrays(sharpnesses(k), whole("radius", radius).astype(np.float64))
    return _ERRORS[method](sharpness, integers)[()]


def window_radius(k: ArrayLike, tol: ArrayLike, method: Method = "sigmoid") -> Any:
    r"""The least window whose error is within a tolerance.

    It is the least M for which `window_error` (k, M) ≤ `tol`.  For the sigmoid method this is

    .. math:: M = \Bigl\lceil \frac1k \ln\Bigl(\frac1{tol} - 1\Bigr) \Bigr\rceil.

    Parameters
    ----------
    k : array_like
        Sharpness, in [0, ∞].
    tol : array_like
        Largest error allowed, greater than 0.  From ½ on, a radius of 0 will do.
    method : {"sigmoid", "density"}
        Of smooth rounding.

    Returns
    -------
    int64 or ndarray of int64
        Of the broadcast shape of `k` and `tol`.

    Raises
    ------
    TypeError
        If `k` or `tol` is not real.
    ValueError
        If `k` is negative, `tol` is not positive, one of them is nan, there is no such method, or no radius up to
        2^53 is enough: at k = 0, none is for a `tol` below ½.

    See Also
    --------
    window_error : The inverse.

    Notes
    -----
    The result r is exact with respect to `window_error`, in floating point: window_error(k, r) ≤ tol, and
    tol < window_error(k, r - 1) if r > 0.

    Examples
    --------
    >>> import fastround as fr
    >>> int(fr.window_radius(1.0, 1e-6))
    14
    >>> fr.window_radius([0.5, 1.0, 10.0], 1e-6, method="density")
    array([33, 17,  2])
    """
    choice("method", method, tuple(_ERRORS))
    tolerance = reals("tol", tol, "greater than 0", lambda tol: tol > 0)
    sharpness, tolerance = np.broadcast_arrays(sharpnesses(k), tolerance)

    def enough(radius: Any) -> Any:
        return _ERRORS[method](sharpness, radius.astype(np.float64)) <= tolerance

    # The errors fall with the radius: `high` is enough and `low` is not.
    low, high = np.full(sharpness.shape, -1), np.zeros(sharpness.shape, np.int64)
    while not np.all(done := enough(high)):
        low, high = np.where(done, low, high), np.where(done, high, 2 * high + 1)
        if np.any(high > LARGEST_RADIUS):
            first = np.argmax(high)
            raise ValueError(
                f"no radius up to 2**53 is enough at k = {sharpness.flat[first]} for tol = {tolerance.flat[first]}"
            )
    while np.any(high - low > 1):
        middle = np.maximum((low + high) // 2, 0)
        done = enough(middle)
        low, high = np.where(done, low, middle), np.where(done, middle, high)
    return high[()]


@np.errstate(all="ignore")
def _sigmoid_error(k: Reals, radius: Reals) -> Reals:
    decay = np.exp(-k * radius)
    error: Reals = np.where(np.isinf(k), 0.0, decay / (1.0 + decay))
    return error


@np.errstate(all="ignore")
def _density_error(k: Reals, radius: Reals) -> Reals:
    r"""The unpaired weight of a window at a half-integer, times its distance, over all weights.

    The window has one of the integers at a distance of M + 1/2, and two at each smaller one.  So the weights add up to
    the trapezoidal sum of rho(ks) over |s| <= M + 1/2.
    """
    error = np.minimum(_soft_density_error(k, radius), 0.5, out=np.empty(k.shape))
    sharp = np.isfinite(k) & (k > _SOFT)
    if np.any(sharp):
        error[sharp] = _sharp_density_error(k[sharp], radius[sharp])
    error[radius == 0] = 0.5
    error[np.isinf(k)] = 0.0
    return error


def _soft_density_error(k: Reals, radius: Reals) -> Reals:
    r"""By the Euler-Maclaurin formula, whose next term is below 1e-14 for k <= 1/16.

    With z = k(M + 1/2) and t = tanh(z/2), the integral is t/k; the derivatives are rho' = -t rho,
    rho''' = -t rho (1 - 12 rho) and rho''''' = -t rho (1 - 60 rho + 360 rho^2).
    """
    z = k * (radius + 0.5)
    decay = np.exp(-z)
    rho = decay / (1.0 + decay) ** 2
    series = (1 - 60 * rho + 360 * rho**2) * k**2 / 42 - (1 - 12 * rho)
    corrections = 1.0 - k**2 * rho / 6 * (1 + k**2 / 60 * series)
    # z rho / t = z / (2 sinh z), which is 1/2 at z = 0.
    error: Reals = np.where(z > 0, z * decay / -np.expm1(-2.0 * z), 0.5) / corrections
    return error


def _sharp_density_error(k: Reals, radius: Reals) -> Reals:
    """Term by term, with all weights relative to the largest, rho(k/2)."""
    half = np.exp(-k / 2)

    def weight(j: Any) -> Reals:
        decay = np.exp(-k * j)
        relative: Reals = decay * ((1.0 + half) / (1.0 + half * decay)) ** 2
        return relative

    last = weight(radius)
    total = last.copy()
    # Beyond, no weight is above 1e-19 of the first.
    for j in range(int(min(radius.max(), 2 + 45 / k.min()))):
        total += np.where(j < radius, 2.0 * weight(j), 0.0)
    error: Reals = (radius + 0.5) * last / total
    return error


_ERRORS = {"sigmoid": _sigmoid_error, "density": _density_error}
