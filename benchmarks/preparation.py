"""Measure `prepare` at several sizes against Pillow's decoding and resizing alone.

The files are JPEGs, all different: parts of a few drawn X-rays, cut, mirrored and scaled at
random; beyond 600, the same pictures again under other comments. Both sides use all usable cores,
in processes of their own that take turns; the cache is removed before every turn, the files are in
the system's cache for both.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from benchmarks.pairs import in_turn
from benchmarks.results import Report, Steal, Table, mebibytes, options, positive, seconds
from benchmarks.sides import Turn, cpu_ratio, cpu_s, wall_ratio, wall_s
from lungbench.data.decode import decode
from lungbench.data.synthetic import SYNTHETIC_CLASSES, synthesize
from lungbench.data.threads import map_in_threads

SIDES = ("lungbench", "pillow")
_ORIGINALS_PER_CLASS = 8
_ORIGINAL_SIDE = 512
_PICTURES = 600
"""To draw as many as there are files would take longer than to measure them."""

_JPEG_START = b"\xff\xd8"
_JPEG_COMMENT = b"\xff\xfe"

Originals = Mapping[str, Sequence[Image.Image]]


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    parsed = options(__doc__, rounds=2)
    parsed.add_argument("--sizes", nargs="+", type=positive, default=[1_000, 10_000, 100_000])
    parsed.add_argument("--file-side", type=positive, default=320, help="side of the files")
    parsed.add_argument("--image-size", type=positive, default=64, help="side in the cache")
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
            measured.append({"images": size, "turns": turns, **ratios})
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
    for _ in map_in_threads(draw, [number for number in missing if number < _PICTURES]):
        pass
    for number in missing:
        if number >= _PICTURES:
            picture = target(number % _PICTURES).read_bytes()
            target(number).write_bytes(_commented(picture, str(number)))


def _commented(picture: bytes, comment: str) -> bytes:
    """Return a JPEG of the same pixels and other bytes."""
    text = comment.encode()
    segment = _JPEG_COMMENT + (2 + len(text)).to_bytes(2) + text
    return _JPEG_START + segment + picture.removeprefix(_JPEG_START)


def _variation(original: Image.Image, number: int, side: int) -> Image.Image:
    draw = random.Random(number)  # noqa: S311 - pictures, not secrets
    width, height = (edge * draw.uniform(0.7, 1.0) for edge in original.size)
    left = draw.uniform(0, original.width - width)
    top = draw.uniform(0, original.height - height)
    part = original.resize((side, side), box=(left, top, left + width, top + height))
    return ImageOps.mirror(part) if draw.random() < 1 / 2 else part


def _turns(folder: Path, chosen: argparse.Namespace) -> dict[str, list[Turn]]:
    found: dict[str, list[Turn]] = {side: [] for side in SIDES}
    _turn("pillow", folder, chosen.image_size)  # brings the files into the system's cache
    for side in in_turn(SIDES, chosen.rounds):
        found[side].append(_turn(side, folder, chosen.image_size))
    return found


def _turn(side: str, folder: Path, image_size: int) -> Turn:
    shutil.rmtree(folder.parent / "cache", ignore_errors=True)
    steal = Steal()
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.preparation_side", side, str(folder), str(image_size)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Turn(**json.loads(ended.stdout), steal_percent=steal.percent())


def _table(measured: list[dict[str, Any]]) -> Table:
    rows = [
        (
            f"{each['images']:,}",
            side,
            seconds(wall_s(turns)),
            seconds(cpu_s(turns)),
            f"{each['images'] / wall_s(turns):.0f}",
            mebibytes(max(turn.rss_peak_bytes for turn in turns)),
            str(each["wall_ratio"]) if side == SIDES[0] else "1",
            str(each["cpu_ratio"]) if side == SIDES[0] else "1",
        )
        for each in measured
        for side, turns in each["turns"].items()
    ]
    headings = ("images", "side", "wall", "CPU", "images/s", "peak RSS")
    return Table((*headings, "speed / pillow", "by CPU time"), rows)


if __name__ == "__main__":
    main()
