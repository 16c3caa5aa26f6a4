"""The command line, and what the demonstration is made of."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from PIL import Image

import fastround
from fastround import cache, demo, info, threads
from fastround.__main__ import main
from fastround.demo import Array


def photograph(height: int = 48, width: int = 40) -> Array:
    """A picture with something of a photograph: unequal channels, a dark mass, a tail of highlights."""
    random = np.random.default_rng(5)
    dark, light = random.normal(40, 15, (height, width, 3)), random.exponential(60, (height, width, 3)) + 60
    mixed = np.where(random.random((height, width, 1)) < 0.6, dark, light) * [1, 0.8, 0.6]
    mixed[0, 0], mixed[0, 1] = 0, 255
    levels: Array = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return levels


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photograph.png"
    Image.fromarray(photograph()).save(path)
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time small arrays only."""
    speed = demo.speed
    monkeypatch.setattr(demo, "speed", lambda seed: speed(seed, size=2**14, repeats=1))


def loss(x: Array, quantiser: demo.Quantiser, level: Callable[[Array], Array]) -> Array:
    """Mean squared error of each row, with the codes that `level` makes of z."""
    z = np.clip((x - quantiser.offset) / quantiser.step, 0, quantiser.top)
    error: Array = quantiser.offset + quantiser.step * level(z) - x
    mean: Array = (error**2).mean(axis=1, keepdims=True)
    return mean


def differences(function: Callable[[demo.Quantiser], Array], quantiser: demo.Quantiser, h: float = 1e-5) -> list[Array]:
    """Central differences of `function` by offset and step."""
    offset, step, top = quantiser
    moved = (
        (demo.Quantiser(offset + h, step, top), demo.Quantiser(offset - h, step, top)),
        (demo.Quantiser(offset, step + h, top), demo.Quantiser(offset, step - h, top)),
    )
    return [(function(above) - function(below)) / (2 * h) for above, below in moved]


@pytest.fixture
def problem() -> tuple[Array, demo.Quantiser]:
    """Values, and quantisers that clip some of them at either end."""
    x = np.random.default_rng(2).uniform(0, 255, (3, 400))
    return x, demo.Quantiser(np.array([[20.0], [31.0], [-12.0]]), np.array([[29.0], [21.0], [33.5]]), 7)


@pytest.mark.parametrize("k", [4.0, 30.0])
def test_gradient_in_place_of_rint(problem: tuple[Array, demo.Quantiser], k: float) -> None:
    x, quantiser = problem
    expected = differences(lambda q: loss(x, q, lambda z: fastround.sigmoid_round(z, k)), quantiser)
    np.testing.assert_allclose(demo.gradient(x, quantiser, demo.in_place_of_rint, k), expected, rtol=1e-5)


@pytest.mark.parametrize("k", [4.0, 30.0])
def test_gradient_of_expected_error(problem: tuple[Array, demo.Quantiser], k: float) -> None:
    """Against the expectation as a sum over random codes, of the probabilities that the demonstration states."""
    x, quantiser = problem
    z = (x - quantiser.offset) / quantiser.step
    n = np.arange(-5, quantiser.top + 6)
    weights = np.exp(-k * (z[..., None] - n) ** 2 / 2)
    weights /= weights.sum(axis=-1, keepdims=True)
    low, high = (z < 0)[..., None], (z > quantiser.top)[..., None]
    weights = np.where(low, n == 0, np.where(high, n == quantiser.top, weights))

    def expectation(q: demo.Quantiser) -> Array:
        levels = q.offset[..., None] + q.step[..., None] * n
        errors: Array = np.sum(weights * (levels - x[..., None]) ** 2, axis=-1)
        mean: Array = errors.mean(axis=1, keepdims=True)
        return mean

    expected = differences(expectation, quantiser)
    np.testing.assert_allclose(demo.gradient(x, quantiser, demo.expected_error, k), expected, rtol=1e-6)


def test_gradient_of_hard_error(problem: tuple[Array, demo.Quantiser]) -> None:
    """Between jumps of a code, the hard error is differentiable, and the derivative is that at infinite sharpness."""
    x, quantiser = problem
    expected = differences(lambda q: loss(x, q, np.rint), quantiser, h=1e-7)
    np.testing.assert_allclose(demo.gradient(x, quantiser, demo.expected_error, math.inf), expected, rtol=1e-5)


def test_straight_through_gradient(problem: tuple[Array, demo.Quantiser]) -> None:
    x, quantiser = problem
    z = (x - quantiser.offset) / quantiser.step
    inside = (z >= 0) & (z <= quantiser.top)
    y = np.clip(np.rint(z), 0, quantiser.top)
    error = quantiser(x) - x
    by_offset, by_step = demo.gradient(x, quantiser, demo.straight_through, math.inf)
    np.testing.assert_allclose(by_offset[:, 0], np.mean(2 * error * ~inside, axis=1))
    np.testing.assert_allclose(by_step[:, 0], np.mean(2 * error * np.where(inside, y - z, y), axis=1))


