"""Compiled code on disk: used by the next process, and never in the way."""

from __future__ import annotations

import os
import py_compile
import shutil
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite import binding
from processes import run

import fastround
from fastround import cache, reference

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


_FAST_INSTRUCTIONS = ("avx", "avx2", "avx512f", "fma", "fma4", "neon", "sve")


@pytest.mark.parametrize(
    "settings",
    [
        {"NUMBA_CPU_NAME": "generic"},
        {"NUMBA_CPU_NAME": "no such processor"},
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "-fma,-avx"},
        {"NUMBA_ENABLE_AVX": "0"},
    ],
    ids=lambda settings: " ".join(settings.values()),
)
def test_settings_of_the_processor(compiler: Compiler, tmp_path: Path, settings: dict[str, Any]) -> None:
    """They are Numba's, and only the best of instructions depend on them: results are the same to the bit."""
    code = "print(*fr.cache.target(), sep='|')\nfrom numba.core import codegen\nprint(codegen.get_host_cpu_features())"
    complaints = "import os, sys; os.dup2(os.open(os.devnull, os.O_WRONLY), 2)\n"
    words = run(complaints + compiler.stand_in + _CALL + code, NUMBA_CACHE_DIR=str(tmp_path), **settings).split("\n")
    result, target, host = words[:3]
    assert result == compiler.result
    name, features = target.split("|")
    assert name == settings.get("NUMBA_CPU_NAME", cache.target()[0])
    if name == "generic":
        assert not any(f"+{instruction}" in features.split(",") for instruction in _FAST_INSTRUCTIONS)
    else:
        assert features.startswith(host)
    if "NUMBA_ENABLE_AVX" in settings:
        assert "+avx" not in features


_SWEEP = """
import sys
sys.path.insert(0, {tests!r})
from accuracy import BOUNDS, PRECISIONS, sweep
from fastround.table import FUNCTIONS
for function in FUNCTIONS[{part}::2]:
    for real in PRECISIONS:
        for suffix, worst in sweep(function, real, 9).items():
            assert worst.ulp <= BOUNDS[suffix], (function.name, real, suffix, worst)
"""


@pytest.mark.long
@pytest.mark.parametrize("part", [0, 1])
def test_accuracy_on_a_generic_processor(part: int) -> None:
    """Without any instruction that not every processor has, such as a fused multiply-add."""
    run(_SWEEP.format(tests=str(Path(__file__).parent), part=part), timeout=1200, NUMBA_CPU_NAME="generic")


def test_debug_information_is_not_for_loops(tmp_path: Path) -> None:
    """Where NUMBA_DEBUGINFO asks for it: the loops have no lines of source, of which Numba would warn."""
    run(
        "import fastround as fr\nassert fr.sigmoid_floor(0.5, 3.0) == 0",
        NUMBA_DEBUGINFO="1",
        NUMBA_CACHE_DIR=str(tmp_path),
    )


def test_a_package_in_an_archive(compiler: Compiler, tmp_path: Path) -> None:
    """It has the digest of the sources too; without them nothing is cached."""
    package = Path(fastround.__file__).parent
    shutil.copytree(package, tmp_path / "source" / "fastround", ignore=shutil.ignore_patterns("__pycache__"))
    archive = shutil.make_archive(str(tmp_path / "archive"), "zip", tmp_path / "source")
    code = "print(fr.__file__, fr.cache._digest())"
    place: dict[str, Any] = {"PYTHONPATH": archive, "NUMBA_CACHE_DIR": str(tmp_path)}
    result, file, digest = run(compiler.stand_in + _CALL + code, **place).split()
    assert (result, digest) == (compiler.result, cache._digest())
    assert file.startswith(archive)
    assert file_of(tmp_path, LOOP).name == f"{LOOP}-{digest}.o"

    for source in (tmp_path / "source" / "fastround").rglob("*.py"):
        py_compile.compile(str(source), str(source.with_suffix(".pyc")), doraise=True)
        source.unlink()
    place["PYTHONPATH"] = str(tmp_path / "source")
    code = "print(fr.cache.folder(), fr.cache._digest())"
    assert run(compiler.stand_in + _CALL + code, **place).split() == [compiler.result, "None", "None"]


