"""The documentation is true: what it shows runs, and what is generated is up to date."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from architecture import PICTURE, picture
from report import load, pages

import fastround as fr
from fastround.table import UFUNCS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def _run(source: str, name: str) -> None:
    """Run examples as doctest does, in one session."""
    test = doctest.DocTestParser().get_doctest(source, {}, name, name, 0)
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append)
    assert not result.failed, "".join(report)


@pytest.mark.parametrize("page", [page for page in PAGES if CODE.search(page.read_text("utf-8"))], ids=lambda p: p.name)
def test_examples_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _run("\n".join(CODE.findall(page.read_text("utf-8"))), page.name)


# Those of the functions over windows run in test_windows.py.
@pytest.mark.parametrize("name", [ufunc.name for ufunc in UFUNCS if not ufunc.function.windowed])
def test_examples_of_a_ufunc_run(name: str) -> None:
    _run(getattr(fr, name).__doc__, name)


def test_committed_diagram_is_the_generated_one() -> None:
    assert PICTURE.read_text("utf-8") == picture(), "run `make generate`"


def test_committed_figures_of_speed_are_the_measured_ones() -> None:
    for page, text in pages(load()).items():
        assert page.read_text("utf-8") == text, f"{page}: run `make bench-report`"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_pictures_and_links_of_a_page_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text("utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


def test_readme_lists_every_rounding_function() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert {ufunc.function.name for ufunc in UFUNCS} <= set(re.findall(r"`(\w+)`", text))


def test_guarantees_name_tests_that_are_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "guarantees.md").read_text("utf-8")))
    modules = (file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert named <= {name for text in modules for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}
