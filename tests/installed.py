"""What a release holds, and that its wheel works where there is nothing but numba and numpy.

`make check-dist` runs this in an environment of its own, where neither pytest nor the source tree can be imported.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
from numba import njit

import fastround as fr

ROOT = Path(__file__).parents[1]


def check_archives() -> None:
    """The sdist has all sources; the wheel has the package with its types and licence, and no more."""
    (sdist,), (wheel,) = ((ROOT / "dist").glob(pattern) for pattern in ("*.tar.gz", "*.whl"))
    with tarfile.open(sdist) as archive:
        sources = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(wheel) as archive:
        package = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = [name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
    for folder in ("bench", "docs", "fastround", "tests"):
        modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py")}
        assert modules, folder
        assert modules <= sources, modules - sources
    assert {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", ".ci/run"} <= sources
    assert {"fastround/py.typed", "fastround/__init__.pyi"} <= package
    assert package == {name for name in sources if name.startswith("fastround/")}, package
    assert len(licences) == 1


def check_environment() -> None:
    """The wheel is what is imported, and it brought nothing but what it needs."""
    names = {distribution.name for distribution in distributions()} - {"pip", "setuptools"}
    assert names == {"fastround", "llvmlite", "numba", "numpy"}, names
    assert Path(fr.__file__).is_relative_to(sys.prefix), fr.__file__


def check_functions() -> None:
    """Every name is there; a ufunc and the same in nopython code give what the reference gives."""

    @njit
    def compiled(x: float, k: float) -> tuple[float, float]:
        return fr.density_round_value_and_grad(x, k)  # type: ignore[no-any-return]

    @njit
    def windowed(x: float, k: float, radius: int) -> float:
        return fr.sigmoid_round_windowed(x, k, radius)  # type: ignore[no-any-return]

    for name in fr.__all__:
        getattr(fr, name)
    numbers = np.linspace(-3, 3, 50)
    expected = [fr.reference.sigmoid_round(x, 10.0) for x in numbers.tolist()]
    np.testing.assert_array_almost_equal_nulp(fr.sigmoid_round(numbers, 10.0), np.array(expected), 4)
    assert windowed(0.3, 2.0, 3) == fr.sigmoid_round_windowed(0.3, 2.0, 3)
    np.testing.assert_allclose(windowed(0.3, 2.0, 3), fr.reference.sigmoid_round_windowed(0.3, 2.0, 3), rtol=1e-15)
    np.testing.assert_allclose(compiled(0.3, 10.0), fr.reference.density_round_value_and_grad(0.3, 10.0), rtol=1e-14)


def check_commands() -> None:
    """`info` works without any extra; the other commands say which one they need."""

    def run(command: str) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-I", "-W", "error", "-m", "fastround", command]
        return subprocess.run(arguments, capture_output=True, text=True, check=False)

    info = run("info")
    assert (info.returncode, info.stderr) == (0, ""), info.stderr
    assert fr.__version__ in info.stdout
    for refused in map(run, ("demo", "literal")):
        assert refused.returncode == 1, refused
        assert 'pip install "fastround[demo]"' in refused.stderr, refused
        assert "Traceback" not in refused.stderr, refused


if __name__ == "__main__":
    for check in (check_archives, check_environment, check_functions, check_commands):
        check()
        print(f"{check.__name__}: {check.__doc__}")
