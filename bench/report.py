"""Tables and plots of the documentation from the results of `make bench`: `make bench-report`.

The last results, if there are new ones, are kept without their single rounds in `results.json`; all that the
documentation says of speed is made from that file.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
RUNS, RESULTS = ROOT / ".benchmarks", ROOT / "bench" / "results.json"
PAGES, IMAGES, README = ROOT / "docs" / "measured", ROOT / "docs" / "images", ROOT / "README.md"
BEGIN, END = "<!-- begin of measured -->\n", "<!-- end of measured -->"

METHODS, DTYPES = ("sigmoid", "density"), ("float32", "float64")
SUFFIXES = {"": "value", "_grad": "`_grad`", "_grad_k": "`_grad_k`", "_value_and_grad": "`_value_and_grad`"}
BYTES = {"float32": 4, "float64": 8}
MIB = 2**20
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Result(NamedTuple):
    """One benchmark: ns for an element, of itself and of what it stood beside."""

    test: str
    params: dict[str, Any]
    ns: float
    beside: dict[str, float]
    facts: dict[str, Any]

    def ratio(self, name: str) -> float:
        """Its time over that of what it stood beside."""
        return self.ns / self.beside[name]


class Results:
    """All results of a run, and the machine it was on."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.machine: dict[str, Any] = content["machine"]
        self.all = [Result(**entry) for entry in content["results"]]

    def of(self, test: str, **params: Any) -> list[Result]:
        """Those of a test function with some parameters."""
        return [r for r in self.all if r.test == test and all(r.params.get(p) == v for p, v in params.items())]

    def one(self, test: str, **params: Any) -> Result | None:
        """The only such one, if it was run."""
        found = self.of(test, **params)
        return found[0] if found else None


