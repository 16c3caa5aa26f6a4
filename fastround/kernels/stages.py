"""Functions that take loops, in stages, so that a loop over many arguments can be within each stage.

A stage is a nopython function of what the one before returned, or it is repeated.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .elementary import kernel


class Repeated(NamedTuple):
    """moving ↦ step(i, fixed, moving) for i = count − 1 … 0, where (fixed, moving) is what the stage before returned.

    The count is a number, or a nopython function of what is fixed.
    """

    count: Any
    step: Any


def composed(stages: tuple[Any, ...]) -> Any:
    """The nopython function of one argument that goes through all stages."""
    function, *others = stages
    for stage in others:
        function = _repeated(function, *stage) if isinstance(stage, Repeated) else _followed(function, stage)
    return function


def _followed(first: Any, second: Any) -> Any:
    @kernel
    def followed(argument):
        return second(first(argument))

    return followed


def _repeated(first: Any, count: Any, step: Any) -> Any:
    varies = callable(count)

    @kernel
    def repeated(argument):
        fixed, moving = first(argument)
        for i in range((count(fixed) if varies else count) - 1, -1, -1):
            moving = step(i, fixed, moving)
        return fixed, moving

    return repeated
