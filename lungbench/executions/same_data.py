"""Runs of one execution are compared, so those still to come must train on the same images."""

import csv
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from lungbench.data.dataset import DATA_FILE, LABELS_FILE, PIXELS_FILE, PreparedData
from lungbench.data.images_csv import IMAGES_FILE
from lungbench.data.index import Progress
from lungbench.data.prepare import prepare
from lungbench.data.sources import is_gone
from lungbench.errors import DataError, LungbenchError, Refused
from lungbench.executions.execution import Execution
from lungbench.record import Split, read_record, run_folders

_MOST_NAMED = 5
_KEPT = ("sha256", "class", "patient", "split")

_Table = Mapping[str, Mapping[str, str]]

log = logging.getLogger(__name__)


def check_data(execution: Execution, progress: Progress | None = None) -> None:
    """Index the images again and go on only if they are those that earlier runs had.

    A pixel cache that is gone is filled again. Where the image folder is gone, the cache will do.

    Args:
        execution: The caller holds it.
        progress: Told how many images are prepared, and of how many.

    Raises:
        DataError: There are other images now, each named; or neither folder nor cache is left.
        Refused: A folder can't be written.
    """
    before = _before(execution.folder)
    if is_gone(execution.experiment.data):
        _check_cache(execution, before)
        return
    with _prepared_again(execution, progress) as folder:
        again = PreparedData.read(folder / DATA_FILE)
        expected = _fingerprint(execution.folder, before)
        if expected not in (None, again.fingerprint):
            raise _changed(execution, before, again, folder)
        if again != before:
            for name in (IMAGES_FILE, DATA_FILE):
                (folder / name).replace(execution.folder / name)


def _before(folder: Path) -> PreparedData | None:
    with suppress(DataError):
        return PreparedData.read(folder / DATA_FILE)
    return None


def _check_cache(execution: Execution, before: PreparedData | None) -> None:
    source = before.source if before else execution.experiment.data.source
    if before is None or not _is_whole(before):
        raise DataError(
            "Runs go on with the images that they were begun with.",
            received=f"no images in {source}, and no decoded ones in the cache",
            hint="bring them back, or name their new place in the data of experiment.json.",
        )
    if any(spec.pipeline == "paper" for spec in execution.remaining()):
        raise DataError(
            "The paper's pipeline reads the image files in every epoch.",
            received=f"no images in {source}",
            hint="bring them back.",
        )
    log.info("%s holds no images; the runs go on with the decoded ones in the cache", source)


def _is_whole(data: PreparedData) -> bool:
    """Return whether the cache holds every pixel that the data name."""
    try:
        pixels = np.load(data.pixels / PIXELS_FILE, mmap_mode="r")
        labels = np.load(data.pixels / LABELS_FILE)
    except (OSError, EOFError, ValueError):
        return False
    images, size = len(data.paths), data.image_size
    return bool(pixels.shape == (images, size, size) and labels.shape == (images,))


@contextmanager
def _prepared_again(execution: Execution, progress: Progress | None) -> Iterator[Path]:
    """Prepare the data into a folder beside those of before."""
    try:
        with tempfile.TemporaryDirectory(
            dir=execution.folder, prefix=".data.", suffix=".tmp"
        ) as folder:
            out = Path(folder)
            settings = execution.experiment.data
            prepare(settings, cache=execution.cache, out=out, progress=progress)
            yield out
    except OSError as error:
        raise Refused(
            "The folder of an execution must be writable.",
            received=f"{error.filename or execution.folder} ({error.strerror})",
        ) from None


def _fingerprint(folder: Path, before: PreparedData | None) -> str | None:
    """Return what earlier runs trained on; None where there were none."""
    if before:
        return before.fingerprint
    for run_dir in run_folders(folder):
        with suppress(LungbenchError):
            return read_record(run_dir).data.fingerprint
    return None


def _changed(
    execution: Execution, before: PreparedData | None, again: PreparedData, folder: Path
) -> DataError:
    old, new = _files(execution.folder / IMAGES_FILE), _files(folder / IMAGES_FILE)
    named = _files_changed(old, new) if old else "other images than the records tell of"
    return DataError(
        "Runs go on with the images that they were begun with.",
        received=named or _setting_changed(before, again) or _splits_changed(old, new),
        hint="put them back, or begin anew with `lungbench run`.",
    )


def _files_changed(old: _Table, new: _Table) -> str:
    found = {
        "added": new.keys() - old.keys(),
        "removed": old.keys() - new.keys(),
        "changed": _differing(old, new, "sha256"),
        "relabelled": _differing(old, new, "class"),
        "of another patient": _differing(old, new, "patient"),
    }
    return "; ".join(_listed(paths, what) for what, paths in found.items() if paths)


def _differing(old: _Table, new: _Table, column: str) -> set[str]:
    """Return the files that a column says something else of; none where a table lacks it."""
    return {
        path
        for path in old.keys() & new.keys()
        if column in old[path] and old[path][column] != new[path].get(column)
    }


def _files(table: Path) -> _Table:
    """Return the rows of a `data_images.csv` by path; none where it can't be read."""
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            return {row["path"]: {name: row[name] for name in _KEPT if name in row} for row in rows}
    except (OSError, ValueError, KeyError, csv.Error):
        return {}


def _listed(paths: Iterable[str], what: str) -> str:
    names = [path if path.isprintable() else ascii(path) for path in sorted(paths)]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{len(names)} {what} ({', '.join(names[:_MOST_NAMED])}{more})"


def _setting_changed(before: PreparedData | None, again: PreparedData) -> str:
    """Say which setting decides another fingerprint; nothing where none is known to."""
    if before is None:
        return ""
    for key, then, now in (
        ("data.split_seed", before.split_seed, again.split_seed),
        ("data.split", before.split, again.split),
        ("data.kfold", len(before.folds) or "none", len(again.folds) or "none"),
        ("data.image_size", before.image_size, again.image_size),
    ):
        if then != now:
            return f"{key}: {then} before, {now} now"
    if _images(before) != _images(again):
        return "the same files, but another data.per_class or data.brightness"
    if _sizes(before) != _sizes(again):
        return "the same files, but another data.validation_fraction or data.test_fraction"
    return ""


def _splits_changed(old: _Table, new: _Table) -> str:
    if moved := _differing(old, new, "split"):
        return _listed(moved, "in another split")
    return "the same files, decoded or split by another version of lungbench"


def _images(data: PreparedData) -> int:
    return len(set().union(*data.rows.values()))


def _sizes(data: PreparedData) -> list[dict[Split, int]]:
    return [{name: len(rows) for name, rows in fold.items()} for fold in (data.rows, *data.folds)]
