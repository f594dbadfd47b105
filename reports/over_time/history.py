"""Executions of one experiment over time: their levels, what stands out, and what changed by then.

An execution is compared with all earlier ones of the same work on the same machine, whatever
their versions: a step where a version changed is what one looks for. Logarithms of the steady
epoch time, or the accuracy, one figure an execution; see `lungbench.stats.steps`. An accuracy
stands out only where the number of its test images allows it as well.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist, fmean
from typing import Literal

from lungbench.models import MODELS
from lungbench.stats.intervals import Interval, geometric_mean, mean_interval, wilson
from lungbench.stats.steps import ALARMING, Course, Departure, Kind, Step, adjusted
from reports.comparing.cells import CellKey, names
from reports.over_time.past import PastExecution, PastExperiment, Place, chronological
from reports.summaries.figures import MeasuredFigures
from reports.summaries.measured import Changed, changed, machine_name

Measure = Literal["time", "accuracy"]
MEASURES: tuple[Measure, ...] = ("time", "accuracy")


@dataclass(frozen=True, slots=True)
class Stray:
    """One figure that stands out from the executions before.

    Attributes:
        kind: See `lungbench.stats.steps.Step`.
        worse: Slower, or less accurate.
        change: A ratio of times, or a difference of accuracies.
        interval: Of the change, at 95 %.
        p: Adjusted over the cells of the execution.
        earlier: Executions that it was compared with.
        confirmed_in: The execution that confirmed a step.
    """

    measure: Measure
    kind: Kind
    worse: bool
    change: float
    interval: Interval
    p: float
    earlier: int
    confirmed_in: int | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One cell in one execution.

    Attributes:
        execution: Its number among the experiment's, from 0.
        series: Which points it can be compared with, from 0 in the order they began: those of the
            same work on the same machine.
        epoch_s: Geometric mean of its runs' steady epochs; None where no time counts.
        epoch_interval: Of its runs; None of one run.
        runs: Whose times count.
        resumed: Runs that were continued, whose times don't.
        accuracy_interval: Wilson's, of the test images.
        changes: What is not as it was in the cell's last execution before.
        strays: What stands out.
    """

    execution: int
    series: int
    epoch_s: float | None
    epoch_interval: Interval | None
    runs: int
    resumed: int
    accuracy: float | None
    accuracy_interval: Interval | None
    changes: tuple[Changed, ...] = ()
    strays: tuple[Stray, ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """One cell over time.

    Attributes:
        label: Its network and device, and what else tells it from the others.
    """

    place: Place
    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class History:
    """One experiment over time."""

    experiment: PastExperiment
    tracks: tuple[Track, ...]

    @property
    def newest(self) -> PastExecution:
        """The last execution."""
        return self.experiment.executions[-1]

    def strays(self, execution: int) -> list[tuple[Track, Stray]]:
        """Return what stands out in one execution."""
        return [
            (track, stray)
            for track in self.tracks
            for point in track.points
            if point.execution == execution
            for stray in point.strays
        ]

    def when(self, track: Track, stray: Stray) -> PastExecution:
        """Return the execution in which something stands out."""
        [at] = [point.execution for point in track.points if stray in point.strays]
        return self.experiment.executions[at]

    @property
    def regressions(self) -> list[tuple[Track, Stray]]:
        """What is worth an alarm: what the newest results show to be worse, or confirm.

        An execution without any result, as one under way, hides nothing that is known by then.
        """
        newest = max((track.points[-1].execution for track in self.tracks), default=0)
        return [
            (track, stray)
            for track in self.tracks
            for point in track.points
            for stray in point.strays
            if stray.worse and _is_found_in(newest, stray, point)
        ]


def history_of(experiment: PastExperiment) -> History:
    """Find what stands out in the executions of an experiment."""
    executions = experiment.executions
    places = chronological(executions)
    points = {place: _points(place, executions, at) for place, at in places.items()}
    for measure in MEASURES:
        points = _with_strays(points, measure, executions)
    labels = _labels(list(places))
    return History(
        experiment,
        tuple(Track(place, labels[place], tuple(found)) for place, found in points.items()),
    )


def _is_found_in(execution: int, stray: Stray, point: Point) -> bool:
    surely = point.execution == execution and stray.p <= ALARMING
    return surely or stray.confirmed_in == execution


def _points(place: Place, executions: Sequence[PastExecution], at: Sequence[int]) -> list[Point]:
    points: list[Point] = []
    series: dict[object, int] = {}
    before: MeasuredFigures | None = None
    for number in at:
        figures = executions[number].cells[place]
        comparable = (tuple(sorted(figures.work.items())), machine_name(figures.machine))
        changes = _changes(before, figures) if before else ()
        points.append(_point(number, series.setdefault(comparable, len(series)), figures, changes))
        before = figures
    return points


def _point(
    number: int, series: int, figures: MeasuredFigures, changes: tuple[Changed, ...]
) -> Point:
    times, accuracies = figures.steady_epochs_s, figures.accuracies
    accuracy = fmean(accuracies) if accuracies else None
    images = figures.test_images
    return Point(
        execution=number,
        series=series,
        epoch_s=geometric_mean(times) if times else None,
        epoch_interval=mean_interval(times) if times else None,
        runs=len(times),
        resumed=figures.resumed,
        accuracy=accuracy,
        accuracy_interval=wilson(round(accuracy * images), images)
        if accuracy is not None and images
        else None,
        changes=changes,
    )


def _changes(old: MeasuredFigures, new: MeasuredFigures) -> tuple[Changed, ...]:
    return (
        *changed(old.machine, new.machine),
        *changed(old.versions, new.versions),
        *changed(old.work, new.work),
    )


def _with_strays(
    points: dict[Place, list[Point]], measure: Measure, executions: Sequence[PastExecution]
) -> dict[Place, list[Point]]:
    """Take the executions one after the other, each over all its cells together."""
    courses: dict[tuple[Place, int], Course] = {}
    for number in range(len(executions)):
        now = [
            (place, at) for place, each in points.items() for at in each if at.execution == number
        ]
        asked = [
            (courses.setdefault((place, point.series), Course()), place, value)
            for place, point in now
            if (value := _value(point, measure)) is not None
        ]
        found = adjusted(
            [
                _departure(course, value, measure, executions[number].cells[place].test_images)
                for course, place, value in asked
            ]
        )
        for (course, _, value), departure in zip(asked, found, strict=True):
            course.take(number, value, departure)
    return {
        place: [
            replace(point, strays=(*point.strays, *_strays(courses, place, point, measure)))
            for point in each
        ]
        for place, each in points.items()
    }


def _value(point: Point, measure: Measure) -> float | None:
    if measure == "accuracy":
        return point.accuracy
    return math.log(point.epoch_s) if point.epoch_s else None


def _departure(course: Course, value: float, measure: Measure, images: int) -> Departure | None:
    """Compare with the level; an accuracy with what its test images leave open, too."""
    found = course.departure(value)
    if found is None:
        return None
    if measure == "time":
        return found if found.half_width else None  # a few equal readings are no certainty
    if not images:
        return None
    level = value - found.change
    error = math.sqrt(max(level * (1 - level) + value * (1 - value), 1 / images) / images)
    normal = NormalDist()
    p = 2 * (1 - normal.cdf(abs(found.change) / error))
    half_width = max(found.half_width, normal.inv_cdf(0.975) * error)
    return replace(found, p=max(found.p, p), half_width=half_width)


def _strays(
    courses: dict[tuple[Place, int], Course], place: Place, point: Point, measure: Measure
) -> list[Stray]:
    course = courses.get((place, point.series))
    return [
        _stray(step, measure)
        for step in (course.steps if course else ())
        if step.at == point.execution
    ]


def _stray(step: Step, measure: Measure) -> Stray:
    departure = step.departure
    change, half_width = departure.change, departure.half_width
    low, high = change - half_width, change + half_width
    timed = measure == "time"
    return Stray(
        measure=measure,
        kind=step.kind,
        worse=change > 0 if timed else change < 0,
        change=math.exp(change) if timed else change,
        interval=Interval(math.exp(low), math.exp(high)) if timed else Interval(low, high),
        p=departure.p_adjusted,
        earlier=departure.earlier,
        confirmed_in=step.confirmed_at,
    )


def _labels(places: Sequence[Place]) -> dict[Place, str]:
    keys = {place: CellKey(execution="", hostname="", **asdict(place)) for place in places}
    name = names(keys.values())
    return {place: f"{_title(place)} on {name(key)}" for place, key in keys.items()}


def _title(place: Place) -> str:
    """Return the network's name; a summary may be of a model that is no longer known."""
    return MODELS[place.model].title if place.model in MODELS else place.model
