"""A scenario in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from fault_lab import HERE, LONG, MARK_VARIABLE, marked, nothing_left

_LONGEST_S = 1200 if LONG else 500


class Story:
    """Runs a script of this folder, which asserts what must be true.

    Args:
        script: Its name.
        folder: Where it may write.
    """

    def __init__(self, script: str, folder: Path) -> None:
        self._mark, self._commands = f"story of {folder}", f"commands in {folder}"
        self._told = folder / "told"
        self._variables = {MARK_VARIABLE: self._mark, "LUNGBENCH_LOCKS": str(folder / "locks")}
        with self._told.open("wb") as told:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / script), str(folder)],
                env=os.environ | self._variables | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=subprocess.STDOUT,
            )

    def comes_to_its_end(self) -> None:
        """Assert that everything that it asserts is true, and that it leaves no process."""
        code = self._process.wait(_LONGEST_S)
        assert code == 0, f"exit code {code}: {self._told.read_text(errors='replace')}"
        nothing_left(self._mark)

    def end(self) -> None:
        """End it and all that it started, where its test didn't."""
        self._process.kill()
        self._process.wait()
        for mark in (self._mark, self._commands):
            for process in marked(mark):
                process.kill()
