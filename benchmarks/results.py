"""What every benchmark shares: its options, the machine's state, the table and the JSON file."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

import psutil

from lungbench.files import write_atomically
from lungbench.host import describe_host

RESULTS = Path("results/benchmarks")


def options(description: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark.

    Args:
        description: The command's docstring.
        rounds: Turns of each side unless told.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=positive, default=rounds, help="turns of each side")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    return parser


def positive(text: str) -> int:
    """Read a whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


class Steal:
    """CPU time that the hypervisor kept from this machine, from this value's making on."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()

    def percent(self) -> float | None:
        """Return the share of all processors' time; None where the system doesn't tell."""
        now = psutil.cpu_times()
        if not hasattr(now, "steal"):
            return None
        # On Linux `user` holds `guest` and `nice` holds `guest_nice`.
        counted = [name for name in now._fields if not name.startswith("guest")]
        gained = {name: getattr(now, name) - getattr(self._before, name) for name in counted}
        total = sum(gained.values())
        return 100 * gained["steal"] / total if total > 0 else None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings."""

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def __str__(self) -> str:
        """Lay the table out as Markdown, so that it can be pasted into a page."""
        lines = [self.headings, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        drawn = [
            "| " + " | ".join(map(str.ljust, line, widths)) + " |"
            for line in (lines[0], *lines[1:])
        ]
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        return "\n".join([drawn[0], rule, *drawn[1:]])


class Report:
    """One run of a benchmark, from its start to its table and file.

    Args:
        name: The benchmark's, and its file's.
        chosen: The options as parsed.
    """

    def __init__(self, name: str, chosen: argparse.Namespace) -> None:
        self._name, self._chosen = name, chosen
        self._started = datetime.now(UTC)
        self._load_before = os.getloadavg()[0]
        self._steal = Steal()

    def publish(self, table: Table, measured: Sequence[Any]) -> None:
        """Print the table and write everything that was measured, with the machine, as JSON."""
        noise = {
            "load_before": self._load_before,
            "load_after": os.getloadavg()[0],
            "steal_percent": self._steal.percent(),
        }
        content = {
            "benchmark": self._name,
            "started": self._started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": _command(),
            "settings": {key: _plain(value) for key, value in vars(self._chosen).items()},
            "machine": describe_host().model_dump(mode="json"),
            "noise": noise,
            "measured": measured,
        }
        path = self._chosen.out / f"{self._name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(content, indent=1, default=_plain) + "\n")
        print(table)
        print(f"\n{_in_words(noise)}\n{path}")


def seconds(value: float) -> str:
    """Write a duration with three digits."""
    return f"{value:.3g} s"


def mebibytes(value: float) -> str:
    """Write an amount of memory."""
    return f"{value / 2**20:.0f} MiB"


def steal_text(percents: Iterable[float | None]) -> str:
    """Write the mean share stolen by the hypervisor, or a dash where the system doesn't tell."""
    known = [percent for percent in percents if percent is not None]
    return f"{fmean(known):.0f} %" if known else "-"


def _command() -> str:
    module = getattr(sys.modules["__main__"], "__spec__", None)
    return shlex.join(["python", "-m", module.name if module else "?", *sys.argv[1:]])


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, int | float | str | None) else str(value)


def _in_words(noise: dict[str, float | None]) -> str:
    stolen = noise["steal_percent"]
    kept = "not told" if stolen is None else f"{stolen:.1f} %"
    return (
        f"Stolen by the hypervisor: {kept}. "
        f"Load average before {noise['load_before']:.2f}, after {noise['load_after']:.2f}."
    )