def test_unused_code_of_other_versions_is_removed(compiler: Compiler, warm: Path) -> None:
    """A month after its last use, when something is compiled; the day of the last use is noted in the file's time."""
    place = warm / "fastround"
    now = time.time()
    ages = {"other-0.o": 40, "draft.0": 40, "recent-0.o": 20, "fresh.0": 0}
    for name, age in ages.items():
        (place / name).touch()
        os.utime(place / name, 2 * (now - age * 86400,))
    loop, entry, varying = (file_of(warm, name) for name in (LOOP, ENTRY, f"{LOOP}.varying"))
    for file in (loop, entry):
        os.utime(file, 2 * (now - 90 * 86400,))
    run(_NO_COMPILER + _CALL, NUMBA_CACHE_DIR=str(warm))
    assert all(now - 60 < file.stat().st_mtime for file in (loop, entry))
    assert len(files(warm)) == 7
    varying.unlink()
    os.utime(loop, 2 * (now - 90 * 86400,))
    run(compiler.stand_in + _CALL + "call(x + 4)", NUMBA_CACHE_DIR=str(warm))
    assert set(files(warm)) == {loop.name, entry.name, varying.name, "recent-0.o", "fresh.0"}


def test_to_look_makes_no_folder(tmp_path: Path) -> None:
    """As `python -m fastround info` does."""
    code = "from fastround import cache, info\nprint(cache.folder(), cache.entries())\ninfo.report()"
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path / "new")).split() == [str(tmp_path / "new" / "fastround"), "[]"]
    assert not any(tmp_path.iterdir())


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
    """With a warning at each call, which may be an error; in other threads Python reports that error."""
    code = (
        _NO_COMPILER
        + """
import sys, threading, warnings
import fastround as fr
from fastround import reference
reports = []
sys.unraisablehook = lambda report: reports.append(str(report.exc_value))
fastround.cache.folder = lambda: None
expected = reference.sigmoid_round(0.3, 7.0)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert fr.sigmoid_round(0.3, 7.0) == expected
(message,) = (str(warning.message) for warning in caught)
assert "sigmoid_round.float64 can't be compiled" in message
assert "AssertionError('compiled')" in message
try:
    result = fr.sigmoid_round(0.3, 7.0)
except RuntimeWarning as warning:
    assert str(warning) == message
assert "result" not in globals()
results = []
worker = threading.Thread(target=lambda: results.append(fr.sigmoid_round(0.3, 7.0)))
worker.start()
worker.join()
assert results == [expected]
assert reports == [message]
"""
    )
    run(code)


# --- Signals, and other bad moments -------------------------------------------------------------------------------

signals = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals can't be sent to a thread")

_INTERRUPTED = """
import signal, sys, threading, time
import numpy as np, fastround as fr
class Timeout(Exception):
    pass
# A process in the background of a shell ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
compile_it, started, go_on = fastround.cache.numba_module, threading.Event(), threading.Event()
def numba_module(*arguments):
    started.set()
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    go_on.wait(60)
    return compile_it(*arguments)
fastround.cache.numba_module = numba_module
x = np.linspace(-3, 3, 50)
"""


@signals
@pytest.mark.parametrize("error", ["KeyboardInterrupt()", "Timeout('slow')", "SystemExit(3)"])
def test_a_signal_during_a_compilation(compiler: Compiler, tmp_path: Path, error: str) -> None:
    """What its handler raises comes out of the call at once; the compilation goes on, and serves the next call."""
    code = f"""
def handler(*arguments):
    raise {error}
signal.signal(signal.SIGINT, handler)
y, z = np.zeros(50), None
try:
    z = fr.sigmoid_round(x, 10.0, out=y)
except BaseException as raised:
    assert repr(raised) == repr({error})
assert z is None and np.isnan(y).all() and not go_on.is_set()
go_on.set()
print(fr.sigmoid_round(x, 10.0).tobytes().hex(), *made)
"""
    code = compiler.stand_in + _INTERRUPTED + code
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)).split() == [compiler.result, LOOP]


@signals
def test_the_end_of_a_process_that_compiles(compiler: Compiler, tmp_path: Path) -> None:
    """An interrupt that nobody catches ends the process when the compilation is done, and not in its midst."""
    code = """
threading.Timer(0.5, go_on.set).start()
sys.excepthook = lambda kind, *arguments: print(kind.__name__)
import atexit
atexit.register(lambda: print(len(fr.ufuncs.compiled())))
fr.sigmoid_round(x, 10.0)
print("never")
"""
    code = compiler.stand_in + _INTERRUPTED + code
    # Python ends a process in this way that does not handle an interrupt.
    with pytest.raises(AssertionError, match=r"^KeyboardInterrupt\s+1\s+exit code -2$"):
        run(code, NUMBA_CACHE_DIR=str(tmp_path))


