"""What is said of executions over time, for the terminal and for the index page."""

from collections.abc import Sequence

from lungbench.counted import counted
from lungbench.foreign_text import visible
from reports.forms import format as fmt
from reports.forms.blocks import Table, table
from reports.over_time.history import History, Point, Stray, Track
from reports.over_time.past import PastExecution

METHOD = (
    "Each execution is compared with all earlier ones of the same work on the same machine, from "
    "the third on: the logarithm of the steady epoch time, and the accuracy, against the mean of "
    "the level before it and the spread between executions (Student's t for one more execution), "
    "adjusted by Holm over the cells of the execution at 2%, times and accuracies apart; an "
    "accuracy must also differ by more than the number of test images leaves open. What stands "
    "out is a step where the next execution confirms it, else passing. A change for the worse is "
    "an alarm where it is confirmed, or at 1%. Versions may differ, and are marked. Runs that "
    "were resumed have no time here. A slow drift is not found."
)
_COLUMNS = ("Cell", "Execution", "#Steady epoch", "#Runs", "#Accuracy", "Stands out")
_MOST_CHANGES = 4


def stray_sentence(track: Track, stray: Stray, execution: PastExecution) -> str:
    """Say what stands out in an execution, and of which cell."""
    return f"{visible(track.label)}, {stray_finding(stray, execution)}"


def stray_finding(stray: Stray, execution: PastExecution) -> str:
    """Say what stands out in an execution."""
    compared = counted(stray.earlier, "earlier execution")
    return f"{day(execution)}: {stray_words(stray)}; compared with {compared}."


def stray_words(stray: Stray) -> str:
    """Write a change in few words: `slower by +8.1% [+6.0%, +10.2%], a step`."""
    if stray.measure == "time":
        words, text = (
            "slower" if stray.worse else "faster",
            fmt.change(stray.change, stray.interval),
        )
    else:
        words = "less accurate" if stray.worse else "more accurate"
        text = fmt.points(stray.change, stray.interval)
    kind = {
        "step": "confirmed by the next one",
        "passing": "not confirmed by the next one",
        "newest": "not confirmed yet",
    }[stray.kind]
    return f"{words}, {text}, {kind}"


def day(execution: PastExecution) -> str:
    """Write when an execution was started: `2026-11-22 21:11`."""
    return f"{execution.started:%Y-%m-%d %H:%M}"


def remarks(history: History, number: int) -> tuple[str, ...]:
    """Say all that is to be said of one execution, in few words each."""
    execution = history.experiment.executions[number]
    found = [f"{track.label}: {stray_words(stray)}" for track, stray in history.strays(number)]
    changes = changes_at(history, number)
    more = len(changes) - _MOST_CHANGES
    found += changes[:_MOST_CHANGES]
    found += [f"{more} more facts differ"] if more > 0 else []
    found += execution.failures
    found += [execution.note] if execution.note else []
    resumed = sum(
        point.resumed
        for track in history.tracks
        for point in track.points
        if point.execution == number
    )
    found += [f"{counted(resumed, 'run')} resumed, without a time"] if resumed else []
    return tuple(map(visible, found))


def changes_at(history: History, number: int) -> list[str]:
    """Return what is not as it was in the execution before, each fact once."""
    before = _known(history.experiment.executions[number - 1]) if number else frozenset()
    changes = (
        change
        for track in history.tracks
        for point in track.points
        if point.execution == number
        for change in point.changes
    )
    # A cell that was not in the execution before is compared with an earlier one.
    return list(dict.fromkeys(str(each) for each in changes if (each.key, each.new) not in before))


def _known(execution: PastExecution) -> frozenset[tuple[str, str]]:
    return frozenset(
        fact
        for cell in execution.cells.values()
        for facts in (cell.work, cell.versions, cell.machine)
        for fact in facts.items()
    )


def runs_text(execution: PastExecution) -> str:
    """Write how many runs have a result, and whether cells were only timed."""
    text = f"{execution.completed} completed"
    if not execution.timed_only:
        return text
    all_timed = len(execution.timed_only) == len(execution.cells)
    return f"{text}, {'' if all_timed else 'some '}timing only"


def track_table(history: History, first: int) -> Table:
    """Return every figure of the executions from this one on, the newest of each cell first."""
    rows = [
        _row(track, point, history.experiment.executions)
        for track in history.tracks
        for point in reversed(track.points)
        if point.execution >= first
    ]
    return table(f"{visible(history.experiment.name)}: every cell over time", _COLUMNS, rows)


def _row(track: Track, point: Point, executions: Sequence[PastExecution]) -> tuple[str, ...]:
    return (
        visible(track.label),
        day(executions[point.execution]),
        epoch_text(point),
        str(point.runs),
        fmt.share_with_interval(point.accuracy, point.accuracy_interval),
        "; ".join(map(stray_words, point.strays)),
    )


def epoch_text(point: Point) -> str:
    """Write a steady epoch time with the interval of its runs, if any."""
    text = fmt.seconds(point.epoch_s)
    return f"{text} {fmt.limits(point.epoch_interval)}" if point.epoch_interval else text
