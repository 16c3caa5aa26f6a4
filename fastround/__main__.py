"""The command line: `python -m fastround demo`, `info` and `literal`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of this process.

    Returns
    -------
    int
        The exit code: 0, 1 if something is not installed, 2 if an argument does not make sense, 130 if interrupted.
        argparse leaves by `SystemExit` with 2 instead of returning it.
    """
    options = _parser().parse_args(arguments)
    try:
        return {"info": _info, "demo": _demo, "literal": _literal}[options.command](options)
    except KeyboardInterrupt:
        return 130


def _info(options: argparse.Namespace) -> int:
    from . import info

    print(info.report())
    return 0


def _demo(options: argparse.Namespace) -> int:
    try:
        from . import demo
    except ImportError as error:
        if (error.name or "").startswith(__package__):
            raise
        return _fail(f'the demo needs more packages ({error}). To install them: pip install "fastround[demo]"', 1)
    try:
        demo.run(options.picture, options.output, options.steps, options.bits, options.seed)
    except demo.DemoError as error:
        return _fail(str(error), 2)
    return 0


def _literal(options: argparse.Namespace) -> int:
    from . import literal

    for table in literal.tables():
        print(table.markdown(), flush=True)
    try:
        paths = literal.save_figures(options.output)
    except ImportError as error:
        return _fail(f'the figures need Matplotlib ({error}). To install it: pip install "fastround[demo]"', 1)
    except OSError as error:
        return _fail(f"cannot write to {options.output}: {error}", 2)
    print("Saved", *paths, sep="\n")
    return 0


def _fail(message: str, code: int) -> int:
    print(f"fastround: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fastround", description="Smooth rounding, fast.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("info", help="print versions, processor, threads and compiled functions, for bug reports")
    demo = commands.add_parser(
        "demo",
        help="learn a quantiser for a photograph through smooth rounding",
        description="Learn a quantiser for each channel of a photograph by gradient descent, with straight-through "
        "gradients and with smooth rounding, compare the two, and save fastround-demo.png.",
    )
    default = "(default: %(default)s)"
    demo.add_argument(
        "picture", nargs="?", type=Path, metavar="PICTURE", help="any picture (default: a photograph in Matplotlib)"
    )
    demo.add_argument("--output", type=Path, default=Path(), metavar="DIR", help=f"where to save the result {default}")
    demo.add_argument("--steps", type=_integer(1, 1_000_000), default=300, metavar="N", help=f"steps {default}")
    demo.add_argument("--bits", type=_integer(1, 8), default=3, metavar="N", help=f"bits per channel, 1..8 {default}")
    demo.add_argument("--seed", type=_integer(0, 2**63), default=0, metavar="N", help=f"random seed {default}")
    literal = commands.add_parser(
        "literal",
        help="show how far off smooth rounding is when it is summed as published",
        description="Print tables of the errors of the published sums, over a window and term by term, in float32 and "
        "float64; and draw both methods, their derivatives and how fast they become hard.",
    )
    literal.add_argument("--output", type=Path, default=Path(), metavar="DIR", help=f"where to save figures {default}")
    return parser


def _integer(least: int, greatest: int) -> Callable[[str], int]:
    def integer(text: str) -> int:
        number = int(text)
        if not least <= number <= greatest:
            raise argparse.ArgumentTypeError(f"{number} is not between {least} and {greatest}")
        return number

    return integer


if __name__ == "__main__":
    sys.exit(main())
