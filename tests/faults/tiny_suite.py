"""The command line with a tiny training for every run: `tiny_suite.py run FILE …`.

Everything is lungbench's own but what is started as the training child. A plan for this process,
rather than for its children, stands in the variable PARENT_PLAN. The report, which takes longer
than everything else, is a stand-in unless FAULT_REPORT is `real`.
"""

import json
import os
import sys
from pathlib import Path
from types import ModuleType

from lungbench.run import child

child.COMMAND = (sys.executable, str(Path(__file__).with_name("tiny_child.py")))


def main() -> None:
    if os.environ.get("FAULT_REPORT") != "real":
        sys.modules["reports.publish"] = stand_in_for_publish()
    from flows.cli import main as command_line
    from lungbench.resources import disturbance
    from lungbench.run import launch  # noqa: F401 - as above

    disturbance._GLANCE_S = disturbance._LOOK_S = 0.01  # who disturbs is of no interest here

    if plan := json.loads(os.environ.get("PARENT_PLAN", "null")):
        from file_calls import Calls

        Calls(plan).install()
    command_line()


def stand_in_for_publish() -> ModuleType:
    """Return a module that writes a page without the libraries that draw charts."""
    from lungbench.files import write_atomically

    def publish(execution: Path) -> Path:
        write_atomically(execution / "report.html", "in place of the report\n")
        return execution / "report.html"

    module = ModuleType("reports.publish")
    module.publish = publish  # type: ignore[attr-defined]
    return module


if __name__ == "__main__":
    main()
