"""What a bug report should say: versions, processor, threads, and which functions are compiled."""

from __future__ import annotations

import platform
import sys
import textwrap
from collections.abc import Iterable
from importlib.metadata import version

import numba

from . import __version__, cache, entry, threads, ufuncs


def report() -> str:
    """Describe this installation and the machine it compiles for.

    Asks for the threading layer, and so launches the threads if nothing did before.

    Returns
    -------
    str
        Lines of a name and what it is.
    """
    processor, features = cache.target()
    enabled = [feature.removeprefix("+") for feature in features.split(",") if feature.startswith("+")]
    folder = cache.folder()
    # The layer is chosen when the threads are launched: before that, none can be named with certainty.
    try:
        layer = threads.layer()
    except RuntimeError as error:
        layer = f"none: {error}"
    lines = {
        "fastround": __version__,
        "Python": f"{platform.python_version()}, {platform.python_implementation()}, {sys.executable}",
        "numba": numba.__version__,
        "llvmlite": version("llvmlite"),
        "numpy": version("numpy"),
        "platform": platform.platform(),
        "processor": processor,
        "features": " ".join(sorted(enabled)) or "none beyond the baseline",
        "threads": f"{numba.get_num_threads()} of {numba.config.NUMBA_NUM_THREADS}",
        "threading layer": layer,
        "cache": str(folder)
        if folder
        else "none: there is no folder to write, or no source to read, so that each process compiles anew",
        "compiled in cache": _listed(name for name in cache.entries() if name != entry.NAME),
        "compiled here": _listed(ufuncs.compiled()),
    }
    return "\n".join(_paragraph(name, text) for name, text in lines.items())


def _listed(names: Iterable[str]) -> str:
    return " ".join(sorted(names)) or "none"


def _paragraph(name: str, text: str) -> str:
    return textwrap.fill(
        text,
        width=100,
        initial_indent=f"{name:18}",
        subsequent_indent=" " * 18,
        break_long_words=False,
        break_on_hyphens=False,
    )
