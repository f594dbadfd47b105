"""The audit of a data set for the terminal, without training anything."""

import tempfile
from pathlib import Path

import typer
from rich.console import Console

from flows.terminal import preparing
from lungbench.data.audit import Audit, ensure_audit
from lungbench.data.prepare import prepare
from lungbench.data.unread_manifests import unread_manifests
from lungbench.executions.execution import CACHE
from lungbench.experiment_file import load_experiment
from lungbench.settings import DataSettings
from reports.wording.manifests import manifest_note

_MARKS = {"pass": "ok  ", "warn": "warn", "fail": "FAIL", "unknown": "?   "}
_EXPERIMENT = ".toml"
_IMAGE_SIZE = 96  # as fine as anything that an audit looks at


def audit_of(source: Path, results: Path) -> Audit:
    """Audit the data of an experiment, or a folder or a manifest as an experiment would split it.

    Args:
        source: An experiment file, or what `data.source` may be.
        results: Folder of all results, whose cache the data of an experiment share.

    Raises:
        LungbenchError: The images can't be used, or the experiment file is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="lungbench-audit-") as temporary:
        out, cache = Path(temporary) / "out", Path(temporary) / "cache"
        settings = DataSettings(source=str(source), image_size=_IMAGE_SIZE)
        if source.suffix == _EXPERIMENT:
            settings, cache = load_experiment(source).data, results / CACHE
        for each in unread_manifests(source):
            typer.echo(manifest_note(str(source), each), err=True)
        with preparing(Console(stderr=True)) as progress:
            data = prepare(settings, cache=cache, out=out, progress=progress)
            return ensure_audit(out, data, progress)


def as_text(found: Audit) -> str:
    """Return the findings for people, a line each."""
    return "\n".join(
        f"{_MARKS[each.outcome]}  {each.name}: {each.found}"
        + (f" Next: {each.advice}" if each.advice else "")
        for each in found.findings
    )


def as_json(found: Audit) -> str:
    """Return all of it for scripts."""
    return found.model_dump_json(indent=2)


def exit_code(found: Audit) -> int:
    """Return 1 if a finding takes the worth of an accuracy."""
    return int(any(finding.outcome == "fail" for finding in found.findings))