@signals
def test_a_signal_while_a_call_is_interpreted() -> None:
    """It ends the call."""
    code = """
import signal
import numpy as np, fastround as fr
from fastround import reference
signal.signal(signal.SIGINT, signal.default_int_handler)
calls = []
def once(x, k, original=reference.sigmoid_round_grad_k):
    calls.append(x)
    if len(calls) == 20:
        signal.raise_signal(signal.SIGINT)
    return original(x, k)
reference.sigmoid_round_grad_k = once
y = np.zeros(1000)
try:
    fr.sigmoid_round(np.linspace(-3, 3, 1000), 10.0, out=y)
except KeyboardInterrupt:
    print(len(calls), np.isnan(y).all())
"""
    assert run(code, NUMBA_DISABLE_JIT="1").split() == ["20", "True"]


@signals
def test_a_signal_that_does_no_harm(compiler: Compiler, tmp_path: Path) -> None:
    """A handler that returns, and calls the same ufunc, changes nothing."""
    code = """
results = []
def handler(*arguments):
    go_on.set()
    results.append(fr.sigmoid_round(x, 10.0))
signal.signal(signal.SIGINT, handler)
results.append(fr.sigmoid_round(x, 10.0))
print(*(result.tobytes().hex() for result in results), *made)
"""
    code = compiler.stand_in + _INTERRUPTED + code
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)).split() == [compiler.result, compiler.result, LOOP]


def test_a_first_call_by_who_holds_a_lock(compiler: Compiler, tmp_path: Path) -> None:
    """A thread that compiles for another must not wait for a lock of that one: the compiler's, or of a module."""
    (tmp_path / "extension.py").write_text(
        "import sys, fastround.cache\n"
        "original = fastround.cache.numba_module\n"
        "def numba_module(*arguments):\n"
        "    # As Numba imports its extensions when it first compiles.\n"
        "    import extension\n"
        "    return original(*arguments)\n"
        "fastround.cache.numba_module = numba_module\n"
        "import numpy as np\n"
        "print(fastround.sigmoid_round(np.linspace(-3, 3, 50), 10.0).tobytes().hex())\n"
    )
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import extension
import numpy as np, fastround as fr
from numba.core.compiler_lock import global_compiler_lock
x = np.linspace(-3, 3, 50)
with global_compiler_lock:
    print(fr.sigmoid_round(x + 4, x * x + 10).tobytes().hex() != "")
"""
    code = compiler.stand_in + code
    assert run(code, timeout=60, NUMBA_CACHE_DIR=str(tmp_path)).split() == [compiler.result, "True"]


def test_a_first_call_when_python_ends(tmp_path: Path) -> None:
    """Where nothing can be imported any more, the results are nan, and the reason is reported."""
    (tmp_path / "last.py").write_text(
        "import numpy as np, fastround as fr\n"
        "class Last:\n"
        "    def __del__(self, call=fr.sigmoid_round, x=np.ones(2), print=print):\n"
        "        print(*call(x, 10.0).tolist(), flush=True)\n"
        "last = Last()\n"
    )
    code = f"""
import os, sys
sys.path.insert(0, {str(tmp_path)!r})
import last
os.dup2(1, 2)
"""
    words = run(code, NUMBA_DISABLE_JIT="1").split()
    assert "ImportError:" in words
    assert words[-2:] == ["nan", "nan"]


def test_overlapping_operands_compile_one_loop(compiler: Compiler, tmp_path: Path) -> None:
    """Elements that must be computed one by one have one sharpness each."""
    code = """
import numpy as np, fastround as fr
k = np.linspace(1, 9, 50)
y = fr.sigmoid_round.accumulate(k)
assert y[1] == fr.sigmoid_round(k[0], k[1])
print(*made)
"""
    assert run(compiler.stand_in + code, NUMBA_CACHE_DIR=str(tmp_path)).split() == [LOOP]


_WITHOUT_JIT = """
import itertools, warnings
import numpy as np, fastround as fr
from fastround import reference
from fastround.table import UFUNCS
X = [-np.inf, -1e6 - 0.25, -2.5, -0.3, -0.0, 0.0, 0.5, 0.7, 3.0, 1e300, np.inf, np.nan]
K = [0.0, 0.3, 4.0, 7.0, 200.0, 1e9, np.inf, np.nan]
"""


def test_ufuncs_without_the_jit(tmp_path: Path) -> None:
    """All 48 compute what the reference does, in both precisions, warn of k < 0, and write no files."""
    code = (
        _WITHOUT_JIT
        + """
