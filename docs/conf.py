"""Configuration of Sphinx: `make docs`."""

from __future__ import annotations

from textwrap import indent

from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import NumpyDocstring
from sphinx.util.docutils import SphinxDirective

import fastround
from fastround.table import FUNCTIONS, UFUNCS, WINDOWED, docstring

project = "fastround"
author = "fastround developers"
copyright = author
version = release = fastround.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "*-table.md", "measured"]  # which other pages include
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
autodoc_typehints = "none"  # the docstrings name them

html_theme = "furo"
html_title = f"fastround {version}"


class Ufuncs(SphinxDirective):
    """`.. ufuncs::` documents every ufunc in the table, a section for each rounding function."""

    def run(self) -> list[Node]:
        text = []
        for function in FUNCTIONS + WINDOWED:
            text += [function.name, "-" * len(function.name), ""]
            for ufunc in UFUNCS:
                if ufunc.function == function:
                    body = str(NumpyDocstring(docstring(ufunc), self.config))
                    signature = (
                        f"fastround.{ufunc.name}({', '.join(function.inputs)}, /, out=None, *, where=True, **kwargs)"
                    )
                    text.append(f".. py:function:: {signature}\n\n{indent(body, '   ')}")
        return self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)


def unnumbered(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Take the numbers from the references of a docstring: on one page, they would be those of all."""
    lines[:] = [line.removeprefix(".. [1] ") for line in lines]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_directive("ufuncs", Ufuncs)
    app.connect("autodoc-process-docstring", unnumbered)
