"""The flow of `benchmarks.scale_side` with a stand-in for its report.

For many flow runs through a worker: what it keeps of each doesn't depend on what they do, and a
report takes most of their time.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

from lungbench.executions.execution import REPORT_FILE


def _publish(execution: Path) -> Path:
    page = execution / REPORT_FILE
    page.write_text("a stand-in")
    return page


# Before the flow's modules import the real one, and the libraries that it draws with.
sys.modules["reports.publish"] = SimpleNamespace(publish=_publish)  # type: ignore[assignment]

from benchmarks.scale_side import benchmark  # noqa: E402

__all__ = ["benchmark"]  # a worker's entrypoint
