"""The live table on a real pseudo terminal, with a stand-in for the training child."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_CODE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")


class Screen:
    """What stands on a terminal, as far as the codes go that the table uses."""

    def __init__(self) -> None:
        self.lines, self.row = [""], 0

    def feed(self, text: str) -> None:
        """Take what a program wrote; a code is never torn here, since all is fed at once."""
        at = 0
        while at < len(text):
            if match := _CODE.match(text, at):
                self._obey(match[1], match[2])
                at = match.end()
                continue
            self._put(text[at])
            at += 1

    def _obey(self, number: str, letter: str) -> None:
        if letter == "A":
            self.row = max(0, self.row - int(number or 1))
        elif letter == "K":
            self.lines[self.row] = ""

    def _put(self, character: str) -> None:
        if character == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        elif character != "\r":
            self.lines[self.row] += character


class Terminal:
    """A pseudo terminal of a size, whose other end a program gets as its stderr."""

    def __init__(self, columns: int, rows: int = 24) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.text = ""

    def read(self, seconds: float) -> bool:
        """Read what there is; return False at the program's end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self.master, 1 << 16)
        except OSError:  # what Linux says when nobody has the other end any more
            return False
        self.text += piece.decode()
        return bool(piece)

    def read_until(self, word: str) -> None:
        deadline = time.monotonic() + 60
        while word not in self.text:
            assert time.monotonic() < deadline, self.text
            assert self.read(0.2), self.text

    def fill(self) -> None:
        """Write until nothing more fits, as where nobody reads for a while."""
        again = os.open(os.ttyname(self.slave), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            while os.write(again, b"." * 4096):
                pass
        except BlockingIOError:
            pass
        finally:
            os.close(again)


@pytest.fixture
def command(lungbench_with_stand_in: list[str], experiment_file: Path, tmp_path: Path) -> list[str]:
    options = ["--no-prefect", "--results", str(tmp_path / "results")]
    return [*lungbench_with_stand_in, "run", str(experiment_file), *options]


def started(
    command: list[str], terminal: Terminal, environment: dict[str, str], waits: Path
) -> "subprocess.Popen[str]":
    """Start a command on a terminal; its trainings wait while the file `waits` is there."""
    plain = {k: v for k, v in environment.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        command,
        env=plain | {"TERM": "xterm-256color", "STAND_IN_WAITS": str(waits)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=terminal.slave,
        text=True,
    )
    os.close(terminal.slave)
    return process


@pytest.fixture
def waits(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "waits"
    path.touch()
    yield path
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("columns", [80, 40])
def test_the_table_follows_the_trainings_and_stays(
    command: list[str], environment: dict[str, str], waits: Path, columns: int
) -> None:
    terminal = Terminal(columns)
    process = started(command, terminal, environment, waits)
    terminal.read_until("1/2")
    under_way = Screen()
    under_way.feed(terminal.text)
    waits.unlink()
    while terminal.read(60):
        pass
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output.strip().endswith("report.html")

    assert any("training" in line and "1/2" in line for line in under_way.lines)
    assert "0 of 2 done, 1 training, 1 waiting" in "\n".join(under_way.lines)
    screen = Screen()
    screen.feed(terminal.text)
    folder, heading, *rows = [line.rstrip() for line in screen.lines if line.strip()]
    assert "results/tiny/" in folder
    assert heading.split()[:3] == ["training", "state", "epoch"]
    assert ("images/s" in heading) is (columns == 80)
    assert len(rows) == 3
    assert all("done" in row and "2/2" in row for row in rows[:2])
    assert rows[2] == "2 of 2 done"
    assert max(map(len, (heading, *rows))) <= columns


def test_a_terminal_that_stands_still_holds_up_no_training(
    command: list[str], environment: dict[str, str], waits: Path, tmp_path: Path
) -> None:
    terminal = Terminal(80)
    watched = os.dup(terminal.slave)
    process = started(command, terminal, environment, waits)
    terminal.slave = watched
    try:
        terminal.read_until("training")
        terminal.fill()
        waits.unlink()
        output, _ = process.communicate(timeout=120)  # and nobody reads the terminal
        assert process.returncode == 0
        assert Path(output.strip()).is_file()
        assert len(list((tmp_path / "results").glob("tiny/*/runs/*/record.json"))) == 2
        assert (Path(output.strip()).parent / "SHA256SUMS").is_file()
    finally:
        os.close(watched)
        os.close(terminal.master)
        process.kill()
        process.wait()
