"""A real training that reaches the same points as the tiny one: `real_child.py RUN_DIR`."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from fault_points import Plan, Points, confine

if __name__ == "__main__":
    confine(Plan.here())


def train_with_points(plan: Plan, points: Points) -> ModuleType:
    """Return a module that stands before `lungbench.training.fit` until that is needed."""
    before = ModuleType("lungbench.training.fit")

    def train(job: Any, run_dir: Path, clock: Any) -> Any:
        del sys.modules["lungbench.training.fit"]
        points.reach("start")
        from lungbench.training import fit, keeper

        if plan.every != "policy":
            keeper._SHARE = float("inf")
            keeper._LONGEST_S = 0.0 if plan.every == "batch" else float("inf")
        _tell_of(fit, points, _batches_done(job, run_dir))
        return fit.train(job, run_dir, clock)

    before.train = train  # type: ignore[attr-defined]
    return before


def _batches_done(job: Any, run_dir: Path) -> int:
    from lungbench.data.dataset import PreparedData
    from lungbench.training.checkpoint import CHECKPOINT_FILE, read_header

    if not (run_dir / CHECKPOINT_FILE).exists():
        return 0
    header = read_header(run_dir / CHECKPOINT_FILE)
    steps = -(-len(PreparedData.read(job.data).rows["train"]) // job.spec.batch_size)
    return len(header.epochs) * steps + header.batches


def _tell_of(fit: Any, points: Points, done: int) -> None:
    """Reach points where batches and epochs end, and where the results are written."""

    def batch(self: Any, number: int, logs: Any = None) -> None:
        nonlocal done
        done += 1
        self.beat(number)
        points.reach(f"batch:{done}")

    def epoch(self: Any, number: int, logs: Any = None) -> None:
        points.reach(f"epoch:{number + 1}")

    def before(name: str, call: Any) -> Any:
        return lambda *given: (points.reach(name), call(*given))[1]

    fit.Pulse.on_train_batch_end, fit.Pulse.on_epoch_end = batch, epoch
    fit._write_predictions = before("fitted", fit._write_predictions)
    fit._save = before("predicted", fit._save)
    fit.controls = before("saved", fit.controls)


def main(run_dir: Path, plan: Plan) -> int:
    """Train in this process; return the exit code."""
    from lungbench import train as process

    points = Points(plan, run_dir)
    sys.modules["lungbench.training.fit"] = train_with_points(plan, points)
    if plan.calls is not None:
        from file_calls import Calls

        Calls(plan.calls).install()
    code = process.main(run_dir)
    points.reach("said")
    return code


if __name__ == "__main__":
    import os

    code = main(Path(sys.argv[1]), Plan.here())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
