"""How long the report takes, in processes of their own: the paper's matrix, and 504 runs.

The records are golden ones, made by the code of the tests: 3 networks on 2 devices with 5 repeats,
120 epochs and 12 hours of readings each; and the same matrix with 84 repeats, which are 504 runs.
Test images are there, so that the page has its pictures. Vega has a process of its own, so that two
cores are busy; CPU time is told beside wall time, since others may share them.

    python -m benchmarks.render
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.results import Report, Table, options, seconds

TESTS = Path(__file__).parents[1] / "tests" / "reports"
CASES = {"the paper's matrix": 5, "504 runs": 84}


@dataclass(frozen=True, slots=True)
class Rendering:
    """One page, written by a fresh process.

    Attributes:
        wall_s: With the start of Python.
        cpu_s: Of the process, and of Vega's, on all cores.
        import_s: Wall time until its modules were there.
    """

    case: str
    runs: int
    wall_s: float
    cpu_s: float
    import_s: float
    page_bytes: int


def main() -> None:
    """Measure every case in turns."""
    chosen = options(__doc__, rounds=3).parse_args()
    report = Report("render", chosen)
    with tempfile.TemporaryDirectory() as scratch:
        found = list(_measured(Path(scratch), chosen.rounds))
    rows = [_row(case, [each for each in found if each.case == case]) for case in CASES]
    headings = ("page", "runs", "wall, median", "least", "imports", "CPU, median", "least", "size")
    report.publish(Table(headings, rows), found)


def _measured(scratch: Path, rounds: int) -> Iterator[Rendering]:
    sys.path.append(str(TESTS))
    from papers_matrix import papers_matrix  # type: ignore[import-not-found]

    folders = {
        case: papers_matrix(scratch / str(repeats), repeats, pixels=True)
        for case, repeats in CASES.items()
    }
    for _ in range(rounds):
        for case, folder in folders.items():
            yield _rendering(case, folder, scratch / "report.html")


def _rendering(case: str, folder: Path, page: Path) -> Rendering:
    started = time.perf_counter()
    command = [sys.executable, "-c", _RENDER, str(folder), str(page)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall_s = time.perf_counter() - started
    runs = len(list((folder / "runs").iterdir()))
    times = json.loads(printed)
    return Rendering(case, runs, wall_s, page_bytes=page.stat().st_size, **times)


_RENDER = """
import json, os, sys, time
from pathlib import Path
began = time.perf_counter()
from reports.drawings.engine import own_process
with own_process():
    from reports.page.render import render
    import_s = time.perf_counter() - began
    render([Path(sys.argv[1])], Path(sys.argv[2]))
used = os.times()
cpu_s = used.user + used.system + used.children_user + used.children_system
times = {"cpu_s": cpu_s, "import_s": import_s}
print(json.dumps(times))
"""


def _row(case: str, found: Sequence[Rendering]) -> tuple[str, ...]:
    wall, cpu = [each.wall_s for each in found], [each.cpu_s for each in found]
    return (
        case,
        str(found[0].runs),
        seconds(median(wall)),
        seconds(min(wall)),
        seconds(median(each.import_s for each in found)),
        seconds(median(cpu)),
        seconds(min(cpu)),
        f"{found[-1].page_bytes / 1000:,.0f} kB",
    )


if __name__ == "__main__":
    main()
