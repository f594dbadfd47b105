"""How long the report takes, in processes of their own: the paper's matrix, and 500 runs.

The records are golden ones, made by the code of the tests: 3 networks on 2 devices with 5 repeats,
120 epochs and 12 hours of readings each; and the same matrix with 84 repeats, which are 504 runs.

    python -m benchmarks.render
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.results import Report, Table, options, seconds

TESTS = Path(__file__).parents[1] / "tests" / "reports"
CASES = {"the paper's matrix": 5, "504 runs": 84}


@dataclass(frozen=True, slots=True)
class Rendering:
    """One page, written by a fresh process; wall time with the start of Python."""

    case: str
    runs: int
    wall_s: float
    page_bytes: int


def main() -> None:
    """Measure every case in turns."""
    chosen = options(__doc__, rounds=3).parse_args()
    report = Report("render", chosen)
    with tempfile.TemporaryDirectory() as scratch:
        found = list(_measured(Path(scratch), chosen.rounds))
    rows = [_row(case, [each for each in found if each.case == case]) for case in CASES]
    report.publish(Table(("page", "runs", "median", "least", "size"), rows), found)


def _measured(scratch: Path, rounds: int) -> Iterator[Rendering]:
    sys.path.append(str(TESTS))
    from papers_matrix import papers_matrix  # type: ignore[import-not-found]

    folders = {
        case: papers_matrix(scratch / str(repeats), repeats) for case, repeats in CASES.items()
    }
    for _ in range(rounds):
        for case, folder in folders.items():
            page = scratch / "report.html"
            started = time.perf_counter()
            command = [sys.executable, "-c", _RENDER, str(folder), str(page)]
            subprocess.run(command, check=True)
            wall_s = time.perf_counter() - started
            runs = len(list((folder / "runs").iterdir()))
            yield Rendering(case, runs, wall_s, page.stat().st_size)


_RENDER = (
    "import sys; from pathlib import Path; from reports.page.render import render; "
    "render([Path(sys.argv[1])], Path(sys.argv[2]))"
)


def _row(case: str, found: list[Rendering]) -> tuple[str, ...]:
    times = [each.wall_s for each in found]
    size = f"{found[-1].page_bytes / 1000:,.0f} kB"
    return (case, str(found[0].runs), seconds(median(times)), seconds(min(times)), size)


if __name__ == "__main__":
    main()
