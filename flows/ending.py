"""How an execution ended: what its records say, as the exit code of a command and as a state.

One rule for both, with Prefect and without, wherever the runs were trained. A run that was skipped
is no failure. One that was interrupted leaves the execution interrupted, and so does one without a
record where somebody stopped the execution before its turn; elsewhere a record is only missing
where it could not be written, which is a failure.
"""

from typing import Literal

from lungbench.executions.execution import Execution

Ending = Literal["completed", "failed", "interrupted"]

_EXIT_CODES: dict[Ending, int] = {"completed": 0, "failed": 1, "interrupted": 130}


def statuses(execution: Execution, *, stopped: bool = False) -> list[str]:
    """Return how each run ended, in the experiment's order.

    Args:
        execution: Nobody trains its runs any more.
        stopped: Whether somebody stopped it, so that runs without a record had no turn.
    """
    found = map(execution.record, execution.experiment.runs())
    without = "interrupted" if stopped else "failed"
    return [record.status if record else without for record in found]


def ending(ended: list[str]) -> Ending:
    """Sum up how runs ended."""
    if "interrupted" in ended:
        return "interrupted"
    return "failed" if "failed" in ended else "completed"


def exit_code(execution: Execution) -> int:
    """Return 0 where every run completed or was skipped, 130 after an interruption, else 1."""
    return _EXIT_CODES[ending(statuses(execution))]
