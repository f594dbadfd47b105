"""Make room below a results folder: old executions go, what a lab still needs stays.

Of each experiment the newest executions stay, and the last good one however old it is: a lab whose
last weeks failed must still have something to compare with. What a process works on stays too.
Decoded images that no execution left over was trained on go with them; they can be made again.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.data.prepare import LOCK_FILE
from lungbench.errors import DataError, LungbenchError, Refused
from lungbench.executions.execution import CACHE, Execution, executions
from lungbench.executions.hold import held_elsewhere, hold
from lungbench.files import sync_folder

GONE = ".pruned.tmp"
_PIXELS = "pixels-*"


@dataclass(frozen=True, slots=True)
class Pruned:
    """What becomes of one folder.

    Attributes:
        folder: Of an execution, or of decoded images.
        size_bytes: Of its files.
        stays: Whether it is kept.
        why: In a few words.
    """

    folder: Path
    size_bytes: int
    stays: bool
    why: str


def judge(results: Path, keep: int) -> tuple[Pruned, ...]:
    """Say of every execution and every cache of images whether it stays; change nothing.

    Args:
        results: The folder of the experiments' folders.
        keep: How many executions of each experiment stay, at least 1.

    Raises:
        Refused: There is no such folder.
    """
    if not results.is_dir():
        raise Refused(
            "Results are pruned in their folder.",
            received=results,
            expected="the folder that `lungbench run --results` writes to",
        )
    of_experiment = defaultdict(list)
    for folder in executions(results):
        of_experiment[folder.parent].append(folder)
    judged = [each for folders in of_experiment.values() for each in _judged(folders, keep)]
    kept = [each.folder for each in judged if each.stays]
    return (*judged, *_caches(results, kept), *_leftovers(results))


def remove(judged: Iterable[Pruned]) -> Iterator[Path]:
    """Remove what doesn't stay, one folder after the other; yield each that is gone.

    A folder loses its name first, so that no half of it is ever taken for an execution.

    Raises:
        Refused: A process began to work on it meanwhile, or it can't be removed.
    """
    for each in judged:
        if not each.stays:
            _remove(each.folder)
            yield each.folder


def _judged(folders: Sequence[Path], keep: int) -> Iterator[Pruned]:
    """Judge the executions of one experiment, oldest first."""
    newest = set(folders[-keep:])
    last_good = next((folder for folder in reversed(folders) if _is_good(folder)), None)
    for folder in folders:
        if folder in newest:
            why = f"one of the newest {keep}" if keep > 1 else "the newest"
        elif folder == last_good:
            why = "the last one without a failure"
        elif held_elsewhere(folder):
            why = "a process works on it"
        else:
            yield Pruned(folder, _size(folder), stays=False, why=f"older than the newest {keep}")
            continue
        yield Pruned(folder, _size(folder), stays=True, why=why)


def _is_good(folder: Path) -> bool:
    """Return whether every run has a result, but for those whose device isn't there."""
    try:
        execution = Execution.open(folder)
    except LungbenchError:
        return False
    ends = {
        record.status if record else None
        for record in map(execution.record, execution.experiment.runs())
    }
    return "completed" in ends and ends <= {"completed", "skipped"}


def _caches(results: Path, kept: Iterable[Path]) -> Iterator[Pruned]:
    used = set()
    for folder in kept:
        with suppress(DataError):
            used.add(PreparedData.read(folder / DATA_FILE).pixels.name)
    for pixels in sorted((results / CACHE).glob(_PIXELS)):
        stays = pixels.name in used
        why = "images of an execution that stays" if stays else "images of no execution that stays"
        yield Pruned(pixels, _size(pixels), stays, why)


def _leftovers(results: Path) -> Iterator[Pruned]:
    for folder in sorted(results.glob(f"*/.*{GONE}")):
        yield Pruned(folder, _size(folder), stays=False, why="half removed by an earlier pruning")


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def _remove(folder: Path) -> None:
    parent = folder.parent
    try:
        if folder.name.endswith(GONE):
            shutil.rmtree(folder)
        elif parent.name == CACHE:
            with FileLock(parent / LOCK_FILE):
                _erase(folder)
        else:
            with hold(folder, "lungbench prune", patience_s=0):
                _erase(folder)
    except OSError as error:
        raise Refused(
            "What is pruned must be removable.",
            received=f"{error.filename or folder} ({error.strerror or error})",
            hint="fix its permissions and prune again.",
        ) from None


def _erase(folder: Path) -> None:
    nameless = folder.with_name(f".{folder.name}{GONE}")
    folder.rename(nameless)
    sync_folder(folder.parent)
    shutil.rmtree(nameless)
