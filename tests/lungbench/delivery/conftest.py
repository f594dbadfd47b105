"""What the tests of deliveries share: a results location of either kind, and a run's folder."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lungbench.delivery.location import Location
from lungbench.experiment import RunSpec
from lungbench.files import sha256_of
from lungbench.record import DataFacts, Host, RunRecord, Status, write_record

FINGERPRINT = "f" * 64
WRITTEN = {"log.txt": b"here", "model.keras": bytes(range(256)), "epochs.jsonl": b""}


@pytest.fixture
def bucket(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket in a store on this machine, where the library looks for it."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return "s3://lab"


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty folder at a results location of either kind."""
    if request.param == "folder":
        return Location.at(str(tmp_path / "shared")).below("quick", "now")
    return Location.at(request.getfixturevalue("bucket")).below(tmp_path.name, "quick", "now")


@pytest.fixture
def make_run(spec: RunSpec) -> Callable[..., Path]:
    """Make the folder of a run that has ended."""

    def make(folder: Path, status: Status = "completed") -> Path:
        (folder / "checkpoint").mkdir(parents=True)
        for name, content in WRITTEN.items():
            (folder / name).write_bytes(content)
        (folder / "checkpoint" / "state").write_text("stays")
        (folder / ".heartbeat").touch()
        write_record(
            RunRecord(
                run_id=spec.run_id,
                status=status,
                started=datetime(2026, 11, 23, tzinfo=UTC),
                spec=spec,
                host=Host(
                    hostname="ward7", os="Linux", cpu_logical=2, cpu_usable=2, memory_bytes=1,
                    versions={},
                ),
                data=DataFacts(fingerprint=FINGERPRINT, source="s", classes=(), counts={}),
                artifacts={name: sha256_of(folder / name) for name in WRITTEN},
            ),
            folder,
        )  # fmt: skip
        return folder

    return make
