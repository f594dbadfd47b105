"""Small, full and read-only file systems; real ones, where this process may mount them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount something on a new folder; skip the test where that isn't allowed."""
    folder.mkdir()
    ended = subprocess.run(
        ["mount", *options, str(folder)], check=False, capture_output=True, text=True
    )
    if ended.returncode:
        pytest.skip(f"nothing can be mounted here ({ended.stderr.strip().splitlines()[-1]})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def small_disk(folder: Path, *, size_mib: int = 8, inodes: int = 200) -> Iterator["Disk"]:
    """Mount a file system in memory that is soon full."""
    limits = f"size={size_mib}m,nr_inodes={inodes}"
    with mounted(folder, "-t", "tmpfs", "-o", limits, "tmpfs") as place:
        yield Disk(place)


class Disk:
    """A small file system that can be filled and freed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, leave_bytes: int = 0) -> None:
        """Take all space but so much."""
        room = os.statvfs(self.folder)
        size = room.f_bavail * room.f_frsize - leave_bytes
        with (self.folder / "ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def use_up_inodes(self) -> None:
        """Take all inodes."""
        for number in range(os.statvfs(self.folder).f_ffree):
            (self.folder / f"ballast {number}").touch()

    def free(self) -> None:
        """Give back what was taken."""
        for each in self.folder.glob("ballast*"):
            each.unlink()


@contextmanager
def read_only(folder: Path, view: Path) -> Iterator[Path]:
    """Show a folder at another place, where nobody can write, root included."""
    with mounted(view, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(view)], check=True)
        yield view
