"""Rows 5 and 10, with Keras: a training is asked to end, goes on, and then hangs at its exit."""

import os
import sys
from pathlib import Path

from fault_lab import Lab, Outcome, wait_for
from fault_points import Plan


def main(folder: Path) -> None:
    """Interrupt a real training, and assert that it equals the one that runs beside it."""
    lab, run_dir, signs = Lab(folder / "lab", real=True), folder / "run", folder / "signs"
    signs.mkdir()
    beside = lab.begin(folder / "whole")
    beside.child()
    os.environ["LUNGBENCH_LOCKS"] = str(folder / "others")  # as if it were another host
    flight = lab.begin(run_dir, Plan(at={"batch:4": f"wait={signs}"}), grace_s=60)
    wait_for((signs / "reached").exists)
    flight.child().terminate()
    (signs / "go").touch()
    asked = flight.record()
    assert asked.reason
    assert (asked.status, asked.reason.kind) == ("interrupted", "signal")
    assert lab.committed(run_dir) == (1, 2)

    record = lab.launch(run_dir, Plan(at={"said": "hang"}), exit_s=1.0)
    assert record.status == "completed", record.reason
    assert record.resumption
    assert record.resumption.exact
    assert (record.resumption.epochs, record.resumption.batches) == (1, 2)
    assert {epoch.attempt for epoch in record.epochs} == {1, 2}
    assert beside.record().status == "completed"
    assert Outcome.of(run_dir) == Outcome.of(folder / "whole")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
