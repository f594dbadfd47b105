"""Files and folders that appear under their names when they are whole."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lungbench.errors import Refused
from lungbench.files import sync_folder


@contextlib.contextmanager
def writing(
    folder: Path, hint: str = "free space, mend the permissions, or name another folder."
) -> Iterator[None]:
    """Refuse, in one line, where the block can't write.

    Args:
        folder: Named where the system names no file.
        hint: What to do then.

    Raises:
        Refused: The block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise Refused(
            "A folder to write to must be writable and have room.",
            received=f"{error.filename or folder} ({error.strerror or error})",
            hint=hint,
        ) from None


@contextlib.contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Give a temporary folder that takes the name `final` when the block ends well."""
    with unnamed_folder(final.parent, final.name) as temporary:
        yield temporary
        name_folder(temporary, final)


@contextlib.contextmanager
def unnamed_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a temporary folder for `name_folder`; it is removed if the block fails before that."""
    temporary = Path(tempfile.mkdtemp(dir=parent, prefix=f".{prefix}.", suffix=".tmp"))
    try:
        temporary.chmod(0o755)  # mkdtemp's 0700 would hide the folder from the lab's others
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def name_folder(temporary: Path, final: Path) -> None:
    """Give a folder that is whole its name."""
    sync_folder(temporary)
    temporary.replace(final)
    sync_folder(final.parent)


@contextlib.contextmanager
def new_file(final: Path) -> Iterator[Path]:
    """Give a temporary file that takes the name `final` when the block ends well.

    For what is too long to be put together in memory; else there is `write_atomically`.
    """
    handle, name = tempfile.mkstemp(dir=final.parent, prefix=f".{final.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        yield temporary
        os.fsync(handle)
        temporary.chmod(0o644)  # mkstemp's 0600 would hide results from the lab's others
        temporary.replace(final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    sync_folder(final.parent)


def sweep(folder: Path) -> None:
    """Remove what killed processes left; nobody else may be writing."""
    for leftover in folder.glob(".*.tmp"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink()
