"""What two executions differ in, as the tables and sentences that every form of it is made of."""

from collections.abc import Sequence

from lungbench.counted import counted
from lungbench.foreign_text import visible
from reports.comparing.comparison import Comparison
from reports.forms import format as fmt
from reports.forms.blocks import Table, table
from reports.over_time.changes import CellChange, Changes
from reports.over_time.rules import Ruling
from reports.summaries.measured import Changed
from reports.wording.quality_sentences import accuracy_text
from reports.wording.sentences import speedup_text

_TIME = ("Cell", "#Old epoch", "#New epoch", "#Time", "In words")
_QUALITY = ("Cell", "#Old accuracy", "#New accuracy", "#Change", "#McNemar", "In words")
_SPEEDUP = ("Cell", "#Old speed-up", "#New speed-up", "#Change")
_RULINGS = ("Rule", "Cell", "#Change", "Outcome", "Why")


def sentences(changes: Changes) -> tuple[str, ...]:
    """Say what was found, what was refused and what is missing."""
    said = [f"{cell.label}: {_conclusion(cell)}." for cell in changes.compared]
    said += [
        f"{cell.label}: not compared, other work: {_listed(cell.refused)}."
        for cell in changes.cells
        if cell.refused
    ]
    said += [
        f"{lost.label}: only {lost.only_in} has results; the other: {lost.why}."
        for lost in changes.lost
    ]
    return tuple(map(visible, said))


def difference_sentence(changes: Changes) -> str:
    """Say which versions and what of the machine differ between the sides."""
    if not changes.marked:
        return "Versions and machine are the same on both sides."
    return visible(f"Besides time, the sides differ in: {_listed(changes.marked)}.")


def tables(changes: Changes) -> tuple[Table, ...]:
    """Return the tables of the cells that were compared; none that would be empty."""
    cells = changes.compared
    with_speedup = [cell for cell in cells if not cell.new.is_baseline]
    found = (
        table("Steady epoch, with 95% intervals of the change", _TIME, [_time(x) for x in cells]),
        table("Accuracy on the test images", _QUALITY, [_quality(x) for x in cells]),
        table("Speed-up over the baseline device", _SPEEDUP, [_speedup(x) for x in with_speedup]),
    )
    return tuple(each for each in found if each.rows)


def rulings_table(rulings: Sequence[Ruling]) -> Table:
    """Return what each rule says of each cell, regressions first."""
    order = ("regression", "untested", "undecided", "kept")
    rows = [
        (each.rule, visible(each.label), each.change, each.outcome, visible(each.why))
        for each in sorted(rulings, key=lambda ruling: order.index(ruling.outcome))
    ]
    return table("Rules, judged by intervals", _RULINGS, rows)


def verdict_sentence(rulings: Sequence[Ruling]) -> str:
    """Say how many rulings came out how."""
    number = {
        outcome: sum(each.outcome == outcome for each in rulings)
        for outcome in ("regression", "undecided", "untested", "kept")
    }
    regressions = counted(number["regression"], "regression")
    rest = [f"{number[each]} {each}" for each in ("undecided", "untested", "kept")]
    return f"{regressions}; {', '.join(rest)}."


def time_words(cell: CellChange) -> str:
    """Say in a few words what became of the time."""
    ratio = cell.time_ratio
    if cell.time is None or ratio is None:
        return "no steady epoch on a side"
    if ratio.interval is None:
        one = min(cell.time.baseline_runs, cell.time.other_runs) == 1
        return "one run on a side: no interval" if one else "no spread: no interval"
    if ratio.interval.low > 1:
        return "slower"
    return "faster" if ratio.interval.high < 1 else "no difference shown"


def quality_words(cell: CellChange) -> str:
    """Say in a few words what became of the diagnosis."""
    if cell.verdict is None:
        timed = cell.old.cell.timing_only or cell.new.cell.timing_only
        return "timing only" if timed else "not evaluated"
    words = {
        "equivalent": "equally good",
        "inconclusive": "inconclusive",
        "different": "better" if cell.verdict.difference > 0 else "worse",
    }[cell.verdict.kind]
    return f"{words}, one run on a side" if cell.repeats == 1 else words


def change_text(cell: CellChange) -> str:
    """Write the change of the time with its interval."""
    ratio = cell.time_ratio
    return fmt.change(ratio.estimate, ratio.interval) if ratio else fmt.MISSING


def _conclusion(cell: CellChange) -> str:
    said = [f"time {change_text(cell)}, {time_words(cell)}"]
    if cell.verdict:
        points = fmt.points(cell.verdict.difference, cell.verdict.interval)
        said.append(f"accuracy {points}, {quality_words(cell)}")
    return "; ".join(said)


def _time(cell: CellChange) -> tuple[str, ...]:
    return (
        visible(cell.label),
        _epoch(cell.old),
        _epoch(cell.new),
        change_text(cell),
        time_words(cell),
    )


def _epoch(side: Comparison) -> str:
    runs = len(side.cell.steady_epochs_s)
    return f"{fmt.seconds(side.cell.steady_epoch_s)} ({counted(runs, 'run')})"


def _quality(cell: CellChange) -> tuple[str, ...]:
    verdict = cell.verdict
    return (
        visible(cell.label),
        accuracy_text(cell.old.cell),
        accuracy_text(cell.new.cell),
        fmt.points(verdict.difference, verdict.interval) if verdict else fmt.MISSING,
        f"p {fmt.p_value(verdict.paired.p_adjusted)}"
        if verdict and verdict.paired
        else fmt.MISSING,
        quality_words(cell),
    )


def _speedup(cell: CellChange) -> tuple[str, ...]:
    gain = cell.gain
    return (
        visible(cell.label),
        speedup_text(cell.old),
        speedup_text(cell.new),
        fmt.change(gain.estimate, gain.interval) if gain else fmt.MISSING,
    )


def _listed(found: Sequence[Changed]) -> str:
    return fmt.listed([str(each) for each in found])
