"""What Prefect's UI shows of an execution that has ended: a page of Markdown.

That UI renders tables and code and strips inline SVG, so the chart is made of block characters. A
page stays below what Prefect stores without harm, however many cells there are: the report itself
holds everything.
"""

from collections.abc import Iterable, Iterator, Sequence

from lungbench.counted import counted
from lungbench.stats.intervals import Interval
from reports.forms import format as fmt
from reports.forms.blocks import table
from reports.forms.markdown import escaped, table_as_markdown
from reports.summaries.figures import CellFigures, FailureFigures, GuardFigures
from reports.summaries.summary import Summary

_MOST_SENTENCES = 20
_MOST_CELLS = 60
_MOST_FAILURES = 20
_BAR_CELLS = 10  # so that the accuracy beside it is in sight
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LONGEST = 300
_TITLES = ("Cell", "#Steady epoch", "#Speed-up", "", "#Accuracy", "Diagnosis")


def as_markdown(summary: Summary, place: str) -> str:
    """Return the page: where the report is, verdict, speed-ups with a chart, trust, failures.

    Args:
        summary: Of the execution.
        place: Where its report is, in Markdown.
    """
    parts = (
        [f"**Report:** {place}"],
        _section("Verdict", _verdict(summary)),
        _section("Speed-up", _speedups(summary.cells)),
        _section("Can these times be trusted?", _trust(summary.guards)),
        _section("Without a result", _failures(summary.failures)),
        ["Research use, not a medical device."],
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return ["", f"## {title}", "", *found, ""] if found else []


def _verdict(summary: Summary) -> Iterator[str]:
    sentences = summary.sentences
    yield from (f"- {escaped(_brief(each))}" for each in sentences[:_MOST_SENTENCES])
    yield from _more(sentences, _MOST_SENTENCES, "sentence")


def _speedups(cells: Sequence[CellFigures]) -> Iterator[str]:
    if not cells:
        return
    shown = cells[:_MOST_CELLS]
    longest = max([1.0, *(cell.speedup.estimate for cell in shown if cell.speedup)])
    rows = [tuple(map(_brief, _row(cell, longest))) for cell in shown]
    yield table_as_markdown(table("Every cell against the baseline", _TITLES, rows))
    yield from _more(cells, _MOST_CELLS, "cell")


def _row(cell: CellFigures, longest: float) -> tuple[str, ...]:
    speedup, quality = cell.speedup, cell.quality
    ratio = 1.0 if cell.baseline else speedup.estimate if speedup else None
    interval = speedup.interval if speedup else None
    known = Interval(interval.low, interval.high) if interval else None
    text = fmt.ratio(speedup.estimate, known) if speedup else fmt.MISSING
    return (
        cell.label,
        fmt.seconds(cell.steady_epoch_s),
        "baseline" if cell.baseline else text,
        bar(ratio / longest) if ratio else "",
        fmt.share(quality.overall_accuracy) if quality else fmt.MISSING,
        cell.quality_verdict,
    )


def bar(share: float) -> str:
    """Draw a bar of block characters; 1 is its full length."""
    eighths = max(1, round(share * _BAR_CELLS * 8))
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def _trust(guards: Sequence[GuardFigures]) -> Iterator[str]:
    passed = sum(guard.status == "pass" for guard in guards)
    if passed:
        yield f"- {counted(passed, 'check')} passed."
    for status in ("fail", "warn"):
        for guard in guards:
            if guard.status == status:
                yield f"- **{status}** {escaped(_brief(f'{guard.name}: {guard.found}'))}"


def _failures(failures: Sequence[FailureFigures]) -> Iterator[str]:
    for each in failures[:_MOST_FAILURES]:
        said = f"{each.status}: {each.reason}"
        yield f"- **{escaped(_brief(each.run_id))}** {escaped(_brief(said))}"
    yield from _more(failures, _MOST_FAILURES, "run")


def _more(found: Sequence[object], shown: int, noun: str) -> Iterator[str]:
    if len(found) > shown:
        yield ""
        yield f"And {counted(len(found) - shown, noun)} more in the report."


def _brief(text: str) -> str:
    """Return the beginning of a text, on one line: what Prefect stores must not grow with it."""
    return " ".join(text.split())[:_LONGEST]
