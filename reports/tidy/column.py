"""A column of a tidy table: its name, what it means, in which unit, and where its value stands."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["text", "whole", "number", "truth", "moment"]
Value = str | int | float | bool | None

# By how a column's name ends; the first that fits counts.
_UNITS = (
    ("images_per_s", "images/s"),
    ("_flops_per_s", "operations/s"),
    ("_flops", "operations"),
    ("_bytes", "bytes"),
    ("_percent", "%"),
    ("_degrees", "degrees"),
    ("_pixels", "pixels"),
    ("_images", "images"),
    ("_periods", "periods"),
    ("_utc", "UTC, ISO 8601"),
    ("_mhz", "MHz"),
    ("_s", "s"),
    ("_w", "W"),
    ("_j", "J"),
    ("_c", "°C"),
)
RATE = "from 0 to 1"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that every row of a table has; a value that is missing is None, never 0.

    Attributes:
        name: Ends in the unit, where it has one.
        kind: `moment` is a text, in UTC.
        place: Where in a row's facts its value stands, as `record.timing.wall_s`.
        meaning: One sentence, or what is left of one where the name says the rest.
        stated_unit: Of a column whose name doesn't end in it.
    """

    name: str
    kind: Kind
    place: str
    meaning: str
    stated_unit: str = ""

    @property
    def unit(self) -> str:
        """The unit; empty for texts and counts."""
        if self.stated_unit:
            return self.stated_unit
        return next((unit for ending, unit in _UNITS if self.name.endswith(ending)), "")

    def of(self, facts: object) -> Value:
        """Return the value of a row."""
        return as_value(self.kind, _at(facts, self.place))


Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Tidy:
    """A tidy table: one row a fact, one column a property.

    Attributes:
        name: `runs`, `epochs`, `classes` or `samples`.
        columns: In their order.
        rows: Reads the rows anew, one by one.
    """

    name: str
    columns: tuple[Column, ...]
    rows: Callable[[], Iterator[Row]]


def row_of(columns: tuple[Column, ...], facts: object) -> Row:
    """Return the values of all columns."""
    return tuple(column.of(facts) for column in columns)


def as_value(kind: Kind, found: object) -> Value:
    """Return what was found as a value of a kind; a number that is none is missing."""
    if found is None:
        return None
    if kind == "text":
        return _text(found)
    if kind == "moment":
        return _moment(found)
    if kind == "truth":
        return bool(found)
    number = float(found)  # type: ignore[arg-type]  # a column of numbers says where numbers stand
    if not math.isfinite(number):
        return None
    return int(number) if kind == "whole" else number


def _at(facts: object, place: str) -> object:
    """Follow a place's names as far as there is something."""
    for name in place.split("."):
        if facts is None:
            return None
        facts = facts.get(name) if isinstance(facts, Mapping) else getattr(facts, name)
    return facts


def _text(found: object) -> str | None:
    """Return a text; an empty one is as good as missing, since no CSV file tells them apart."""
    if isinstance(found, Mapping):
        return "; ".join(f"{name}: {value}" for name, value in found.items())
    if isinstance(found, tuple | list):
        return "; ".join(map(str, found))
    return str(found) or None


def _moment(found: object) -> str | None:
    if not isinstance(found, datetime):
        return None
    return found.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
