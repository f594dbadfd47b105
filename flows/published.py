"""The paper's figures for the terminal: published beside recomputed, and what doesn't fit."""

import json
from dataclasses import asdict

from flows.columns import columns
from lungbench.models import MODELS
from lungbench.paper import Comparison, PublishedSpeedup, comparison, contradictions, speedups


def all_match() -> bool:
    """Return whether every published figure is reproduced to 4 decimals."""
    return all(row.matches for row in comparison())


def as_text() -> str:
    """Return the tables, the speed-ups and the contradictions for people."""
    rows = comparison()
    matching = sum(row.matches for row in rows)
    return "\n\n".join(
        [
            columns(_HEADER, [_cells(row) for row in rows]),
            f"{matching} of {len(rows)} published figures follow from the integer counts.",
            "Published speed-up of an epoch, CPU time over GPU time, one run a side:",
            columns(("network", "speed-up"), [_speedup_cells(each) for each in speedups()]),
            "What the paper contradicts in itself:",
            "\n".join(f"- {sentence}" for sentence in contradictions()),
        ]
    )


def as_json() -> str:
    """Return the same for scripts; published figures are texts, exactly as printed."""
    return json.dumps(
        {
            "figures": [asdict(row) | {"matches": row.matches} for row in comparison()],
            "speedups": [asdict(each) for each in speedups()],
            "contradictions": list(contradictions()),
        },
        indent=2,
        default=str,
    )


_HEADER = ("table", "network", "device", "class", "rate", "published", "recomputed", "")


def _cells(row: Comparison) -> tuple[object, ...]:
    title = MODELS[row.model].title
    figure = (row.published, row.recomputed, "" if row.matches else "differs")
    return (row.table, title, row.device, row.of, row.rate, *figure)


def _speedup_cells(each: PublishedSpeedup) -> tuple[str, str]:
    spread = "" if each.lowest is None else f" ({each.lowest:.2f} to {each.highest:.2f})"
    return MODELS[each.model].title, f"{each.estimate:.2f}{spread}"
