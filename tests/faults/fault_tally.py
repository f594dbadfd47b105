"""How often each kind of fault was tried and survived, told at the end of the test run."""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fault_kinds import EXCEPT, FLIPS, KILLS, KINDS


@dataclass
class Row:
    """One kind of fault.

    Attributes:
        tried: Faults that were made.
        survived: Those after which everything was as it must be.
        real: Of the tried, those made to a training with Keras.
        stand_in: What took the place of the real fault, where something did.
        skipped: Why tests of it couldn't run here.
        failed: Tests that failed, those expected to included.
    """

    tried: int = 0
    survived: int = 0
    real: int = 0
    stand_in: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        if not self.tried:
            return "skipped" if self.skipped else "not run"
        return "survived" if self.tried == self.survived and not self.failed else "NOT survived"


class Tally:
    """The rows by their kind's number."""

    def __init__(self) -> None:
        self.rows = {number: Row() for number in KINDS}
        self.began = time.monotonic()

    @property
    def touched(self) -> bool:
        return any(row.tried or row.skipped or row.failed for row in self.rows.values())

    def lines(self) -> Iterator[str]:
        """Yield the table as Markdown."""
        tried = sum(row.tried for row in self.rows.values())
        survived = sum(row.survived for row in self.rows.values())
        kinds = sum(row.verdict == "survived" for row in self.rows.values())
        yield "| # | fault | tried | survived | of them real trainings | verdict | remarks |"
        yield "|--:|---|--:|--:|--:|---|---|"
        for number, row in self.rows.items():
            remarks = [f"stand-in: {each}" for each in sorted(row.stand_in)]
            remarks += [f"skipped: {each}" for each in sorted(row.skipped)]
            remarks += [f"failed: {each}" for each in row.failed]
            remarks += [f"not asked: {EXCEPT[number]}"] if number in EXCEPT else []
            yield (
                f"| {number} | {KINDS[number]} | {row.tried} | {row.survived} | {row.real} "
                f"| {row.verdict} | {'; '.join(remarks)} |"
            )
        yield (
            f"| | **{kinds} of {len(KINDS)} kinds** | **{tried}** | **{survived}** "
            f"| **{sum(row.real for row in self.rows.values())}** | | |"
        )
        yield ""
        yield (
            f"Killed at {sum(self.rows[number].tried for number in KILLS)} points (rows 1 to 4); "
            f"bits flipped: {self.rows[FLIPS].tried}; "
            f"rows with a real training: {sum(row.real > 0 for row in self.rows.values())}."
        )

    def write(self, folder: Path) -> None:
        """Leave the table as Markdown and as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "faults.md").write_text("\n".join(self.lines()) + "\n")
        rows = [
            {"number": number, "fault": KINDS[number], "verdict": row.verdict}
            | {name: sorted(v) if isinstance(v, set) else v for name, v in asdict(row).items()}
            for number, row in self.rows.items()
        ]
        whole = {
            "machine": f"{platform.platform()}, {os.cpu_count()} processors",
            "seconds": round(time.monotonic() - self.began),
            "rows": rows,
        }
        (folder / "faults.json").write_text(json.dumps(whole, indent=2) + "\n")


class Fault:
    """One test's part in a row.

    Args:
        row: The row.
        real: Whether its training is one with Keras.
    """

    def __init__(self, row: Row, real: bool) -> None:
        self._row, self.real = row, real

    @contextmanager
    def trial(self, count: int = 1) -> Iterator[None]:
        """Count what the body does as so many faults, and as survived if it ends well."""
        self._row.tried += count
        self._row.real += count if self.real else 0
        yield
        self._row.survived += count

    def by(self, stand_in: str) -> None:
        """Say what takes the place of the real fault."""
        self._row.stand_in.add(stand_in)
