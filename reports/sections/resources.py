"""What each run took from its machine, and where its time went."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.record import Ledger, Resources, RunRecord
from reports import format as fmt
from reports.blocks import Figure, LegendEntry, Panel, Table, table
from reports.cells import turn_text
from reports.comparison import Cell, Study
from reports.drawings.bars import StackedRow, stacked
from reports.drawings.charts import timelines
from reports.drawings.timeline import timeline
from reports.load import Results, Run
from reports.sections.energy import ENERGY_READING, energy, unmetered

_READING = (
    "One column of drawings a run: its CPU and memory, and its GPU's where it had one, over the "
    "seconds since its process started. A long run is thinned to its extremes, so no peak is lost."
)
_LEDGER_READING = (
    "One bar a run: where its wall time went, from the start of its process to its end. Only the "
    "training part is compared above; the rest is what one also waits for."
)

_LEGEND = (
    LegendEntry("line c1", "this run; the GPU; the whole host's CPU"),
    LegendEntry("line c2", "others on the host; the whole host's memory; a second GPU"),
    LegendEntry("rule", "the start of an epoch, and the end of the last"),
)

# The ledger's entries in the order of a run, as readers call them.
_PHASES = (
    ("startup_s", "start-up"),
    ("build_s", "building"),
    ("first_epoch_s", "first epoch"),
    ("train_s", "later epochs"),
    ("validation_s", "validation"),
    ("checkpoint_s", "checkpoints"),
    ("evaluate_s", "test"),
    ("save_s", "saving"),
    ("control_s", "control legs"),
    ("other_s", "other"),
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
        energy: None where nothing was metered.
        energy_reading: How to read it, or why the node's is unknown; empty where nobody asked.
        ledger: None where no run left times.
    """

    use: Table | None
    timelines: Figure | None
    chosen: str
    energy: Table | None
    energy_reading: str
    ledger: Figure | None


def resources(executions: Sequence[Results], study: Study) -> ResourceUse:
    """Build the section."""
    pairs = [(each.cell, run) for each in study.comparisons for run in each.cell.runs]
    rows = [_use_row(cell, run, run.resources) for cell, run in pairs if run.resources]
    use = table(_USE_CAPTION, _USE_TITLES, rows, only_known=True) if rows else None
    panels, without = _panels(executions, study)
    metered = energy(pairs)
    reading = ENERGY_READING if metered else ""
    return ResourceUse(
        use=None if panels else use,
        timelines=Figure(_READING, tuple(panels), use, _LEGEND, open_table=True)
        if panels
        else None,
        chosen=_chosen(study, without),
        energy=metered,
        energy_reading=" ".join(filter(None, (reading, unmetered(pairs)))),
        ledger=_ledger(pairs),
    )


def _panels(executions: Sequence[Results], study: Study) -> tuple[list[Panel], list[str]]:
    """Draw the first repeat of every cell; return the drawings and who has none."""
    runs = {id(run.record): run for execution in executions for run in execution.runs}
    panels, without = [], []
    for number, comparison in enumerate(study.comparisons):
        cell = comparison.cell
        title = f"{cell.title} on {cell.label}, run {turn_text(cell.runs[0])}"
        panel = _panel(runs[id(cell.runs[0])], title, f"time{number}")
        if panel:
            panels.append(panel)
        else:
            without.append(title)
    return panels, without


def _panel(run: Run, title: str, prefix: str) -> Panel | None:
    found = timeline(run)
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
    return " ".join(filter(None, (first, none)))


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


def _ledger(pairs: Sequence[tuple[Cell, RunRecord]]) -> Figure | None:
    timed = [(cell, run, run.timing) for cell, run in pairs if run.timing]
    if not timed:
        return None
    bars = [
        StackedRow(cell.title, _bar_label(cell, run), _seconds(timing.ledger))
        for cell, run, timing in timed
    ]
    rows = [
        (
            cell.title,
            cell.label,
            turn_text(run),
            *(fmt.seconds(getattr(timing.ledger, name)) for name, _ in _PHASES),
            fmt.duration(timing.wall_s),
        )
        for cell, run, timing in timed
    ]
    words = "; ".join(
        f"{bar.group} on {bar.label} {fmt.duration(sum(bar.seconds))}" for bar in bars
    )
    alternative = f"Wall time of every run: {words}."
    titles = ("Network", "Device", "#Run", *(f"#{title}" for _, title in _PHASES), "#Wall time")
    return Figure(
        reading=_LEDGER_READING,
        panels=(Panel("Time ledger", stacked(bars, "ledger", alternative), alternative),),
        table=table("Where the wall time of every run went", titles, rows),
        legend=tuple(
            LegendEntry(f"c{number}", title) for number, (_, title) in enumerate(_PHASES, start=1)
        ),
    )


def _bar_label(cell: Cell, run: RunRecord) -> str:
    return cell.label if len(cell.runs) == 1 else f"{cell.label} #{turn_text(run)}"


def _seconds(ledger: Ledger) -> tuple[float, ...]:
    return tuple(getattr(ledger, name) or 0.0 for name, _ in _PHASES)
