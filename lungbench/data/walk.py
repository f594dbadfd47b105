"""The files below a folder, unopened: in one order everywhere, and none from outside.

Links are followed as long as they stay inside: a link in a folder that somebody else made may
lead to any file of this machine. One that leads out is named, and left out. Each real folder is
entered once, and none above the one that is walked, so that links in a circle come to an end.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LEADS_OUT = "a link that leads out of the source"

# What ends the name of a folder, and of a link that leads out, in a list of names. No name holds
# such a character and none is smaller, so that what stands in a folder comes together.
_FOLDER, _OUTSIDE = "\0", "\0\0"

Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """One file, folder or link.

    Attributes:
        path: Relative to the folder that was looked into, with forward slashes.
        reason: Why it is left out; None where it may be read.
    """

    path: str
    reason: str | None = None


class Walk:
    """Walks below some folders, and stays there.

    Args:
        roots: Where files may lie.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = tuple(os.path.realpath(root) for root in roots)
        self._insides = tuple(root.rstrip("/") + "/" for root in self._roots)

    def folders(self, folder: Path) -> list[Seen]:
        """Return the visible sub-folders by name, and the links to folders that lead out.

        Raises:
            OSError: The folder can't be read.
        """
        found = []
        for name in reversed(self._names(folder)):
            if name.endswith(_OUTSIDE):
                if (folder / _bare(name)).is_dir():
                    found.append(Seen(_bare(name), LEADS_OUT))
            elif name.endswith(_FOLDER):
                found.append(Seen(_bare(name)))
        return found

    def files(self, top: Path) -> Iterator[Seen]:
        """Yield every visible file below a folder, folder by folder, by name.

        Raises:
            OSError: A folder can't be read.
        """
        entered = self._above(top)
        levels = [("", self._entered(top, entered))]
        while levels:
            below, names = levels[-1]
            if not names:
                levels.pop()
                continue
            name = names.pop()
            path = below + _bare(name)
            if name.endswith(_OUTSIDE):
                yield Seen(path, LEADS_OUT)
            elif name.endswith(_FOLDER):
                levels.append((f"{path}/", self._entered(top / path, entered)))
            else:
                yield Seen(path)

    def leads_out(self, path: Path) -> bool:
        """Return whether a path, with its links followed, ends outside of all roots."""
        real = os.path.realpath(path)
        return real not in self._roots and not real.startswith(self._insides)

    def _above(self, top: Path) -> set[Identity]:
        """Return the folders from a root down to the one above `top`."""
        above = Path(os.path.realpath(top)).parents
        return {_identity(path) for path in above if not self.leads_out(path)}

    def _entered(self, folder: Path, entered: set[Identity]) -> list[str]:
        """Return the names in a folder; none where it was entered before."""
        if (identity := _identity(folder)) in entered:
            return []
        entered.add(identity)
        return self._names(folder)

    def _names(self, folder: Path) -> list[str]:
        """Return the visible names in a folder with what ends them, the last first."""
        with os.scandir(folder) as entries:
            names = [self._marked(entry) for entry in entries if not entry.name.startswith(".")]
        names.sort(reverse=True)
        return names

    def _marked(self, entry: "os.DirEntry[str]") -> str:
        if not entry.is_symlink():
            return entry.name + _FOLDER if entry.is_dir() else entry.name
        path = Path(entry)
        if self.leads_out(path):
            return entry.name + _OUTSIDE
        # DirEntry would cost no system call, but raises where a link leads back to itself.
        return entry.name + _FOLDER if path.is_dir() else entry.name


def _bare(name: str) -> str:
    return name.rstrip("\0")


def _identity(folder: Path) -> Identity:
    status = folder.stat()
    return status.st_dev, status.st_ino
