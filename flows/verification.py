"""What became of an execution's files, for the terminal."""

import json
from dataclasses import asdict
from pathlib import Path

import typer

from lungbench.counted import counted
from lungbench.errors import Refused
from lungbench.executions.execution import EXPERIMENT_FILE, executions
from lungbench.executions.seal import SEAL_FILE
from lungbench.executions.verify import Verified
from lungbench.executions.verify import verify as look_at


def verify(folder: Path, as_json: bool) -> int:
    """Print a line for each file that isn't as it was written; return 1 if any is damaged.

    Args:
        folder: An execution's, or one above: then every execution below is looked at.
        as_json: Whether scripts read it.

    Raises:
        Refused: There is no execution.
    """
    looks = [(each, look_at(each)) for each in _executions(folder)]
    lines = [
        {"execution": str(each)} | asdict(finding)
        for each, look in looks
        for finding in look.findings
    ]
    if as_json:
        typer.echo(json.dumps(lines, indent=2))
    for line in () if as_json else lines:
        typer.echo(_printable(f"{line['kind']} {line['execution']}/{line['path']}: {line['why']}"))
    typer.echo(_summary([look for _, look in looks]), err=True)
    return int(any(finding.is_damage for _, look in looks for finding in look.findings))


def _executions(folder: Path) -> list[Path]:
    if any((folder / name).exists() for name in (EXPERIMENT_FILE, SEAL_FILE)):
        return [folder]
    found = executions(folder) or sorted(
        path.parent for path in folder.glob(f"*/{EXPERIMENT_FILE}")
    )
    if not found:
        raise Refused(
            "There must be an execution to verify.",
            received=folder,
            expected="a folder such as results/quick/20261122T211100Z, or one above it",
        )
    return found


def _summary(looks: list[Verified]) -> str:
    files = counted(sum(look.files for look in looks), "file")
    damaged = sum(finding.is_damage for look in looks for finding in look.findings)
    where = f"{files} of {counted(len(looks), 'execution')} compared with their SHA-256"
    return f"{where}: {damaged} damaged or missing" if damaged else f"{where}: all as written"


def _printable(line: str) -> str:
    """Return a line whose file names can't move the cursor."""
    return line if line.isprintable() else ascii(line)[1:-1]