def test_single_precision_throughout() -> None:
    x = demo.rows(photograph().astype(np.float32))
    start = demo.min_max(x, 3)
    for method in demo.METHODS:
        seen: list[np.dtype[Any]] = []

        def rounding(
            z: Array, k: float, method: demo.Method = method, seen: list[np.dtype[Any]] = seen
        ) -> tuple[Array, Array | float, Array | float]:
            outputs = method.rounding(z, k)
            seen.extend(array.dtype for array in (z, *outputs) if isinstance(array, np.ndarray))
            return outputs

        learned = demo.learn(x, start, method._replace(rounding=rounding), 3, 0)
        assert {*seen, learned.offset.dtype, learned.step.dtype} == {np.dtype(np.float32)}


def test_min_max() -> None:
    x = np.array([[3, 10, 24], [7, 7, 7]], np.float32)
    quantiser = demo.min_max(x, 3)
    np.testing.assert_array_equal(quantiser.offset, [[3], [7]])
    np.testing.assert_array_equal(quantiser.step, [[3], [1]])
    np.testing.assert_array_equal(quantiser(x), [[3, 9, 24], [7, 7, 7]])
    np.testing.assert_allclose(quantiser.errors(x), [1 / 3, 0])


@pytest.mark.parametrize("method", demo.METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize("bits", [2, 3])
def test_learning_improves_on_min_max(method: demo.Method, bits: int) -> None:
    x = demo.rows(photograph().astype(np.float32))
    start = demo.min_max(x, bits)
    learned = demo.learn(x, start, method, 150, 0)
    assert (learned.errors(x) < 0.95 * start.errors(x)).all()


def test_annealing_finds_the_best_quantiser() -> None:
    """By exhaustive search over both parameters."""
    x = demo.rows(photograph().astype(np.float32))[:1]
    learned = demo.learn(x, demo.min_max(x, 2), demo.SMOOTH, 300, 0)
    best = min(
        demo.Quantiser(np.array([[offset]]), np.array([[step]]), 3).errors(x)[0]
        for offset in np.arange(0, 80, 2.0)
        for step in np.arange(10, 85, 2.0)
    )
    assert learned.errors(x)[0] < 1.01 * best


def test_learning_depends_on_the_seed_alone() -> None:
    x = demo.rows(photograph().astype(np.float32))
    start = demo.min_max(x, 3)
    one, same, other = (demo.learn(x, start, demo.SMOOTH, 5, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.step, same.step)
    np.testing.assert_array_equal(one.offset, same.offset)
    assert (one.step != other.step).all()


@pytest.mark.parametrize("method", demo.METHODS, ids=lambda method: method.name)
def test_what_is_exact_already(method: demo.Method) -> None:
    """A constant channel stays as it is, and one of two values ends at these."""
    x = np.full((2, 1000), 200, np.float32)
    x[1] = np.where(np.arange(1000) % 3, 0, 255)
    learned = demo.learn(x, demo.min_max(x, 3), method, 100, 0)
    np.testing.assert_array_equal(learned(x)[0], 200)
    np.testing.assert_allclose(learned(x)[1], x[1], atol=0.1)


def test_default_picture() -> None:
    pixels, description = demo.load(None)
    assert description == "grace_hopper.jpg, 512 x 600, RGB"
    assert pixels.shape == (600, 512, 3)
    assert pixels.dtype == np.float32


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_picture_modes(mode: str, tmp_path: Path) -> None:
    """A column of black beside one of white, in every kind of picture."""
    path = tmp_path / "picture.tif"
    black_white = np.tile(np.array([0, 255], np.uint8), (3, 1))
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        Image.fromarray((black_white.astype(np.float64) * 257).astype(kind)).save(path)
    elif mode == "PA":  # which no format can store
        path = tmp_path / "picture.png"
        Image.fromarray(black_white).convert("P").save(path, transparency=255)
    else:
        Image.fromarray(black_white).convert("RGB").convert(mode).save(path)
    pixels, description = demo.load(path)
    grey = mode in ("1", "L", "LA", "I;16", "I", "F")
    assert description == f"{path.name}, 2 x 3, {'grey' if grey else 'RGB'}"
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, black_white if grey else np.repeat(black_white[..., None], 3, axis=2))


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(np.array([[[255, 0, 0, 255], [0, 0, 0, 0]]], np.uint8)).save(path)
    np.testing.assert_array_equal(demo.load(path)[0], [[[255, 0, 0], [255, 255, 255]]])


def test_large_pictures_are_thinned_out(monkeypatch: pytest.MonkeyPatch, picture: Path) -> None:
    monkeypatch.setattr(demo, "PIXELS_KEPT", 500)
    pixels, description = demo.load(picture)
    np.testing.assert_array_equal(pixels, photograph()[::2, ::2])
    assert description.endswith("one of 2 x 2 pixels")


def test_demo(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: None) -> None:
    output = tmp_path / "new" / "folder"
    assert main(["demo", str(picture), "--output", str(output), "--steps", "20", "--bits", "2"]) == 0
    printed = capsys.readouterr()
    assert not printed.err
    assert "photograph.png, 40 x 48, RGB: 2 bits per channel" in printed.out
    for text in ("min-max", *(method.name for method in demo.METHODS), "PSNR/dB", "green", "ns per element", "float64"):
        assert text in printed.out
    assert f"Saved {output / 'fastround-demo.png'}" in printed.out
    with Image.open(output / "fastround-demo.png") as drawn:
        assert drawn.width > 1000


def test_demo_of_a_constant_grey_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: None) -> None:
    """Every error is 0, and no ratio of two can be had."""
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((5, 20), 128, np.uint8)).save(path)
    assert main(["demo", str(path), "--output", str(tmp_path), "--steps", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("0.00*") == 10
    assert printed.count("inf*") == 5


def test_demo_results_repeat(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: None) -> None:
    tables = []
    for _ in range(2):
        assert main(["demo", str(picture), "--output", str(tmp_path), "--steps", "3", "--seed", "7"]) == 0
        printed = capsys.readouterr().out
        tables.append(printed[printed.index("RMSE in") : printed.index("ns per element")])
    assert tables[0] == tables[1]


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_unreadable_picture(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    assert main(["demo", str(path), "--output", str(tmp_path)]) == 2
    assert f"fastround: cannot read {path} as a picture" in capsys.readouterr().err


def test_truncated_picture(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture.write_bytes(picture.read_bytes()[:2000])
    assert main(["demo", str(picture)]) == 2
    assert f"fastround: cannot read {picture} as a picture" in capsys.readouterr().err


def test_no_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(tmp_path / "absent.png")]) == 2
    assert capsys.readouterr().err == f"fastround: there is no file {tmp_path / 'absent.png'}\n"
    assert main(["demo", str(tmp_path)]) == 2
    assert f"fastround: cannot read {tmp_path} as a picture" in capsys.readouterr().err


def test_unwritable_output(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(picture), "--output", str(picture)]) == 2
    assert f"fastround: cannot write to {picture}: " in capsys.readouterr().err


@pytest.mark.parametrize("package", ["matplotlib", "PIL", "rich"])
def test_missing_package(package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "fastround.demo")
    monkeypatch.delattr(fastround, "demo")
    assert main(["demo"]) == 1
    error = capsys.readouterr().err
    assert package in error
    assert 'pip install "fastround[demo]"' in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["demo", "--bits", "9"], "9 is not between 1 and 8"),
        (["demo", "--steps", "0"], "0 is not between 1 and 1000000"),
        (["demo", "--seed", "x"], "invalid integer value: 'x'"),
        (["info", "more"], "unrecognized arguments: more"),
    ],
)
def test_usage_errors(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "run", interrupt)
    assert main(["demo"]) == 130


