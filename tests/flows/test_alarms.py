"""What somebody is told of an execution that didn't end well."""

import os
import re
import shlex
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from guide import GUIDE

from flows.alarms import FAILED, UNFINISHED, alarms
from lungbench.executions.execution import Execution
from lungbench.experiment import Experiment
from lungbench.host import describe_host
from lungbench.record import DataFacts, Reason, RunRecord, Status, write_record


@pytest.fixture
def execution(tmp_path: Path) -> Execution:
    """Three runs, none of them begun."""
    matrix = {"models": ["cnn10"], "devices": ["cpu"], "repeats": 3}
    return Execution.create(Experiment.model_validate({"name": "tiny", "matrix": matrix}), tmp_path)


def end(execution: Execution, number: int, status: Status, reason: str | None = None) -> None:
    spec = execution.experiment.runs()[number]
    execution.run_dir(spec).mkdir(parents=True)
    record = RunRecord(
        run_id=spec.run_id,
        status=status,
        reason=Reason(kind="error", message=reason) if reason else None,
        started=datetime(2026, 11, 22, tzinfo=UTC),
        spec=spec,
        host=describe_host(gpus=False),
        data=DataFacts(fingerprint="f", source="x", classes=("a", "b"), counts={}),
    )
    write_record(record, execution.run_dir(spec))


def test_nobody_is_told_of_runs_that_completed_or_were_skipped(execution: Execution) -> None:
    for number, status in enumerate(("completed", "completed", "skipped")):
        end(execution, number, status)  # type: ignore[arg-type]
    assert list(alarms(execution)) == []


def test_failed_and_unfinished_runs_are_two_alarms(execution: Execution) -> None:
    end(execution, 0, "failed", "it broke")
    end(execution, 1, "interrupted")
    failed, unfinished = alarms(execution)
    assert (failed.event, failed.message) == (FAILED, "tiny: 1 of 3 trainings failed.")
    assert failed.runs == {"cnn10 on cpu #1": "it broke"}
    assert (unfinished.event, list(unfinished.runs)) == (
        UNFINISHED,
        ["cnn10 on cpu #2", "cnn10 on cpu #3"],
    )


@pytest.mark.parametrize(("age_h", "told"), [(25, False), (27, True), (None, True)])
def test_a_morning_without_a_new_report_is_mailed(
    tmp_path: Path, age_h: int | None, told: bool
) -> None:
    """The guide's line for cron, which needs no server, with a stand-in for mail."""
    [line] = re.findall(r"^`0 9 \* \* \* (.*mail.*)`$", GUIDE, re.MULTILINE)
    assert "%" not in line  # which cron takes for the end of the line
    mail = tmp_path / "bin" / "mail"
    mail.parent.mkdir()
    mail.write_text("#!/bin/sh\ncat > mailed\n")
    mail.chmod(0o755)
    if age_h:
        report = tmp_path / "results/quick/20261123T020000Z/report.html"
        report.parent.mkdir(parents=True)
        report.touch()
        os.utime(report, (time.time() - age_h * 3600,) * 2)
    subprocess.run(
        ["sh", "-c", line.replace("cd /srv/lungbench/app", f"cd {shlex.quote(str(tmp_path))}")],
        env={"PATH": f"{mail.parent}:/usr/bin:/bin"},
        cwd=tmp_path,
        check=False,
        stderr=subprocess.DEVNULL,
    )
    assert (tmp_path / "mailed").exists() == told
