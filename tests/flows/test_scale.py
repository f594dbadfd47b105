"""The benchmark of many runs, in short: what it counts is what the server and the records say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def test_suites_and_a_worker_go_through_one_server_with_true_states(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.scale", "--out", str(tmp_path)]
    ended = subprocess.run(
        [*command, "--cells", "10", "--flow-runs", "2", "--trainings", "3", "--idle-s", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    suite, served, server, flow, worker, database = json.loads(
        (tmp_path / "scale.json").read_text()
    )["measured"]
    assert suite["ends"] == {"completed": 10}
    assert suite["states"] == {"COMPLETED": 12}  # preparation and report are tasks as well
    assert min(suite[part] for part in ("plan_s", "run_s", "server_s", "report_s")) > 0
    assert served["states"] == {"COMPLETED": 2}
    assert served["ends"] == {"completed": 6}
    counts = [growth["held"][-1]["count"] for growth in (server, flow, worker)]
    assert counts[0] == 16
    assert counts[2] == 2
    assert database["database_bytes"] > 0
