r"""The rounding functions in plain Python, written from their definitions.

This module is what the fast functions are measured against where multiple precision would be too
slow, and the place to read what they compute.  It needs nothing but `math`.  All of it follows
from the logistic function and its derivative,

    sigma(z) = 1 / (1 + exp(-z)),        rho(z) = sigma'(z) = sigma(z) (1 - sigma(z)),

and from the two smooth versions of rounding in arXiv 2504.19026, of sharpness k:

    S(x) = sum over n of n [sigma(k(x - n + 1/2)) - sigma(k(x - n - 1/2))]
    D(x) = sum over n of n rho(k(x - n)) / sum over n of rho(k(x - n))

Floor and ceiling are the same functions at x - 1/2 and x + 1/2.  Three forms of each are given:

- over all integers, `sigmoid_round` and so on: no truncation error at any sharpness;
- over the integers nearest to x, `sigmoid_round_windowed` and so on;
- over a window as published, `sigmoid_round_literal` and `density_round_literal`.

How it stays exact
------------------
Nothing is summed as written above: the terms there are as large as x.  With c the integer nearest
to x, both functions are c plus an odd function of x - c.  Three ideas do the rest.

*Exact distances.*  A distance is a pair (m, delta) that stands for m + delta, m a multiple of 1/2
and delta the exact float x - rint(x) or its negative.  So the distance to an integer and the
distance to a step are both exact, although their sum, 1/2, may be too coarse to hold them.
`_decay` then makes exp(-k(m + delta)) of the exact product.

*No subtraction of near equals.*  Every difference below is written as a product, and every sum
has terms of one sign wherever its relative accuracy matters.

*Two expansions.*  The terms of the sums over integers fall like exp(-k j).  For a small k it is
better to sum their Fourier transforms, which fall like exp(-2 pi^2 m / k) (Poisson's formula).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from operator import index
from typing import Literal, NamedTuple, ParamSpec, SupportsIndex, TypeVar

__all__ = [
    "density_ceil",
    "density_ceil_grad",
    "density_ceil_grad_k",
    "density_ceil_value_and_grad",
    "density_ceil_windowed",
    "density_ceil_windowed_grad",
    "density_ceil_windowed_grad_k",
    "density_ceil_windowed_value_and_grad",
    "density_floor",
    "density_floor_grad",
    "density_floor_grad_k",
    "density_floor_value_and_grad",
    "density_floor_windowed",
    "density_floor_windowed_grad",
    "density_floor_windowed_grad_k",
    "density_floor_windowed_value_and_grad",
    "density_round",
    "density_round_grad",
    "density_round_grad_k",
    "density_round_literal",
    "density_round_literal_grad",
    "density_round_literal_grad_k",
    "density_round_literal_value_and_grad",
    "density_round_value_and_grad",
    "density_round_windowed",
    "density_round_windowed_grad",
    "density_round_windowed_grad_k",
    "density_round_windowed_value_and_grad",
    "sigmoid_ceil",
    "sigmoid_ceil_grad",
    "sigmoid_ceil_grad_k",
    "sigmoid_ceil_value_and_grad",
    "sigmoid_ceil_windowed",
    "sigmoid_ceil_windowed_grad",
    "sigmoid_ceil_windowed_grad_k",
    "sigmoid_ceil_windowed_value_and_grad",
    "sigmoid_floor",
    "sigmoid_floor_grad",
    "sigmoid_floor_grad_k",
    "sigmoid_floor_value_and_grad",
    "sigmoid_floor_windowed",
    "sigmoid_floor_windowed_grad",
    "sigmoid_floor_windowed_grad_k",
    "sigmoid_floor_windowed_value_and_grad",
    "sigmoid_round",
    "sigmoid_round_grad",
    "sigmoid_round_grad_k",
    "sigmoid_round_literal",
    "sigmoid_round_literal_grad",
    "sigmoid_round_literal_grad_k",
    "sigmoid_round_literal_value_and_grad",
    "sigmoid_round_value_and_grad",
    "sigmoid_round_windowed",
    "sigmoid_round_windowed_grad",
    "sigmoid_round_windowed_grad_k",
    "sigmoid_round_windowed_value_and_grad",
]


class _Jet(NamedTuple):
    """A function and its two partial derivatives at one point."""

    value: float
    grad: float
    grad_k: float


# --- Exact distances and their exponentials -------------------------------------------------------


class _Distance(NamedTuple):
    """The exact number m + delta."""

    m: float
    delta: float

    def __float__(self) -> float:
        return self.m + self.delta

    def halved(self) -> _Distance:
        return _Distance(self.m / 2, self.delta / 2)


class _Cell(NamedTuple):
    """Where x + shift lies in its cell [c - 1/2, c + 1/2]: at c + sign * offset."""

    centre: float
    sign: float
    offset: _Distance

    def ahead(self, b: float) -> _Distance:
        """The distance to c + sign * b, for b at least as large as the offset."""
        return _Distance(b - self.offset.m, -self.offset.delta)

    def behind(self, b: float) -> _Distance:
        """The distance to c - sign * b."""
        return _Distance(b + self.offset.m, self.offset.delta)

    def at(self, *parts: float) -> float:
        """c + sign * (sum of the parts), which are the parts of a number in [0, 1/2]."""
        if self.centre == 0.0:
            return self.sign * math.fsum(parts)  # -0.0 too
        return math.fsum([self.centre, *(self.sign * part for part in parts)])


def _locate(x: float, shift: float) -> _Cell:
    """The cell of x + shift, ties to even."""
    nearest = round(x)
    residue = x - nearest
    if shift == 0.0:
        sign = math.copysign(1.0, residue)  # of x itself where x is 0.0 or -0.0
        return _Cell(float(nearest), sign, _Distance(0.0, abs(residue)))
    # A step lies at nearest, and the centres of the cells to its left and right are these.
    left = nearest + round(shift - 0.5)
    right = left + 1
    go_right = residue > 0.0 or (residue == 0.0 and left % 2 == 1)
    centre, sign = (float(right), -1.0) if go_right else (float(left), 1.0)
    if abs(residue) == 0.5:
        sign = 1.0  # x + shift is an integer, and were it zero, it would be +0.0
    return _Cell(centre, sign, _Distance(0.5, -abs(residue)))


def _product(a: float, b: float) -> list[float]:
    """Four floats with the exact sum a * b."""
    (p, i), (q, j) = math.frexp(a), math.frexp(b)
    # Halves of 26 and 27 bits; p_high is below 1, so that nothing overflows unless a * b does.
    p_high, q_high = math.floor(p * 2.0**26) / 2.0**26, round(q * 2.0**26) / 2.0**26
    p_low, q_low = p - p_high, q - q_high
    products = p_high * q_high, p_high * q_low, p_low * q_high, p_low * q_low
    return [math.ldexp(product, i + j) for product in products]


def _decay(k: float, distance: _Distance) -> float:
    """exp(-k(m + delta)): a rounding error of the exponent would be multiplied by its size."""
    if k * float(distance) > 2000.0:
        return 0.0
    exponent = _product(k, distance.m) + _product(k, distance.delta)
    high = math.fsum(exponent)
    low = math.fsum([*exponent, -high])
    result = math.exp(-high)
    return result - result * low


def _times_decay(factor: float, k: float, distance: _Distance) -> float:
    """factor * exp(-k(m + delta)), also where the exponential alone would underflow."""
    decay = _decay(k, distance)
    if decay > 1e-280:
        return factor * decay
    root = _decay(k, distance.halved())
    return factor * root * root


# --- The window series ----------------------------------------------------------------------------


def _sigmoid_window(cell: _Cell, k: float, radius: int) -> _Jet:
    r"""S less c: each step b = 1/2, 3/2, ... ahead, against its mirror image behind.

    With e = exp(-k(b - a)) and f = exp(-k(b + a)), a the offset,

        sigma(-k(b - a)) - sigma(-k(b + a)) = e (1 - exp(-2ka)) / ((1 + e)(1 + f))
    """
    rise = -math.expm1(-k * (2.0 * float(cell.offset)))
    values, slopes, slopes_k = [], [], []
    for j in range(1, radius + 1):
        ahead, behind = cell.ahead(j - 0.5), cell.behind(j - 0.5)
        e, f = _decay(k, ahead), _decay(k, behind)
        values.append(e * rise / math.fsum([1.0, e, f, e * f]))
        for sign, distance, decay in (1.0, behind, f), (-1.0, ahead, e):
            square = (1.0 + decay) ** 2
            slopes.append(_times_decay(k, k, distance) / square)
            slopes_k.append(sign * float(distance) * decay / square)
    return _Jet(math.fsum(values), math.fsum(slopes), math.fsum(slopes_k))


class _State(NamedTuple):
    """An integer in the density, seen from the integer c."""

    n: int  # its place: positive towards x, negative away from it
    decay: float  # exp(-kg), g being how much further than c it is from x
    weight: float  # rho(k(x - n)) / rho(k(x - c)) = exp(-kg) ((1 + w) / (1 + e))^2
    k_weight: float  # k times that, which may be a normal number where the weight is none
    slope: float  # tanh(k(x - c)/2) - tanh(k(x - n)/2), with the sign of n
    slope_k: float  # z tanh(kz/2) at z = a + g, less the same at z = a; never negative


def _weigh(x: float, w: float, e: float) -> tuple[float, float]:
    """x ((1 + w) / (1 + e))^2 as a sum whose second term, with its rounding errors, is small."""
    base = 2.0 ** round(math.log2((1.0 + w) / (1.0 + e)))
    excess = math.fsum([1.0 - base, w, -base * e]) / (base * (1.0 + e))
    x *= base * base
    return x, x * (excess * (2.0 + excess))


def _share(terms: list[float], others: float) -> float:
    """The sum of the terms, over 1 + others; again with the rounding errors in a small part."""
    if others > 1.0:
        return math.fsum(terms) / (1.0 + others)
    return math.fsum([*terms, -math.fsum(terms) * (others / (1.0 + others))])


def _state(k: float, cell: _Cell, n: int) -> _State:
    a, g = cell.offset, _Distance(-n, 0.0)
    if n > 0:
        g = _Distance(n - 2.0 * a.m, -2.0 * a.delta)
    w, decay = _decay(k, a), _decay(k, g)
    e = w * decay
    tanh = -math.expm1(-k * (float(a) + float(g))) / (1.0 + e)
    scale = math.fsum([1.0, w, e, w * e])
    rise = -2.0 * w * math.expm1(-k * float(g)) / scale  # from tanh(ka/2) to tanh(k(a + g)/2)
    # x lies between c and an n ahead: there the two tanh have opposite signs, and add.
    slope = -2.0 * math.expm1(-k * n) / scale if n > 0 else -rise
    slope_k = float(g) * tanh + float(a) * rise
    weight, k_weight = sum(_weigh(decay, w, e)), sum(_weigh(_times_decay(k, k, g), w, e))
    return _State(n, decay, weight, k_weight, slope, slope_k)


def _density_window(cell: _Cell, k: float, ahead: int, behind: int) -> _Jet:
    r"""D less c: over c, `ahead` integers in the direction of x, and `behind` <= `ahead` others.

    The logarithm of rho(kz) has the derivatives -k tanh(kz/2) and -z tanh(kz/2), so those of D are
    covariances of n with these.  Measured from their values at c, all terms of the first have one
    sign, and those of the second on each side of c.
    """
    w = _decay(k, cell.offset)
    front = [_state(k, cell, n) for n in range(1, ahead + 1)]
    back = [_state(k, cell, -n) for n in range(1, behind + 1)]
    states = front + back
    others = math.fsum(s.weight for s in states)

    if w <= 0.3:
        mean = _share([s.n * s.weight for s in states], others)
        slopes_k = [s.weight * ((mean - s.n) * s.slope_k) for s in states]
    else:
        # The states n and -n may nearly cancel.  Their weights differ by
        # exp(-kg) (1 - exp(-2ka)) (1 - exp(-2kn)) ((1 + w) / (1 + e) / (1 + f))^2.
        a = float(cell.offset)
        rise = -math.expm1(-k * (2.0 * a))
        moments = [s.n * s.weight for s in front[behind:]]
        slopes_k = [-s.n * s.weight * s.slope_k for s in front[behind:]]
        for s, t in zip(front, back, strict=False):
            e, f = w * s.decay, w * t.decay
            product = s.n * s.decay * rise * -math.expm1(-2.0 * k * s.n)
            parts = _weigh(product, w, e + f + e * f)
            moments += parts
            tanh = -math.expm1(-k * (s.n - a)) / (1.0 + e)
            tanh_less_tanh = 2.0 * e * rise / math.fsum([1.0, e, f, e * f])
            gain_k = (s.n + a) * tanh_less_tanh + 2.0 * a * tanh
            slopes_k += [-sum(parts) * s.slope_k, s.n * t.weight * gain_k]
        mean = _share(moments, others)
        slopes_k += [mean * s.weight * s.slope_k for s in states]

    slopes = [s.k_weight * ((s.n - mean) * s.slope) for s in states]
    return _Jet(mean, _share(slopes, others), _share(slopes_k, others))


# --- Wide windows of soft steps -------------------------------------------------------------------
#
# Where a window has many integers and the steps are soft, the Euler-Maclaurin formula sums it: by the
# midpoint rule, the sigmoid method has
#
#     S - c = r t + (r^3 / 6 - r / 24) t'' + ...,        t = tanh(k z / 2) at the end z = M,
#
# and the derivatives of t are by z.  As (kM)^4 exp(-kM) is never large, the next term is below
# M^-4 of the first.  With kW and kV the sums of k rho(k(x - n)) and of (n - c) k rho(k(x - n)),
#
#     kW = dS/dx,        kV = r dS/dx - k dS/dk        for windows that end at z = M + 1/2,
#
# and D - c = V / W.  Divided by t, what nearly cancels in V is 1 - y / sinh(y), with y = kz.

_MANY = 10_000
"""Windows with more terms that matter than these are not summed one by one."""


def _end_of_window(k: float, z: float) -> tuple[float, float]:
    """t = tanh(kz/2) and its cosh^-2."""
    e = _decay(k, _Distance(z, 0.0))
    return -math.expm1(-k * z) / (1.0 + e), 4.0 * e / (1.0 + e) ** 2


def _sigmoid_soft_window(a: float, k: float, z: float) -> _Jet:
    """S less c, for a window that ends at z."""
    t, s = _end_of_window(k, z)
    b, b_x = (a - 4.0 * a**3) / 48.0, (1.0 - 12.0 * a * a) / 48.0
    c = k * k * s
    c_k = k * s * (2.0 * t + k * z / 2.0 * (s - 2.0 * t * t))  # of c t
    return _Jet(t * (a + c * b), t * (1.0 + c * b_x), a * z / 2.0 * s + c_k * b)


def _lag(y: float) -> tuple[float, float]:
    """1 - y / sinh(y), and its derivative."""
    if y > 30.0:
        return 1.0 - 2.0 * y * math.exp(-y), 2.0 * (y - 1.0) * math.exp(-y)
    # From sinh(y) / y - 1.
    powers = [y ** (2 * i - 1) / math.factorial(2 * i + 1) for i in range(1, 60)]
    excess, growth = y * math.fsum(powers), math.fsum(2 * i * p for i, p in enumerate(powers, 1))
    return excess / (1.0 + excess), growth / (1.0 + excess) ** 2


def _density_soft_window(a: float, k: float, z: float) -> _Jet:
    """D less c, for a window that ends at z; top and bottom are V / a and W, over t / k."""
    t, s = _end_of_window(k, z)
    y = k * z
    lag, lag_y = _lag(y)
    c, c_k = k * k * s / 48.0, k * s / 48.0 * (2.0 - y * t)
    # Of the three terms of k dS/dk.
    p, p_k = 3.0 - lag - y * t, -z * (lag_y + t + y * s / 2.0)
    e, f = 1.0 - 4.0 * a * a, 1.0 - 12.0 * a * a
    top, bottom = lag - c * (e * p - f), 1.0 + c * f
    top_k = z * lag_y - c_k * (e * p - f) - c * e * p_k
    ratio = top / bottom
    slope = lag - c * ((p - 1.0) + 12.0 * a * a * (3.0 - p)) + 24.0 * c * a * (a * ratio)
    return _Jet(a * ratio, slope / bottom, a * (top_k - ratio * c_k * f) / bottom)


# --- The dual series ------------------------------------------------------------------------------


class _Harmonic(NamedTuple):
    """One term of the dual series, with y = 2 pi^2 m / k.

    phi = y / sinh(y) is the Fourier transform of k rho(kx) at t = 2 pi m.  The sine and cosine
    are those of 2 pi m a, the offset a in [0, 1/2].
    """

    m: int
    sin: float
    cos: float
    phi: float
    phi_t: float  # its derivative in t
    phi_k: float  # its derivative in k
    phi_tk: float


_TWO_PI_SQUARED = 19.739208802178716, 1.2530591017479423e-15
"""2 pi^2, as the sum of two floats."""


def _quotient_and_decay(m: int, k: float) -> tuple[float, float]:
    """y = 2 pi^2 m / k and exp(-y)."""
    high, low = _TWO_PI_SQUARED
    y = high * m / k
    rest = math.fsum([*_product(high, m), *_product(-y, k), low * m]) / k
    decay = math.exp(-y)
    return y, decay - decay * rest


def _harmonics(cell: _Cell, k: float) -> Iterator[_Harmonic]:
    a = float(cell.offset)
    d = float(cell.ahead(0.5))
    for m in range(1, 3 + int(2.5 * k)):
        if _TWO_PI_SQUARED[0] * m > 700.0 * k:
            return
        y, decay = _quotient_and_decay(m, k)
        angle = 2.0 * math.pi * m * min(a, d)
        mirror = -1.0 if d < a and m % 2 == 1 else 1.0
        sin, cos = math.sin(angle) * (-mirror if d < a else mirror), math.cos(angle) * mirror
        # With y / sinh(y) = y c, its derivative is (1 - y coth(y)) c, and so on.
        cosech = 2.0 * decay / (1.0 - decay * decay)
        coth_less_1 = decay * cosech
        first = math.fsum([1.0, -y, -y * coth_less_1]) * cosech
        mixed = [1.0, -3.0 * y, -3.0 * y * coth_less_1, y * y, 2.0 * (y * cosech) ** 2]
        phi_t, phi_tk = math.pi / k * first, -math.pi / k / k * (math.fsum(mixed) * cosech)
        yield _Harmonic(m, sin, cos, y * cosech, phi_t, -y / k * first, phi_tk)


def _sigmoid_dual(cell: _Cell, k: float) -> _Jet:
    r"""S less x: the sum of (-1)^m phi sin(2 pi m a) / (pi m)."""
    terms = list(_harmonics(cell, k))
    sines = [(-1) ** h.m * h.sin / (math.pi * h.m) for h in terms]
    return _Jet(
        math.fsum(h.phi * sine for h, sine in zip(terms, sines, strict=True)),
        math.fsum([1.0, *(2.0 * (-1) ** h.m * h.phi * h.cos for h in terms)]),
        math.fsum(h.phi_k * sine for h, sine in zip(terms, sines, strict=True)),
    )


def _density_dual(cell: _Cell, k: float) -> _Jet:
    r"""D less x: the sum of 2 phi_t sin(2 pi m a), over 1 + the sum of 2 phi cos(2 pi m a)."""
    terms = list(_harmonics(cell, k))
    top = math.fsum(2.0 * h.phi_t * h.sin for h in terms)
    top_x = math.fsum(4.0 * math.pi * h.m * h.phi_t * h.cos for h in terms)
    top_k = math.fsum(2.0 * h.phi_tk * h.sin for h in terms)
    bottom = math.fsum([1.0, *(2.0 * h.phi * h.cos for h in terms)])
    bottom_x = math.fsum(-4.0 * math.pi * h.m * h.phi * h.sin for h in terms)
    bottom_k = math.fsum(2.0 * h.phi_k * h.cos for h in terms)
    ratio = top / bottom
    return _Jet(
        ratio,
        math.fsum([1.0, (top_x - ratio * bottom_x) / bottom]),
        (top_k - ratio * bottom_k) / bottom,
    )


# --- The three forms ------------------------------------------------------------------------------

_Method = Literal["sigmoid", "density"]
_Centre = Literal["floor", "nearest"]

_SWITCH = {"sigmoid": 6.0, "density": 3.5}
"""The dual series below, the window series above: where they cancel equally little."""


def _terms_that_matter(k: float, most: float = math.inf) -> int:
    """The window series has no term above 1e-19 of its first beyond these."""
    return int(min(most, 2.0 + 45.0 / k) if k > 0.0 else most)


def _away_from_reals(x: float, k: float) -> _Jet | None:
    """The answer where x or k is no number to compute with."""
    if math.isnan(x) or not k >= 0.0:
        return _Jet(math.nan, math.nan, math.nan)
    if math.isinf(x):
        return _Jet(x, math.nan, math.nan)
    return None


def _window(method: _Method, cell: _Cell, k: float, radius: float) -> _Jet:
    terms = _terms_that_matter(k, radius)
    if terms > _MANY:
        a, m = float(cell.offset), float(min(radius, 2**1023))
        return _sigmoid_soft_window(a, k, m) if method == "sigmoid" else _density_soft_window(a, k, m + 0.5)
    if method == "sigmoid":
        return _sigmoid_window(cell, k, terms)
    return _density_window(cell, k, terms, terms)


def _infinite(method: _Method, shift: float, x: float, k: float) -> _Jet:
    """`method` rounding at x + shift, over all integers."""
    x, k = float(x), float(k)
    if (answer := _away_from_reals(x, k)) is not None:
        return answer
    cell = _locate(x, shift)
    if math.isinf(k):
        return _Jet(cell.at(), 0.0, 0.0)
    if k < _SWITCH[method]:
        less_x = _sigmoid_dual(cell, k) if method == "sigmoid" else _density_dual(cell, k)
        value = cell.at(*cell.offset, less_x.value)
        return _Jet(value, less_x.grad, cell.sign * less_x.grad_k)
    less_c = _window(method, cell, k, math.inf)
    if float(cell.ahead(0.5)) == 0.0:  # on a step, half-way up for every k
        return _Jet(cell.at(0.5), less_c.grad, 0.0)
    return _Jet(cell.at(less_c.value), less_c.grad, cell.sign * less_c.grad_k)


def _windowed(method: _Method, shift: float, x: float, k: float, radius: SupportsIndex) -> _Jet:
    """`method` rounding at x + shift, over the `2 radius + 1` integers nearest to it."""
    x, k, radius = float(x), float(k), _whole(radius)
    if (answer := _away_from_reals(x, k)) is not None:
        return answer
    cell = _locate(x, shift)
    if math.isinf(k):
        return _Jet(cell.at(), 0.0, 0.0)
    less_c = _window(method, cell, k, radius)
    return _Jet(cell.at(less_c.value), less_c.grad, cell.sign * less_c.grad_k)


def _literal_sigmoid(x: float, k: float, radius: SupportsIndex, center: _Centre) -> _Jet:
    """The published sum, with as little rounding of its own as can be."""
    x, k, radius, middle = float(x), float(k), _whole(radius), _middle(center)
    if (answer := _away_from_reals(x, k)) is not None:
        return answer
    c, first, last = round(x), middle(x) - radius, middle(x) + radius
    if math.isinf(k):
        return _Jet(float(c) if first <= c <= last else 0.0, 0.0, 0.0)

    # The edges n - 1/2 of the cells in the window, with the distance x is past them.
    edges = [_Distance(c - n + 0.5, x - c) for n in range(first, last + 2)]
    sizes = [edge if edge.m > 0.0 else _Distance(-edge.m, -edge.delta) for edge in edges]
    tails = [_decay(k, size) for size in sizes]
    # sigma at the lower edge of a cell, less sigma at its upper: (1 - exp(-k)) times the decay
    # to the nearer edge, or 1 inside the cell, over both (1 + decay).
    terms = []
    for n, lower, upper in zip(range(first, last + 1), tails, tails[1:], strict=False):
        near = 1.0 if n == c else max(lower, upper)
        terms.append(n * (-math.expm1(-k) * near / ((1.0 + lower) * (1.0 + upper))))

    def by_parts(at_edges: list[float]) -> float:
        """The sum of n [f(n - 1/2) - f(n + 1/2)], so ordered that nothing large cancels."""
        return math.fsum([first * at_edges[0], *at_edges[1:-1], -last * at_edges[-1]])

    squares = [(1.0 + tail) ** 2 for tail in tails]
    grad = by_parts([_times_decay(k, k, z) / q for z, q in zip(sizes, squares, strict=True)])
    grad_k = by_parts([float(z) * t / q for z, t, q in zip(edges, tails, squares, strict=True)])
    return _Jet(math.fsum(terms), grad, grad_k)


def _literal_density(x: float, k: float, radius: SupportsIndex, center: _Centre) -> _Jet:
    """The mean over the window of the published sum."""
    x, k, radius, middle = float(x), float(k), _whole(radius), _middle(center)
    if (answer := _away_from_reals(x, k)) is not None:
        return answer
    cell = _locate(x, 0.0)
    # From an x below its nearest integer c, a window around c - 1 reaches one further ahead.
    extra = int(cell.centre) - middle(x)
    if radius == 0 and extra:
        return _Jet(float(middle(x)), 0.0, 0.0)
    if math.isinf(k):
        return _Jet(cell.at(), 0.0, 0.0)
    ahead, behind = (_terms_that_matter(k, radius + i) for i in (extra, -extra))
    less_c = _density_window(cell, k, ahead, behind)
    return _Jet(cell.at(less_c.value), less_c.grad, cell.sign * less_c.grad_k)


def _whole(radius: SupportsIndex) -> int:
    try:
        whole = index(radius)
    except TypeError:
        raise TypeError(f"radius must be an integer, not {type(radius).__name__}") from None
    if whole < 0:
        raise ValueError(f"radius must not be negative, got {whole}")
    return whole


def _middle(center: _Centre) -> Callable[[float], int]:
    if center == "floor":
        return math.floor
    if center == "nearest":
        return round
    raise ValueError(f"center must be 'floor' or 'nearest', not {center!r}")


# --- The public functions -------------------------------------------------------------------------

_P = ParamSpec("_P")
_R = TypeVar("_R")


class _About(NamedTuple):
    """What the four functions of a family say in common."""

    title: str
    formula: str
    method: int  # of arXiv 2504.19026
    bounds: dict[str, str]  # how far off each field of the jet may be
    notes: str
    example: tuple[str, _Jet]  # arguments of a call, and the jet there to six digits


_PARAMETERS = {
    "x": "x : float\n    Where to round.",
    "k": "k : float\n    Sharpness, from 0 (no rounding) to inf (hard rounding).",
    "radius": "radius : int\n    How many integers to take on either side of the middle one.",
    "center": (
        'center : {"floor", "nearest"}, default "floor"\n'
        "    The integer in the middle: the floor of x, or rint(x), which halves to even."
    ),
}

_ERRORS = {
    "x": "TypeError\n    If `x` or `k` is not a real number.",
    "radius": "TypeError, ValueError\n    If `radius` is not an integer, or is negative.",
    "center": "ValueError\n    If `center` is neither of the two.",
}

_DOCSTRING = """\
{what} of {title}.

