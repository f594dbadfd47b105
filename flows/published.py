"""The paper's figures, or any table of published rates, for the terminal."""

import json
from dataclasses import asdict
from pathlib import Path

import typer

from flows import checked_json, checked_text
from flows.columns import columns
from lungbench.models import MODELS
from lungbench.paper.check import TableCheck, checked, paper_table
from lungbench.paper.recomputed import (
    Comparison,
    PublishedSpeedup,
    comparison,
    contradictions,
    speedups,
)
from lungbench.paper.table import read_table


def show_paper(as_json: bool, most: int) -> int:
    """Print the paper's figures beside the same recomputed, and what its rates say of themselves.

    Args:
        as_json: Whether for scripts.
        most: The largest class to search for, in images.

    Returns:
        0, or 1 where a figure isn't reproduced to 4 decimals or no integers fit a table.
    """
    check = checked(paper_table(), most)
    typer.echo(_paper_json(check) if as_json else _paper_text(check))
    return 0 if check.all_fit and all(row.matches for row in comparison()) else 1


def show_table(table: Path, as_json: bool, most: int) -> int:
    """Print which integer counts could have produced a table of published rates.

    Returns:
        0, or 1 where no integers fit some run.

    Raises:
        TableError: The file isn't such a table.
    """
    check = checked(read_table(table), most)
    values = checked_json.as_values(check)
    typer.echo(_json(values) if as_json else checked_text.as_text(check))
    return 0 if check.all_fit else 1


def _paper_text(check: TableCheck) -> str:
    """Return the tables, the speed-ups, the contradictions and the check for people."""
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
            "What the rates of Tables I to VI say alone, without any number of images:",
            checked_text.sizes_text(check),
            *checked_text.devices_text(check),
        ]
    )


def _paper_json(check: TableCheck) -> str:
    """Return the same for scripts; published figures are texts, exactly as printed."""
    return _json(
        {
            "figures": [asdict(row) | {"matches": row.matches} for row in comparison()],
            "speedups": [asdict(each) for each in speedups()],
            "contradictions": list(contradictions()),
            "from_the_rates_alone": checked_json.as_values(check),
        }
    )


def _json(values: object) -> str:
    return json.dumps(values, indent=2, default=str)


_HEADER = ("table", "network", "device", "class", "rate", "published", "recomputed", "")


def _cells(row: Comparison) -> tuple[object, ...]:
    title = MODELS[row.model].title
    figure = (row.published, row.recomputed, "" if row.matches else "differs")
    return (row.table, title, row.device, row.of, row.rate, *figure)


def _speedup_cells(each: PublishedSpeedup) -> tuple[str, str]:
    spread = "" if each.lowest is None else f" ({each.lowest:.2f} to {each.highest:.2f})"
    return MODELS[each.model].title, f"{each.estimate:.2f}{spread}"
