"""What every run used in energy, meter by meter, and how many images it trained with a joule."""

from collections.abc import Iterator, Sequence

from lungbench.record import Resources, RunRecord
from reports.comparing.cells import turn_text
from reports.comparing.comparison import Cell
from reports.forms import format as fmt
from reports.forms.blocks import Table, table

ENERGY_READING = (
    "One line a meter, over the whole run: start-up, validation and test included. Meters overlap "
    "and are never added up. A GPU counts itself, whoever computes on it; the processors count "
    "the whole node: a package is a processor with its cores, dram its memory, and psys, where "
    "there is one, the packages and the rest of the board."
)

_TITLES = ("Network", "Device", "#Run", "What is counted", "#Energy", "#Images a joule")
_CAPTION = "Energy of every run, and the images trained with it"


def energy(pairs: Sequence[tuple[Cell, RunRecord]]) -> Table | None:
    """Return a row for every meter of every run; None where nothing was metered."""
    rows = [
        (
            cell.title,
            cell.label,
            turn_text(run),
            covers,
            fmt.energy(energy_j),
            fmt.significant(images_per_j(run, energy_j)),
        )
        for cell, run in pairs
        for covers, energy_j in meters(run)
    ]
    return table(_CAPTION, _TITLES, rows) if rows else None


def unmetered(pairs: Sequence[tuple[Cell, RunRecord]]) -> str:
    """Say why no run knows the node's energy; nothing where one does, or no reason is on record."""
    used = [run.resources for _, run in pairs if run.resources]
    reasons = [each.node_energy_missing for each in used if each.node_energy_missing]
    if not reasons or any(each.node_energy_j for each in used):
        return ""
    return f"The node's energy is not on record ({reasons[0]})."


def meters(run: RunRecord) -> Iterator[tuple[str, float]]:
    """Yield what each meter of a run covers, and what it counted, in joules."""
    used = run.resources or Resources()
    if used.energy_j:
        which = "all GPUs" if run.spec.device.is_all_gpus else str(run.spec.device)
        yield f"{which}, other processes there included", used.energy_j
    for domain, energy_j in (used.node_energy_j or {}).items():
        if energy_j:
            yield f"{domain}, whole node, other processes included", energy_j


def images_per_j(run: RunRecord, energy_j: float) -> float | None:
    """Return the images trained per joule; None where the meter missed a part of the training."""
    if run.timing is None or run.timing.resumed:  # only its last attempt was metered
        return None
    return len(run.epochs) * sum(run.data.counts["train"].values()) / energy_j
