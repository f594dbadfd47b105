"""Cancel, retry and wait one's turn, by a real server and worker; the child is a stand-in."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from chromium import Browser
from lab import Lab
from run_page import RunPage
from waiting import wait_for

from lungbench.data.dataset import PreparedData
from lungbench.job import JOB_FILE, Job, Spent
from lungbench.run.outcome import read_epochs
from lungbench.training.checkpoint import CHECKPOINT_FILE, Header, write_checkpoint

pytestmark = pytest.mark.slow

# The artifacts of an execution whose first training waits after its first epoch.
TRAINING = {
    ("tiny-trainings", "0 of 2 done: 1 training, 1 waiting"),
    (
        "tiny-train-cnn10-cpu-float32-tensorflow-cached-r1",
        "cnn10 on cpu #1: training, epoch 1 of 2, loss 1.0000, 24.0 images/s",
    ),
}


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory,
    lab_folder: Path,
    lab_environment: dict[str, str],
    prefect_api: str,
) -> Iterator[Lab]:
    """A lab whose worker waits for runs."""
    with (lab_folder / "tiny.toml").open("a") as experiment:
        experiment.write("repeats = 2\n")
    found = Lab(lab_folder, prefect_api, lab_environment)
    found.open(tmp_path_factory.mktemp("start"))
    yield found
    found.close()


@pytest.fixture
def page_of(lab: Lab, browser: Browser) -> Iterator[Callable[[str], RunPage]]:
    """Open the page of a flow run in the UI."""
    # By another name of this machine, as from another one: the page must not count on the server's.
    server = lab.api.removesuffix("/api").replace("127.0.0.1", "localhost")
    yield lambda flow_run: RunPage(browser, server, flow_run)
    browser.go("about:blank")  # the UI draws and asks as long as it is open


def test_a_cancel_ends_the_training_and_a_retry_goes_on_in_its_folder(lab: Lab) -> None:
    flow_run = lab.begin()
    assert lab.trainings()
    lab.prefect("flow-run", "cancel", flow_run)
    wait_for(lambda: not lab.trainings())
    wait_for(lambda: lab.state(flow_run) == "CANCELLED")
    wait_for(lambda: lab.statuses() == ["interrupted"] * 2)
    [execution] = lab.executions

    lab.waits.unlink()
    lab.prefect("flow-run", "retry", flow_run)
    wait_for(lambda: lab.state(flow_run) == "COMPLETED")
    assert lab.executions == [execution]
    assert lab.statuses() == ["completed"] * 2


def test_cancel_and_retry_are_clicked_in_the_ui(
    lab: Lab, page_of: Callable[[str], RunPage]
) -> None:
    flow_run = lab.begin()
    [begun] = (epochs.parent for epochs in lab.epochs())
    kept = write_a_checkpoint(begun)
    wait_for(lambda: lab.artifacts(flow_run) >= TRAINING)  # the page reads them once
    page = page_of(flow_run)
    page.wait_for("Running")
    page.press("Artifacts")
    page.wait_for(*(text for artifact in TRAINING for text in artifact))

    page.press("Cancel")
    page.wait_for("Cancel Flow Run")
    page.press("Confirm")
    wait_for(lambda: not lab.trainings())
    wait_for(lambda: lab.state(flow_run) == "CANCELLED")
    page.wait_for("Cancelled")
    assert lab.statuses() == ["interrupted"] * 2
    assert (begun / CHECKPOINT_FILE).read_bytes() == kept

    before = lab.executions
    lab.waits.unlink()
    page.press("Retry")
    page.wait_for("Retry tiny?")
    page.press("Retry")
    wait_for(lambda: lab.state(flow_run) == "COMPLETED")
    page.wait_for("Completed")
    assert lab.executions == before
    assert lab.statuses() == ["completed"] * 2
    assert [record.timing.resumed for record in lab.records() if record.timing] == [True, False]
    assert page.asked_elsewhere == []


def write_a_checkpoint(run_dir: Path) -> bytes:
    """Write what a real child would have left by now; return its content."""
    job = Job.model_validate_json((run_dir / JOB_FILE).read_bytes())
    header = Header(
        spec=job.spec,
        data=PreparedData.read(job.data).fingerprint,
        environment={},
        epochs=read_epochs(run_dir),
        batches=0,
        spent=Spent(),
        attempts=1,
    )
    write_checkpoint(run_dir / CHECKPOINT_FILE, header, {"network/0": np.zeros(1)})
    return (run_dir / CHECKPOINT_FILE).read_bytes()


def test_a_retry_after_a_kill_records_what_was_lost_and_goes_on(lab: Lab) -> None:
    flow_run = lab.begin()
    [training] = lab.trainings()
    parent = training.parent()
    assert parent
    parent.kill()
    wait_for(lambda: lab.state(flow_run) == "CRASHED")
    # A worker says so again when its own process has ended, which would end a retry of before that.
    wait_for(lambda: not lab.worker.children())
    time.sleep(3)
    before = lab.executions
    lab.waits.unlink()
    lab.prefect("flow-run", "retry", flow_run)
    wait_for(lambda: lab.state(flow_run) == "COMPLETED")
    assert lab.executions == before
    assert lab.statuses() == ["completed"] * 2


def test_a_run_that_becomes_due_meanwhile_waits_its_turn_without_a_slot_to_renew(lab: Lab) -> None:
    first = lab.begin()
    second = lab.order()
    time.sleep(8)  # four times the worker asks what to begin
    assert lab.state(second) == "SCHEDULED"
    assert lab.read(first)["state"]["state_details"]["deployment_concurrency_lease_id"] is None
    lab.waits.unlink()
    wait_for(lambda: lab.state(second) == "COMPLETED")
    assert lab.state(first) == "COMPLETED"
    ended, began = lab.read(first)["end_time"], lab.read(second)["start_time"]
    assert datetime.fromisoformat(ended) <= datetime.fromisoformat(began)


def test_a_retry_of_a_changed_experiment_begins_anew(lab: Lab) -> None:
    flow_run = lab.begin()
    lab.prefect("flow-run", "cancel", flow_run)
    wait_for(lambda: lab.state(flow_run) == "CANCELLED")
    before = lab.executions
    file = lab.folder / "tiny.toml"
    file.write_text(file.read_text().replace("repeats = 2", "repeats = 1"))
    lab.waits.unlink()
    lab.prefect("flow-run", "retry", flow_run)
    wait_for(lambda: lab.state(flow_run) == "COMPLETED")
    assert len(lab.executions) == len(before) + 1
    assert lab.statuses() == ["completed"]
