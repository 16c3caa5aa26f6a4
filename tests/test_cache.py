"""Compiled code on disk: used by the next process, and never in the way."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import run

import fastround
from fastround import reference

# A call, and its results to the bit.
_CALL = """
import numpy as np, fastround as fr
x = np.linspace(-3, 3, 50)
def call(k):
    return fr.sigmoid_round(x, k).tobytes().hex()
print(call(10.0))
assert fr.ufuncs.compiled() == ["sigmoid_round.float64"]
"""

_NO_COMPILER = """
import sys
import fastround.cache
def numba_module(*arguments):
    raise AssertionError("compiled")
fastround.cache.numba_module = numba_module
"""

LOOP, ENTRY = "sigmoid_round.float64", "entry"


class Compiler:
    """Numba's part of the compilation, done once: its results, and the file with the code made from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        record = f"""
            from pathlib import Path
            import fastround.cache
            original = fastround.cache.numba_module
            def numba_module(name, *arguments):
                module = original(name, *arguments)
                Path({str(folder)!r}, name).write_text(str(module))
                return module
            fastround.cache.numba_module = numba_module
        """
        # Compilation does a lot of arithmetic, in which the caller's settings have no say.
        code = "import numpy as np\nnp.seterr(all='raise')" + _CALL + "print(call(x + 4))"
        self.result, self.varying = run(dedented(record) + code, NUMBA_CACHE_DIR=str(folder)).split()

    @property
    def stand_in(self) -> str:
        """Code after which a process compiles from these results, which takes a second, and lists the loops."""
        return dedented(f"""
            from pathlib import Path
            from llvmlite import binding
            import fastround.cache
            made = []
            def numba_module(name, *arguments):
                made.append(name)
                return binding.parse_assembly(Path({str(self.folder)!r}, name).read_text())
            fastround.cache.numba_module = numba_module
        """)

    def copy(self, folder: Path) -> None:
        """Fill a folder with the code."""
        shutil.copytree(self.folder / "fastround", folder / "fastround")


def dedented(code: str) -> str:
    return "\n".join(line.removeprefix(12 * " ") for line in code.splitlines()) + "\n"


def files(folder: Path) -> dict[str, int]:
    """The files of a cache folder and when they were written."""
    return {file.name: file.stat().st_mtime_ns for file in (folder / "fastround").iterdir()}


def file_of(folder: Path, name: str) -> Path:
    """The one file with the code of a loop."""
    (file,) = (folder / "fastround").glob(f"{name}-*.o")
    return file


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Compiler:
    return Compiler(tmp_path_factory.mktemp("compiler"))


@pytest.fixture
def warm(compiler: Compiler, tmp_path: Path) -> Path:
    """A cache folder with the code of two loops and the entry."""
    compiler.copy(tmp_path)
    return tmp_path


# --- What is compiled, and when -----------------------------------------------------------------------------------


def test_import_compiles_nothing(tmp_path: Path) -> None:
    """Nor does it import what only compilation needs, or touch the folder."""
    code = """
        import sys, fastround
        assert fastround.ufuncs.compiled() == []
        assert not {"fastround.loops", "fastround.kernels", "fastround.reference"} & set(sys.modules)
    """
    run(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert not any(tmp_path.iterdir())


def test_a_first_call_compiles_its_loop_and_no_other(compiler: Compiler) -> None:
    """One file for each loop that was called and one for the entry, readable as other files of the user are."""
    assert sorted(name.split("-")[0] for name in files(compiler.folder)) == [ENTRY, LOOP, f"{LOOP}.varying"]
    plain = compiler.folder / "plain"
    plain.touch()
    assert {file.stat().st_mode for file in (compiler.folder / "fastround").iterdir()} == {plain.stat().st_mode}
    expected = [reference.sigmoid_round(x, 10.0) for x in np.linspace(-3, 3, 50).tolist()]
    np.testing.assert_array_almost_equal_nulp(np.frombuffer(bytes.fromhex(compiler.result)), np.array(expected), 4)


def test_the_next_process_compiles_nothing(compiler: Compiler, warm: Path) -> None:
    """It reads the files and leaves them as they are, and imports neither kernels nor loops."""
    before = files(warm)
    code = (
        _NO_COMPILER
        + _CALL
        + """
