"""Draws which module of fastround imports which, as docs/images/architecture.svg: `make generate`."""

from __future__ import annotations

import ast
from html import escape
from itertools import combinations, pairwise
from pathlib import Path
from random import Random

import fastround
from fastround.table import FUNCTIONS

PICTURE = Path(__file__).parent / "images" / "architecture.svg"
PACKAGE = Path(fastround.__file__).parent

Graph = dict[str, set[str]]


def modules() -> dict[str, Path]:
    """The files of the package by module name, the package itself being "fastround"."""
    paths = sorted(PACKAGE.rglob("*.py"))
    dotted = {path: ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in paths}
    named = {name.removesuffix("__init__").rstrip(".") or "fastround": path for path, name in dotted.items()}
    return {name: path for name, path in named.items() if path.read_text("utf-8").strip()}


def imports() -> Graph:
    """What each module imports of the others; the table imports the kernels that its rows name."""
    files = modules()
    graph: Graph = {name: set() for name in files}
    for name, path in files.items():
        package = path.parent.relative_to(PACKAGE.parent).parts
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = package[: len(package) - node.level + 1] + tuple((node.module or "").split("."))
                inside = ".".join(part for part in base[1:] if part)
                found = {f"{inside}.{alias.name}".lstrip(".") for alias in node.names} & files.keys()
                graph[name] |= found or {inside or "fastround"} & files.keys()
            elif isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names} & {"fastround"}
    graph["table"] |= {f"kernels.{function.method}" for function in FUNCTIONS}
    graph = {name: targets - {name} for name, targets in graph.items()}
    imported = set().union(*graph.values())
    return {name: targets for name, targets in graph.items() if targets or name in imported}


def reach(graph: Graph, start: str) -> set[str]:
    """Everything that `start` imports, directly or not."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph[ahead.pop()] - seen
        seen |= new
        ahead += new
    return seen


def reduced(graph: Graph) -> Graph:
    """The graph without the arrows that follow from others."""
    return {
        name: {target for target in targets if not any(target in reach(graph, other) for other in targets - {target})}
        for name, targets in graph.items()
    }


def layers(graph: Graph) -> tuple[list[list[str]], list[list[str]]]:
    """Rows of nodes, importers above, and each arrow as a path with a point in every row that it crosses."""
    depth: dict[str, int] = {}

    def depth_of(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((depth_of(other) for other in graph if name in graph[other]), default=-1)
        return depth[name]

    rows: list[list[str]] = [[] for _ in range(1 + max(depth_of(name) for name in graph))]
    for name in sorted(graph):
        rows[depth[name]].append(name)
    paths = []
    for name in sorted(graph):
        for target in sorted(graph[name]):
            between = range(depth[name] + 1, depth[target])
            path = [name, *(f"{name}→{target}@{row}" for row in between), target]
            for row, point in zip(between, path[1:-1], strict=True):
                rows[row].append(point)
            paths.append(path)

    arrows = [pair for path in paths for pair in pairwise(path)]
    random = Random(0)
    tries = [untangled([random.sample(row, len(row)) for row in rows], arrows) for _ in range(8)]
    return min(tries, key=lambda rows: tangle(rows, arrows)), paths


def untangled(rows: list[list[str]], arrows: list[tuple[str, str]]) -> list[list[str]]:
    """The rows, any two nodes having changed places while that made the picture less tangled."""
    cost, before = tangle(rows, arrows), None
    while cost != before:
        before = cost
        for row in rows:
            for i, j in combinations(range(len(row)), 2):
                row[i], row[j] = row[j], row[i]
                if (new := tangle(rows, arrows)) < cost:
                    cost = new
                else:
                    row[i], row[j] = row[j], row[i]
    return rows


def tangle(rows: list[list[str]], arrows: list[tuple[str, str]]) -> tuple[int, float]:
    """How often two arrows cross, and how far they go aside."""
    place = positions(rows)
    ends = [(place[start], place[end]) for start, end in arrows]
    crossings = sum(a[1] == c[1] and (a[0] - c[0]) * (b[0] - d[0]) < 0 for (a, b), (c, d) in combinations(ends, 2))
    return crossings, sum(abs(a[0] - b[0]) for a, b in ends)


WIDTH, HEIGHT, GAP, RISE = 168, 30, 18, 64


def positions(rows: list[list[str]]) -> dict[str, tuple[float, float]]:
    """The centre of every node, each row being centred."""
    place: dict[str, tuple[float, float]] = {}
    for i, row in enumerate(rows):
        widths = [20 if "@" in node else WIDTH + GAP for node in row]
        x = -sum(widths) / 2
        for node, width in zip(row, widths, strict=True):
            place[node] = (x + width / 2, RISE * i)
            x += width
    return place


def picture() -> str:
    """The SVG document."""
    rows, paths = layers(reduced(imports()))
    place = positions(rows)
    left = min(x for x, _ in place.values()) - WIDTH / 2 - 4
    right = max(x for x, _ in place.values()) + WIDTH / 2 + 4
    view = f"{left:g} {-HEIGHT / 2 - 4:g} {right - left:g} {RISE * (len(rows) - 1) + HEIGHT + 8:g}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}" width="{right - left:g}" '
        'font-family="monospace" font-size="13">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#64748b"/></marker></defs>',
    ]
    for path in paths:
        points = [place[node] for node in path]
        x, y = points[0]
        drawn = f"M{x:g} {y + HEIGHT / 2:g}"
        for (x0, y0), (x1, y1) in pairwise(points):
            start, end = y0 + (HEIGHT / 2 if y0 == y else 0), y1 - (HEIGHT / 2 if (x1, y1) == points[-1] else 0)
            middle = (start + end) / 2
            drawn += f"C{x0:g} {middle:g} {x1:g} {middle:g} {x1:g} {end:g}"
        parts.append(f'<path d="{drawn}" fill="none" stroke="#64748b" marker-end="url(#tip)"/>')
    for node, (x, y) in place.items():
        if "@" not in node:
            fill = "#fef3c7" if node.startswith("kernels") else "#dcfce7" if node == "table" else "#e0f2fe"
            parts.append(
                f'<rect x="{x - WIDTH / 2:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH}" height="{HEIGHT}" rx="5" '
                f'fill="{fill}" stroke="#334155"/>'
                f'<text x="{x:g}" y="{y + 4.5:g}" text-anchor="middle" fill="#0f172a">{escape(node)}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