.. math:: {formula}

Parameters
----------
{parameters}

Returns
-------
{returns}

Raises
------
{errors}

Notes
-----
{notes}

References
----------
.. [1] arXiv:2504.19026, method {method}.

Examples
--------
>>> from fastround.reference import {name}
{example}
"""


def _public(
    jet: Callable[_P, _Jet],
    about: _About,
    suffix: str,
    what: str,
    pick: Callable[[_Jet], _R],
    *fields: str,
) -> Callable[_P, _R]:
    """The function `jet`, less its underscore and with `suffix`, that returns only `fields`."""
    name = jet.__name__.removeprefix("_") + suffix

    def function(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return pick(jet(*args, **kwargs))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None

    arguments, answers = about.example
    call, shown = f"{name}({arguments})", [getattr(answers, field) for field in fields]
    example = f">>> round({call}, 6)\n{shown[0]}"
    if len(fields) > 1:
        example = f">>> [round(result, 6) for result in {call}]\n{shown}"
    signature = inspect.signature(jet)
    parameters = [_PARAMETERS[p] for p in signature.parameters]
    errors = [_ERRORS[p] for p in signature.parameters if p in _ERRORS]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = _DOCSTRING.format(
        what=what,
        title=about.title,
        formula=about.formula,
        parameters="\n".join(parameters),
        returns="\n".join(f"{f} : float\n    Within {about.bounds[f]}." for f in fields),
        errors="\n".join(errors),
        notes=about.notes,
        method=about.method,
        name=name,
        example=example,
    )
    returns = "float" if len(fields) == 1 else "tuple[float, float]"
    setattr(function, "__signature__", signature.replace(return_annotation=returns))  # noqa: B010
    return function


def _family(
    jet: Callable[_P, _Jet], about: _About
) -> tuple[
    Callable[_P, float],
    Callable[_P, float],
    Callable[_P, float],
    Callable[_P, tuple[float, float]],
]:
    """The value of a jet, its derivatives in x and in k, and the first two at once."""
    both = "The value and the derivative in x"
    return (
        _public(jet, about, "", "The value", lambda j: j.value, "value"),
        _public(jet, about, "_grad", "The derivative in x", lambda j: j.grad, "grad"),
        _public(jet, about, "_grad_k", "The derivative in k", lambda j: j.grad_k, "grad_k"),
        _public(jet, about, "_value_and_grad", both, lambda j: j[:2], "value", "grad"),
    )


# --- What they say of themselves ------------------------------------------------------------------

_NUMBERS = {"sigmoid": 1, "density": 2}  # of the methods in arXiv 2504.19026

_SPECIAL = """\
For x = +-inf the value is x and the derivatives are NaN.  A NaN, or a negative k, gives NaN."""

_SPECIAL_INFINITE = f"""\
At k = 0 the value is {{at}}, its derivatives 1 and 0.  At k = inf it is rint({{at}}), halves to
even, its derivatives 0.  For every k between, integers and half-integers stay where they are.
{_SPECIAL}"""

_SPECIAL_WINDOWED = f"""\
At k = inf and at radius = 0 the value is rint({{at}}), halves to even, its derivatives 0.  Where
{{at}} is a half-integer the value jumps, from one window to the next.
{_SPECIAL}"""

_ACCURACY = {
    "value": "5 units in the last place",
    "grad": "6 units in the last place, while it is a normal number",
    "grad_k": (
        "8 units in the last place of the largest there is over x at this k, or of the\n"
        "    machine epsilon if that is larger"
    ),
}


def _about_infinite(method: _Method, step: str, at: str, *answers: float) -> _About:
    formulas = {
        "sigmoid": r"S(y) = \sum_n n\,[\sigma(k(y-n+\tfrac12)) - \sigma(k(y-n-\tfrac12))]",
        "density": r"D(y) = \sum_n n\,\rho(k(y-n)) \Big/ \sum_n \rho(k(y-n))",
    }
    return _About(
        title=f"the {method} {step}, over all integers",
        formula=rf"{formulas[method]}, \quad y = {at}",
        method=_NUMBERS[method],
        bounds=_ACCURACY,
        notes=_SPECIAL_INFINITE.format(at=at),
        example=("2.3, 10.0", _Jet(*answers)),
    )


def _about_windowed(method: _Method, step: str, at: str, *answers: float) -> _About:
    formulas = {
        "sigmoid": r"c + \sum_{j=1}^{radius} \frac{\sinh k(y-c)}"
        r"{\cosh k(y-c) + \cosh k(j-\tfrac12)}",
        "density": r"\sum_{|n-c| \le radius} n\,\rho(k(y-n)) \Big/"
        r" \sum_{|n-c| \le radius} \rho(k(y-n))",
    }
    return _About(
        title=f"the {method} {step}, over the integers nearest to {at} only",
        formula=rf"{formulas[method]}, \quad c = rint(y), \; y = {at}",
        method=_NUMBERS[method],
        bounds={**_ACCURACY, "grad_k": "4e-16 * radius * min(radius, 1 / k)"},
        notes=_SPECIAL_WINDOWED.format(at=at),
        example=("2.3, 1.0, radius=2", _Jet(*answers)),
    )


_ABOUT_LITERAL_SIGMOID = _About(
    title="the sigmoid rounding, summed over a window as published",
    formula=(
        r"\sum_{n=c-radius}^{c+radius}"
        r" n\,[\sigma(k(x-n+\tfrac12)) - \sigma(k(x-n-\tfrac12))]"
    ),
    method=1,
    bounds={
        "value": "4e-16 * (abs(x) + radius + 1)",
        "grad": "4e-16 * k * (abs(x) + radius + 1)",
        "grad_k": "2e-15 * (abs(x) + radius + 1)",
    },
    notes=f"""\
