"""Machine code of the loops: compiled by Numba and LLVM when first wanted, and kept on disk between processes.

A file holds the object code of one loop.  Its name carries a digest of all that the code depends on (sources such as
those of kernels and loops, the versions of Numba and llvmlite, the CPU and its features), so that code of another
version or for another CPU is never found, and its content begins with its own checksum, so that a damaged file is as
good as none.  Files of other versions and CPUs are removed when nobody has used them for a while.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import hashlib
import importlib.resources
import os
import secrets
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import llvmlite
import numba
from llvmlite import binding
from numba.core.codegen import get_host_cpu_features

_MAGIC = b"fastround object\n"

# Of a section of an ELF file.
_SYMBOL_TABLE = 2

_DAY = 86400.0
# How long code of another version or CPU is kept since it was last used.
_KEPT = 30 * _DAY


@functools.cache
def target() -> tuple[str, str]:
    """The CPU that code is compiled for, and its features, as LLVM names them.

    The environment variables NUMBA_CPU_NAME, NUMBA_CPU_FEATURES and NUMBA_ENABLE_AVX change them, as for Numba itself.
    """
    name: str = numba.config.CPU_NAME or binding.get_host_cpu_name()
    features: str | None = numba.config.CPU_FEATURES
    if features is None:
        features = get_host_cpu_features()
    if binding.get_process_triple().startswith("x86_64"):
        # What every such CPU has, for LLVM ends the process where it knows of neither.  And registers of full width:
        # it would leave half of them unused on some CPUs, for the sake of code beside the loops.
        features = ",".join(filter(None, (features, "+64bit", "+sse2", "-prefer-256-bit")))
    return name, features


@functools.cache
def vector_bytes() -> int:
    """The size of the vectors to compute with: that CPU's registers, or two of them where they are narrower than this.

    LLVM makes no vector of the two float64 that fill a register of 16 bytes.
    """
    return 64 if compresses() else 32


def compresses() -> bool:
    """Whether that CPU has AVX-512, whose instructions move the chosen numbers of a vector together."""
    return "+avx512f" in target()[1].split(",")


def folder() -> Path | None:
    """The folder of compiled code, there or still to be made, or None where none can be had.

    It is the folder "fastround" in NUMBA_CACHE_DIR if that is set, else in the user's cache folder.
    """
    if numba.config.CACHE_DIR:
        parent = Path(numba.config.CACHE_DIR)
    elif sys.platform == "win32":
        parent = Path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local")
    elif sys.platform == "darwin":
        parent = Path("~/Library/Caches")
    else:
        parent = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    try:
        path = (parent.expanduser() / "fastround").absolute()
    except (OSError, RuntimeError):
        return None
    existing = next(filter(os.path.exists, (path, *path.parents)))
    usable = _digest() and os.path.isdir(existing) and os.access(existing, os.W_OK | os.X_OK)
    return path if usable else None


def entries() -> list[str]:
    """The names of the functions whose code for this version and CPU is in the folder: loops, and what they share."""
    path = folder()
    if path is None:
        return []
    suffix = f"-{_digest()}.o"
    return sorted(file.name.removesuffix(suffix) for file in path.glob(f"*{suffix}"))


def function_address(name: str, compiled: Callable[[], binding.ModuleRef]) -> int:
    """The address of the function `name`, from the disk or else from the module that `compiled` returns."""
    return function_addresses(name, (name,), compiled)[0]


def function_addresses(name: str, functions: Sequence[str], compiled: Callable[[], binding.ModuleRef]) -> list[int]:
    """Those of several functions of one module, in a file that is called `name`."""
    code = _load(name)
    if code is None:
        with _without_collection():
            code = object_code(_optimised(compiled(), functions))
        _save(name, code)
    engine = _engine()
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return [engine.get_function_address(function) for function in functions]


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Look for no cycles of garbage meanwhile: a compilation makes millions of objects, and garbage can wait."""
    collecting = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if collecting:
            gc.enable()


def numba_module(name: str, function: Callable[..., Any], signature: Any) -> binding.ModuleRef:
    """The LLVM module of a function that Numba compiles to a C callback, whose code is called `name`."""
    # Imported here, since no compiler is needed where the code is in the cache.
    from .kernels.elementary import LinkedCompiler

    debugging = numba.config.DEBUGINFO_DEFAULT
    try:
        # Kernels have no lines that a debugger could show.
        numba.config.DEBUGINFO_DEFAULT = 0
        dispatcher = numba.njit(error_model="numpy", no_cpython_wrapper=True, pipeline_class=LinkedCompiler)(function)
        dispatcher.compile(signature)
    finally:
        numba.config.DEBUGINFO_DEFAULT = debugging
    compiled = dispatcher.overloads[signature.args]
    module: binding.ModuleRef = compiled.library.linked()
    module.get_function(compiled.fndesc.llvm_cfunc_wrapper_name).name = name
    return module


def keep(*objects: object) -> None:
    """Let objects outlive their module, as the ufuncs do, which have their addresses: it may be reloaded or removed."""
    for kept in objects:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))


