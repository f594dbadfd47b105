"""What is done about a run of another host, by what Prefect says of it and what was delivered."""

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running, Scheduled

from flows.pools import Verdict, queue_of, verdict
from lungbench.device import Device


@pytest.mark.parametrize(
    ("state", "delivered", "silent", "expected"),
    [
        # A whole result counts, whatever Prefect believes.
        (Completed(), "completed", False, "take"),
        (Crashed(), "completed", True, "take"),
        (None, "failed", False, "take"),
        (Failed(), "failed", False, "take"),
        (Completed(), "skipped", False, "take"),
        # Nobody asked for these ends: the run is queued again.
        (Crashed(), None, False, "again"),
        (Crashed(), "interrupted", False, "again"),
        (Completed(), None, False, "again"),
        (None, None, False, "again"),
        # Somebody asked for these.
        (Cancelled(), "interrupted", False, "take"),
        (Cancelled(), None, False, "take"),
        (Failed(), None, False, "take"),
        # Under way, in a queue, or dead without a word.
        (Running(), None, False, "wait"),
        (Pending(), None, False, "wait"),
        (Scheduled(), None, True, "wait"),
        (Running(), None, True, "lost"),
        (Pending(), None, True, "lost"),
        (Running(), "interrupted", True, "lost"),
    ],
)
def test_a_run_is_waited_for_taken_or_queued_again(
    state: State | None, delivered: str | None, silent: bool, expected: Verdict
) -> None:
    assert verdict(state, delivered, silent=silent) == expected


@pytest.mark.parametrize(
    ("device", "exclusive", "queue"),
    [
        ("cpu:threads=2", "host", "trainings"),
        ("gpu:0", "host", "trainings"),
        ("cpu:threads=2", "device", "trainings-cpu"),
        ("cpu", "device", "trainings-cpu"),
        ("gpu:0", "device", "trainings-gpu.0"),
    ],
)
def test_trainings_that_may_not_overlap_wait_in_one_queue(
    device: str, exclusive: str, queue: str
) -> None:
    assert queue_of(Device.parse(device), exclusive) == queue  # type: ignore[arg-type]