def facts(report: str) -> dict[str, str]:
    """What a report says, by name."""
    said: dict[str, str] = {}
    name = ""
    for line in report.splitlines():
        name = line[:18].strip() or name
        said[name] = f"{said.get(name, '')} {line[18:]}".strip()
    return said


def test_info() -> None:
    fastround.sigmoid_round(0.25, 3.0)
    said = facts(info.report())
    assert said["fastround"] == fastround.__version__
    assert said["Python"].startswith(sys.version.split()[0])
    assert said["numba"] == numba.__version__
    assert said["numpy"] == np.__version__
    assert said["llvmlite"][0].isdigit()
    assert said["platform"]
    assert said["processor"] == cache.target()[0]
    assert all(f"+{feature}" in cache.target()[1] for feature in said["features"].split() if feature != "none")
    assert said["threads"] == f"{numba.get_num_threads()} of {numba.config.NUMBA_NUM_THREADS}"
    assert said["threading layer"] == numba.threading_layer()
    assert said["cache"] == str(cache.folder())
    for key in ("compiled here", "compiled in cache"):
        assert "sigmoid_round.float64" in said[key].split()
        assert "entry" not in said[key].split()


def test_info_where_nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def layer() -> str:
        raise RuntimeError("no layer at all")

    monkeypatch.setattr(threads, "layer", layer)
    monkeypatch.setattr(cache, "folder", lambda: None)
    monkeypatch.setattr(cache, "entries", list)
    monkeypatch.setattr(cache, "target", lambda: ("generic", ""))
    said = facts(info.report())
    assert said["threading layer"] == "none: no layer at all"
    assert said["cache"].startswith("none: ")
    assert said["compiled in cache"] == "none"
    assert said["features"] == "none beyond the baseline"


# The extra packages are made to look absent.
WITHOUT_EXTRAS = """
import runpy, sys
sys.modules.update(matplotlib=None, PIL=None, rich=None)
sys.argv[:] = ["fastround", *sys.argv[1:]]
runpy.run_module("fastround", run_name="__main__")
"""


@pytest.mark.parametrize(("command", "code"), [("info", 0), ("demo", 1)])
def test_in_a_process_without_the_extra_packages(command: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_EXTRAS, command], capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "threading layer" in done.stdout if code == 0 else "fastround[demo]" in done.stderr
