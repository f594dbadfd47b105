"""A process's own writes, syncs and renames: counted, killed in, refused, slowed or recorded.

It stands in for `strace -e inject` where that isn't installed, at the level of Python's calls: a
write is handed to the kernel at once, so that a kill after it finds it there.

    {"kill": 7}                     SIGKILL before the 7th call; {"kill": 7, "half": true} in the
                                    middle of it, if it is a write
    {"fail": "EIO", "on": "fsync", "from": 3}    the third call of its kind and all later ones
    {"delay_s": 0.2}                every call takes so long
    {"count": "/path"}              writes how many calls there were when the process ends a file
    {"match": "record.json"}        only calls on files whose path holds this count at all
"""

import errno
import io
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

KINDS = ("write", "fsync", "rename")


class Calls:
    """Watches the calls of this process from now on."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan, self._seen = plan, dict.fromkeys(KINDS, 0)

    def install(self) -> None:
        """Put a watch before every way in which this project writes."""
        self._open, self._fsync, self._replace = io.open, os.fsync, os.replace
        self._fdopen, self._path_replace = os.fdopen, Path.replace
        io.open = self._opened  # type: ignore[assignment]
        os.fdopen = self._fdopened  # type: ignore[assignment]
        os.fsync = self._synced
        os.replace = self._renamed
        Path.replace = lambda path, target: (  # type: ignore[method-assign]
            self._renamed(path, target),
            Path(target),
        )[1]

    def happen(self, kind: str, path: str, call: Callable[[], Any], half: Any = None) -> Any:
        """Carry out a call as the plan has it."""
        if self._plan.get("match", "") not in path:
            return call()
        self._seen[kind] += 1
        number = sum(self._seen.values())
        if "count" in self._plan:
            with self._open(self._plan["count"], "w") as file:
                file.write(str(number))
        if number == self._plan.get("kill"):
            if self._plan.get("half") and half is not None:
                half()
            os.kill(os.getpid(), signal.SIGKILL)
        if self._plan.get("on") == kind and self._seen[kind] >= self._plan.get("from", 1):
            code = getattr(errno, self._plan["fail"])
            raise OSError(code, os.strerror(code), path)
        time.sleep(self._plan.get("delay_s", 0))
        return call()

    def _opened(self, file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        opened = self._open(file, mode, *rest, **named)
        return _Watched(self, opened, str(file)) if set(mode) & set("wax+") else opened

    def _fdopened(self, handle: int, mode: str = "r", *rest: Any, **named: Any) -> Any:
        opened = self._fdopen(handle, mode, *rest, **named)
        return _Watched(self, opened, path_of(handle)) if set(mode) & set("wax+") else opened

    def _synced(self, handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        self.happen("fsync", path_of(number), lambda: self._fsync(number))

    def _renamed(self, source: Any, target: Any, **named: Any) -> None:
        self.happen("rename", str(target), lambda: self._replace(source, target, **named))


class _Watched:
    """A file whose writes reach the kernel one by one."""

    def __init__(self, calls: Calls, file: Any, path: str) -> None:
        self._calls, self._file, self._path = calls, file, path

    def write(self, content: Any) -> int:
        def some(part: Any) -> int:
            written = self._file.write(part)
            self._file.flush()
            return int(written)

        return int(
            self._calls.happen(
                "write",
                self._path,
                lambda: some(content),
                lambda: some(content[: len(content) // 2]),
            )
        )

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __enter__(self) -> "_Watched":
        self._file.__enter__()
        return self

    def __exit__(self, *how: object) -> Any:
        return self._file.__exit__(*how)

    def __iter__(self) -> Any:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def path_of(handle: int) -> str:
    """Return the path that a file descriptor was opened with."""
    try:
        return str(Path(f"/proc/self/fd/{handle}").readlink())
    except OSError:
        return "?"
