"""The hashes of the files that a page is made of, so that years later it can be tied to them."""

from collections.abc import Iterator
from pathlib import Path

from lungbench.data.audit import AUDIT_FILE
from lungbench.data.dataset import DATA_FILE
from lungbench.data.images_csv import IMAGES_FILE
from lungbench.executions.execution import EXPERIMENT_FILE
from lungbench.files import sha256_of
from lungbench.foreign_text import visible
from lungbench.record import RECORD_FILE
from reports.results.load import Results

_OF_THE_WHOLE = (EXPERIMENT_FILE, DATA_FILE, IMAGES_FILE, AUDIT_FILE)


def checksums(execution: Results) -> str:
    """Return a line a file, as `sha256sum --check` reads it; empty where there is none.

    A run's other files have their hashes in its record.
    """
    folder = execution.folder
    return "\n".join(
        f"{sha256_of(path)}  {visible(path.relative_to(folder).as_posix())}"
        for path in _read_for_a_page(folder)
        if path.is_file()
    )


def _read_for_a_page(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in _OF_THE_WHOLE)
    yield from (run_dir / RECORD_FILE for run_dir in sorted((folder / "runs").glob("*")))
