"""Writes the tables of the page on the literal sum: `make generate`."""

from __future__ import annotations

from pathlib import Path

from fastround.literal import tables

PAGE = Path(__file__).parent / "literal-table.md"


def page() -> str:
    """The tables in Markdown."""
    return "\n".join(table.markdown() for table in tables())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
