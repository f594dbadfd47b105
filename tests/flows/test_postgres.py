"""Several hosts on the database that they need: a real Postgres, and what is killed meanwhile.

One host serves the pool `one-lab`, two serve `two-lab`. Where Postgres is not installed, nothing
here can be shown.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from postgres import Cluster, cluster, programs
from prefect_server import Server
from several_hosts import (
    LOST_AFTER_S,
    NEVER_LOST_S,
    Host,
    Parent,
    end_of,
    hold,
    let_go,
    make_pool,
    serve,
    wait_while_it_lives,
)
from waiting import wait_for

from lungbench.executions.verify import verify
from reports.summaries.summary import Summary

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(programs() is None, reason="Postgres is not installed"),
]

AT_ONCE = 2
"""What the queues let through, though a host trains one at a time."""


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture(scope="module")
def server(database: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(
        tmp_path_factory.mktemp("server"), PREFECT_API_DATABASE_CONNECTION_URL=database.url
    )
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def hosts(
    server: Server, s3: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Host]]:
    folder = tmp_path_factory.mktemp("hosts")
    for pool in ("one-lab", "two-lab"):
        make_pool(server.api, pool, AT_ONCE)
    found = [
        Host("one-lab", server.api, folder / "one", **s3),
        Host("two-lab", server.api, folder / "two", limit=1, **s3),
        Host("two-lab", server.api, folder / "three", limit=1, **s3),
    ]
    yield found
    for host in found:
        host.stop()


@pytest.fixture
def parent(tmp_path: Path, xrays: Path, server: Server, s3: dict[str, str]) -> Iterator[Parent]:
    found = Parent(tmp_path, xrays, server.api, s3)
    yield found
    found.stop()


def reported(parent: Parent) -> Counter[str]:
    """Count the trainings by the end that the report's figures say they had."""
    assert not [each for each in verify(parent.execution).findings if each.is_damage]
    assert (parent.execution / "report.html").stat().st_size > 10_000
    summary = Summary.model_validate_json((parent.execution / "summary.json").read_bytes())
    completed = Counter(completed=sum(len(cell.runs) for cell in summary.cells))
    return completed + Counter(each.status for each in summary.failures)


def waits_for_its_host(server: Server) -> bool:
    """Say whether a training that has begun on a host waits there for another one."""
    asked = {"artifacts": {"type": {"any_": ["progress"]}}}
    shown = httpx.post(f"{server.api}/artifacts/filter", json=asked, timeout=30).json()
    return any("waiting for this host, held by" in (each["description"] or "") for each in shown)


def test_three_hosts_train_at_once_none_of_them_two_and_one_report_holds_all(
    parent: Parent, hosts: list[Host], server: Server, database: Cluster
) -> None:
    serve(*hosts)
    hold(*hosts)
    process = parent.run(repeats=2, lost_after_s=NEVER_LOST_S)
    try:
        wait_while_it_lives(process, lambda: all(host.training() for host in hosts))
        # The queue of the first host lets both of its trainings through: one waits for the other.
        wait_for(lambda: waits_for_its_host(server))
        assert [len(host.training()) for host in hosts] == [1, 1, 1]
        assert [len(host.children()) for host in hosts] == [1, 1, 1]
    finally:
        let_go(*hosts)
    code, err = end_of(process)
    assert code == 0, err
    assert [record.status for record in parent.records] == ["completed"] * 4
    assert len({record.data.fingerprint for record in parent.records}) == 1
    assert reported(parent) == {"completed": 4}
    assert parent.flow_states() == {"COMPLETED": 6}  # two proofs and four trainings
    # All of it went through Postgres: the flow that reports, and those of the other hosts.
    assert database.ask("select state_type, count(*) from flow_run group by 1") == "COMPLETED|7"


@dataclass(frozen=True)
class Kill:
    """What is killed, without a word, while two hosts train.

    Attributes:
        do: Kills it on the first host, and brings back what doesn't come back by itself.
        code: Of the command that reports.
        ends: How both trainings ended.
        states: Of all flow runs of other hosts: two proofs, two trainings, and what was queued
            again.
        lost_after_s: Only where nobody else notices the death.
    """

    do: Callable[[Host, Server], None]
    ends: dict[str, int]
    states: dict[str, int]
    code: int = 0
    lost_after_s: float = NEVER_LOST_S


def kill_worker(host: Host, _server: Server) -> None:
    assert host.process is not None
    host.process.kill()
    host.process.wait()
    host.start()


def kill_engine(host: Host, _server: Server) -> None:
    [engine] = host.engines()
    engine.kill()


def kill_both(host: Host, _server: Server) -> None:
    host.kill()
    host.start()


def kill_server(_host: Host, server: Server) -> None:
    server.kill()
    server.start()


def kill_training(host: Host, _server: Server) -> None:
    [child] = host.children()
    child.kill()


DONE = {"completed": 2}
QUEUED_AGAIN = {"COMPLETED": 4, "CRASHED": 1}
KILLS = {
    # Its engine trains on, delivers, and tells the server itself how that ended.
    "worker": Kill(kill_worker, DONE, {"COMPLETED": 4}),
    "engine": Kill(kill_engine, DONE, QUEUED_AGAIN),
    "worker and engine": Kill(kill_both, DONE, QUEUED_AGAIN, lost_after_s=LOST_AFTER_S),
    "server": Kill(kill_server, DONE, {"COMPLETED": 4}),
    "training": Kill(
        kill_training, {"completed": 1, "failed": 1}, {"COMPLETED": 3, "FAILED": 1}, code=1
    ),
}


@pytest.mark.parametrize("killed", KILLS)
def test_a_kill_while_two_hosts_train_ends_in_true_states_and_a_true_report(
    killed: str, parent: Parent, hosts: list[Host], server: Server
) -> None:
    kill, (one, two, three) = KILLS[killed], hosts
    three.stop()
    serve(one, two)
    hold(one, two)
    process = parent.run(lost_after_s=kill.lost_after_s)
    try:
        wait_while_it_lives(process, lambda: one.children() and two.children())
        kill.do(one, server)
    finally:
        let_go(one, two)
    code, err = end_of(process)
    assert code == kill.code, err
    assert Counter(record.status for record in parent.records) == kill.ends
    assert reported(parent) == kill.ends
    assert parent.flow_states() == kill.states
