"""What a run took from its machine in each of its phases."""

from collections.abc import Sequence

from lungbench.record import RunRecord
from reports.forms import format as fmt
from reports.forms.blocks import Table, table
from reports.results.phases import phases_of
from reports.results.readings import Readings, largest_of, mean_of

_TITLES = (
    "Network",
    "Device",
    "Phase",
    "#Time",
    "#CPU, mean",
    "#Others' load, mean",
    "#Memory, peak",
    "#GPU, mean",
    "#GPU memory, peak",
    "#GPU power, mean",
)
_CAPTION = "What the drawn runs took in each phase; 100% of CPU is one core"


def phase_rows(
    names: tuple[str, str], record: RunRecord, readings: Readings
) -> list[tuple[str, ...]]:
    """Return a row for each phase that a reading falls into.

    Args:
        names: The network and the device.
        record: The run.
        readings: All of the run's readings.
    """
    found = [
        (each, readings.within(each.start_s, each.end_s))
        for each in phases_of(record, readings.end_s)
    ]
    return [
        (*names, phase.name, fmt.duration(phase.end_s - phase.start_s), *_texts(inside))
        for phase, inside in found
        if len(inside.t_s)
    ]


def phase_table(rows: Sequence[tuple[str, ...]]) -> Table:
    """Put the rows of all drawn runs together."""
    return table(_CAPTION, _TITLES, rows, only_known=True)


def _texts(inside: Readings) -> tuple[str, ...]:
    columns = inside.columns
    busy, held, drawn = (
        inside.over_gpus(name) for name in ("utilisation_percent", "memory_used_bytes", "power_w")
    )
    return (
        fmt.percent(mean_of(columns.get("cpu_percent"))),
        fmt.percent(mean_of(columns.get("other_load_percent"))),
        fmt.size(largest_of(columns.get("rss_bytes"))),
        fmt.percent(mean_of(busy)),
        fmt.size(largest_of(held)),
        fmt.power(mean_of(drawn)),
    )
