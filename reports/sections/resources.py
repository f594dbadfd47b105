"""What each run took from its machine, and where its time went."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.counted import counted
from lungbench.guards.table import OTHER_LOAD_WARN_PERCENT
from lungbench.record import Resources, RunRecord
from reports.comparing.cells import turn_text
from reports.comparing.comparison import Cell, Study
from reports.drawings.timeline import drawn
from reports.drawings.timelines import PHASE_MARKS, timelines
from reports.forms import format as fmt
from reports.forms.blocks import Figure, LegendEntry, Panel, Table, table
from reports.results.load import Results, Run
from reports.results.readings import Readings
from reports.sections.energy import ENERGY_READING, energy, unmetered
from reports.sections.ledger import ledger
from reports.sections.phase_use import phase_rows, phase_table

# More than anybody looks at, and a bound on the size of the page; the tables have every run.
_MOST_DRAWN = 24

_READING = (
    "One column of drawings a run: its CPU and memory, and its GPU's where it had one, over the "
    "seconds since its process started. The coloured strip on top says what the run was doing. "
    "Where the background is shaded, other processes took more than "
    f"{OTHER_LOAD_WARN_PERCENT:g}% of the host: those seconds can't be trusted. A long run is "
    "thinned to the lowest and the highest value of each pixel, so no peak is lost."
)

_LEGEND = (
    LegendEntry("line c1", "this run; the GPU; the whole host's CPU"),
    LegendEntry("line dotted c2", "others on the host; the whole host's memory; a second GPU"),
    LegendEntry("rule", "the start of an epoch, and the end of the last"),
    LegendEntry("busy", "other load on the host"),
    *(LegendEntry(mark, f"strip: {name}") for name, mark in PHASE_MARKS.items()),
)

_USE_CAPTION = "Resources of every run; 100% of CPU is one core"
_USE_TITLES = (
    "Network",
    "Device",
    "#Run",
    "#CPU, mean",
    "#CPU, peak",
    "#Memory, peak",
    "#Host CPU",
    "#Others' load",
    "#Others' load, 95%",
    "#Kept by hypervisor",
    "#GPUs seen",
    "#GPU",
    "#GPU memory, peak",
    "#GPU power",
    "#GPU, hottest",
    "#Energy",
    "#Readings",
    "#This tool",
)


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """The section on resources.

    Attributes:
        use: The table, where there is nothing drawn that it belongs to.
        timelines: None where no run left samples.
        chosen: Which runs are drawn, and which have nothing to draw.
        phases: What the drawn runs took in each of their phases; None where nothing is drawn.
        energy: None where nothing was metered.
        energy_reading: How to read it, or why the node's is unknown; empty where nobody asked.
        ledger: None where no run left times.
    """

    use: Table | None
    timelines: Figure | None
    chosen: str
    phases: Table | None
    energy: Table | None
    energy_reading: str
    ledger: Figure | None


def resources(executions: Sequence[Results], study: Study) -> ResourceUse:
    """Build the section."""
    pairs = [(each.cell, run) for each in study.comparisons for run in each.cell.runs]
    rows = [_use_row(cell, run, run.resources) for cell, run in pairs if run.resources]
    use = table(_USE_CAPTION, _USE_TITLES, rows, only_known=True) if rows else None
    panels, phases, without = _panels(executions, study)
    metered = energy(pairs)
    reading = ENERGY_READING if metered else ""
    return ResourceUse(
        use=None if panels else use,
        timelines=Figure(_READING, tuple(panels), use, _LEGEND, open_table=True)
        if panels
        else None,
        chosen=_chosen(study, without),
        phases=phase_table(phases) if phases else None,
        energy=metered,
        energy_reading=" ".join(filter(None, (reading, unmetered(pairs)))),
        ledger=ledger(pairs),
    )


def _panels(
    executions: Sequence[Results], study: Study
) -> tuple[list[Panel], list[tuple[str, ...]], list[str]]:
    """Draw the first repeat of every cell; return drawings, their phases, and who has none."""
    runs = {id(run.record): run for execution in executions for run in execution.runs}
    panels, phases, without = [], [], []
    for number, comparison in enumerate(study.comparisons[:_MOST_DRAWN]):
        cell = comparison.cell
        title = f"{cell.title} on {cell.label}, run {turn_text(cell.runs[0])}"
        run = runs[id(cell.runs[0])]
        readings = Readings.of(run)
        panel = _panel(run, readings, title, f"time{number}") if readings else None
        if readings and panel:
            panels.append(panel)
            phases += phase_rows((cell.title, cell.label), run.record, readings)
        else:
            without.append(title)
    return panels, phases, without


def _panel(run: Run, readings: Readings, title: str, prefix: str) -> Panel | None:
    found = drawn(readings, run.record)
    if found is None:
        return None
    alternative = f"{title}: {_words(run.record.resources)}."
    return Panel(title, timelines(found, prefix, alternative), alternative)


def _words(used: Resources | None) -> str:
    if used is None:
        return "resources over time"
    words = [
        f"CPU {fmt.percent(used.cpu_percent_mean)} on average",
        f"memory up to {fmt.size(used.rss_peak_bytes)}",
    ]
    if used.gpu_percent_mean is not None:
        words.append(f"GPU {fmt.percent(used.gpu_percent_mean)} on average")
    return ", ".join(words)


def _chosen(study: Study, without: Sequence[str]) -> str:
    repeated = any(len(each.cell.runs) > 1 for each in study.comparisons)
    first = "The first run of each cell is drawn; the table has every run." if repeated else ""
    none = f"No samples were kept of {fmt.listed(without)}." if without else ""
    left = len(study.comparisons) - _MOST_DRAWN
    more = f"{counted(left, 'more cell')} of the table {'is' if left == 1 else 'are'} not drawn."
    return " ".join(filter(None, (first, none, more if left > 0 else "")))


def _use_row(cell: Cell, run: RunRecord, used: Resources) -> tuple[str, ...]:
    return (
        cell.title,
        cell.label,
        turn_text(run),
        fmt.percent(used.cpu_percent_mean),
        fmt.percent(used.cpu_percent_max),
        fmt.size(used.rss_peak_bytes),
        fmt.percent(used.host_cpu_percent_mean),
        fmt.percent(used.other_load_percent),
        fmt.percent(used.other_load_p95_percent),
        fmt.percent(used.steal_percent),
        _gpus_seen(run),
        fmt.percent(used.gpu_percent_mean),
        fmt.size(used.gpu_memory_peak_bytes),
        fmt.power(used.gpu_power_mean_w),
        fmt.temperature(used.gpu_temperature_max_c),
        fmt.energy(used.energy_j),
        _coverage(used),
        fmt.percent(_tool_percent(used)),
    )


def _gpus_seen(run: RunRecord) -> str:
    """Return how many GPUs the backend saw, such as 2 of `2 gpu`."""
    count, _, gpu = (run.device_seen or "").partition(" ")
    return count if gpu else fmt.MISSING


def _tool_percent(used: Resources) -> float | None:
    """Return what the tool itself took, with its server, in percent of one core."""
    return None if used.tool_percent is None else used.tool_percent + (used.server_percent or 0.0)


def _coverage(used: Resources) -> str:
    if used.coverage_percent is None:
        return fmt.count(used.samples)
    return f"{fmt.count(used.samples)} ({used.coverage_percent:.0f}%)"
