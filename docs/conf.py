"""Configuration of Sphinx: `make docs`."""

from __future__ import annotations

from textwrap import indent

from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, NumpyDocstring
from sphinx.util.docutils import SphinxDirective

import fastround
from fastround.table import FUNCTIONS, UFUNCS, docstring

project = "fastround"
author = "fastround developers"
copyright = author
version = release = fastround.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "accuracy-table.md"]  # accuracy.md includes it
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = f"fastround {version}"


class Ufuncs(SphinxDirective):
    """`.. ufuncs::` documents every ufunc in the table, a section for each rounding function."""

    def run(self) -> list[Node]:
        text = []
        for function in FUNCTIONS:
            text += [function.name, "-" * len(function.name), ""]
            for ufunc in UFUNCS:
                if ufunc.function == function:
                    body = str(NumpyDocstring(docstring(ufunc), Config(napoleon_use_rtype=False)))
                    text.append(f".. py:function:: fastround.{ufunc.name}(x, k, /, out=None, *, where=True, **kwargs)\n")
                    text.append(indent(body, "   "))
        return self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_directive("ufuncs", Ufuncs)
