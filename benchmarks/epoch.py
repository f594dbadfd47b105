"""Time a training epoch of lungbench against three others, side by side.

lungbench   a run's own epoch: mapped uint8 pixels, one affine transform a batch
generator   what the paper describes: ImageDataGenerator reads the files every epoch
layers      today's default: image_dataset_from_directory, cache, preprocessing layers
resident    the floor: one batch that lies in memory, no augmentation

Every side is a process of its own, and they take turns epoch by epoch. Ratios are the side's
epoch or CPU time over lungbench's: above 1, lungbench takes less. CPU time counts all threads of
the side's process; on a machine that others use too, it is the steadier of the two. The median of
the rounds' wall ratios, and each side's least epoch, say what was when the machine didn't stand
still.
"""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.image_folder import image_count, image_folder, prepared
from benchmarks.results import Report, Table, mebibytes, options, positive, seconds, steal_text
from benchmarks.sides import (
    Turn,
    cpu_ratio,
    cpu_s,
    open_sides,
    take_turns,
    wall_median,
    wall_ratio,
    wall_s,
)
from lungbench.experiment import Experiment, RunSpec
from lungbench.models import model_names

_RATIOS = ("wall_ratios", "wall_medians", "cpu_ratios")
SIDES = ("lungbench", "generator", "layers", "resident")
_MODELS = ("cnn10", "inceptionv3", "vgg16")
_PRECISIONS = ("float32", "mixed_bfloat16")


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    parsed = options(__doc__, rounds=6)
    parsed.add_argument("--data", type=Path, help="one sub-folder per class; absent: drawn X-rays")
    parsed.add_argument("--images", type=positive, default=96, help="images per epoch")
    parsed.add_argument("--longest-side", type=positive, help="enlarge the files to so many pixels")
    parsed.add_argument("--image-size", type=positive, default=224, help="side of the input")
    parsed.add_argument("--batch-size", type=positive, default=32)
    parsed.add_argument("--models", nargs="+", choices=model_names(), default=_MODELS)
    parsed.add_argument("--precisions", nargs="+", choices=_PRECISIONS, default=["float32"])
    parsed.add_argument("--sides", nargs="+", choices=SIDES[1:], default=SIDES[1:])
    parsed.add_argument("--device", default="cpu", help="cpu, cpu:threads=N or gpu:N")
    return parsed


def main() -> None:
    """Measure every model and precision asked for."""
    chosen = parser().parse_args()
    report = Report("epoch", chosen)
    with image_folder(chosen.data, chosen.images, chosen.longest_side) as folder:
        data = prepared(folder, chosen.image_size)
        if image_count(data) != chosen.images:
            raise SystemExit("some of the images can't be used; see lungbench data inspect")
        measured = [_measured(spec, folder, data, chosen) for spec in _specs(chosen)]
    report.publish(_table(measured), measured)


def _specs(chosen: argparse.Namespace) -> tuple[RunSpec, ...]:
    experiment = {
        "name": "epoch",
        "data": {"image_size": chosen.image_size},
        "train": {"batch_size": chosen.batch_size, "weights": "none"},
        "matrix": {
            "models": chosen.models,
            "devices": [chosen.device],
            "precisions": chosen.precisions,
        },
    }
    return Experiment.model_validate(experiment).runs()


def _measured(
    spec: RunSpec, folder: Path, data: Path, chosen: argparse.Namespace
) -> dict[str, Any]:
    common = {"spec": spec.model_dump(mode="json"), "folder": str(folder), "data": str(data)}
    asked = {side: {"side": side, **common} for side in (SIDES[0], *chosen.sides)}
    with ExitStack() as stack:
        sides = open_sides(stack, "benchmarks.epoch_side", asked, spec.environ())
        turns = take_turns(sides, chosen.rounds)
    ours = turns[SIDES[0]]
    return {
        "model": spec.model,
        "precision": spec.precision,
        "turns": turns,
        "wall_medians": {side: wall_median(turns[side], ours) for side in chosen.sides},
        "wall_ratios": {side: wall_ratio(turns[side], ours) for side in chosen.sides},
        "cpu_ratios": {side: cpu_ratio(turns[side], ours) for side in chosen.sides},
    }


def _table(measured: list[dict[str, Any]]) -> Table:
    headings = (
        "model",
        "precision",
        "side",
        "epoch",
        "least",
        "CPU",
        "peak RSS",
        "stolen",
        "epoch /",
        "median /",
        "CPU /",
    )
    return Table(headings, [row for each in measured for row in _rows(each)])


def _rows(each: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for side, turns in each["turns"].items():
        where = (each["model"], each["precision"], side)
        ratios = (each[kind].get(side, "1") for kind in _RATIOS)
        yield (*where, *_figures(turns), *map(str, ratios))


def _figures(turns: list[Turn]) -> tuple[str, ...]:
    return (
        seconds(wall_s(turns)),
        seconds(min(turn.wall_s for turn in turns)),
        seconds(cpu_s(turns)),
        mebibytes(max(turn.rss_peak_bytes for turn in turns)),
        steal_text(turn.steal_percent for turn in turns),
    )


if __name__ == "__main__":
    main()