print(call(x + 4))
print(*fr.cache.entries())
assert "fastround.loops" not in sys.modules
"""
    )
    result, varying, *entries = run(code, NUMBA_CACHE_DIR=str(warm)).split()
    assert (result, varying) == (compiler.result, compiler.varying)
    assert entries == [ENTRY, LOOP, f"{LOOP}.varying"]
    assert files(warm) == before


def test_processes_that_compile_at_once(compiler: Compiler, tmp_path: Path) -> None:
    """Each gets its result, and the folder is left with one good file for each loop."""
    with ThreadPoolExecutor() as pool:
        code = compiler.stand_in + _CALL
        results = list(pool.map(lambda _: run(code, NUMBA_CACHE_DIR=str(tmp_path)), range(4)))
    assert {result.strip() for result in results} == {compiler.result}
    assert sorted(name.split("-")[0] for name in files(tmp_path)) == [ENTRY, LOOP]
    assert run(_NO_COMPILER + _CALL, NUMBA_CACHE_DIR=str(tmp_path)).strip() == compiler.result


# --- Code that must not be used -----------------------------------------------------------------------------------

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "without its checksum": lambda content: content[60:],
    "one bit changed": lambda content: content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
    "longer": lambda content: content + b"\0",
    "another file": lambda content: b"\x7fELF" + bytes(5000),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_files_are_written_anew(compiler: Compiler, warm: Path, damage: Callable[[bytes], bytes]) -> None:
    """They are never loaded: the loop is compiled again, and its file replaced."""
    good = {name: file_of(warm, name).read_bytes() for name in (LOOP, ENTRY)}
    for name, content in good.items():
        file_of(warm, name).write_bytes(damage(content))
    result, made = run(compiler.stand_in + _CALL + "print(*made)", NUMBA_CACHE_DIR=str(warm)).split()
    assert (result, made) == (compiler.result, LOOP)
    assert {name: file_of(warm, name).read_bytes() for name in good} == good


def test_a_folder_in_the_place_of_a_file(compiler: Compiler, warm: Path) -> None:
    """What can be neither read nor replaced is passed over."""
    file_of(warm, LOOP).unlink()
    (warm / "fastround" / cached_name(compiler, LOOP)).mkdir()
    for _ in range(2):
        assert run(compiler.stand_in + _CALL + "print(*made)", NUMBA_CACHE_DIR=str(warm)).split()[1] == LOOP
    assert len(files(warm)) == 3


def cached_name(compiler: Compiler, name: str) -> str:
    return file_of(compiler.folder, name).name


def test_code_of_another_version_is_ignored(
    compiler: Compiler, warm: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After a change of Numba, of the CPU's features or of a kernel there are new files, and the old ones stay."""
    before = files(warm)
    changes: dict[str, tuple[str, dict[str, Any]]] = {
        "numba": ("import numba; numba.__version__ = '0'", {}),
        "features": ("", {"NUMBA_CPU_FEATURES": "+sse2"}),
        "kernel": ("", {"PYTHONPATH": str(tmp_path_factory.mktemp("copy"))}),
    }
    package = Path(fastround.__file__).parent
    copy = Path(changes["kernel"][1]["PYTHONPATH"], "fastround")
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "kernels" / "cells.py").open("a") as source:
        source.write("# changed\n")
    for count, (code, environment) in enumerate(changes.values(), start=1):
        code = f"{code}\n{compiler.stand_in}{_CALL}print(*made)"
        assert run(code, NUMBA_CACHE_DIR=str(warm), **environment).split()[1] == LOOP
        assert files(warm).items() > before.items()
        assert len(files(warm)) == len(before) + 2 * count


