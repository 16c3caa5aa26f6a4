"""The published sums, and the tables and figures that `python -m fastround literal` makes of them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tables import PAGE

from fastround import literal, reference
from fastround.__main__ import main
from fastround.literal import Array

x = np.concatenate([np.random.default_rng(0).uniform(-8, 8, 200), [0.0, 0.5, -1.5, 3.0]])


@pytest.mark.parametrize("centre", list(literal.CENTRES))
@pytest.mark.parametrize("name", list(literal.SUMS))
def test_sums_are_those_of_the_reference(name: str, centre: str) -> None:
    method, _, suffix = name.partition("_")
    exact = getattr(reference, f"{method}_round_literal{'_' * bool(suffix)}{suffix}")
    for k, radius in ((0.5, 2), (3.0, 5), (10.0, 3)):
        expected = [exact(at, k, radius, center=centre) for at in x.tolist()]
        np.testing.assert_allclose(literal.SUMS[name](x, k, radius, centre), expected, atol=2e-13 * k)
        assert literal.SUMS[name](x.astype(np.float32), k, radius, centre).dtype == np.float32


@pytest.fixture(scope="module")
def tables() -> dict[str, list[list[str]]]:
    return {table.title: table.rows for table in literal.tables()}


def row(table: list[list[str]], *cells: str) -> Array:
    """The numbers of the row that begins with these cells."""
    return np.array(next(r[3:] for r in table if tuple(r[:3]) == cells), np.float64)


def test_what_the_tables_show(tables: dict[str, list[list[str]]]) -> None:
    single, double = tables["Largest error of sigmoid, float32"], tables["Largest error of sigmoid, float64"]
    k = np.array(literal.SHARPNESSES)
    for radius in literal.RADII:
        leak = 1e6 * np.exp(-k * radius)
        large = leak > 1
        errors = row(double, "1e6", "nearest", str(radius))[large]
        assert (errors > leak[large]).all()
        assert (errors < 3 * leak[large]).all()
        assert (row(double, "1e6", "floor", str(radius)) >= row(double, "1e6", "nearest", str(radius))).all()
    # Half of a number is lost where it has no fraction bits.
    assert row(single, "2^24", "floor", "5")[-1] == pytest.approx(2**23, rel=0.01)
    # fastround is right to a rounding of the result.
    for name in ("1", "1e3", "1e6", "2^24"):
        spacing = np.spacing(np.float32(literal.MAGNITUDES[name] + 1))
        assert (row(single, name, "fastround", "") <= spacing).all()
        assert (row(double, name, "fastround", "") <= np.spacing(literal.MAGNITUDES[name] + 1)).all()
    # The density sum rounds to the wrong integer where it should be hardest.
    assert row(tables["Largest error of density, float64"], "1", "nearest", "5")[-1] == pytest.approx(1, rel=0.01)
    assert np.isnan(row(tables["Largest error of density_grad, float32"], "1", "nearest", "5")[-1])


def test_single_results(tables: dict[str, list[list[str]]]) -> None:
    results = {tuple(r[:4]): (float(r[6]), float(r[7])) for r in tables["Single results"][1:]}
    assert results["sigmoid", "float32", "16777216", "10"] == (8388607.5, 2.0**24)
    assert results["sigmoid", "float64", "1000000", "0.5"][0] == pytest.approx(879826.7)
    assert results["sigmoid_grad", "float32", "1000.25", "1"][0] < 0


def test_where_the_error_comes_from(tables: dict[str, list[list[str]]]) -> None:
    title = next(title for title in tables if title.startswith("Where"))
    parts = {r[0]: r[1:] for r in tables[title][1:]}
    k = np.array(literal.SHARPNESSES[:3])
    window = np.array(parts["only the nearest integers"][:3], np.float64)
    np.testing.assert_allclose(window, 1 / (1 + np.exp(5 * k)), rtol=0.05)
    leak = np.array(parts["weights that do not add up to 1"][:3], np.float64)
    assert (leak > 1e6 * np.exp(-5 * k)).all()
    assert parts["weights that do not add up to 1"][-1] == "< 1e-09"


def test_committed_tables_are_the_generated_ones(tables: dict[str, list[list[str]]]) -> None:
    """Up to rounding errors, which may depend on the processor."""
    number = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?|nan")
    committed = PAGE.read_text("utf-8")
    generated = "\n".join(literal.Table(title, rows).markdown() for title, rows in tables.items())
    words = [re.sub(r"[\s-]+", " ", number.sub("", text)) for text in (committed, generated)]
    assert words[0] == words[1], "run `make generate`"
    old, new = (np.array(number.findall(text), np.float64) for text in (committed, generated))
    far = ~np.isclose(old, new, rtol=0.5, atol=1e-6, equal_nan=True)
    assert not far.any(), (old[far], new[far])


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(literal, "tables", lambda: iter([literal.Table("Title", [["a", "bc"], ["def", "g"]])]))
    assert main(["literal", "--output", str(tmp_path / "new")]) == 0
    printed = capsys.readouterr()
    assert not printed.err
    assert printed.out.startswith("**Title**\n\n| a   | bc |\n|-----|----|\n| def | g  |\n")
    for name in ("curves", "convergence"):
        path = tmp_path / "new" / f"fastround-literal-{name}.png"
        assert str(path) in printed.out
        with Image.open(path) as drawn:
            assert drawn.width > 900


def test_command_that_cannot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(literal, "tables", lambda: iter([]))
    (tmp_path / "file").touch()
    assert main(["literal", "--output", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.startswith(f"fastround: cannot write to {tmp_path / 'file'}: ")


def test_command_without_matplotlib(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(literal, "tables", lambda: iter([literal.Table("Title", [["a"]])]))
    assert main(["literal"]) == 1
    printed = capsys.readouterr()
    assert "**Title**" in printed.out
    assert 'pip install "fastround[demo]"' in printed.err
    assert printed.err.count("\n") == 1


def test_figures_are_drawn_from_fastround() -> None:
    figures = literal.figures()
    assert list(figures) == ["literal-curves", "literal-convergence"]
    curves = figures["literal-curves"].axes
    assert [axes.get_title() for axes in curves] == [
        f"{method}_round{suffix}(x, k)" for method in ("sigmoid", "density") for suffix in ("", "_grad")
    ]
    assert [len(axes.lines) for axes in curves] == [6, 5, 6, 5]
    for axes in figures["literal-convergence"].axes:
        falling = [np.diff(np.asarray(line.get_ydata(), np.float64)).max() <= 0 for line in axes.lines]
        assert falling == [True] * len(literal.DISTANCES)