def condensed(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What is kept of the files of pytest-benchmark's, from the last on: of each benchmark, the last result.

    Only those of the same code on the same machine count.  What a benchmark stands beside is in its own result.
    """
    info = runs[0]["machine_info"]
    alike = [run for run in runs if run["machine_info"]["fastround"] == info["fastround"]]
    latest: dict[str, Any] = {}
    for run in alike:
        for each in run["benchmarks"]:
            if each["extra_info"]:
                latest.setdefault(each["fullname"], _entry(each))
    machine = {
        "date": runs[0]["datetime"][:10],
        "cpu": info.get("cpu", {}).get("brand_raw", info["machine"]),
        "system": f"{info['system']} {info['release']}",
        "python": info["python_version"],
        **info["fastround"],
    }
    return {"machine": machine, "results": list(latest.values())}


def _entry(benchmark: dict[str, Any]) -> dict[str, Any]:
    facts = dict(benchmark["extra_info"])
    ns, beside = _short(facts.pop("ns")), {name: _short(time) for name, time in facts.pop("beside").items()}
    test = benchmark["fullname"].rpartition("/")[2].partition("[")[0].replace(".py::", ".")
    return {"test": test, "params": benchmark["params"] or {}, "facts": facts, "ns": ns, "beside": beside}


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def number(value: float | None, digits: int = 2) -> str:
    """A number with as many digits as say something."""
    if value is None:
        return "—"
    return f"{value:.{digits}f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown, numbers to the right."""
    head = list(head)
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _error(result: Result | None) -> str:
    ulp = result.facts["ulp"] if result else float("nan")
    power = len(f"{ulp:.0f}") - 1
    return f"{round(ulp / 10**power)}·10{str(power).translate(SUPERSCRIPT)}" if ulp >= 1e4 else number(ulp, 1)


class Target(NamedTuple):
    """A line of the project's targets: its bounds, and what was measured, by method."""

    what: str
    beside: str
    bound: float
    aim: float
    measured: Callable[[Results, str], list[tuple[float, str]]]
    unit: str = "×"


def _output(suffix: str, dtype: str) -> Callable[[Results, str], list[tuple[float, str]]]:
    return lambda results, method: [
        (r.ratio("copy"), "")
        for r in results.of("test_contiguous.test_output", method=method, suffix=suffix, dtype=dtype)
    ]


def _each(
    figure: Callable[[Result], float], test: str, *labels: str, **fixed: Any
) -> Callable[[Results, str], list[tuple[float, str]]]:
    """A figure of each result of a test, with what it stands for."""

    def measured(results: Results, method: str) -> list[tuple[float, str]]:
        return [
            (figure(r), ", ".join(_label(name, r.params[name]) for name in labels if r.params[name] != ""))
            for r in results.of(test, **fixed)
            if r.params.get("method", "sigmoid") == method
        ]

    return measured


def _ratios(test: str, beside: str, *labels: str, **fixed: Any) -> Callable[[Results, str], list[tuple[float, str]]]:
    return _each(lambda r: r.ratio(beside), test, *labels, **fixed)


def _seconds(test: str, beside: str, *labels: str, **fixed: Any) -> Callable[[Results, str], list[tuple[float, str]]]:
    return _each(lambda r: (r.ns - r.beside[beside]) / 1e9, test, *labels, **fixed)


def _label(name: str, value: Any) -> str:
    return f"k = {value:g}" if name == "k" else f"`{value}`" if name == "suffix" else str(value)


def _memory(results: Results, method: str) -> list[tuple[float, str]]:
    return [(r.facts["bytes"] / MIB, "") for r in results.of("test_startup.test_memory") if method == "sigmoid"]


SLICES = ("half of each row", "x[::2, ::2]", "x[1:-1, 1:-1]", "rows of 3, of an array with 4")
STRAIGHT = ("x[::2]", "out[::2]", "x[::-1]", "x[1:]", "out[1:]", *SLICES)
ROWS = (*SLICES, "one k per row", "rows of 3, one k per column")


def _strided(results: Results, method: str) -> list[tuple[float, str]]:
    found = _ratios("test_layouts.test_layout", "contiguous", "layout", "suffix", "dtype")(results, method)
    return [(ratio, label) for ratio, label in found if label.startswith(STRAIGHT)]


def _windows(results: Results, method: str) -> list[tuple[float, str]]:
    found = _ratios("test_radius.test_one_k_per_element", "one k", "sharpness", "suffix", "dtype")(results, method)
    return [(ratio, label) for ratio, label in found if label.startswith("8 to 12")]


TARGETS = (
    Target("value, float32", "copy", 2.0, 1.25, _output("", "float32")),
    Target("value, float64", "copy", 3.0, 1.25, _output("", "float64")),
    Target("`_grad`, float32", "copy", 2.5, 1.25, _output("_grad", "float32")),
    Target("`_grad`, float64", "copy", 3.75, 1.25, _output("_grad", "float64")),
    Target("`_grad_k`, float32", "copy", 3.5, 1.5, _output("_grad_k", "float32")),
    Target("`_grad_k`, float64", "copy", 5.0, 1.5, _output("_grad_k", "float64")),
    Target("`_value_and_grad`, float32", "copy to two arrays", 2.5, 1.25, _output("_value_and_grad", "float32")),
    Target("`_value_and_grad`, float64", "copy to two arrays", 2.5, 1.25, _output("_value_and_grad", "float64")),
    Target(
        "the slowest k from 0.01 to 10⁴", "k = 10", 2.0, 1.3,
        _ratios("test_contiguous.test_sharpness", "k = 10", "k", "suffix", "dtype"),
    ),
    Target(
        "the slowest magnitude of x from 10⁻³⁰ to 10³¹", "x to 8", 2.0, 1.3,
        _ratios("test_contiguous.test_magnitude", "x to 8", "magnitude", "suffix", "dtype"),
    ),
    Target("the slowest of strided, offset and 2-D operands", "contiguous", 2.5, 1.5, _strided),
    Target(
        "the slowest array of one k per element", "k = 10", 4.0, 2.0,
        _ratios("test_layouts.test_one_k_per_element", "k = 10", "sharpness", "suffix", "dtype"),
    ),
    Target("the same over windows of radius 2 and 5", "k = 10", 4.0, 2.0, _windows),
    Target(
        "one element", "`np.arctan2`, `np.divmod`", 1.5, 1.1,
        _ratios("test_latency.test_one_element", "alike", "operands", "suffix"),
    ),
    Target(
        "scalar calls in a `prange` loop", "the ufunc", 1.5, 1.1,
        _ratios("test_embedding.test_scalar_call", "ufunc", "suffix", "dtype", parallel=True),
    ),
    Target(
        "a new process to its first result, compiled code on disk", "`import numba`", 0.6, 0.15,
        _seconds("test_startup.test_process", "import numba", what="first result"), "s more",
    ),
    Target(
        "the same, and compiling one function", "`import numba`", 12, 3,
        _seconds("test_startup.test_first_compilation", "import numba", "suffix", "kind"), "s more",
    ),
    Target("memory beyond the output, for 64 MiB", "before", 4, 0, _memory, "MiB more"),
)  # fmt: skip


def targets(results: Results) -> str:
    """The project's targets beside what was measured; what misses one is bold."""

    def cell(target: Target, method: str) -> str:
        found = target.measured(results, method)
        if not found:
            return ""
        worst, label = max(found)
        text = number(worst)
        text = f"**{text}**" if worst > target.bound else text
        return f"{text} ({label})" if label else text

    return table(
        ("", "beside", "at most", "aim", *(f"`{method}_round`" for method in METHODS)),
        (
            (t.what, t.beside, f"{t.bound:g} {t.unit}", f"{t.aim:g}", *(cell(t, method) for method in METHODS))
            for t in TARGETS
        ),
    )


def outputs(results: Results) -> str:
    """ns per element of every output."""
    rows = []
    for suffix, label in SUFFIXES.items():
        for dtype in DTYPES:
            found = [results.one("test_contiguous.test_output", method=m, suffix=suffix, dtype=dtype) for m in METHODS]
            copies = [r.beside["copy"] for r in found if r]
            cells = [f"{number(r.ns)} ({number(r.ratio('copy'))} ×)" if r else "—" for r in found]
            rows.append((label, dtype, number(min(copies)) if copies else "—", *cells))
    return table(("", "dtype", "copy", *(f"`{method}_round`" for method in METHODS)), rows)


def peer_rows(results: Results, test: str, suffix: str) -> Iterator[tuple[str, str, list[Result | None]]]:
    yield "fastround", "exact sum", _both(results, "test_peers.test_fastround", suffix=suffix)
    if not suffix:
        yield "fastround, to a new array", "exact sum", _both(results, "test_peers.test_fastround_without_out")
    names = dict.fromkeys((r.params["peer"], r.params["form"]) for r in results.of(test))
    rows = [(peer, form, _both(results, test, peer=peer, form=form)) for peer, form in names]
    yield from sorted(rows, key=_first_ratio)


def _both(results: Results, test: str, **params: Any) -> list[Result | None]:
    return [results.one(test, dtype=dtype, **params) for dtype in DTYPES]


def peers(results: Results, suffix: str = "") -> str:
    """Other tools: ns per element, over a copy, and the error."""
    test = f"test_peers.test_value{'_and_grad' if suffix else ''}"
    rows = []
    single = results.one("test_peers.test_fastround", dtype="float32", suffix=suffix)
    double = results.one("test_peers.test_fastround", dtype="float64", suffix=suffix)
    copies = [number(r.beside["copy"]) if r else "—" for r in (single, double)]
    rows.append(["copy by all threads", "", copies[0], "1", copies[1], "1", "0"])
    for peer, form, found in peer_rows(results, test, suffix):
        cells = [text for r in found for text in ((number(r.ns), number(r.ratio("copy"), 1)) if r else ("—", "—"))]
        first = found[0]
        rows.append([peer, form, *cells, _error(first)])
    absent = [package for package, version in results.machine["versions"].items() if version is None]
    note = f"\nNot installed, and so not compared with: {', '.join(absent)}.\n" if absent else ""
    head = ("", "computes", "float32, ns", "over copy", "float64, ns", "over copy", "error, ulp of float32")
    return table(head, rows) + note


# Rows of the README.
CHOSEN = (
    ("JAX jit", "three terms"),
    ("Numba prange", "three terms"),
    ("torch.compile", "three terms"),
    ("torch.compile", "literal sum"),
    ("JAX jit", "literal sum"),
    ("Numba prange", "literal sum"),
    ("numexpr", "literal sum"),
    ("NumPy", "literal sum"),
)


def readme(results: Results) -> str:
    """The README's table: a choice of those rows."""
    ours = _both(results, "test_peers.test_fastround", suffix="")
    found = [
        (f"{peer}, {form}", _both(results, "test_peers.test_value", peer=peer, form=form)) for peer, form in CHOSEN
    ]
    found = sorted([("fastround", ours), *((name, both) for name, both in found if any(both))], key=_first_ratio)
    rows = [["copying the array", *(number(r.beside["copy"]) if r else "—" for r in ours)]]
    for name, both in found:
        rows.append([name, *(f"{number(r.ns)} ({number(r.ratio('copy'), 1)} ×)" if r else "—" for r in both)])
    return table(("ns per element, all threads", "float32", "float64"), rows) + f"\n{_machine_line(results)}\n"


def _first_ratio(row: tuple[Any, ...]) -> float:
    """By which the rows of a comparison are sorted."""
    first: Result | None = row[-1][0]
    return first.ratio("copy") if first else 0


def _machine_line(results: Results) -> str:
    m = results.machine
    wide = " with AVX-512" if m["avx512"] else ""
    return f"On {m['threads']} threads of {m['cpu']}{wide}; times over that of the copy in brackets."


def machine(results: Results) -> str:
    """The machine and the versions."""
    m = results.machine
    versions = ", ".join(f"{name} {version or '(absent)'}" for name, version in m["versions"].items())
    rows = {
        "processor": f"{m['cpu']}, as LLVM sees it: {m['processor']}{', AVX-512' if m['avx512'] else ''}",
        "CPUs, threads": f"{m['cpus']}, {m['threads']} ({m['layer']})",
        "system": m["system"],
        "versions": f"Python {m['python']}, {versions}",
        "date": m["date"],
    }
    return table(("", ""), rows.items()).replace("---:", "---")


def slices(results: Results) -> str:
    """Slices of matrices, and a sharpness for each row, over contiguous operands: as they are, and left to NumPy."""
    return layouts(results, lambda name: name.endswith(ROWS))


def layouts(results: Results, wanted: Callable[[str], bool] = lambda _: True) -> str:
    """Layouts over contiguous operands, and how many times as long NumPy takes to copy their elements."""
    names = dict.fromkeys(filter(wanted, (r.params["layout"] for r in results.of("test_layouts.test_layout"))))
    columns = [(suffix, dtype) for suffix in ("", "_value_and_grad") for dtype in DTYPES]
    rows = []
    for name in names:
        found = [results.one("test_layouts.test_layout", layout=name, suffix=s, dtype=d) for s, d in columns]
        copies, numpy = (
            [r.beside[a] / r.beside[b] if r and a in r.beside else None for r in found[:2]]
            for a, b in (("np.copyto", "contiguous"), ("np.arctan2", "np.arctan2 contiguous"))
        )
        rows.append((name, *map(number, (*(r.ratio("contiguous") if r else None for r in found), *copies, *numpy))))
    head = (
        *(f"{SUFFIXES[s]}, {d}" for s, d in columns),
        *(f"`np.copyto`, {d}" for d in DTYPES),
        *(f"`np.arctan2`, {d}" for d in DTYPES),
    )
    return table(("", *head), rows)


def _by_parameter(results: Results, test: str, parameter: str, beside: str, heading: Callable[[Any], str]) -> str:
    """A column for each value of a parameter and each method: times over those of what they stand beside."""
    values = dict.fromkeys(r.params[parameter] for r in results.of(test))
    columns, rows = [(method, value) for method in METHODS for value in values], []
    for suffix, label in SUFFIXES.items():
        for dtype in DTYPES:
            found = [
                results.one(test, suffix=suffix, dtype=dtype, method=method, **{parameter: value})
                for method, value in columns
            ]
            rows.append((label, dtype, *(number(r.ratio(beside) if r else None) for r in found)))
    return table(("", "dtype", *(f"`{method}_round`, {heading(value)}" for method, value in columns)), rows)


def sharpness_arrays(results: Results) -> str:
    """One k per element over one k."""
    test = "test_layouts.test_one_k_per_element"
    return _by_parameter(results, test, "sharpness", "k = 10", lambda kind: f"k {kind}")


def magnitudes(results: Results) -> str:
    """Small and large x over others."""
    test = "test_contiguous.test_magnitude"
    return _by_parameter(results, test, "magnitude", "x to 8", lambda scale: f"x to {8 * scale:g}")


def windows(results: Results) -> str:
    """Sums over windows over the infinite one."""
    test = "test_radius.test_radius"
    radii = sorted({r.params["radius"] for r in results.of(test)})
    cases = dict.fromkeys(tuple(r.params[name] for name in ("method", "suffix", "k")) for r in results.of(test))
    rows = []
    for method, suffix, k in cases:
        for dtype in DTYPES:
            found = [
                results.one(test, method=method, suffix=suffix, k=k, dtype=dtype, radius=radius) for radius in radii
            ]
            ratios = (number(r.ratio("infinite sum") if r else None) for r in found)
            rows.append((f"`{method}_round_windowed{suffix}`", f"{k:g}", dtype, *ratios))
    return table(("", "k", "dtype", *(f"radius {radius}" for radius in radii)), rows)


def windows_arrays(results: Results) -> str:
    """Sums over windows at one k per element over those at one k."""
    test = "test_radius.test_one_k_per_element"
    kinds = dict.fromkeys(r.params["sharpness"] for r in results.of(test))
    rows = []
    for method, suffix in itertools.product(METHODS, dict.fromkeys(r.params["suffix"] for r in results.of(test))):
        found = [
            results.one(test, sharpness=s, suffix=suffix, dtype=dtype, method=method) for s in kinds for dtype in DTYPES
        ]
        rows.append((f"`{method}_round_windowed{suffix}`", *(number(r.ratio("one k") if r else None) for r in found)))
    return table(("", *(f"k {s}, {dtype}" for s in kinds for dtype in DTYPES)), rows)


def threads(results: Results) -> str:
    """All threads beside one, by size."""
    test = "test_sizes.test_size"
    sizes = sorted({r.params["size"] for r in results.of(test) if r.params["size"] >= 2**12})
    columns = [(suffix, dtype) for suffix in ("", "_grad_k") for dtype in DTYPES]
    rows = []
    for size in sizes:
        found = [results.one(test, size=size, suffix=s, dtype=d) for s, d in columns]
        rows.append((f"{size:,}", *(number(1 / r.ratio("one thread") if r else None) for r in found)))
    return table(("elements", *(f"{SUFFIXES[s]}, {d}" for s, d in columns)), rows)


def embedding(results: Results) -> str:
    """Scalar calls in loops, and calls on arrays, over the ufunc."""
    rows = []
    kinds: tuple[tuple[str, str, dict[str, bool]], ...] = (
        ("`range`, beside one thread", "scalar", {"parallel": False}),
        ("`prange`, beside all threads", "scalar", {"parallel": True}),
        ("none: a call on an array, beside one thread", "array", {}),
    )
    for loop, kind, params in kinds:
        for suffix in ("", "_value_and_grad"):
            found = [
                results.one(f"test_embedding.test_{kind}_call", suffix=suffix, dtype=d, method=m, **params)
                for m in METHODS
                for d in DTYPES
            ]
            if any(found):
                rows.append((loop, SUFFIXES[suffix], *(number(r.ratio("ufunc") if r else None) for r in found)))
    found = _both(results, "test_embedding.test_array_expression")
    ratios = (number(r.ratio("interpreted") if r else None) for r in found)
    rows.append(("`np.sum((f(x, k) - x)**2)`, beside the same in NumPy", "value", *ratios, "", ""))
    return table(("loop", "", *(f"`{m}_round`, {d}" for m in METHODS for d in DTYPES)), rows)


def latency(results: Results) -> str:
    """One element, in ns."""
    test = "test_latency.test_one_element"
    kinds = dict.fromkeys(r.params["operands"] for r in results.of(test))
    rows = []
    for kind in kinds:
        found = [results.one(test, operands=kind, suffix=s, method="sigmoid") for s in SUFFIXES]
        first, last = found[0], found[-1]
        numpy = [first.beside["np.exp"] if first else None, *(r.beside["alike"] if r else None for r in (first, last))]
        rows.append((kind, *map(number, (*numpy, *(r.ns if r else None for r in found)))))
    return table(("one element, ns", "`np.exp`", "`np.arctan2`", "`np.divmod`", *SUFFIXES.values()), rows)


def startup(results: Results) -> str:
    """New processes, in seconds."""
    rows: list[list[str]] = []
    for r in results.of("test_startup.test_process"):
        name = "import and first result" if r.params["what"] == "first result" else f"`import {r.params['what']}`"
        if not rows:
            rows += [[f"`{n}`" if n != "nothing" else "Python alone", f"{ns / 1e9:.2f}"] for n, ns in r.beside.items()]
        rows.append([name, f"{r.ns / 1e9:.2f}"])
    for r in results.of("test_startup.test_first_compilation"):
        kind = f", {r.params['kind']}" if r.params["kind"] else ""
        name = f"`{r.params['method']}_round{r.params['suffix']}`"
        rows.append([f"first result of {name}{kind}, nothing compiled", f"{r.ns / 1e9:.2f}"])
    return table(("a new process", "seconds"), rows)


RUNGS = {
    "literal_sum": "NumPy, the literal sum",
    "jitted_sum": "compiled, in one loop",
    "leak_free_terms": "three terms without a leak",
    "one_exponential": "one exponential, one division",
    "hoisted_constants": "constants of k once per call",
    "vectorised": "an exponential that vectorises",
    "threads": "all threads",
    "fastround, one thread": "fastround, one thread",
    "fastround": "fastround",
}


def ladder(results: Results) -> str:
    """What each step bought."""
    rows: list[tuple[str, ...]] = []
    before: list[Result | None] = [None, None]
    for rung, label in RUNGS.items():
        found = _both(results, "test_ladder.test_rung", rung=rung)
        cells = []
        for r, earlier in zip(found, before, strict=True):
            gain = "" if not (r and earlier) or rung.startswith("fastround") else f"{number(earlier.ns / r.ns, 1)}"
            cells += [number(r.ns), number(r.ratio("copy"), 1), gain] if r else ["—"] * 3
        first = found[0]
        rows.append((label, *cells, _error(first)))
        before = found
    return table(
        ("", *(t for d in DTYPES for t in (f"{d}, ns", "over copy", "times faster")), "error, ulp of float32"), rows
    )


def rates(results: Results) -> str:
    """What the machine can do, by measurement."""
    rows = []
    for dtype in DTYPES:
        copied = _fastest(results, "test_copy", dtype=dtype)
        multiplied, divided = (
            _fastest(results, "test_rate", dtype=dtype, operation=o) for o in ("multiply-adds", "divisions")
        )
        rows.append((dtype, number(2 * BYTES[dtype] / copied, 1), number(2 / multiplied, 1), number(1 / divided, 1)))
    return table(("all threads", "copy, GB/s", "multiply-adds, Gflop/s", "divisions, G/s"), rows)


def _fastest(results: Results, test: str, **params: Any) -> float:
    """ns for an operation by whatever number of threads was fastest."""
    return min(r.ns for r in results.of(f"test_roofline.{test}", **params))


def roofline(results: Results) -> str:
    """Bytes and operations for each element, and the least time that each needs."""
    rows: list[tuple[str, ...]] = []
    for r in results.of("test_roofline.test_generated_code"):
        name, dtype = r.params["name"], r.params["dtype"]
        method, _, suffix = name.partition("_round")
        whole = results.one("test_contiguous.test_output", method=method, suffix=suffix, dtype=dtype)
        copied = whole.beside["copy"] if whole else _fastest(results, "test_copy", dtype=dtype)
        bytes_ = BYTES[dtype] * (3 if suffix == "_value_and_grad" else 2)
        # An instruction takes as long as a multiply-add of as many numbers.
        instruction = _fastest(results, "test_rate", dtype=dtype, operation="multiply-adds")
        division = _fastest(results, "test_rate", dtype=dtype, operation="divisions")
        limits = (0, *r.facts["bounds"], math.inf)
        for low, high, counts in zip(limits, limits[1:], r.facts["loops"], strict=False):
            arithmetic = max(counts["instructions"] * instruction, counts["divisions"] * division)
            measured = number(whole.ns) if whole and low <= 10 < high else ""
            sharpness = f"{low:g} ≤ k" + (f" < {high:g}" if high < math.inf else "")
            rows.append((
                f"`{name}`, {dtype}, {sharpness}", str(bytes_), f"{counts['flops']:.0f}", f"{counts['divisions']:.0f}",
                f"{counts['instructions']:.0f}", number(copied), number(arithmetic), measured,
            ))  # fmt: skip
    head = ("", "bytes", "flops", "of these divisions", "instructions", "memory, ns", "arithmetic, ns", "measured, ns")
    return table(head, rows)


def compilation(results: Results) -> str:
    """How long a loop takes to compile."""
    rows = [
        (f"`{r.params['name']}`, {r.params['dtype']}", f"{r.ns / 1e9:.1f}")
        for r in results.of("test_roofline.test_generated_code")
    ]
    return table(("a loop for one k", "seconds to compile"), rows)


SECTIONS: dict[str, Callable[[Results], str]] = {
    "machine": machine,
    "targets": targets,
    "outputs": outputs,
    "peers": peers,
    "peers-gradients": lambda results: peers(results, "_value_and_grad"),
    "layouts": layouts,
    "slices": slices,
    "sharpness-arrays": sharpness_arrays,
    "magnitudes": magnitudes,
    "windows": windows,
    "windows-arrays": windows_arrays,
    "threads": threads,
    "embedding": embedding,
    "latency": latency,
    "startup": startup,
    "compilation": compilation,
    "ladder": ladder,
    "rates": rates,
    "roofline": roofline,
}


def pages(results: Results) -> dict[Path, str]:
    """The text files made from the results, and what is in them."""
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return {
        **{PAGES / f"{name}.md": section(results) for name, section in SECTIONS.items()},
        README: f"{before}{BEGIN}\n{readme(results)}\n{END}{after}",
    }


def load() -> Results:
    """The results that the documentation is made from."""
    return Results(json.loads(RESULTS.read_text("utf-8")))


if __name__ == "__main__":
    import plots

    if files := sorted(RUNS.glob("*/*.json"), key=lambda run: run.stat().st_mtime, reverse=True):
        kept = condensed([json.loads(file.read_text("utf-8")) for file in files])
        entries = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in kept["results"])
        head = json.dumps(kept["machine"], indent=1, ensure_ascii=False)
        RESULTS.write_text(f'{{"machine": {head},\n"results": [\n{entries}\n]}}\n', "utf-8")
    PAGES.mkdir(exist_ok=True)
    for page, text in pages(load()).items():
        page.write_text(text, "utf-8")
    for name, figure in plots.figures(load()).items():
        figure.savefig(IMAGES / f"{name}.png", dpi=110, metadata={"Software": None})
