"""All results of a folder on one page, `index.html`, that links every report.

Static, without scripts and without requests; rebuilt after each run. What can't be read becomes a
sentence, so that one broken folder never costs the page.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from lungbench import __version__
from lungbench.counted import counted
from lungbench.files import write_atomically
from lungbench.foreign_text import visible
from reports.drawings.track import Dot, Standing, Strip, track
from reports.forms import format as fmt
from reports.forms.blocks import Figure, LegendEntry, Panel
from reports.over_time.history import History, Measure, Point, Track, history_of
from reports.over_time.history_words import (
    METHOD,
    day,
    remarks,
    runs_text,
    stray_sentence,
    track_table,
)
from reports.over_time.past import Past, PastExecution, read_past
from reports.page.render import as_bytes, templates

INDEX_FILE = "index.html"
MOST_DRAWN = 50
_MOST_OPEN = 12
_MOST_FINDINGS = 12
_COLOURS = 8
_READING = (
    "One dot an execution, from the oldest to the newest, and the 95% interval of its runs or of "
    "its test images. Dots of another colour did other work or ran on another machine, and are "
    "not compared. A dashed line is where a version, the machine or the work changed; a triangle "
    "stands out from the executions before, pointing down for worse and up for better."
)

log = logging.getLogger("lungbench.index")


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """One execution in a list.

    Attributes:
        address: Of its report, relative to the page; empty where there is none.
        worse: Whether something in it stands out for the worse.
    """

    name: str
    address: str
    hosts: str
    runs: str
    remarks: tuple[str, ...]
    worse: bool


@dataclass(frozen=True, slots=True)
class ExperimentView:
    """One experiment on the page.

    Attributes:
        findings: What stood out, the newest first: a sentence, and whether it is worse.
        calm: What is said where nothing did.
        newest: Its last executions, the newest first.
        older: All before.
        older_title: How many these are.
    """

    anchor: str
    name: str
    summary: str
    findings: tuple[tuple[str, bool], ...]
    calm: str
    figure: Figure | None
    newest: tuple[ExecutionRow, ...]
    older: tuple[ExecutionRow, ...]
    older_title: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IndexPage:
    """Everything that the page says.

    Attributes:
        alarms: The regressions in the newest execution of each experiment.
    """

    title: str
    subtitle: str
    alarms: tuple[str, ...]
    experiments: tuple[ExperimentView, ...]
    notes: tuple[str, ...]
    method: str
    rendered: str


def rebuild_index(results: Path) -> Path | None:
    """Write `index.html` of a results folder; a failure is a warning, since results count more."""
    try:
        return write_index(results)
    except Exception as error:  # whatever it is, the execution beside it is finished
        log.warning("no index of %s: %s: %s", results, type(error).__name__, error)
        return None


def write_index(results: Path) -> Path:
    """Write `index.html` of a results folder.

    Raises:
        Refused: There is no execution in it.
        OSError: It can't be written.
    """
    past = read_past(results)
    page = index_page(past, [history_of(each) for each in past.experiments], datetime.now(UTC))
    text = templates().get_template("index.html.jinja").render(page=page)
    write_atomically(results / INDEX_FILE, as_bytes(text))
    return results / INDEX_FILE


def index_page(past: Past, histories: Sequence[History], now: datetime) -> IndexPage:
    """Build the page of all experiments, those with the newest execution first."""
    ordered = sorted(histories, key=lambda history: history.newest.started, reverse=True)
    executions = sum(len(each.experiment.executions) for each in histories)
    return IndexPage(
        title="Results",
        subtitle=f"{counted(executions, 'execution')} of "
        f"{counted(len(histories), 'experiment')}; the newest from "
        f"{fmt.moment(ordered[0].newest.started)}.",
        alarms=tuple(
            f"{visible(history.experiment.name)}, {sentence}"
            for history in ordered
            for sentence in regression_sentences(history)
        ),
        experiments=tuple(_view(past, each, number) for number, each in enumerate(ordered, 1)),
        notes=tuple(map(visible, past.notes)),
        method=METHOD,
        rendered=f"Written {fmt.moment(now)} by lungbench {__version__}.",
    )


def regression_sentences(history: History) -> tuple[str, ...]:
    """Say what is worth an alarm."""
    return tuple(
        stray_sentence(found, stray, history.when(found, stray))
        for found, stray in history.regressions
    )


def _view(past: Past, history: History, number: int) -> ExperimentView:
    executions = history.experiment.executions
    rows = [_row(past, history, at) for at in reversed(range(len(executions)))]
    findings = [
        (stray_sentence(found, stray, executions[at]), stray.worse)
        for at in reversed(range(len(executions)))
        for found, stray in history.strays(at)
    ]
    return ExperimentView(
        anchor=f"experiment-{number}",
        name=visible(history.experiment.name),
        summary=_summary(history),
        findings=tuple(findings[:_MOST_FINDINGS]),
        calm=_calm(history),
        figure=_figure(history) if len(executions) > 1 and history.tracks else None,
        newest=tuple(rows[:_MOST_OPEN]),
        older=tuple(rows[_MOST_OPEN:]),
        older_title=counted(len(rows[_MOST_OPEN:]), "older execution"),
        notes=tuple(map(visible, history.experiment.notes)),
    )


def _summary(history: History) -> str:
    executions = history.experiment.executions
    count = counted(len(executions), "execution")
    if len(executions) == 1:
        return f"{count}, on {day(history.newest)} UTC."
    return f"{count}, from {day(executions[0])} to {day(history.newest)} UTC."


def _calm(history: History) -> str:
    deepest = max((len(track.points) for track in history.tracks), default=0)
    if deepest <= 2:  # noqa: PLR2004  the third is the first that can be compared
        return "Too few executions to say what is usual; the third is the first one compared."
    return "Nothing stands out."


def _row(past: Past, history: History, number: int) -> ExecutionRow:
    execution = history.experiment.executions[number]
    return ExecutionRow(
        name=f"{day(execution)} UTC",
        address=_address(past.folder, execution),
        hosts=visible(fmt.listed(execution.hosts)) if execution.hosts else fmt.MISSING,
        runs=runs_text(execution),
        remarks=remarks(history, number),
        worse=any(stray.worse for _, stray in history.strays(number)),
    )


def _address(folder: Path, execution: PastExecution) -> str:
    """Return a link that survives moving the whole folder, whatever the names in it."""
    page = execution.report
    if page is None:
        return ""
    relative = page.relative_to(folder)
    return "./" + "/".join(quote(part.encode(errors="surrogateescape")) for part in relative.parts)


def _figure(history: History) -> Figure:
    first = max(0, len(history.experiment.executions) - MOST_DRAWN)
    series = max((point.series for each in history.tracks for point in each.points), default=0)
    legend = [LegendEntry("rule", "something changed: see the list")]
    if not series:
        legend.insert(0, LegendEntry("c1", "an execution"))
    left_out = f" Only the newest {MOST_DRAWN} are drawn." if first else ""
    return Figure(
        reading=_READING + left_out,
        panels=tuple(_panel(history, each, first) for each in history.tracks),
        table=track_table(history, first),
        legend=tuple(legend),
    )


def _panel(history: History, found: Track, first: int) -> Panel:
    executions = history.experiment.executions[first:]
    points = [point for point in found.points if point.execution >= first]
    words = _alternative(found, points)
    drawn = track(
        (
            Strip("steady epoch, s", _dots(points, "time", first), fmt.significant),
            Strip("accuracy", _dots(points, "accuracy", first), fmt.share),
        ),
        len(executions),
        [point.execution - first for point in points if point.changes],
        (f"{executions[0].started:%Y-%m-%d}", f"{executions[-1].started:%Y-%m-%d}"),
        words,
    )
    return Panel(visible(found.label), drawn, words)


def _dots(points: Sequence[Point], measure: Measure, first: int) -> tuple[Dot, ...]:
    dots = []
    for point in points:
        timed = measure == "time"
        value = point.epoch_s if timed else point.accuracy
        interval = point.epoch_interval if timed else point.accuracy_interval
        if value is not None:
            dots.append(
                Dot(
                    at=point.execution - first,
                    value=value,
                    low=interval.low if interval else None,
                    high=interval.high if interval else None,
                    mark=f"c{point.series % _COLOURS + 1}",
                    standing=_standing(point, measure),
                )
            )
    return tuple(dots)


def _standing(point: Point, measure: Measure) -> Standing:
    found = [stray for stray in point.strays if stray.measure == measure]
    if not found:
        return ""
    return "worse" if found[0].worse else "better"


def _alternative(found: Track, points: Sequence[Point]) -> str:
    times = [point.epoch_s for point in points if point.epoch_s]
    rates = [point.accuracy for point in points if point.accuracy is not None]
    said = [f"{visible(found.label)} over {counted(len(points), 'execution')}"]
    if times:
        said.append(
            f"steady epoch {fmt.seconds(min(times))} to {fmt.seconds(max(times))}, "
            f"last {fmt.seconds(times[-1])}"
        )
    if rates:
        said.append(
            f"accuracy {fmt.share_range(min(rates), max(rates))}, last {fmt.share(rates[-1])}"
        )
    strays = sum(len(point.strays) for point in points)
    said.append(f"{strays} stand out" if strays else "none stands out")
    return "; ".join(said)
