"""Several hosts: a real Prefect server, and workers with separate homes that stand for hosts."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import postgres
import pytest
from prefect_server import Server
from several_hosts import (
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

from lungbench.data.synthetic import synthesize
from lungbench.executions.execution import executions
from lungbench.executions.verify import verify

POOLS = ("one-lab", "two-lab", "three-lab")

pytestmark = pytest.mark.slow

# Each takes minutes of several hosts' processes; `make faults` has time for them.
IS_LONG = os.environ.get("FAULTS") == "long"
LONG = pytest.mark.skipif(not IS_LONG, reason="the long form has it")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server on the database that several hosts need, where it is installed."""
    with ExitStack() as stack:
        settings = {}
        if postgres.programs() is not None:
            database = stack.enter_context(postgres.cluster())
            settings["PREFECT_API_DATABASE_CONNECTION_URL"] = database.url
        server = Server(tmp_path_factory.mktemp("server"), **settings)
        stack.callback(server.stop)
        server.start()
        yield server.api


@pytest.fixture(scope="module")
def hosts(
    api: str, s3: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Host]]:
    """Three hosts, one in each pool; the third has other images."""
    for pool in POOLS:
        make_pool(api, pool)
    folder = tmp_path_factory.mktemp("hosts")
    synthesize(folder / "others", 10, 7)
    extra = [s3, s3, s3 | {"LUNGBENCH_SOURCE": str(folder / "others")}]
    found = [
        Host(pool, api, folder / pool, **more) for pool, more in zip(POOLS, extra, strict=True)
    ]
    yield found
    for host in found:
        host.stop()


@pytest.fixture
def parent(tmp_path: Path, xrays: Path, api: str, s3: dict[str, str]) -> Iterator[Parent]:
    found = Parent(tmp_path, xrays, api, s3)
    yield found
    found.stop()


@pytest.mark.skipif(
    postgres.programs() is not None and not IS_LONG, reason="test_postgres.py has it, on Postgres"
)
def test_trainings_of_two_hosts_overlap_those_of_one_never_and_one_report_holds_all(
    parent: Parent, hosts: list[Host]
) -> None:
    one, two, _ = hosts
    serve(one, two)
    hold(one, two)
    process = parent.run(repeats=2, lost_after_s=NEVER_LOST_S)
    try:
        wait_while_it_lives(process, lambda: one.training() and two.training())
        time.sleep(3)  # three looks of each worker at its queue, in which another could begin
        assert len(one.training()) == len(two.training()) == 1
    finally:
        let_go(one, two)
    code, err = end_of(process)
    assert code == 0, err
    assert [record.status for record in parent.records] == ["completed"] * 4
    assert len({record.data.fingerprint for record in parent.records}) == 1
    assert not [each for each in verify(parent.execution).findings if each.is_damage]
    summary = json.loads((parent.execution / "summary.json").read_text())
    assert summary
    assert (parent.execution / "report.html").stat().st_size > 10_000
    assert parent.flow_states() == {"COMPLETED": 6}, err  # two proofs and four trainings
    assert not [path for path in (parent.folder / "shared").rglob("*") if path.is_file()]


@LONG
def test_engines_a_host_and_the_reporting_command_are_killed_and_every_run_is_there_in_the_end(
    parent: Parent, hosts: list[Host]
) -> None:
    one, two, _ = hosts
    serve(one, two)
    hold(one, two)
    process = parent.run()
    try:
        wait_while_it_lives(process, lambda: one.training() and two.training())
        [engine] = one.engines()
        engine.kill()
        wait_for(
            lambda: [each.pid for each in one.engines()] not in ([], [engine.pid]), seconds=300
        )
        two.kill()
        process.kill()
        process.wait()
    finally:
        let_go(one, two)
    two.start()
    code, err = end_of(parent.resume())
    assert code == 0, err
    assert [record.status for record in parent.records] == ["completed"] * 2
    # The trainings and both commands' proofs; the first attempts of the engine and of the host that
    # were killed are no longer Running. The second command asks one-lab for none if the training
    # there was delivered before it looked.
    assert parent.flow_states() in [{"COMPLETED": proofs + 2, "CRASHED": 2} for proofs in (3, 4)]
    assert (parent.execution / "report.html").exists()


@LONG
def test_a_host_that_never_comes_back_is_given_up_at_the_deadline(
    parent: Parent, hosts: list[Host]
) -> None:
    one, two, _ = hosts
    serve(one, two)
    hold(two)
    process = parent.run(deadline_s=12)
    try:
        wait_while_it_lives(process, two.training)
        two.kill()
        code, err = end_of(process)
    finally:
        let_go(two)
        two.start()
    assert code == 130, err
    ended = {str(record.spec.device): record for record in parent.records}
    assert ended["cpu"].status == "completed"
    lost = ended["cpu:threads=1"]
    assert lost.status == "interrupted"
    assert lost.reason is not None
    assert lost.reason.kind == "lost"
    assert "delivery.deadline_s = 12 s" in lost.reason.message
    assert (parent.execution / "report.html").exists()
    assert not {"RUNNING", "PENDING", "SCHEDULED"} & set(parent.flow_states())


def test_a_host_with_other_images_is_refused_before_anything_starts(
    parent: Parent, hosts: list[Host]
) -> None:
    serve(hosts[0], hosts[2])
    code, err = end_of(parent.run(other="three-lab"))
    assert code == 3, err
    last = err.splitlines()[-1]
    assert "three-lab: Every host must train on the same images" in last
    assert "Traceback" not in err
    assert not executions(parent.folder / "results")


def test_results_come_back_through_a_store(
    parent: Parent, hosts: list[Host], s3: dict[str, str]
) -> None:
    serve(hosts[1])
    code, err = end_of(parent.run(location="s3://lab/runs", devices=("cpu:threads=1",)))
    assert code == 0, err
    assert [record.status for record in parent.records] == ["completed"]
    assert not [each for each in verify(parent.execution).findings if each.is_damage]


@LONG
def test_ctrl_c_ends_the_trainings_of_other_hosts(parent: Parent, hosts: list[Host]) -> None:
    one, *_ = hosts
    serve(one)
    hold(one)
    process = parent.run(devices=("cpu",))
    try:
        wait_while_it_lives(process, one.training)
        process.send_signal(signal.SIGINT)
        code, err = end_of(process)
    finally:
        let_go(one)
    assert code == 130, err
    assert [record.status for record in parent.records] == ["interrupted"]
    assert not {"RUNNING", "PENDING", "SCHEDULED"} & set(parent.flow_states())


def test_a_pool_that_does_not_exist_is_one_line(parent: Parent) -> None:
    code, err = end_of(parent.run(other="no-lab"))
    assert code == 3, err
    assert "Every work pool of [hosts] must exist. Received: no-lab." in err.splitlines()[-1]
