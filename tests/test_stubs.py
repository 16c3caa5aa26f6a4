"""The type stub names what the package has, and type checkers read it."""

from __future__ import annotations

from pathlib import Path

from mypy import api
from stubs import STUB, stub

import fastround as fr

USER_CODE = """
import fastround as fr
import numpy as np
from fastround.reference import sigmoid_round

x = np.linspace(-2.0, 2.0, 5)
y, dy = fr.density_floor_value_and_grad(x, 10.0)
reveal_type(fr.sigmoid_round)
reveal_type(sigmoid_round(0.3, 10.0))
reveal_type(fr.reference.sigmoid_ceil_value_and_grad(0.3, 10.0))
reveal_type(fr.__version__)
fr.no_such_function
"""

REVEALED = (
    'Revealed type is "numpy.ufunc"',
    'Revealed type is "float"',
    'Revealed type is "tuple[float, float]"',
    'Revealed type is "str"',
    'Module has no attribute "no_such_function"',
)


def test_committed_stub_is_the_generated_one() -> None:
    assert STUB.read_text(encoding="utf-8") == stub(), "run `make generate`"


def test_stub_names_all_that_is_public() -> None:
    for name in fr.__all__:
        assert f"\n{name}: " in stub() or f" as {name}\n" in stub()


def test_mypy_sees_the_names(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(USER_CODE)
    out, err, code = api.run(["--strict", "--config-file=", f"--cache-dir={tmp_path}", str(tmp_path / "user.py")])
    lines = [line.replace("builtins.", "") for line in out.splitlines()]
    assert not err
    assert code == 1
    assert len(lines) == len(REVEALED) + 1, out
    for line, message in zip(lines, REVEALED, strict=False):
        assert message in line
