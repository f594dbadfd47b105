"""Measure `prepare` at several sizes against Pillow's decoding and resizing alone.

The files are JPEGs, each of another picture: parts of a few drawn X-rays, cut, mirrored and scaled
at random, under a random field of low frequencies that makes their perceptual hashes lie as far
apart as those of real films do (docs/decisions.md). Drawing them is not measured. Both sides use
all usable cores, in processes of their own that take turns; the cache is removed before every
turn, the files are in the system's cache for both.

`--stages` adds a process of its own that takes one step after the other: decoding, the search for
near-duplicates, splitting what the cache holds, the audit. The peak memory of a stage is the
process's until then.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.pairs import in_turn
from benchmarks.results import Report, Steal, Table, mebibytes, options, positive, seconds
from benchmarks.sides import Turn, cpu_ratio, cpu_s, wall_ratio, wall_s
from lungbench.data.decode import decode
from lungbench.data.synthetic import SYNTHETIC_CLASSES, synthesize
from lungbench.data.threads import map_in_threads

SIDES = ("lungbench", "pillow")
STAGES = "stages"
_ORIGINALS_PER_CLASS = 8
_ORIGINAL_SIDE = 512
_FIELD_SIDES = (6, 12, 24)
_FIELD_GREYS, _FIELD_DECAY = (
    27.0,
    0.7,
)  # standard deviation of the coarsest field; of each finer one

Originals = Mapping[str, Sequence[Image.Image]]


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    parsed = options(__doc__, rounds=2)
    parsed.add_argument("--sizes", nargs="+", type=positive, default=[1_000, 10_000, 100_000])
    parsed.add_argument("--file-side", type=positive, default=320, help="side of the files")
    parsed.add_argument("--image-size", type=positive, default=64, help="side in the cache")
    parsed.add_argument("--stages", action="store_true", help="measure each step, once")
    return parsed


def main() -> None:
    """Measure every size, from the smallest."""
    chosen = parser().parse_args()
    report = Report("preparation", chosen)
    with tempfile.TemporaryDirectory(prefix="lungbench-bench-") as name:
        sources = originals(Path(name) / "originals")
        folder, measured = Path(name) / "images", []
        for size in sorted(chosen.sizes):
            add_images(sources, folder, size, chosen.file_side)
            turns = _turns(folder, chosen)
            sides = turns["pillow"], turns["lungbench"]
            ratios = {"wall_ratio": wall_ratio(*sides), "cpu_ratio": cpu_ratio(*sides)}
            stages = _stages(folder, chosen.image_size) if chosen.stages else {}
            measured.append({"images": size, "turns": turns, **ratios, "stages": stages})
    report.publish(_table(measured), measured)


def originals(folder: Path) -> dict[str, list[Image.Image]]:
    """Draw the X-rays that all files are parts of, by class."""
    synthesize(folder, _ORIGINALS_PER_CLASS, seed=0)
    return {
        name: [_square(path) for path in sorted((folder / name).iterdir())]
        for name in SYNTHETIC_CLASSES
    }


def _square(path: Path) -> Image.Image:
    return Image.fromarray(decode(path, _ORIGINAL_SIDE).pixels)


def add_images(sources: Originals, folder: Path, images: int, side: int) -> None:
    """Write the files of a folder that are not there yet; file k depends on k alone."""
    names = list(sources)
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)

    def target(number: int) -> Path:
        return folder / names[number % len(names)] / f"{number:06d}.jpg"

    def draw(number: int) -> None:
        of_class = sources[names[number % len(names)]]
        original = of_class[number // len(names) % len(of_class)]
        _variation(original, number, side).save(target(number), quality=85)

    missing = [number for number in range(images) if not target(number).exists()]
    for _ in map_in_threads(draw, missing):
        pass


def _variation(original: Image.Image, number: int, side: int) -> Image.Image:
    draw = np.random.default_rng(number)
    width, height = (edge * draw.uniform(0.7, 1.0) for edge in original.size)
    left = draw.uniform(0, original.width - width)
    top = draw.uniform(0, original.height - height)
    part = original.resize((side, side), box=(left, top, left + width, top + height))
    greys = np.asarray(part, dtype=np.float32) + _field(draw, side)
    picture = Image.fromarray(greys.clip(0, 255).astype(np.uint8))
    return ImageOps.mirror(picture) if draw.random() < 1 / 2 else picture


def _field(draw: np.random.Generator, side: int) -> NDArray[np.float32]:
    """Return what changes slowly from place to place, in greys, row x column."""
    field = np.zeros((side, side), dtype=np.float32)
    for finer, points in enumerate(_FIELD_SIDES):
        coarse = Image.fromarray(draw.standard_normal((points, points), dtype=np.float32))
        smooth = coarse.resize((side, side), Image.Resampling.BICUBIC)
        field += _FIELD_GREYS * _FIELD_DECAY**finer * np.asarray(smooth)
    return field


def _turns(folder: Path, chosen: argparse.Namespace) -> dict[str, list[Turn]]:
    found: dict[str, list[Turn]] = {side: [] for side in SIDES}
    _turn("pillow", folder, chosen.image_size)  # brings the files into the system's cache
    for side in in_turn(SIDES, chosen.rounds):
        found[side].append(_turn(side, folder, chosen.image_size))
    return found


def _turn(side: str, folder: Path, image_size: int) -> Turn:
    steal = Steal()
    return Turn(**_answer(side, folder, image_size), steal_percent=steal.percent())


def _stages(folder: Path, image_size: int) -> dict[str, Turn]:
    steal, answer = Steal(), _answer(STAGES, folder, image_size)
    return {name: Turn(**taken, steal_percent=steal.percent()) for name, taken in answer.items()}


def _answer(side: str, folder: Path, image_size: int) -> dict[str, Any]:
    shutil.rmtree(folder.parent / "cache", ignore_errors=True)
    shutil.rmtree(folder.parent / "prepared", ignore_errors=True)
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.preparation_side", side, str(folder), str(image_size)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def _table(measured: list[dict[str, Any]]) -> Table:
    rows = [
        (f"{each['images']:,}", side, *_cells(each["images"], turns), *_ratios(each, side))
        for each in measured
        for side, turns in [
            *each["turns"].items(),
            *((name, [turn]) for name, turn in each["stages"].items()),
        ]
    ]
    headings = ("images", "side", "wall", "CPU", "images/s", "peak RSS")
    return Table((*headings, "speed / pillow", "by CPU time"), rows)


def _cells(images: int, turns: Sequence[Turn]) -> tuple[str, ...]:
    return (
        seconds(wall_s(turns)),
        seconds(cpu_s(turns)),
        f"{images / wall_s(turns):.0f}",
        mebibytes(max(turn.rss_peak_bytes for turn in turns)),
    )


def _ratios(each: dict[str, Any], side: str) -> tuple[str, str]:
    if side == SIDES[0]:
        return str(each["wall_ratio"]), str(each["cpu_ratio"])
    return ("1", "1") if side in SIDES else ("", "")


if __name__ == "__main__":
    main()