The weights in the window add up to less than 1, and what is missing leaks: for large abs(x) the
result is low by about abs(x) exp(-k radius).  `sigmoid_round_windowed` has no leak.
At k = inf the value is rint(x) if the window has it, and 0 if not; the derivatives are 0.
{_SPECIAL}""",
    example=("1000.3, 0.5, radius=5", _Jet(878.877815, -6.89866, 621.828042)),
)

_ABOUT_LITERAL_DENSITY = _About(
    title="the density rounding, summed over a window as published",
    formula=(
        r"\sum_{n=c-radius}^{c+radius} n\,\rho(k(x-n)) \Big/"
        r" \sum_{n=c-radius}^{c+radius} \rho(k(x-n))"
    ),
    method=2,
    bounds={
        "value": "4e-16 * (abs(x) + radius + 1)",
        "grad": _ACCURACY["grad"],
        "grad_k": "4e-16 * (radius + 1) * min(radius + 1, 1 / k)",
    },
    notes=f"""\
Its weights add up to 1, so it does not leak; but a window around the floor of x has more integers
below x than above.
At k = inf the value is rint(x) if the window has it, and the floor if not; the derivatives are 0.
{_SPECIAL}""",
    example=("1000.3, 0.5, radius=5", _Jet(1000.194094, 0.646014, 0.377283)),
)


# --- Over all integers ----------------------------------------------------------------------------


def _sigmoid_round(x: float, k: float) -> _Jet:
    return _infinite("sigmoid", 0.0, x, k)


(
    sigmoid_round,
    sigmoid_round_grad,
    sigmoid_round_grad_k,
    sigmoid_round_value_and_grad,
) = _family(
    _sigmoid_round,
    _about_infinite("sigmoid", "rounding", "x", 2.118874, 1.05335, -0.020738),
)


def _sigmoid_floor(x: float, k: float) -> _Jet:
    return _infinite("sigmoid", -0.5, x, k)


(
    sigmoid_floor,
    sigmoid_floor_grad,
    sigmoid_floor_grad_k,
    sigmoid_floor_value_and_grad,
) = _family(
    _sigmoid_floor,
    _about_infinite("sigmoid", "floor", "x - 1/2", 1.953483, 0.460892, 0.012919),
)


def _sigmoid_ceil(x: float, k: float) -> _Jet:
    return _infinite("sigmoid", 0.5, x, k)


(
    sigmoid_ceil,
    sigmoid_ceil_grad,
    sigmoid_ceil_grad_k,
    sigmoid_ceil_value_and_grad,
) = _family(
    _sigmoid_ceil,
    _about_infinite("sigmoid", "ceiling", "x + 1/2", 2.953483, 0.460892, 0.012919),
)


def _density_round(x: float, k: float) -> _Jet:
    return _infinite("density", 0.0, x, k)


(
    density_round,
    density_round_grad,
    density_round_grad_k,
    density_round_value_and_grad,
) = _family(
    _density_round,
    _about_infinite("density", "rounding", "x", 2.019702, 0.368566, -0.008221),
)


def _density_floor(x: float, k: float) -> _Jet:
    return _infinite("density", -0.5, x, k)


(
    density_floor,
    density_floor_grad,
    density_floor_grad_k,
    density_floor_value_and_grad,
) = _family(
    _density_floor,
    _about_infinite("density", "floor", "x - 1/2", 1.996875, 0.056012, 0.001992),
)


def _density_ceil(x: float, k: float) -> _Jet:
    return _infinite("density", 0.5, x, k)


(
    density_ceil,
    density_ceil_grad,
    density_ceil_grad_k,
    density_ceil_value_and_grad,
) = _family(
    _density_ceil,
    _about_infinite("density", "ceiling", "x + 1/2", 2.996875, 0.056012, 0.001992),
)


# --- Over the nearest integers --------------------------------------------------------------------


def _sigmoid_round_windowed(x: float, k: float, radius: SupportsIndex) -> _Jet:
    return _windowed("sigmoid", 0.0, x, k, radius)


(
    sigmoid_round_windowed,
    sigmoid_round_windowed_grad,
    sigmoid_round_windowed_grad_k,
    sigmoid_round_windowed_value_and_grad,
) = _family(
    _sigmoid_round_windowed,
    _about_windowed("sigmoid", "rounding", "x", 2.229765, 0.76105, 0.127264),
)


def _sigmoid_floor_windowed(x: float, k: float, radius: SupportsIndex) -> _Jet:
    return _windowed("sigmoid", -0.5, x, k, radius)


(
    sigmoid_floor_windowed,
    sigmoid_floor_windowed_grad,
    sigmoid_floor_windowed_grad_k,
    sigmoid_floor_windowed_value_and_grad,
) = _family(
    _sigmoid_floor_windowed,
    _about_windowed("sigmoid", "floor", "x - 1/2", 1.846555, 0.765075, -0.085103),
)


def _sigmoid_ceil_windowed(x: float, k: float, radius: SupportsIndex) -> _Jet:
    return _windowed("sigmoid", 0.5, x, k, radius)


(
    sigmoid_ceil_windowed,
    sigmoid_ceil_windowed_grad,
    sigmoid_ceil_windowed_grad_k,
    sigmoid_ceil_windowed_value_and_grad,
) = _family(
    _sigmoid_ceil_windowed,
    _about_windowed("sigmoid", "ceiling", "x + 1/2", 2.846555, 0.765075, -0.085103),
)


def _density_round_windowed(x: float, k: float, radius: SupportsIndex) -> _Jet:
    return _windowed("density", 0.0, x, k, radius)


(
    density_round_windowed,
    density_round_windowed_grad,
    density_round_windowed_grad_k,
    density_round_windowed_value_and_grad,
) = _family(
    _density_round_windowed,
    _about_windowed("density", "rounding", "x", 2.175714, 0.581434, 0.194522),
)


def _density_floor_windowed(x: float, k: float, radius: SupportsIndex) -> _Jet:
    return _windowed("density", -0.5, x, k, radius)


(
    density_floor_windowed,
    density_floor_windowed_grad,
    density_floor_windowed_grad_k,
    density_floor_windowed_value_and_grad,
) = _family(
    _density_floor_windowed,
    _about_windowed("density", "floor", "x - 1/2", 1.882619, 0.584997, -0.130076),
)


def _density_ceil_windowed(x: float, k: float, radius: SupportsIndex) -> _Jet:
    return _windowed("density", 0.5, x, k, radius)


(
    density_ceil_windowed,
    density_ceil_windowed_grad,
    density_ceil_windowed_grad_k,
    density_ceil_windowed_value_and_grad,
) = _family(
    _density_ceil_windowed,
    _about_windowed("density", "ceiling", "x + 1/2", 2.882619, 0.584997, -0.130076),
)


# --- As published ---------------------------------------------------------------------------------


def _sigmoid_round_literal(x: float, k: float, radius: SupportsIndex, center: _Centre = "floor") -> _Jet:
    return _literal_sigmoid(x, k, radius, center)


(
    sigmoid_round_literal,
    sigmoid_round_literal_grad,
    sigmoid_round_literal_grad_k,
    sigmoid_round_literal_value_and_grad,
) = _family(_sigmoid_round_literal, _ABOUT_LITERAL_SIGMOID)


def _density_round_literal(x: float, k: float, radius: SupportsIndex, center: _Centre = "floor") -> _Jet:
    return _literal_density(x, k, radius, center)


(
    density_round_literal,
    density_round_literal_grad,
    density_round_literal_grad_k,
    density_round_literal_value_and_grad,
) = _family(_density_round_literal, _ABOUT_LITERAL_DENSITY)
