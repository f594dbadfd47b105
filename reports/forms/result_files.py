"""Files that a command leaves in a folder of one's choice: all of them, or none and no folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lungbench.data.staging import unnamed_folder, writing
from lungbench.errors import Refused
from lungbench.files import sync_folder


@contextmanager
def files_together(out: Path, names: Sequence[str]) -> Iterator[Path]:
    """Give a temporary folder, whose files all get into `out` when the block ends well.

    Args:
        out: Made where it is missing; other files in it stay.
        names: Of all the files that the block writes.

    Raises:
        Refused: `out` can't be written, a folder has one of the names, or the disk is full.
    """
    with writable(out):
        out.mkdir(parents=True, exist_ok=True)
        for name in names:
            check_no_folder(out / name)
        with unnamed_folder(out, "new") as staging:
            yield staging
            for name in names:
                (staging / name).replace(out / name)
            staging.rmdir()
        sync_folder(out)


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """Refuse where nothing can be written, and leave no folder that was made for it.

    Args:
        out: What the block makes, with the folders above it that are missing.

    Raises:
        Refused: The block could not write.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        with writing(out, "free space, mend the permissions, or name another place by --out."):
            yield
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


def check_no_folder(path: Path) -> None:
    """Refuse a folder where a file is to be.

    Raises:
        Refused: There is one.
    """
    if path.is_dir():
        raise Refused("The results must be files.", received=f"{path}, a folder")
