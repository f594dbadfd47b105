"""What an image folder holds, for the terminal and as files to look at."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flows.columns import columns
from lungbench.counted import counted
from lungbench.data.audit_findings import ASSOCIATED_WARN, how_close
from lungbench.data.inspect import Brightness, Inspection
from lungbench.data.overview import GroupOverview, Overview, Spread, overview
from lungbench.data.quality import PAPER_BRIGHTNESS
from lungbench.data.separation import TELLING
from lungbench.foreign_text import shortened, visible
from reports.forms.format import count, share, size
from reports.wording.manifests import manifest_note
from reports.wording.measures import MEASURES

_MOST_NAMED = 20  # of the files that can't be used; a broken copy may have thousands
_LONGEST_NAME = 40  # in a table
_LINE_EVERY_S = 10.0
_MANY = 10_000  # files; their rows take seconds to write


def inspect(
    folder: Path, brightness: tuple[float, float] | None, out: Path | None, *, as_json: bool
) -> None:
    """Look at an image folder and print what it holds.

    Args:
        folder: With one sub-folder per class.
        brightness: Least and greatest mean grey that is kept; None is any.
        out: Where the tables and the page are written; None writes nothing.
        as_json: For scripts.

    Raises:
        LungbenchError: The folder can't be used, the brightness is wrong, or `out` can't be
            written.
    """
    limits = Brightness(*brightness) if brightness else None
    found = _written(folder, limits, out) if out else overview(_looked_at(folder, limits))
    typer.echo(json.dumps(found.to_json(), indent=2) if as_json else as_text(found))
    if not as_json:
        typer.echo(_where_to_look(out), err=True)


def as_text(found: Overview) -> str:
    """Return an overview for people: tables of the classes, and every file that can't be used."""
    return "\n".join(
        [
            columns(_HEADER, [_cells(each) for each in found.classes]),
            "",
            "Medians of the images that can be used:",
            columns(_QUALITY_HEADER, [_quality(each) for each in found.classes]),
            "",
            *_collections(found),
            *_counted(found),
            *_separations(found),
            *_skipped(found),
        ]
    )


def _written(folder: Path, limits: Brightness | None, out: Path) -> Overview:
    from reports.inspection_files import inspection_folder, write_inspection

    with inspection_folder(out, folder) as staging:
        inspection = _looked_at(folder, limits)
        found = overview(inspection)
        if len(inspection) >= _MANY:
            typer.echo(f"writing {counted(len(inspection), 'row')} and the page", err=True)
        write_inspection(inspection, found, staging, datetime.now(UTC))
    return found


def _looked_at(folder: Path, limits: Brightness | None) -> Inspection:
    with _progress(Console(stderr=True)) as progress:
        return Inspection.of(folder, limits, progress)


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Show how many files were looked at: a bar on a terminal, else a line now and then."""
    if not console.is_terminal:
        yield _Lines()
        return
    bars = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
    with Progress(*bars, TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("looking at files", total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


class _Lines:
    """A line every few seconds, none where it takes less."""

    def __init__(self) -> None:
        self._next_s = time.monotonic() + _LINE_EVERY_S

    def __call__(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + _LINE_EVERY_S
            typer.echo(f"looked at {done:,} of {total:,} files", err=True)


def _where_to_look(out: Path | None) -> str:
    if out is None:
        return "--out FOLDER writes a row per file (CSV and XLSX) and a page with the images."
    from reports.inspection_files import FILES

    return f"written: {', '.join(visible(str(out / name)) for name in FILES)}"


_HEADER = ("class", "images", "kept", "copies", "size", "width", "height", "modes", "formats")
_QUALITY_HEADER = ("class", *(each.title for each in MEASURES))
_COLLECTION_HEADER = ("class", "collection", "images", "kept", *(each.title for each in MEASURES))


def _cells(each: GroupOverview) -> tuple[object, ...]:
    return (
        _name(each.name),
        each.images,
        each.kept,
        each.copies,
        size(each.size_bytes),
        _range(each.spreads["width"]),
        _range(each.spreads["height"]),
        _counts(each.modes),
        _counts(each.formats),
    )


def _quality(each: GroupOverview) -> tuple[object, ...]:
    return (_name(each.name), *_medians(each))


def _name(text: str) -> str:
    return shortened(text, _LONGEST_NAME)


def _medians(each: GroupOverview) -> tuple[str, ...]:
    return tuple(measure.show(each.spreads[measure.name].median) for measure in MEASURES)


def _collections(found: Overview) -> list[str]:
    if not found.collections:
        return []
    rows = [
        (
            _name(each.name),
            _name(each.collection or "-"),
            each.images,
            each.kept,
            *_medians(each),
        )
        for each in found.collections
    ]
    return [columns(_COLLECTION_HEADER, rows), ""]


def _range(spread: Spread) -> str:
    return f"{spread.minimum:.0f}-{spread.maximum:.0f}, median {spread.median:.0f}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _counted(found: Overview) -> list[str]:
    """Say what can be used, and what the brightness that was asked for, or the paper's, keeps."""
    usable = f"{count(found.images_usable)} of {count(found.images_found)} images can be used."
    if found.brightness is None:
        papers = sum(group.in_papers_range for group in found.classes)
        whose = f"The paper's brightness, {_limits(PAPER_BRIGHTNESS)},"
        return [usable, f"{whose} would keep {count(papers)} of them."]
    kept = f"A mean grey of {_limits(found.brightness)} keeps {count(found.images_kept)} of them"
    against = ", ".join(
        f"{reason}: {count(found.reasons.get(reason, 0))}"
        for reason in Brightness(*found.brightness).reasons
    )
    return [usable, f"{kept} ({against})."]


def _limits(limits: Sequence[float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g}"


def _separations(found: Overview) -> list[str]:
    """Warn of what tells a class from the others, of which a diagnosis should know nothing."""
    titles = {each.name: each.title for each in MEASURES}
    by_measure = [
        f"beware: by {titles[each.measure]} alone, {_name(each.name)} is told from the others "
        f"in {share(each.auc)} of pairs; a network may learn that instead"
        for each in found.separations
        if each.auc >= TELLING
    ]
    stored = [each for each in found.storage if (each.cramers_v or 0.0) > ASSOCIATED_WARN]
    return [*by_measure, *(f"beware: {how_close(each)}" for each in stored)]


def _skipped(found: Overview) -> list[str]:
    files = [
        f"skipped {visible(file.path)}: {visible(file.reason)}"
        for file in found.skipped[:_MOST_NAMED]
    ]
    more = len(found.skipped) - _MOST_NAMED
    if more > 0:
        files.append(f"skipped {counted(more, 'more file')}; --out FOLDER and --json name all")
    ignored = (
        f"ignored {visible(name)}: a folder without images" for name in found.ignored_folders
    )
    unread = (manifest_note(found.source, each) for each in found.unread_manifests)
    return [*files, *ignored, *unread]