def test_code_for_a_generic_cpu(tmp_path: Path, warm: Path) -> None:
    """NUMBA_CPU_NAME=generic has files of its own, and the same accuracy."""
    before = files(warm)
    result = run(_CALL, NUMBA_CACHE_DIR=str(warm), NUMBA_CPU_NAME="generic").strip()
    assert files(warm).items() > before.items()
    assert len(files(warm)) == len(before) + 2
    expected = [reference.sigmoid_round(x, 10.0) for x in np.linspace(-3, 3, 50).tolist()]
    np.testing.assert_array_almost_equal_nulp(np.frombuffer(bytes.fromhex(result)), np.array(expected), 4)


# --- No folder ----------------------------------------------------------------------------------------------------


def _a_file(path: Path) -> Path:
    path.touch()
    return path


def _below_a_file(path: Path) -> Path:
    return _a_file(path) / "folder"


def _read_only(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o555)
    # No mode keeps a superuser out; a file does.
    return _below_a_file(path / "file") if os.access(path, os.W_OK) else path


@pytest.mark.parametrize(
    ("variable", "make"),
    [
        ("NUMBA_CACHE_DIR", _read_only),
        ("NUMBA_CACHE_DIR", _below_a_file),
        ("NUMBA_CACHE_DIR", _a_file),
        *[("XDG_CACHE_HOME", _below_a_file)] * sys.platform.startswith("linux"),
        *[("HOME", _read_only)] * (os.name == "posix"),
    ],
)
def test_without_a_writable_folder(
    compiler: Compiler, tmp_path: Path, variable: str, make: Callable[[Path], Path]
) -> None:
    """The loop is compiled for the process alone, whichever variable leads to such a folder."""
    places: dict[str, Any] = {"NUMBA_CACHE_DIR": None, "XDG_CACHE_HOME": None, variable: str(make(tmp_path / "place"))}
    code = compiler.stand_in + _CALL + "print(*made, fr.cache.folder(), fr.cache.entries())"
    assert run(code, **places).split() == [compiler.result, LOOP, "None", "[]"]


def test_a_folder_that_vanishes(compiler: Compiler, tmp_path: Path) -> None:
    """Between two calls, and between the compilation and the writing of its result."""
    code = f"""
import shutil
def vanish(*arguments, original=fastround.cache.numba_module):
    shutil.rmtree({str(tmp_path)!r})
    return original(*arguments)
fastround.cache.numba_module = vanish
print(call(x + 4))
vanish("{LOOP}")
print(call(10.0))
print(call(x + 4))
"""
    results = run(compiler.stand_in + _CALL + code, NUMBA_CACHE_DIR=str(tmp_path)).split()
    assert results == [compiler.result, compiler.varying, compiler.result, compiler.varying]


@pytest.mark.skipif(os.name == "nt", reason="there are no limits on the size of files")
def test_a_full_disk(compiler: Compiler, tmp_path: Path) -> None:
    """Nothing is left of what could not be written."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    assert run(limit + compiler.stand_in + _CALL, NUMBA_CACHE_DIR=str(tmp_path)).strip() == compiler.result
    assert files(tmp_path) == {}


# --- No compiler --------------------------------------------------------------------------------------------------


def test_what_cannot_be_compiled_is_interpreted() -> None:
    """With a warning at each call, or, where warnings are errors, a report that no `except` can hide."""
    code = (
        _NO_COMPILER
        + """
import sys, warnings
import fastround as fr
from fastround import reference
reports = []
sys.unraisablehook = lambda report: reports.append(str(report.exc_value))
fastround.cache.folder = lambda: None
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert fr.sigmoid_round(0.3, 7.0) == reference.sigmoid_round(0.3, 7.0)
assert fr.sigmoid_round(0.3, 7.0) == reference.sigmoid_round(0.3, 7.0)
(message,) = (str(warning.message) for warning in caught)
assert "sigmoid_round.float64 can't be compiled" in message
assert "AssertionError('compiled')" in message
assert reports == [message]
"""
    )
    run(code)


def test_an_interrupt_of_a_compilation(compiler: Compiler, tmp_path: Path) -> None:
    """Ctrl-C comes after the call that compiles, whose results are complete."""
    code = """
