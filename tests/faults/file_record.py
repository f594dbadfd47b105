"""Record what a process does to the files of a folder, in the order in which it does it.

A line of JSON each: `create`, `truncate`, `write`, `sync` of a file, and of a folder `make`,
`rename`, `remove`, `sync`. Several processes may write one record.
"""

import base64
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR


class Recorder:
    """Stands before the calls by which this project changes files.

    Args:
        record: Where the lines go.
        folder: What is recorded lies below it.
    """

    def __init__(self, record: Path, folder: Path) -> None:
        self._folder = str(folder)
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._real: dict[tuple[Any, str], Any] = {}

    def install(self) -> None:
        """Record from now on."""
        for module, name, stand_in in (
            (io, "open", self._io_open),
            (os, "open", self._os_open),
            (os, "fdopen", self._fdopen),
            (os, "fsync", self._fsync),
            (os, "mkdir", self._mkdir),
            (os, "replace", self._rename),
            (os, "rename", self._rename),
            (os, "unlink", self._remove),
            (os, "remove", self._remove),
            (os, "rmdir", self._remove_folder),
        ):
            self._real[module, name] = getattr(module, name)
            setattr(module, name, stand_in)

    def uninstall(self) -> None:
        """Leave everything as it was."""
        for (module, name), real in self._real.items():
            setattr(module, name, real)
        os.close(self._record)

    def note(self, deed: str, path: str, **more: str) -> None:
        if path.startswith(self._folder):
            line = json.dumps({"deed": deed, "path": path} | more) + "\n"
            os.write(self._record, line.encode())

    def _io_open(self, file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        path, writes = os.fspath(file) if not isinstance(file, int) else "", set(mode) & set("wax+")
        if writes and path:
            self._opened(str(path), "w" in mode)
        opened = self._real[io, "open"](file, mode, *rest, **named)
        return _Recorded(self, opened, str(path)) if writes and path else opened

    def _os_open(self, path: Any, flags: int, *rest: Any, **named: Any) -> int:
        place = _place(path, named.get("dir_fd"))
        if flags & _WRITING and flags & os.O_CREAT:
            self._opened(place, bool(flags & os.O_TRUNC))
        return int(self._real[os, "open"](path, flags, *rest, **named))

    def _opened(self, path: str, truncated: bool) -> None:
        if not os.path.lexists(path):
            self.note("create", path)
        elif truncated:
            self.note("truncate", path)

    def _fdopen(self, handle: int, *rest: Any, **named: Any) -> Any:
        return _Recorded(self, self._real[os, "fdopen"](handle, *rest, **named), _path_of(handle))

    def _fsync(self, handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        self._real[os, "fsync"](number)
        self.note("sync", _path_of(number))

    def _mkdir(self, path: Any, *rest: Any, **named: Any) -> None:
        self._real[os, "mkdir"](path, *rest, **named)
        self.note("make", str(path))

    def _rename(self, source: Any, target: Any, **named: Any) -> None:
        self._real[os, "replace"](source, target, **named)
        self.note("rename", str(source), to=str(target))

    def _remove(self, path: Any, **named: Any) -> None:
        place = _place(path, named.get("dir_fd"))
        self._real[os, "unlink"](path, **named)
        self.note("remove", place)

    def _remove_folder(self, path: Any, **named: Any) -> None:
        place = _place(path, named.get("dir_fd"))
        self._real[os, "rmdir"](path, **named)
        self.note("remove", place)


class _Recorded:
    """A file whose writes reach the kernel one by one, and the record."""

    def __init__(self, recorder: Recorder, file: Any, path: str) -> None:
        self._recorder, self._file, self._path = recorder, file, path

    def write(self, content: Any) -> int:
        written = int(self._file.write(content))
        self._file.flush()
        raw = content.encode() if isinstance(content, str) else bytes(content)
        self._recorder.note("write", self._path, data=base64.b64encode(raw).decode())
        return written

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __enter__(self) -> "_Recorded":
        self._file.__enter__()
        return self

    def __exit__(self, *how: object) -> Any:
        return self._file.__exit__(*how)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def recorded(record: Path, folder: Path) -> Iterator[Callable[[str], None]]:
    """Record this process while the body runs; give out what adds a remark."""
    recorder = Recorder(record, folder)
    recorder.install()
    try:
        yield lambda remark: recorder.note("remark", str(folder), text=remark)
    finally:
        recorder.uninstall()


def _place(path: Any, folder: int | None) -> str:
    return str(path) if folder is None else f"{_path_of(folder)}/{path}"


def _path_of(handle: int) -> str:
    return str(Path(f"/proc/self/fd/{handle}").readlink())
