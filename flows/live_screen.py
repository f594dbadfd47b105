"""A terminal that shows the table of an execution, written to by one thread alone.

A terminal can be slow, or stand still when somebody presses Ctrl-S. Then only this thread waits:
what the rest of the program logs meanwhile comes to it through a list, and at the end nobody waits
for it longer than a few seconds.
"""

import io
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from rich.console import Console
from rich.live import Live

from flows.live_table import Frame, drawn, frame_of
from lungbench.executions.execution import Execution
from lungbench.record import RunRecord
from tasks.standing import Standing, watches_of

_MOST_LINES_KEPT = 1000


class DirectTerminal(io.TextIOBase):
    """A terminal that is written to without Python's own buffer, whose lock would hold up others.

    Args:
        handle: Its file descriptor.
        encoding: What it shows.
    """

    def __init__(self, handle: int, encoding: str) -> None:
        self._handle, self._encoding = handle, encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What it shows, such as `utf-8`."""
        return self._encoding

    def write(self, text: str) -> int:
        """Write all of a text, however long that takes."""
        left = memoryview(text.encode(self._encoding, "backslashreplace"))
        while left:
            left = left[os.write(self._handle, left) :]
        return len(text)

    def fileno(self) -> int:
        """Return the file descriptor, by which its size is asked for."""
        return self._handle

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._handle)


def unblocking(console: Console) -> Console:
    """Return a console for the same terminal whose writer can be left waiting."""
    handle, encoding = sys.stderr, sys.stderr.encoding
    if console.file is not handle:
        return console
    return Console(file=cast("IO[str]", DirectTerminal(handle.fileno(), encoding)))


class LiveScreen:
    """The table of an execution's trainings, and lines above it for what went wrong.

    It is made before the runs begin, so that it knows what earlier attempts left.

    Args:
        execution: Whose trainings.
        console: A terminal.
        look_s: Seconds between two looks at the folders.
    """

    def __init__(self, execution: Execution, console: Console, look_s: float) -> None:
        self._execution, self._console, self._look_s = execution, console, look_s
        self._watches = watches_of(execution)
        self._standings = [watch.look() for watch in self._watches]
        self._run_ids = [now.spec.run_id for now in self._standings]  # put together once
        self._ended = {at for at, now in enumerate(self._standings) if now.record}
        self._began = time.monotonic()
        self._logged: deque[str] = deque(maxlen=_MOST_LINES_KEPT)

    @contextmanager
    def taking_the_log(self) -> Iterator[None]:
        """Show what is logged above the table while the body runs, instead of across it."""
        log = logging.getLogger("lungbench")
        across = [each for each in log.handlers if type(each) is logging.StreamHandler]
        for handler in across:
            log.removeHandler(handler)
        mine = _Kept(self._logged) if across else None
        if mine:
            log.addHandler(mine)
        try:
            yield
        finally:
            if mine:
                log.removeHandler(mine)
            for handler in across:
                log.addHandler(handler)

    def run(self, ended: threading.Event) -> None:
        """Show the table until `ended` is set, and once more after that."""
        self._say(f"{self._execution.folder}")
        with Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        ) as live:
            frame: Frame | None = None
            last_look = False
            while not last_look:
                last_look = ended.wait(self._look_s if frame else 0)
                self._look()
                self._say_news()
                frame = self._refreshed(live, frame)

    def _look(self) -> None:
        """Look at the trainings that have a folder and haven't ended."""
        try:
            begun = {entry.name for entry in os.scandir(self._execution.folder / "runs")}
        except OSError:
            begun = set()
        for at, now in enumerate(self._standings):
            if not now.record and self._run_ids[at] in begun:
                self._standings[at] = self._watches[at].look()

    def _say_news(self) -> None:
        while self._logged:
            self._say(self._logged.popleft())
        for at, now in enumerate(self._standings):
            if now.record and at not in self._ended:
                self._ended.add(at)
                if trouble := _trouble(now, now.record):
                    self._say(f"[{at + 1}/{len(self._standings)}] {now.spec.label}: {trouble}")

    def _refreshed(self, live: Live, before: Frame | None) -> Frame:
        width, height = self._console.size
        frame = frame_of(self._standings, width, height, time.monotonic() - self._began)
        if frame != before:
            live.update(drawn(frame), refresh=True)
        return frame

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Kept(logging.Handler):
    """Keeps what is logged for whoever shows it."""

    def __init__(self, lines: deque[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line; the oldest go where nobody takes them."""
        self._lines.append(record.getMessage())


def _trouble(now: Standing, record: RunRecord) -> str | None:
    """Say why a training has no result; None where it has one, or never had its turn."""
    if record.status == "completed" or (record.status == "interrupted" and not now.begun):
        return None
    return f"{record.status}: {record.reason.message}" if record.reason else record.status
