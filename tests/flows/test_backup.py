"""The guide's backup lines, tried: what they bring back, and what a lost server takes with it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from guide import GUIDE
from postgres import Cluster, cluster, programs
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_server import Server, ask

from flows import heartbeat

pytestmark = pytest.mark.slow

PASSWORD = "hunter2zq"
REPORT = "# 2.1 times as fast"

on_postgres = pytest.mark.skipif(programs() is None, reason="Postgres is not installed")


def url_of(database: Cluster) -> str:
    """The address of a lab's own database, as the guide writes it."""
    return f"postgresql+asyncpg://lab:{PASSWORD}@127.0.0.1:{database.port}/prefect"


def as_postgres(database: Cluster, line: str) -> None:
    """Run one of the guide's lines on this database, as the owner of all of them."""
    server = {"PGHOST": "127.0.0.1", "PGPORT": str(database.port)}
    owner = {"PGUSER": "prefect", "PGPASSWORD": database.password}
    here = line.replace("runuser -u postgres -- ", f"{programs()}/")
    subprocess.run(["sh", "-ec", here], env=os.environ | server | owner, check=True)


def make_user(database: Cluster) -> None:
    """Make a lab's user of Postgres, as `createuser --pwprompt` does."""
    database.ask(f"create role lab login password '{PASSWORD}'")


def line_with(words: str) -> str:
    """Return the guide's line that has these words, without the times that cron begins it at."""
    [line] = [
        each
        for each in re.findall(r"`([^`\n]+)`|^ *# (.+)$", GUIDE, re.M)
        if words in "".join(each)
    ]
    return re.sub(r"^0 4 \* \* \* ", "", "".join(line))


def dumping(dump: Path) -> str:
    return line_with("pg_dump").replace("/var/backups", str(dump.parent))


def restoring(dump: Path) -> str:
    return line_with("pg_restore").replace("/var/backups", str(dump.parent))


def finish_a_run(api: str, name: str) -> str:
    """Make a flow run that has ended and left a report; return its id."""
    flow = ask(api, "flows/", name="benchmark")
    ended = {"type": "COMPLETED", "name": "Completed"}
    run = ask(api, "flow_runs/", flow_id=flow["id"], name=name, state=ended)
    key = f"{name}-report"
    ask(api, "artifacts/", flow_run_id=run["id"], key=key, type="markdown", data=REPORT)
    return str(run["id"])


def set_up(api: str) -> None:
    """Give a server what a lab would have to make again: a deployment, its schedule, its queue."""
    ask(api, "work_pools/", name="lungbench", type="process")
    ask(api, "work_pools/lungbench/queues", name="nightly-quick", concurrency_limit=1)
    ask(
        api,
        "deployments/",
        name="nightly-quick",
        flow_id=ask(api, "flows/", name="benchmark")["id"],
        schedules=[{"slug": "every-night", "schedule": {"cron": "30 3 * * *"}, "active": True}],
        parameters={"file": "experiments/ours.toml"},
    )
    with temporary_settings({PREFECT_API_URL: api}):
        assert heartbeat.install()


def held(api: str) -> dict[str, Any]:
    """Return what a server has that a lab would miss."""
    completed = {"state": {"type": {"any_": ["COMPLETED"]}}}
    return {
        "runs": {
            each["id"]: each["name"] for each in ask(api, "flow_runs/filter", flow_runs=completed)
        },
        "artifacts": {each["key"]: each["data"] for each in ask(api, "artifacts/filter")},
        "deployments": {
            each["name"]: each["parameters"] for each in ask(api, "deployments/filter")
        },
        "schedules": [
            (one["schedule"]["cron"], one["active"])
            for each in ask(api, "deployments/filter")
            for one in each["schedules"]
        ],
        "queues": {
            each["name"]: each["concurrency_limit"]
            for each in ask(api, "work_pools/lungbench/queues/filter")
        },
        "automations": [each["name"] for each in ask(api, "automations/filter")],
    }


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    with cluster() as running:
        make_user(running)
        as_postgres(running, line_with("-- createdb"))
        yield running


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backups") / "prefect.dump"


