"""Execution folders with a text put into every place where somebody else's words can stand."""

import csv
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from lungbench.data.audit import AUDIT_FILE
from lungbench.data.dataset import DATA_FILE
from lungbench.data.images_csv import IMAGES_FILE
from lungbench.executions.execution import EXPERIMENT_FILE
from lungbench.job import LOG_FILE, PREDICTIONS_FILE
from lungbench.record import RECORD_FILE

Plant = Callable[[str], str]

# Words of which only a few are accepted, and what other files are found by.
FIXED = frozenset(
    {
        *("schema_version", "run_id", "status", "kind", "started", "outcome", "subject", "sees"),
        *("model", "models", "device", "devices", "precision", "precisions", "backend", "backends"),
        *("pipeline", "pipelines", "optimizer", "preprocess", "split", "best", "pixels"),
        "exclusive",
        "timing_epochs",
    }
)
BY_CLASS = frozenset({"per_class", "classes"})
NAMES_OF_SPLITS = frozenset({"train", "validation", "test"})


def plant(folder: Path, text: Plant, log: str, *, but: Collection[str] = ()) -> None:
    """Change every free text of an execution's files, and let each log end in some lines.

    Args:
        folder: The execution's.
        text: Given a text, returns the changed one; equal texts stay equal.
        log: The lines.
        but: Keys whose texts stay.
    """
    fixed = FIXED.union(but)
    for name in (EXPERIMENT_FILE, DATA_FILE, AUDIT_FILE):
        if (folder / name).exists():
            _in_json(folder / name, text, fixed)
    _in_csv(folder / IMAGES_FILE, text, {"path", "class", "reason", "mode", "format"})
    for run in (folder / "runs").iterdir():
        _in_json(run / RECORD_FILE, text, fixed)
        with (run / LOG_FILE).open("a") as file:
            file.write(log)
        if (run / PREDICTIONS_FILE).exists():
            _in_csv(run / PREDICTIONS_FILE, text, {"path", "true", "predicted"})


def _in_json(path: Path, text: Plant, fixed: Collection[str]) -> None:
    read = json.loads(path.read_text())
    written = _changed(read, text, fixed)
    if path.name == EXPERIMENT_FILE:
        written["name"] = read["name"]  # which names a folder, and has few characters to choose of
    path.write_text(json.dumps(written))


def _changed(value: Any, text: Plant, fixed: Collection[str], key: str = "") -> Any:
    if isinstance(value, dict):
        counts = all(isinstance(each, int) for each in value.values())
        rename = text if key in BY_CLASS or (key in NAMES_OF_SPLITS and counts) else str
        return {rename(name): _changed(each, text, fixed, name) for name, each in value.items()}
    if key in fixed:
        return value
    if isinstance(value, list):
        return [_changed(each, text, fixed, key) for each in value]
    return text(value) if isinstance(value, str) and value not in NAMES_OF_SPLITS else value


def _in_csv(path: Path, text: Plant, columns: set[str]) -> None:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([f"p_{text(name[2:])}" if name[:2] == "p_" else name for name in header])
        for row in rows:
            table.writerow(
                [
                    text(cell) if name in columns and cell else cell
                    for name, cell in zip(header, row, strict=True)
                ]
            )