x, k = map(np.array, zip(*itertools.product(X, K), strict=True))
for row in UFUNCS:
    ufunc, function = getattr(fr, row.name), getattr(reference, row.name)
    radius = [3] * (row.nin - 2)
    expected = np.array([function(*numbers, *radius) for numbers in zip(x.tolist(), k.tolist(), strict=True)]).T
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(np.array(ufunc(x, k, *radius)), expected)
    with np.errstate(over="ignore"):
        xs, ks = x.astype(np.float32), k.astype(np.float32)
    expected = np.array([function(*numbers, *radius) for numbers in zip(xs.tolist(), ks.tolist(), strict=True)]).T
    np.testing.assert_array_equal(np.array(ufunc(xs[::-1], ks[::-1], *radius)), expected[..., ::-1].astype(np.float32))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.isnan(ufunc(0.3, -1.0, *radius)).all()
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
from fastround.table import FUNCTIONS
np.seterr(all="ignore")
for function, real, k in itertools.product(FUNCTIONS, (np.float32, np.float64), K):
    lines = (function.staircase(real, picks) for picks in ((0, 1), (2,)))
    regimes = [line.regimes[sum(not k < bound for bound in line.bounds)] for line in lines]
    for x in np.array(X).astype(real).tolist():
        (*got, _), (_, _, change) = (regime.point(real(x), regime.constants(np.float64(k))) for regime in regimes)
        got.append(change)
        want = [getattr(reference, function.name + suffix)(x, float(real(k))) for suffix in ("", "_grad", "_grad_k")]
        for y, expected, scale in zip(got, want, (0, 0, 0.5), strict=True):
            assert type(y) is real
            tolerance = 8 * np.finfo(real).eps * max(abs(expected), scale) + np.finfo(real).tiny
            assert y == expected or np.isnan([y, expected]).all() or abs(y - expected) <= tolerance, (x, k, got, want)
"""
    )
    run(code, NUMBA_DISABLE_JIT="1")


def test_no_constant_is_subnormal() -> None:
    """Arithmetic on such numbers would take a hundred times as long; they are zero instead."""
    code = (
        _WITHOUT_JIT
        + """
from fastround.table import FUNCTIONS
def numbers(constants):
    return [n for each in constants for n in numbers(each)] if isinstance(constants, tuple) else [constants]
np.seterr(all="ignore")
for function, real, picks in itertools.product(FUNCTIONS[:2], (np.float32, np.float64), ((0, 1), (2,))):
    line = function.staircase(real, picks)
    limits = 0.01, *line.bounds, 3 * line.bounds[-1]
    for regime, low, high in zip(line.regimes, limits[:-1], limits[1:], strict=True):
        for k in np.linspace(low, high, 120, endpoint=False):
            found = np.abs(numbers(regime.constants(k)))
            assert not ((found > 0) & (found < np.finfo(real).tiny)).any(), (function.name, real, k, found)
"""
    )
    run(code, NUMBA_DISABLE_JIT="1")


@pytest.mark.skipif(not cache._may_be_compact(), reason="code is never laid out close together here")
@pytest.mark.parametrize("called", ["elsewhere", "here"])
def test_a_call_of_another_function_is_seen(called: str) -> None:
    """Code that refers to what is outside is not laid out as if it were alone."""
    text = f"""
declare double @elsewhere(double)
define double @here(double %x) {{
  ret double %x
}}
define double @caller(double %x) {{
  %y = call double @{called}(double %x)
  ret double %y
}}
"""
    code = cache._machine(True).emit_object(binding.parse_assembly(text))
    assert cache._has_undefined_symbol(code) == (called == "elsewhere")


@pytest.mark.parametrize(
    "module", ["table.py", "threads.py", "loops.py", "memory.py", "partition.py", "kernels/sigmoid.py"]
)
def test_a_change_of_what_is_compiled_changes_the_name_of_the_file(tmp_path: Path, module: str) -> None:
    package = tmp_path / "fastround"
    shutil.copytree(Path(fastround.__file__).parent, package)
    digest = "import fastround.cache; print(fastround.cache._digest())"
    before = run(digest, PYTHONPATH=str(tmp_path))
    with (package / module).open("a") as file:
        file.write("# changed")
    assert run(digest, PYTHONPATH=str(tmp_path)) != before
