"""What an image folder holds, for the terminal."""

import json
from pathlib import Path

from flows.columns import columns
from lungbench.data.inspect import ClassSummary, Inspection, Spread, inspect
from reports.format import size


def as_json(folder: Path) -> str:
    """Return the inspection for scripts."""
    return json.dumps(inspect(folder).to_json(), indent=2)


def as_text(folder: Path) -> str:
    """Return the inspection for people: a line a class, then every file that can't be used."""
    found = inspect(folder)
    return "\n".join(
        [
            columns(_HEADER, [_cells(each) for each in found.classes]),
            f"{found.images_kept} of {found.images_found} images can be used.",
            *_skipped(found),
        ]
    )


_HEADER = ("class", "images", "copies", "size", "width", "height", "mean grey", "modes", "formats")


def _cells(each: ClassSummary) -> tuple[object, ...]:
    return (
        each.name,
        each.images,
        each.copies,
        size(each.size_bytes),
        _range(each.width),
        _range(each.height),
        _range(each.mean_grey),
        _counts(each.modes),
        _counts(each.formats),
    )


def _range(spread: Spread) -> str:
    return f"{spread.minimum:.0f}-{spread.maximum:.0f}, median {spread.median:.0f}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _skipped(found: Inspection) -> list[str]:
    files = [f"skipped {file.path}: {file.reason}" for file in found.skipped]
    return files + [f"ignored {name}: a folder without images" for name in found.ignored_folders]
