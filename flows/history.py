"""Executions of experiments over time, for the terminal and for scripts."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from flows.columns import columns
from lungbench.foreign_text import visible
from reports.forms.format import share
from reports.over_time.history import History, Track, history_of
from reports.over_time.history_words import (
    changes_at,
    day,
    epoch_text,
    remarks,
    runs_text,
    stray_sentence,
)
from reports.over_time.index_page import rebuild_index
from reports.over_time.past import Past, PastExecution, is_results_folder, read_past

_EXECUTIONS = ("execution", "host", "runs", "remarks")
_CELLS = ("cell", "executions", "newest steady epoch", "newest accuracy")


def history(folder: Path, *, as_json: bool) -> int:
    """Print all executions below a folder; return 1 if the newest of an experiment is worse.

    The index page of a results folder is written again.

    Args:
        folder: `results` or `results/<experiment>`.
        as_json: For scripts.

    Raises:
        Refused: There is no execution.
    """
    past = read_past(folder)
    histories = [history_of(each) for each in past.experiments]
    typer.echo(_as_json(past, histories) if as_json else _as_text(past, histories))
    if is_results_folder(folder) and (page := rebuild_index(folder)):
        typer.echo(f"written: {page}", err=True)
    return int(any(each.regressions for each in histories))


def _as_text(past: Past, histories: list[History]) -> str:
    blocks = [_experiment(each) for each in histories]
    blocks += [visible(note) for note in past.notes]
    return "\n\n".join(blocks)


def _experiment(found: History) -> str:
    executions = found.experiment.executions
    rows = [_row(found, number, execution) for number, execution in enumerate(executions)]
    cells = [
        (
            visible(track.label),
            len(track.points),
            epoch_text(track.points[-1]),
            share(track.points[-1].accuracy),
        )
        for track in found.tracks
    ]
    strays = [
        stray_sentence(track, stray, executions[number])
        for number in range(len(executions))
        for track, stray in found.strays(number)
    ]
    parts = [
        visible(found.experiment.name),
        columns(_EXECUTIONS, rows),
        *((columns(_CELLS, cells),) if cells else ()),
        "\n".join(strays or ["Nothing stands out."]),
        *(visible(note) for note in found.experiment.notes),
    ]
    return "\n".join(parts)


def _row(found: History, number: int, execution: PastExecution) -> tuple[str, ...]:
    hosts = visible(", ".join(execution.hosts)) or "-"
    return (day(execution), hosts, runs_text(execution), "; ".join(remarks(found, number)))


def _as_json(past: Past, histories: list[History]) -> str:
    content = {
        "folder": str(past.folder),
        "experiments": [_experiment_json(each) for each in histories],
        "notes": past.notes,
        "regressions": sum(len(each.regressions) for each in histories),
    }
    return json.dumps(content, indent=2, default=str)


def _experiment_json(found: History) -> dict[str, Any]:
    executions = found.experiment.executions
    return {
        "name": found.experiment.name,
        "executions": [
            {
                "folder": str(each.folder),
                "started": each.started.isoformat(),
                "hosts": each.hosts,
                "completed": each.completed,
                "failures": each.failures,
                "changes": changes_at(found, number),
                "note": each.note or None,
            }
            for number, each in enumerate(executions)
        ],
        "cells": [asdict(track.place) | _track(track) for track in found.tracks],
        "regressions": [asdict(track.place) | asdict(stray) for track, stray in found.regressions],
        "notes": found.experiment.notes,
    }


def _track(track: Track) -> dict[str, Any]:
    return {"label": track.label, "points": [asdict(point) for point in track.points]}