@pytest.fixture(scope="module")
def restored(
    database: Cluster, dump: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, dict[str, Any]]]:
    """A server whose database was dumped, damaged and restored; and what it had when dumped."""
    home = tmp_path_factory.mktemp("server")
    server = Server(home, PREFECT_API_DATABASE_CONNECTION_URL=url_of(database))
    try:
        server.start()
        set_up(server.api)
        finish_a_run(server.api, "before")
        had = held(server.api)
        as_postgres(database, dumping(dump))

        finish_a_run(server.api, "after")
        server.stop()
        harm = "drop table artifact cascade; create table later (run uuid references flow_run); "
        as_postgres(database, f'runuser -u postgres -- psql -qc "{harm}" prefect')
        as_postgres(database, restoring(dump))
        server.start()
        yield server, had
    finally:
        server.stop()


@on_postgres
def test_a_restored_database_is_what_it_was_when_it_was_dumped(
    restored: tuple[Server, dict[str, Any]], database: Cluster
) -> None:
    server, had = restored
    assert list(had["runs"].values()) == ["before"]
    assert had["artifacts"] == {"before-report": REPORT}
    assert had["deployments"] == {"nightly-quick": {"file": "experiments/ours.toml"}}
    assert had["schedules"] == [("30 3 * * *", True)]
    assert had["queues"]["nightly-quick"] == 1
    assert had["automations"] == [heartbeat.NAME]
    assert held(server.api) == had
    # What a later version left would stand in the way of its next migration.
    tables = "select count(*) from pg_tables where tablename = 'later'"
    as_postgres(database, f'runuser -u postgres -- psql -Atc "{tables}" prefect | grep -qx 0')


@on_postgres
def test_a_restored_server_goes_on(restored: tuple[Server, dict[str, Any]]) -> None:
    server, _ = restored
    finish_a_run(server.api, "since")
    assert "since" in held(server.api)["runs"].values()


@on_postgres
def test_a_dump_can_be_read_by_root_alone(
    restored: tuple[Server, dict[str, Any]], dump: Path
) -> None:
    """It holds what the blocks keep secret, and the key to it."""
    assert dump.stat().st_mode & 0o077 == 0


@on_postgres
def test_a_dump_that_fails_leaves_the_one_before(
    restored: tuple[Server, dict[str, Any]], database: Cluster, dump: Path
) -> None:
    before = dump.read_bytes()
    with pytest.raises(subprocess.CalledProcessError):
        as_postgres(database, dumping(dump).replace(" prefect >", " absent >"))
    assert dump.read_bytes() == before


@on_postgres
def test_a_dump_makes_the_server_of_a_machine_that_was_lost(
    restored: tuple[Server, dict[str, Any]], dump: Path, tmp_path: Path
) -> None:
    _, had = restored
    with cluster() as another:
        make_user(another)
        as_postgres(another, restoring(dump))
        server = Server(tmp_path, PREFECT_API_DATABASE_CONNECTION_URL=url_of(another))
        try:
            server.start()
            assert held(server.api) == had
        finally:
            server.stop()


def test_a_copy_of_sqlite_is_made_while_the_server_runs_and_replaces_what_a_kill_left(
    tmp_path: Path,
) -> None:
    (home := tmp_path / ".prefect").mkdir()
    server = Server(home)
    try:
        server.start()
        set_up(server.api)
        finish_a_run(server.api, "before")
        had = held(server.api)
        in_the_home_of_lab(tmp_path, line_with('prefect.backup"))'))
        assert (tmp_path / "prefect.backup").stat().st_mode & 0o077 == 0
        finish_a_run(server.api, "after")
        server.kill()
        in_the_home_of_lab(tmp_path, line_with("cp prefect.backup"))
        server.start()
        assert list(held(server.api)["runs"].values()) == ["before"]
        assert held(server.api) == had
    finally:
        server.stop()


def in_the_home_of_lab(home: Path, line: str) -> None:
    here = line.replace("app/.venv/bin/python", sys.executable)
    subprocess.run(["sh", "-ec", here], cwd=home, check=True)
