"""What a disk may hold after the power went: every state that POSIX allows.

A file's content is sure up to its last sync. Later writes may have arrived, in part, or not at
all. A folder's entries are sure up to its last sync, too: of what was done to them since, any part
may have arrived, in its order. No file system promises less; most promise more.
"""

import base64
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

_MOST_SUBSETS = 64


@dataclass
class _File:
    """A file's content: what was written, and what is sure."""

    now: bytes = b""
    sure: bytes = b""

    def may_hold(self) -> list[bytes]:
        if self.now == self.sure:
            return [self.now]
        torn = self.now[: len(self.now) // 2]
        return list(dict.fromkeys((self.sure, self.now, torn, b"")))


@dataclass
class _Folder:
    """A folder's entries: what is sure, and what was done since."""

    sure: dict[str, Any] = field(default_factory=dict)
    since: list[tuple[str, str | None, Any]] = field(default_factory=list)  # name, gone, entry

    def entries(self, arrived: tuple[int, ...] | None = None) -> dict[str, Any]:
        """Return the entries where these later changes have arrived; None is all."""
        found = dict(self.sure)
        for number, (name, gone, entry) in enumerate(self.since):
            if arrived is None or number in arrived:
                if gone is not None:
                    found.pop(gone, None)
                if entry is None:
                    found.pop(name, None)
                else:
                    found[name] = entry
        return found

    def may_hold(self, drawn: random.Random) -> list[dict[str, Any]]:
        places = range(len(self.since))
        subsets = itertools.chain.from_iterable(
            itertools.combinations(places, size) for size in range(len(places) + 1)
        )
        if 2 ** len(places) > _MOST_SUBSETS:
            ordered = [tuple(range(size)) for size in range(len(places) + 1)]
            ordered += [tuple(set(places) - {gone}) for gone in places]
            mixed = (tuple(p for p in places if drawn.random() < 0.5) for _ in range(_MOST_SUBSETS))
            subsets = itertools.chain(ordered, mixed)
        found: list[dict[str, Any]] = []
        for arrived in subsets:
            if (entries := self.entries(tuple(arrived))) not in found:
                found.append(entries)
        return found


class Disk:
    """A folder as a record of what was done to it makes it.

    Args:
        folder: The folder; that it is there is sure.
        seed: Draws the states where there are too many.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self._root, self._drawn = PurePosixPath(folder), random.Random(seed)
        self._top = _Folder()

    def do(self, line: dict[str, str]) -> None:
        """Carry out one line of a record."""
        getattr(self, f"_{line['deed']}")(line)

    def states(self, most: int) -> Iterator[dict[str, bytes]]:
        """Yield what may be on the disk now, files by their paths, at most so many states."""
        found = list(itertools.islice(self._of(self._top, ""), 20 * most))
        yield from found if len(found) <= most else self._drawn.sample(found, most)

    def content(self, name: str) -> bytes:
        """Return what a file holds for whoever reads it while the power is on."""
        return self._file(str(self._root / name)).now

    def has(self, name: str) -> bool:
        """Return whether there is such a file at the top while the power is on."""
        return name in self._top.entries()

    def _of(self, folder: _Folder, prefix: str) -> Iterator[dict[str, bytes]]:
        for entries in folder.may_hold(self._drawn):
            choices = []
            for name, entry in entries.items():
                path = f"{prefix}{name}"
                if isinstance(entry, _File):
                    choices.append([{path: content} for content in entry.may_hold()])
                else:
                    choices.append(list(self._of(entry, f"{path}/")))
            for chosen in itertools.product(*choices):
                yield {path: content for part in chosen for path, content in part.items()}

    def _at(self, path: str) -> tuple[_Folder, str]:
        inside = PurePosixPath(path).relative_to(self._root)
        folder = self._top
        for part in inside.parent.parts:
            folder = folder.entries()[part]
        return folder, inside.name

    def _create(self, line: dict[str, str]) -> None:
        folder, name = self._at(line["path"])
        folder.since.append((name, None, _File()))

    def _make(self, line: dict[str, str]) -> None:
        if PurePosixPath(line["path"]) != self._root:
            folder, name = self._at(line["path"])
            folder.since.append((name, None, _Folder()))

    def _truncate(self, line: dict[str, str]) -> None:
        self._file(line["path"]).now = b""

    def _write(self, line: dict[str, str]) -> None:
        self._file(line["path"]).now += base64.b64decode(line["data"])

    def _rename(self, line: dict[str, str]) -> None:
        folder, name = self._at(line["path"])
        target, new = self._at(line["to"])
        assert folder is target  # the project renames within a folder only
        folder.since.append((new, name, folder.entries()[name]))

    def _remove(self, line: dict[str, str]) -> None:
        folder, name = self._at(line["path"])
        folder.since.append((name, None, None))

    def _sync(self, line: dict[str, str]) -> None:
        if PurePosixPath(line["path"]) == self._root:
            found: Any = self._top
        else:
            folder, name = self._at(line["path"])
            found = folder.entries()[name]
        if isinstance(found, _File):
            found.sure = found.now
        else:
            found.sure, found.since = found.entries(), []

    def _remark(self, line: dict[str, str]) -> None:
        """Nothing happens to the disk."""

    def _file(self, path: str) -> _File:
        folder, name = self._at(path)
        found = folder.entries()[name]
        assert isinstance(found, _File)
        return found


def lines_of(record: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in record.read_text().splitlines()]


def lay_out(state: dict[str, bytes], folder: Path) -> Path:
    """Write a state into a new folder."""
    folder.mkdir()
    for name, content in state.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
