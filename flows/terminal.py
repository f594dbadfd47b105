"""What a person sees while an experiment runs: a live table on a terminal, a line an epoch off it.

It reads the run folders, like everybody who watches, and writes to stderr.
"""

import os
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from flows.live_screen import LiveScreen, unblocking
from lungbench.counted import counted
from lungbench.executions.execution import Execution
from lungbench.experiment import RunSpec
from lungbench.record import Epoch, RunRecord
from lungbench.run.follow import Follower, remaining_s
from reports.comparing.guarding import name_in_a_sentence
from reports.forms.format import duration
from reports.summaries.summary import read_summary

_LOOK_S = 1.0
_FAREWELL_S = 5.0  # then a terminal that stands still is left behind
_MOST_NAMED = 5
_MOST_VERDICTS = 6


@contextmanager
def preparing(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Show how many images were looked at; nothing off a terminal."""
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("preparing images", total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


@contextmanager
def watched(execution: Execution, console: Console) -> Iterator[None]:
    """Show the execution's progress while the body runs, then what came out of it.

    All of it is written by a thread of its own: a terminal that stands still holds up nothing.
    """
    ended = threading.Event()
    live = console.is_terminal and not console.is_dumb_terminal
    with ExitStack() as stack:
        screen: _Lines | LiveScreen
        if live:
            console = unblocking(console)
            screen = LiveScreen(execution, console, _LOOK_S)
            stack.enter_context(screen.taking_the_log())
        else:
            screen = _Lines(execution, console)
        thread = threading.Thread(
            target=_show, args=(screen, ended, execution, console), name="terminal", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(_FAREWELL_S if live else None)


def _show(
    screen: "_Lines | LiveScreen", ended: threading.Event, execution: Execution, console: Console
) -> None:
    with suppress(OSError):  # a terminal that is gone is no matter for the trainings
        screen.run(ended)
        for line in closing_lines(execution):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def closing_lines(execution: Execution) -> list[str]:
    """Return what is said at the end: the verdicts, whether to trust them, and what is left."""
    lines = (*verdict_lines(execution.folder), trust_line(execution.folder), left_line(execution))
    return [line for line in lines if line]


def verdict_lines(folder: Path) -> list[str]:
    """Return the report's verdicts, a line a cell; none where no report was written.

    Args:
        folder: The execution's, with the summary that its report was written with.
    """
    summary = read_summary(folder)
    if summary is None:
        return []
    verdicts = (*(each.verdict for each in summary.cells), *(each.verdict for each in summary.axes))
    said = [" ".join(verdict) for verdict in verdicts if verdict]
    more = len(said) - _MOST_VERDICTS
    if more <= 1:
        return said
    return [*said[:_MOST_VERDICTS], f"{more} more verdicts stand in the report"]


def left_line(execution: Execution) -> str | None:
    """Say in a line what is done and what isn't; None where nothing is left."""
    left = execution.left()
    if not left:
        return None
    runs = len(execution.experiment.runs())
    names = _listed([_with_progress(execution, spec) for spec in left])
    return f"done: {runs - len(left)} of {counted(runs, 'run')}; left: {names}"


def _with_progress(execution: Execution, spec: RunSpec) -> str:
    kept = _follower(execution, spec).kept
    return f"{spec.label} (after epoch {kept} of {spec.epochs_to_train})" if kept else spec.label


def resume_command(folder: Path) -> str:
    """Return the command that goes on with an execution."""
    here = Path.cwd()
    shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
    return f"lungbench resume {shlex.quote(str(shown))}"


def trust_line(folder: Path) -> str | None:
    """Say in a line whether an execution's times can be trusted; None where nobody judged them.

    Args:
        folder: The execution's, with the summary that its report was written with.
    """
    summary = read_summary(folder)
    if summary is None:
        return None
    failed, warned, passed = (
        [guard for guard in summary.guards if guard.status == status]
        for status in ("fail", "warn", "pass")
    )
    raised = [name_in_a_sentence(guard.name) for guard in (*failed, *warned)]
    if not raised:
        return f"trust: all {counted(len(passed), 'check')} passed" if passed else None
    counts = [
        counted(len(found), noun)
        for found, noun in ((warned, "warning"), (failed, "failed check"))
        if found
    ]
    return f"trust: {', '.join(counts)} (see the report): {_listed(raised)}"


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names if more <= 1 else [*names[:_MOST_NAMED], f"{more} more"])


