"""What changed between two executions, for the terminal, for Markdown, for scripts, as a page."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import typer

from flows.columns import columns
from lungbench.executions.execution import newest_execution
from lungbench.stats.intervals import Combined, Interval
from reports.forms.blocks import Table
from reports.forms.markdown import escaped, table_as_markdown
from reports.over_time.change_words import (
    difference_sentence,
    quality_words,
    rulings_table,
    sentences,
    tables,
    time_words,
    verdict_sentence,
)
from reports.over_time.changes import CellChange, Changes, changes_of
from reports.over_time.rules import Ruling, broken, judged, parse_rule

Form = Literal["table", "markdown", "json"]


def compare(old: Path, new: Path, rules: Sequence[str], form: Form, page: Path | None) -> int:
    """Print what changed between two executions; return 1 if a rule was broken.

    Args:
        old: An execution's folder, or one above it: then the newest below.
        new: Likewise.
        rules: Such as `time:+5%`.
        form: How it is printed.
        page: The HTML file to write as well.

    Raises:
        LungbenchError: A rule is none, a folder holds no execution, nothing can be compared, or
            the page can't be written.
    """
    wanted = [parse_rule(text) for text in rules]
    changes = changes_of(newest_execution(old), newest_execution(new))
    rulings = judged(changes, wanted)
    typer.echo(_FORMS[form](changes, rulings))
    if page:
        from reports.over_time.change_page import write_change_page

        typer.echo(f"written: {write_change_page(changes, rulings, page)}", err=True)
    if rulings:
        typer.echo(verdict_sentence(rulings), err=True)
    return int(bool(broken(rulings)))


def as_text(changes: Changes, rulings: Sequence[Ruling]) -> str:
    """Return the changes for people."""
    blocks = [
        f"OLD {changes.old.folder}\nNEW {changes.new.folder}\n{difference_sentence(changes)}",
        *(_text_table(each) for each in tables(changes)),
        "\n".join(sentences(changes)),
    ]
    if rulings:
        blocks.insert(-1, _text_table(rulings_table(rulings)))
    return "\n\n".join(blocks)


def as_markdown(changes: Changes, rulings: Sequence[Ruling]) -> str:
    """Return the changes for a pull request."""
    blocks = [
        f"### {escaped(changes.old.name)} against {escaped(changes.new.name)}",
        escaped(difference_sentence(changes)),
        *((table_as_markdown(rulings_table(rulings)),) if rulings else ()),
        *(table_as_markdown(each) for each in tables(changes)),
        "\n".join(f"- {escaped(each)}" for each in sentences(changes)),
    ]
    return "\n\n".join(blocks)


def as_json(changes: Changes, rulings: Sequence[Ruling]) -> str:
    """Return the changes for scripts; shares and ratios are plain numbers."""
    content = {
        "old": str(changes.old.folder),
        "new": str(changes.new.folder),
        "differs": [asdict(each) for each in changes.marked],
        "cells": [_cell(each) for each in changes.cells],
        "lost": [asdict(each) for each in changes.lost],
        "rulings": [asdict(each) for each in rulings],
        "regressions": len(broken(rulings)),
    }
    return json.dumps(content, indent=2)


_FORMS = {"table": as_text, "markdown": as_markdown, "json": as_json}


def _text_table(block: Table) -> str:
    return f"{block.caption}\n{columns([each.title for each in block.columns], block.rows)}"


def _cell(cell: CellChange) -> dict[str, Any]:
    old, new, verdict = cell.old.cell, cell.new.cell, cell.verdict
    quality = [side.quality for side in (old, new)]
    return {
        "label": cell.label,
        "model": new.key.model,
        "device": new.key.device,
        "precision": new.key.precision,
        "backend": new.key.backend,
        "pipeline": new.key.pipeline,
        "refused": [asdict(each) for each in cell.refused],
        "old_steady_epochs_s": old.steady_epochs_s,
        "new_steady_epochs_s": new.steady_epochs_s,
        "time_ratio": _estimate(cell.time_ratio),
        "time": None if cell.refused else time_words(cell),
        "old_accuracy": quality[0].accuracy if quality[0] else None,
        "new_accuracy": quality[1].accuracy if quality[1] else None,
        "accuracy_change": None if verdict is None else verdict.difference,
        "accuracy_change_interval": _limits(verdict.interval if verdict else None),
        "accuracy_paired": bool(verdict and verdict.paired),
        "accuracy": None if cell.refused else quality_words(cell),
        "old_speedup": cell.old.speedup.estimate if cell.old.speedup else None,
        "new_speedup": cell.new.speedup.estimate if cell.new.speedup else None,
        "speedup_ratio": _estimate(cell.gain),
    }


def _estimate(found: Combined | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"estimate": found.estimate, "interval": _limits(found.interval)}


def _limits(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else {"low": interval.low, "high": interval.high}
