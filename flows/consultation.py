"""The doctor's checks for the terminal."""

import json
from dataclasses import asdict
from pathlib import Path

import typer

from lungbench.doctor import Check, checks
from lungbench.experiment import Experiment

_MARKS = {"pass": "ok  ", "warn": "warn", "fail": "FAIL"}


def consult(experiment: Experiment | None, results: Path, as_json: bool) -> int:
    """Print every check as its answer comes in; return 1 if any failed."""
    answers = []
    for check in checks(experiment, results):
        answers.append(check)
        if not as_json:
            typer.echo(_line(check))
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in answers], indent=2))
    return int(any(check.outcome == "fail" for check in answers))


def _line(check: Check) -> str:
    advice = f" Next: {check.advice}" if check.advice else ""
    return f"{_MARKS[check.outcome]}  {check.name}: {check.found}{advice}"
