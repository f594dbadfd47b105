"""The status and the reason of a run, from how its process ended and what it left."""

import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lungbench.experiment import RunSpec
from lungbench.host import describe_host
from lungbench.job import LOG_FILE, TRAINING_FILE, Training
from lungbench.record import Gpu, Host, Reason, Resources
from lungbench.run.launch import Surroundings, launch
from lungbench.run.verdict import Memory, verdict
from lungbench.run.watch import Ended

Make = Callable[..., Surroundings]

GB = 10**9
KILLED = Ended(-signal.SIGKILL)
TIMEOUT = Reason(kind="timeout", message="too long")
DIVERGED = Reason(kind="diverged", message="NaN")


@pytest.fixture
def host() -> Host:
    found = describe_host(gpus=False)
    return found.model_copy(update={"memory_bytes": 8 * GB})


@pytest.fixture
def memory(host: Host) -> Memory:
    return Memory(host, Resources(rss_peak_bytes=7_900_000_000))


@pytest.mark.parametrize(
    ("ended", "training", "status", "kind"),
    [
        (Ended(0), Training(), "completed", None),
        (Ended(1), Training(failure=DIVERGED), "failed", "diverged"),
        (Ended(143), Training(stopped=True), "interrupted", "signal"),
        # asked to end by its parent, or at a deadline, it stops in order; that is not why
        (Ended(143, interrupted=True), Training(stopped=True), "interrupted", None),
        (Ended(143, ended_for=TIMEOUT), Training(stopped=True), "failed", "timeout"),
        (KILLED, None, "failed", "signal"),
        (Ended(0), None, "failed", "error"),
        (Ended(3), None, "failed", "error"),
        # what it says of itself can't be true of a process that ended like this
        (KILLED, Training(), "failed", "signal"),
    ],
)
def test_a_run_ended_as_its_process_and_its_last_word_say(
    tmp_path: Path,
    memory: Memory,
    ended: Ended,
    training: Training | None,
    status: str,
    kind: str | None,
) -> None:
    if training:
        (tmp_path / TRAINING_FILE).write_text(training.model_dump_json())
    found, reason = verdict(tmp_path, ended, memory)
    assert (found, reason.kind if reason else None) == (status, kind)


@pytest.mark.parametrize(
    ("ended", "words", "by_kernel"),
    [
        (Ended(1), "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 9 GiB", False),
        (Ended(-signal.SIGABRT), "terminate called after throwing 'std::bad_alloc'", False),
        (Ended(1), "ImportError: lib.so: failed to map segment from shared object", False),
        (
            Ended(-signal.SIGABRT),
            "libgcc_s.so.1 must be installed for unwinding to work\nnot measured: energy",
            False,
        ),
        (KILLED, "", True),
    ],
)
def test_all_faces_of_memory_that_ran_out_have_one_reason(
    tmp_path: Path, host: Host, ended: Ended, words: str, by_kernel: bool
) -> None:
    (tmp_path / LOG_FILE).write_text(words + "\n")
    memory = Memory(host, Resources(rss_peak_bytes=7_900_000_000), kernel_killed=by_kernel)
    assert verdict(tmp_path, ended, memory) == (
        "failed",
        Reason(
            kind="out_of_memory",
            message="The training ran out of memory: its processes held 7.9 GB of 8.0 GB at the "
            "sampler's highest reading.",
        ),
    )


def test_a_gpus_memory_is_told_beside_the_hosts(tmp_path: Path, host: Host) -> None:
    on_gpu = host.model_copy(update={"gpus": (Gpu(index=0, memory_bytes=24 * GB),)})
    resources = Resources(rss_peak_bytes=3 * GB, gpu_memory_peak_bytes=23_500_000_000)
    failure = Reason(kind="out_of_memory", message="ResourceExhausted")
    (tmp_path / TRAINING_FILE).write_text(Training(failure=failure).model_dump_json())
    _, reason = verdict(tmp_path, Ended(1), Memory(on_gpu, resources))
    assert reason is not None
    assert "its GPUs held 23.5 GB of 24.0 GB" in reason.message


def test_a_real_process_without_memory_is_told_as_such(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    script = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({GB}, {resource.RLIM_INFINITY}))\n"
        f"block = bytearray({2 * GB})\n"
    )
    record = launch(spec, tmp_path / "run", surroundings(script))
    assert record.reason is not None
    assert (record.status, record.reason.kind) == ("failed", "out_of_memory")
    assert "held" in record.reason.message