def interrupted(*arguments, original=fastround.cache.numba_module):
    fastround.cache.numba_module = original
    raise KeyboardInterrupt
fastround.cache.numba_module = interrupted
import time
import numpy as np, fastround as fr
x, y = np.linspace(-3, 3, 50), np.zeros(50)
try:
    fr.sigmoid_round(x, 10.0, out=y)
    time.sleep(60)
except KeyboardInterrupt:
    print(y.tobytes().hex())
"""
    assert run(compiler.stand_in + code, NUMBA_CACHE_DIR=str(tmp_path)).strip() == compiler.result


_WITHOUT_JIT = """
import itertools, warnings
import numpy as np, fastround as fr
from fastround import reference
from fastround.table import UFUNCS
X = [-np.inf, -1e6 - 0.25, -2.5, -0.3, -0.0, 0.0, 0.5, 0.7, 3.0, 1e300, np.inf, np.nan]
K = [0.0, 0.3, 4.0, 7.0, 200.0, 1e9, np.inf, np.nan]
"""


def test_ufuncs_without_the_jit(tmp_path: Path) -> None:
    """All 24 compute what the reference does, in both precisions, warn of k < 0, and write no files."""
    code = (
        _WITHOUT_JIT
        + """
x, k = map(np.array, zip(*itertools.product(X, K), strict=True))
for row in UFUNCS:
    ufunc, function = getattr(fr, row.name), getattr(reference, row.name)
    expected = np.array([function(*numbers) for numbers in zip(x.tolist(), k.tolist(), strict=True)]).T
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(np.array(ufunc(x, k)), expected)
    with np.errstate(over="ignore"):
        xs, ks = x.astype(np.float32), k.astype(np.float32)
    expected = np.array([function(*numbers) for numbers in zip(xs.tolist(), ks.tolist(), strict=True)]).T
    np.testing.assert_array_equal(np.array(ufunc(xs[::-1], ks[::-1])), expected[..., ::-1].astype(np.float32))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.isnan(ufunc(0.3, -1.0)).all()
    assert [str(warning.message) for warning in caught] == [f"invalid value encountered in {row.name}"]
assert fr.ufuncs.compiled() == []
"""
    )
    run(code, NUMBA_DISABLE_JIT="1", NUMBA_CACHE_DIR=str(tmp_path))
    assert not any(tmp_path.iterdir())


def test_kernels_without_the_jit() -> None:
    """Each kernel runs as plain Python, within a few ulp of the reference."""
    code = (
        _WITHOUT_JIT
        + """
from fastround.kernels.staircase import staircase
from fastround.table import FUNCTIONS
np.seterr(all="ignore")
for function, real, k in itertools.product(FUNCTIONS, (np.float32, np.float64), K):
    bounds, regimes = staircase(function.build(), function.place, real)
    constants, point = regimes[sum(not k < bound for bound in bounds)]
    for x in np.array(X).astype(real).tolist():
        got = point(real(x), constants(np.float64(k)))
        want = [getattr(reference, function.name + suffix)(x, float(real(k))) for suffix in ("", "_grad", "_grad_k")]
        for y, expected, scale in zip(got, want, (0, 0, 0.5), strict=True):
            assert type(y) is real
            tolerance = 8 * np.finfo(real).eps * max(abs(expected), scale) + np.finfo(real).tiny
            assert y == expected or np.isnan([y, expected]).all() or abs(y - expected) <= tolerance, (x, k, got, want)
"""
    )
    run(code, NUMBA_DISABLE_JIT="1")


@pytest.mark.parametrize("module", ["table.py", "threads.py", "loops.py", "kernels/sigmoid.py"])
def test_a_change_of_what_is_compiled_changes_the_name_of_the_file(tmp_path: Path, module: str) -> None:
    package = tmp_path / "fastround"
    shutil.copytree(Path(fastround.__file__).parent, package)
    digest = "import fastround.cache; print(fastround.cache._digest())"
    before = run(digest, PYTHONPATH=str(tmp_path))
    with (package / module).open("a") as file:
        file.write("# changed")
    assert run(digest, PYTHONPATH=str(tmp_path)) != before
