"""Where a figure that is measured again and again has left its level.

The unit is the execution: runs of one execution share their night, their machine's temperature
and whatever else ran, so an execution is compared with earlier executions and never by the spread
of its own runs, which would call every warm night a regression. What is known of a level is the
mean of its executions and their spread; a further execution without any change falls within
Student's t of that mean, `spread * sqrt(1 + 1 / executions)` wide.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from lungbench.stats.agreement import holm
from lungbench.stats.intervals import t_quantile

STANDING_OUT = 0.02
"""The adjusted p-value of an execution that stands out.

What stood out is left out of the level, so its spread is a little too small later on: simulated
over 40 executions of 3 cells, 3 % of those in which nothing changed stand out and 0.2 % are
taken for steps. At 5 % it would be 12 % and 2.6 %.
"""

ALARMING = 0.01
"""The adjusted p-value from which on an execution is worth an alarm before it is confirmed."""

CONFIRMING = 0.02
"""The unadjusted p-value that both executions of a step have at most, the first and the next."""

FEWEST_EARLIER = 2
"""Executions of a level from which on one more can be compared with it."""

Kind = Literal["step", "passing", "newest"]


@dataclass(frozen=True, slots=True)
class Departure:
    """How far an execution is from the level before it.

    Attributes:
        change: The execution minus the mean of the level.
        half_width: How far it may be off without any change, at 95 %.
        p: How likely it is to be as far off, or farther, without any change.
        earlier: Executions of the level.
        p_adjusted: `p`, over all that is compared in the same execution.
    """

    change: float
    half_width: float
    p: float
    earlier: int
    p_adjusted: float = 1.0

    @property
    def stands_out(self) -> bool:
        """Whether it is too far off for an execution in which nothing changed."""
        return self.p_adjusted <= STANDING_OUT


@dataclass(frozen=True, slots=True)
class Step:
    """One execution that stands out.

    Attributes:
        at: Which execution.
        kind: `step` where the next one confirmed another level, `passing` where it did not, and
            `newest` where there is no next one yet.
        departure: From the level before it.
        confirmed_at: Which execution confirmed a step.
    """

    at: int
    kind: Kind
    departure: Departure
    confirmed_at: int | None = None


class Course:
    """One figure over the executions that can be compared: its level, and what left it.

    Executions that stand out and were not confirmed belong to no level. After a step a new level
    begins; the spread within the levels before it still counts, so that it need not be learnt
    anew.
    """

    def __init__(self) -> None:
        self._level: list[float] = []
        self._squares, self._freedom = 0.0, 0  # within the levels before
        self._pending: tuple[Step, float] | None = None
        self._found: list[Step] = []

    @property
    def steps(self) -> tuple[Step, ...]:
        """What stood out, oldest first."""
        newest = [self._pending[0]] if self._pending else []
        return (*self._found, *(step for step in newest if step.departure.stands_out))

    @property
    def level(self) -> float | None:
        """The mean of the level that the last execution is compared with, or belongs to."""
        return fmean(self._level) if self._level else None

    def departure(self, value: float) -> Departure | None:
        """Compare a further execution with the level; None while the level is unknown.

        A level without any spread is known exactly: whatever else the caller knows of the
        figure's error must speak then.
        """
        executions = len(self._level)
        if executions < FEWEST_EARLIER:
            return None
        change = value - fmean(self._level)
        freedom = self._freedom + executions - 1
        spread = math.sqrt((self._squares + _squares(self._level)) / freedom)
        error = spread * math.sqrt(1 + 1 / executions)
        half_width = error * t_quantile(freedom, 0.95)
        return Departure(change, half_width, _p(change, error, freedom), executions)

    def take(self, at: int, value: float, departure: Departure | None) -> None:
        """Add an execution.

        Args:
            at: Which one it is.
            value: Its figure.
            departure: What `departure` said of the value, adjusted; see `adjusted`.
        """
        if self._pending and departure and _confirms(departure, self._pending[0].departure):
            self._begin_level(at, value)
            return
        self._settle()
        if departure and departure.p <= CONFIRMING:
            self._pending = Step(at, "newest", departure), value
        else:
            self._level.append(value)

    def _settle(self) -> None:
        """Say of an execution that no other confirmed what it was."""
        if self._pending is None:
            return
        step, value = self._pending
        self._pending = None
        if step.departure.stands_out:
            self._found.append(replace(step, kind="passing"))
        else:
            self._level.append(value)

    def _begin_level(self, at: int, value: float) -> None:
        if self._pending is None:
            return
        step, first = self._pending
        self._squares += _squares(self._level)
        self._freedom += len(self._level) - 1
        self._level, self._pending = [first, value], None
        self._found.append(replace(step, kind="step", confirmed_at=at))


def adjusted(departures: Sequence[Departure | None]) -> list[Departure | None]:
    """Adjust what is said of one execution's figures, by Holm over all of them."""
    p_values = iter(holm([each.p for each in departures if each]))
    return [each and replace(each, p_adjusted=next(p_values)) for each in departures]


def _confirms(later: Departure, first: Departure) -> bool:
    """Return whether two in a row left the level the same way, one of them beyond doubt."""
    same_way = later.change * first.change > 0
    both = max(later.p, first.p) <= CONFIRMING
    return same_way and both and (later.stands_out or first.stands_out)


def _squares(values: Sequence[float]) -> float:
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values)


def _p(change: float, error: float, freedom: int) -> float:
    from scipy.special import stdtr  # half a second to import, so only where a t is needed

    if error == 0:
        return float(change == 0)
    return float(2 * stdtr(freedom, -abs(change) / error))