def _optimised(module: binding.ModuleRef, functions: Sequence[str]) -> binding.ModuleRef:
    machine = _machine(False)
    module.data_layout = str(machine.target_data)
    for function in module.functions:
        if not function.is_declaration and function.name not in functions:
            function.linkage = "internal"
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    builder = binding.create_pass_builder(machine, options)
    # Beforehand, what no output needs of the constants is left out of them: their functions are called, not inlined.
    first = binding.create_new_module_pass_manager()
    first.add_always_inliner_pass()
    first.add_sroa_pass()
    first.add_instruction_combine_pass()
    first.add_dead_arg_elimination_pass()
    for passes in (first, builder.getModulePassManager()):
        passes.run(module, builder)
    return module


def object_code(module: binding.ModuleRef) -> bytes:
    """The machine code of a module.

    If it needs nothing from outside, it and its constants can lie close together.  Otherwise LLVM takes the address of
    each constant from a register, which costs loops up to a quarter of their time.
    """
    if _may_be_compact():
        code: bytes = _machine(True).emit_object(module.clone())
        # The memory manager that keeps code in one piece has no room for the addresses of functions elsewhere.
        if not _has_undefined_symbol(code):
            return code
    code = _machine(False).emit_object(module)
    return code


def _may_be_compact() -> bool:
    triple, features = binding.get_process_triple(), target()[1].split(",")
    # Without these features, operations are calls of functions.
    return triple.startswith("x86_64") and "linux" in triple and {"+avx2", "+fma"} <= set(features)


def _has_undefined_symbol(code: bytes) -> bool:
    """Whether an ELF file for 64 bits refers to anything outside."""
    (sections,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    for start in range(sections, sections + size * count, size):
        (kind,) = struct.unpack_from("<I", code, start + 4)
        if kind == _SYMBOL_TABLE:
            offset, length = struct.unpack_from("<QQ", code, start + 24)
            symbols = struct.iter_unpack("<IBBHQQ", code[offset : offset + length])
            # The first symbol is none.
            return any(name and section == 0 for name, _, _, section, _, _ in symbols)
    return False


def _new_machine(compact: bool) -> binding.TargetMachine:
    # Numba does this only when it first compiles something, which it need not do here.
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    cpu, features = target()
    llvm_target = binding.Target.from_triple(binding.get_process_triple())
    x86 = llvm_target.name.startswith("x86")
    reloc, model = ("pic", "small") if compact else ("static" if x86 else "default", "jitdefault")
    return llvm_target.create_target_machine(cpu=cpu, features=features, opt=3, reloc=reloc, codemodel=model, jit=True)


_machine = functools.cache(_new_machine)


@functools.cache
def _engine() -> binding.ExecutionEngine:
    # The engine owns its machine, which therefore is another one.  Compact code has all its memory in one piece.
    in_one_piece = _may_be_compact() or None
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _new_machine(False), in_one_piece)
    keep(engine)
    return engine


@functools.cache
def _digest() -> str | None:
    """What stands for this version and CPU in the names of files; None where there are no sources to read."""
    digest = hashlib.sha256()
    package = importlib.resources.files(__package__)
    names = ("cache", "entry", "lanes", "loops", "memory", "partition", "table", "threads", "vectorcall")
    others = [package / f"{name}.py" for name in names]
    try:
        kernels = [file for file in (package / "kernels").iterdir() if file.name.endswith(".py")]
        for file in sorted(kernels, key=lambda file: file.name) + others:
            digest.update(file.read_bytes())
    except OSError:
        return None
    versions = (numba.__version__, llvmlite.__version__, sys.version, binding.get_process_triple(), *target())
    digest.update("\0".join(versions).encode())
    return digest.hexdigest()[:32]


def _load(name: str) -> bytes | None:
    path = folder()
    if path is None:
        return None
    file = path / f"{name}-{_digest()}.o"
    try:
        content = file.read_bytes()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        # Its time says when it was last used.
        if time.time() - file.stat().st_mtime > _DAY:
            os.utime(file)
    head = len(_MAGIC) + 32
    code = content[head:]
    return code if content[:head] == _MAGIC + hashlib.sha256(code).digest() else None


def _save(name: str, code: bytes) -> None:
    path = folder()
    if path is None:
        return
    # Under a name of its own until it is complete, for other processes may look for it, or write it too.
    draft = path / f"{name}.{secrets.token_hex(8)}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(_MAGIC + hashlib.sha256(code).digest() + code)
        os.replace(draft, path / f"{name}-{_digest()}.o")
        _prune(path)
    except OSError:
        # A folder that is full or gone makes the next process slower, and nothing else.
        with contextlib.suppress(OSError):
            draft.unlink()


def _prune(path: Path) -> None:
    """Remove what other versions left in the folder, and writers that were killed."""
    for file in path.iterdir():
        with contextlib.suppress(OSError):
            if not file.name.endswith(f"-{_digest()}.o") and time.time() - file.stat().st_mtime > _KEPT:
                file.unlink()