@dataclass(slots=True)
class _Turn:
    """A run that is still to have its turn, or has it.

    Attributes:
        title: Its place among all, and what it is called.
        epochs: What this attempt has trained so far.
    """

    title: str
    spec: RunSpec
    follower: Follower
    epochs: list[Epoch] = field(default_factory=list)
    begun: bool = False


class _Lines:
    """One line when a run starts, at each epoch, and when it ends; none for those without a turn.

    It is made before the runs begin, so that it knows what earlier attempts left.
    """

    def __init__(self, execution: Execution, console: Console) -> None:
        self._execution, self._console = execution, console
        self._runs = execution.experiment.runs()
        remaining = set(execution.remaining())
        self._turns = {
            spec.run_id: _Turn(
                f"[{number}/{len(self._runs)}] {spec.label}", spec, _follower(execution, spec)
            )
            for number, spec in enumerate(self._runs, 1)
            if spec in remaining
        }

    def run(self, ended: threading.Event) -> None:
        """Follow the runs, of which some may train at once, until all or `ended`."""
        complete = len(self._runs) - len(self._turns)
        known = f", {complete} of them complete" if complete else ""
        self._say(f"{self._execution.folder}: {counted(len(self._runs), 'run')}{known}")
        while self._turns:
            last_look, begun = ended.is_set(), self._folders()
            for run_id in [each for each in self._turns if each in begun]:
                if not self._goes_on(self._turns[run_id]):
                    del self._turns[run_id]
            if last_look:
                return
            ended.wait(_LOOK_S)

    def _folders(self) -> set[str]:
        """Name the runs that have a folder; nothing else is looked for in those of others."""
        try:
            return {entry.name for entry in os.scandir(self._execution.folder / "runs")}
        except OSError:
            return set()

    def _goes_on(self, turn: _Turn) -> bool:
        """Say what is new of a run; return whether there can be more."""
        if not turn.begun and turn.follower.begun:
            turn.begun = True
            self.started(turn.title, turn.follower.kept)
        finished = turn.follower.ended
        for epoch in turn.follower.epochs():
            turn.epochs.append(epoch)
            self.epoch(turn.title, turn.spec, turn.epochs)
        if finished:
            record = self._execution.record(turn.spec)
            if turn.begun or not (record and record.status == "interrupted"):
                self.finished(turn.title, record)
        return not finished

    def started(self, title: str, kept: int) -> None:
        """Say that a run's turn has come, and after how many epochs it goes on."""
        self._say(f"{title}: goes on after epoch {kept}" if kept else f"{title}: started")

    def epoch(self, title: str, spec: RunSpec, epochs: list[Epoch]) -> None:
        """Say how an epoch went."""
        done = f"epoch {epochs[-1].epoch}/{spec.epochs_to_train}"
        self._say(f"{title}: {done} {_state(spec, epochs)}")

    def finished(self, title: str, record: RunRecord | None) -> None:
        """Say how the run ended."""
        self._say(f"{title}: {_end(record)}")

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _follower(execution: Execution, spec: RunSpec) -> Follower:
    return Follower(execution.run_dir(spec))


def _state(spec: RunSpec, epochs: list[Epoch]) -> str:
    latest = epochs[-1]
    left_s = remaining_s(epochs, spec.epochs_to_train)
    parts = [
        duration(latest.train_s),
        f"{latest.images_per_s:.1f} images/s",
        "" if latest.loss is None else f"loss {latest.loss:.4f}",
        "" if latest.val_accuracy is None else f"val_accuracy {latest.val_accuracy:.4f}",
        f"{duration(left_s)} to go" if left_s else "",
    ]
    return ", ".join(part for part in parts if part)


def _end(record: RunRecord | None) -> str:
    if record is None:
        return "ended, but its record can't be read"
    if record.reason:
        return f"{record.status}: {record.reason.message}"
    if record.timing and record.timing.predicted:
        whole = duration(record.timing.predicted.wall_s)
        return (
            f"{record.status}, timing only: all {record.spec.epochs} epochs would take about "
            f"{whole}, predicted from {len(record.epochs)} of them"
        )
    if record.metrics is None or record.timing is None:
        return record.status
    accuracy = f"accuracy {record.metrics.overall_accuracy:.4f} on the test images"
    return f"{record.status} in {duration(record.timing.wall_s)}, {accuracy}"
