# Generated from fastround/table.py by `make generate`.

from typing import Final

import numpy as np

from . import reference as reference
from . import sharpness as sharpness
from .windows import window_error as window_error
from .windows import window_radius as window_radius

__all__: Final[list[str]]
__version__: Final[str]

sigmoid_round: Final[np.ufunc]
"""Smooth rounding by sigmoid windows: the value."""
sigmoid_round_grad: Final[np.ufunc]
"""Smooth rounding by sigmoid windows: the derivative by x."""
sigmoid_round_grad_k: Final[np.ufunc]
"""Smooth rounding by sigmoid windows: the derivative by k."""
sigmoid_round_value_and_grad: Final[np.ufunc]
"""Smooth rounding by sigmoid windows: the value and the derivative by x, in one pass."""
density_round: Final[np.ufunc]
"""Smooth rounding by normalised densities: the value."""
density_round_grad: Final[np.ufunc]
"""Smooth rounding by normalised densities: the derivative by x."""
density_round_grad_k: Final[np.ufunc]
"""Smooth rounding by normalised densities: the derivative by k."""
density_round_value_and_grad: Final[np.ufunc]
"""Smooth rounding by normalised densities: the value and the derivative by x, in one pass."""
sigmoid_floor: Final[np.ufunc]
"""Smooth floor by sigmoid windows: the value."""
sigmoid_floor_grad: Final[np.ufunc]
"""Smooth floor by sigmoid windows: the derivative by x."""
sigmoid_floor_grad_k: Final[np.ufunc]
"""Smooth floor by sigmoid windows: the derivative by k."""
sigmoid_floor_value_and_grad: Final[np.ufunc]
"""Smooth floor by sigmoid windows: the value and the derivative by x, in one pass."""
sigmoid_ceil: Final[np.ufunc]
"""Smooth ceiling by sigmoid windows: the value."""
sigmoid_ceil_grad: Final[np.ufunc]
"""Smooth ceiling by sigmoid windows: the derivative by x."""
sigmoid_ceil_grad_k: Final[np.ufunc]
"""Smooth ceiling by sigmoid windows: the derivative by k."""
sigmoid_ceil_value_and_grad: Final[np.ufunc]
"""Smooth ceiling by sigmoid windows: the value and the derivative by x, in one pass."""
density_floor: Final[np.ufunc]
"""Smooth floor by normalised densities: the value."""
density_floor_grad: Final[np.ufunc]
"""Smooth floor by normalised densities: the derivative by x."""
density_floor_grad_k: Final[np.ufunc]
"""Smooth floor by normalised densities: the derivative by k."""
density_floor_value_and_grad: Final[np.ufunc]
"""Smooth floor by normalised densities: the value and the derivative by x, in one pass."""
density_ceil: Final[np.ufunc]
"""Smooth ceiling by normalised densities: the value."""
density_ceil_grad: Final[np.ufunc]
"""Smooth ceiling by normalised densities: the derivative by x."""
density_ceil_grad_k: Final[np.ufunc]
"""Smooth ceiling by normalised densities: the derivative by k."""
density_ceil_value_and_grad: Final[np.ufunc]
"""Smooth ceiling by normalised densities: the value and the derivative by x, in one pass."""
sigmoid_round_windowed: Final[np.ufunc]
"""Smooth rounding by sigmoid windows near x: the value."""
sigmoid_round_windowed_grad: Final[np.ufunc]
"""Smooth rounding by sigmoid windows near x: the derivative by x."""
sigmoid_round_windowed_grad_k: Final[np.ufunc]
"""Smooth rounding by sigmoid windows near x: the derivative by k."""
sigmoid_round_windowed_value_and_grad: Final[np.ufunc]
"""Smooth rounding by sigmoid windows near x: the value and the derivative by x, in one pass."""
density_round_windowed: Final[np.ufunc]
"""Smooth rounding by normalised densities near x: the value."""
density_round_windowed_grad: Final[np.ufunc]
"""Smooth rounding by normalised densities near x: the derivative by x."""
density_round_windowed_grad_k: Final[np.ufunc]
"""Smooth rounding by normalised densities near x: the derivative by k."""
density_round_windowed_value_and_grad: Final[np.ufunc]
"""Smooth rounding by normalised densities near x: the value and the derivative by x, in one pass."""
sigmoid_floor_windowed: Final[np.ufunc]
"""Smooth floor by sigmoid windows near x: the value."""
sigmoid_floor_windowed_grad: Final[np.ufunc]
"""Smooth floor by sigmoid windows near x: the derivative by x."""
sigmoid_floor_windowed_grad_k: Final[np.ufunc]
"""Smooth floor by sigmoid windows near x: the derivative by k."""
sigmoid_floor_windowed_value_and_grad: Final[np.ufunc]
"""Smooth floor by sigmoid windows near x: the value and the derivative by x, in one pass."""
sigmoid_ceil_windowed: Final[np.ufunc]
"""Smooth ceiling by sigmoid windows near x: the value."""
sigmoid_ceil_windowed_grad: Final[np.ufunc]
"""Smooth ceiling by sigmoid windows near x: the derivative by x."""
sigmoid_ceil_windowed_grad_k: Final[np.ufunc]
"""Smooth ceiling by sigmoid windows near x: the derivative by k."""
sigmoid_ceil_windowed_value_and_grad: Final[np.ufunc]
"""Smooth ceiling by sigmoid windows near x: the value and the derivative by x, in one pass."""
density_floor_windowed: Final[np.ufunc]
"""Smooth floor by normalised densities near x: the value."""
density_floor_windowed_grad: Final[np.ufunc]
"""Smooth floor by normalised densities near x: the derivative by x."""
density_floor_windowed_grad_k: Final[np.ufunc]
"""Smooth floor by normalised densities near x: the derivative by k."""
density_floor_windowed_value_and_grad: Final[np.ufunc]
"""Smooth floor by normalised densities near x: the value and the derivative by x, in one pass."""
density_ceil_windowed: Final[np.ufunc]
"""Smooth ceiling by normalised densities near x: the value."""
density_ceil_windowed_grad: Final[np.ufunc]
"""Smooth ceiling by normalised densities near x: the derivative by x."""
density_ceil_windowed_grad_k: Final[np.ufunc]
"""Smooth ceiling by normalised densities near x: the derivative by k."""
density_ceil_windowed_value_and_grad: Final[np.ufunc]
"""Smooth ceiling by normalised densities near x: the value and the derivative by x, in one pass."""
