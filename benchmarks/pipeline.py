"""Measure the input pipeline alone, in CPU time an image: lungbench's against the paper's.

lungbench   mapped uint8 pixels, rescaled, one affine transform a batch, made RGB
generator   ImageDataGenerator reads, decodes, shears, zooms and mirrors the files

Both deliver float32 RGB batches. CPU time counts all threads of a side's process, because a
pipeline that hides behind a training step on an idle core costs nothing on the clock until the
cores are busy. Ratios above 1 mean that lungbench needs less.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.image_folder import image_count, image_folder, prepared
from benchmarks.results import Report, Table, mebibytes, options, positive
from benchmarks.sides import Turn, cpu_ratio, cpu_s, open_sides, take_turns, wall_ratio, wall_s
from lungbench.experiment import Experiment, RunSpec

SIDES = ("lungbench", "generator")


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    parsed = options(__doc__, rounds=10)
    parsed.add_argument("--data", type=Path, help="one sub-folder per class; absent: drawn X-rays")
    parsed.add_argument("--images", type=positive, default=96, help="images per turn")
    parsed.add_argument("--longest-side", type=positive, help="enlarge the files to so many pixels")
    parsed.add_argument("--image-size", type=positive, default=224, help="side of the input")
    parsed.add_argument("--batch-size", type=positive, default=32)
    return parsed


def main() -> None:
    """Measure both sides on the same files."""
    chosen = parser().parse_args()
    report = Report("pipeline", chosen)
    with image_folder(chosen.data, chosen.images, chosen.longest_side) as folder:
        data = prepared(folder, chosen.image_size)
        if image_count(data) != chosen.images:
            raise SystemExit("some of the images can't be used; see lungbench data inspect")
        turns = _turns(_spec(chosen), folder, data, chosen.rounds)
    report.publish(_table(turns, chosen.images), [{"turns": turns, "ratios": _ratios(turns)}])


def _spec(chosen: argparse.Namespace) -> RunSpec:
    experiment = {
        "name": "pipeline",
        "data": {"image_size": chosen.image_size},
        "train": {"batch_size": chosen.batch_size},
        "matrix": {"models": ["cnn10"], "devices": ["cpu"]},
    }
    return Experiment.model_validate(experiment).runs()[0]


def _turns(spec: RunSpec, folder: Path, data: Path, rounds: int) -> dict[str, list[Turn]]:
    common = {"spec": spec.model_dump(mode="json"), "folder": str(folder), "data": str(data)}
    asked = {side: {"side": side, **common} for side in SIDES}
    with ExitStack() as stack:
        sides = open_sides(stack, "benchmarks.pipeline_side", asked, spec.environ())
        return take_turns(sides, rounds)


def _ratios(turns: dict[str, list[Turn]]) -> dict[str, Any]:
    ours, theirs = (turns[side] for side in SIDES)
    return {"cpu": cpu_ratio(theirs, ours), "wall": wall_ratio(theirs, ours)}


def _table(turns: dict[str, list[Turn]], images: int) -> Table:
    ratios = _ratios(turns)
    rows = [
        (
            side,
            f"{1000 * cpu_s(turns[side]) / images:.3g} ms",
            f"{1000 * wall_s(turns[side]) / images:.3g} ms",
            mebibytes(max(turn.rss_peak_bytes for turn in turns[side])),
            "1" if side == SIDES[0] else str(ratios["cpu"]),
        )
        for side in SIDES
    ]
    return Table(("side", "CPU an image", "wall an image", "peak RSS", "CPU / lungbench"), rows)


if __name__ == "__main__":
    main()
