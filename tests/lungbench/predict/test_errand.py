"""The parent of a prediction's process, tried with processes that do what they shouldn't."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lungbench.errors import LungbenchError, Refused
from lungbench.predict.errand import Errand, run
from lungbench.predict.job import Answer, PredictJob

JOB = PredictJob(image_size=16, rows=(0, 2), memory_bytes=2**31, cpu_s=60)
EXPLAINING = JOB.model_copy(update={"explain": True})

Ask = Callable[..., Answer]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Have the job answered by a script, which finds its folder in `folder`."""
    folder = tmp_path / "private"
    folder.mkdir()

    def answer(script: str, deadline_s: float = 60, job: PredictJob = JOB) -> Answer:
        start = "import os, sys, json, time; from pathlib import Path; folder = Path(sys.argv[1])\n"
        command = (sys.executable, "-c", start + script)
        return run(Errand("tensorflow", deadline_s, command), job, folder)

    return answer


def says(answer: object) -> str:
    return f"(folder / 'answer.json').write_text({json.dumps(answer)!r})"


def test_an_answer_for_every_image_is_taken(ask: Ask) -> None:
    answer = ask(says({"probabilities": [[0.25, 0.75], [1, 0]]}))
    assert answer.probabilities == ((0.25, 0.75), (1.0, 0.0))


def test_the_job_is_a_file(ask: Ask) -> None:
    script = "job = json.loads((folder / 'job.json').read_text()); assert job['rows'] == [0, 2]\n"
    assert ask(script + says({"probabilities": [[1, 0], [1, 0]]}))


@pytest.mark.parametrize(
    "answer",
    [
        {"probabilities": [[1, 0]]},
        {"probabilities": [[1, 0], [1]]},
        {"probabilities": [[1, float("nan")], [1, 0]]},
        {"probabilities": [["x", 0], [1, 0]]},
        {"probabilities": [[1, 0], [1, 0]], "more": 1},
        {"refusal": "x" * 10_000},
        [],
        "text",
    ],
)
def test_an_answer_that_does_not_fit_is_refused(ask: Ask, answer: object) -> None:
    with pytest.raises(LungbenchError, match=r"^The prediction's process must answer"):
        ask(says(answer))


def test_a_heat_map_for_every_image_is_taken_where_they_are_asked_for(ask: Ask) -> None:
    heat = [[[0, 0.5], [1, 0]], [[0.25]]]
    script = says({"probabilities": [[1, 0], [1, 0]], "heat": heat})
    assert ask(script, job=EXPLAINING).heat == (((0, 0.5), (1, 0)), ((0.25,),))
    with pytest.raises(LungbenchError, match="must answer for every image"):
        ask(script)


@pytest.mark.parametrize(
    "heat",
    [
        [],
        [[[0.5]]],
        [[[0.5]], []],
        [[[0.5]], [[]]],
        [[[0.5]], [[0.5, 0.5], [0.5]]],
        [[[0.5]], [[0.5] * 65]],
        [[[0.5]], [[0.5]] * 65],
        [[[0.5]], [[1.5]]],
        [[[0.5]], [[float("nan")]]],
        [[[0.5]], [["x"]]],
    ],
)
def test_heat_maps_that_do_not_fit_are_refused(ask: Ask, heat: object) -> None:
    with pytest.raises(LungbenchError, match=r"^The prediction's process must answer"):
        ask(says({"probabilities": [[1, 0], [1, 0]], "heat": heat}), job=EXPLAINING)


@pytest.mark.parametrize(
    "script",
    [
        "os.symlink('/etc/passwd', folder / 'answer.json')",
        "os.mkfifo(folder / 'answer.json')",
        "(folder / 'answer.json').mkdir()",
    ],
)
def test_an_answer_that_is_no_file_is_not_read(ask: Ask, script: str) -> None:
    with pytest.raises(LungbenchError, match="answer in its own format"):
        ask(script)


def test_a_refusal_is_one_line_whatever_stands_in_it(ask: Ask) -> None:
    with pytest.raises(Refused) as refusal:
        ask(says({"refusal": "first\nsecond \x1b[2J"}))
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("script", "received"),
    [
        ("sys.exit(3)", "its process ended with exit code 3"),
        ("os.kill(os.getpid(), 11)", "its process was ended by SIGSEGV"),
        ("raise MemoryError", "it wants more than 2.0 GiB"),
        ("print('std::bad_alloc'); os.abort()", "it wants more than 2.0 GiB"),
        ("os.kill(os.getpid(), 24)", "it wants more processor time than it has"),
    ],
)
def test_a_process_that_dies_is_told_of_in_one_line(ask: Ask, script: str, received: str) -> None:
    with pytest.raises(
        Refused, match=r"^A model must load and answer within its limits"
    ) as refusal:
        ask(script)
    assert received in str(refusal.value)


def test_a_process_that_does_not_end_is_ended_with_its_children(ask: Ask, tmp_path: Path) -> None:
    script = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path("pids").write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""
    with pytest.raises(Refused, match="no answer after 2 s"):
        ask(script, deadline_s=2)
    pids = [int(pid) for pid in (tmp_path / "private" / "pids").read_text().split()]
    psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=10)
    assert [pid for pid in pids if _lives(pid)] == []


def test_what_it_started_ends_with_it(ask: Ask, tmp_path: Path) -> None:
    script = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path("pids").write_text(f"{child.pid}")
"""
    ask(script + says({"probabilities": [[1, 0], [1, 0]]}))
    pid = int((tmp_path / "private" / "pids").read_text())
    deadline = time.monotonic() + 10
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(pid)


def test_the_users_secrets_stay_outside(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "99")
    script = """
assert "LAB_TOKEN" not in os.environ
assert os.environ["KERAS_BACKEND"] == "tensorflow"
assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
assert int(os.environ["OMP_NUM_THREADS"]) < 99
assert Path(os.environ["TMPDIR"]) == folder == Path.cwd()
"""
    assert ask(script + says({"probabilities": [[1, 0], [1, 0]]}))


# The real child with a stand-in for Keras, which does `work(folder)` where it would load a model.
CHILD = """
import os, resource, socket, subprocess, sys, time, types
from pathlib import Path
from lungbench.predict.job import Answer
stand_in = types.ModuleType("lungbench.predict.network")
def answer_to(job, folder):
    return Answer(probabilities=work(folder))
{work}
stand_in.answer_to = answer_to
sys.modules["lungbench.predict.network"] = stand_in
import lungbench.predict
lungbench.predict.network = stand_in
from lungbench.predict import child
sys.exit(child.main(Path(sys.argv[1])))
"""

SLEEPS = """
def work(folder):
    (folder / "pid").write_text(str(os.getpid()))
    time.sleep(600)
"""

ATTEMPTS = """
def work(folder):
    def refused(attempt):
        try:
            attempt()
        except OSError:
            return 1
        return 0
    row = (
        refused(lambda: (folder.parent / "marker").write_text("run")),
        refused(lambda: subprocess.run([sys.executable, "-c", ""])),
        refused(lambda: socket.create_connection(ADDRESS, 2)),
        resource.getrlimit(resource.RLIMIT_DATA)[0] < 2**31 + 2**30,
        resource.getrlimit(resource.RLIMIT_CPU)[0] == 60,
    )
    return (row, row)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's walls")
def test_the_child_is_confined_before_it_touches_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        work = ATTEMPTS.replace("ADDRESS", repr(server.getsockname()))
        command = (sys.executable, "-c", CHILD.format(work=work))
        answer = run(Errand("tensorflow", 60, command), JOB, folder)
    if answer.open_to:
        pytest.skip(f"this kernel leaves {answer.open_to} open")
    assert answer.probabilities == ((1.0,) * 5,) * 2
    assert not (tmp_path / "marker").exists()


PARENT = """
import sys
from pathlib import Path
from lungbench.predict.errand import Errand, run
from lungbench.predict.job import PredictJob
job = PredictJob(image_size=16, rows=(0,), memory_bytes=2**31, cpu_s=60)
run(Errand("tensorflow", 600, (sys.executable, "-c", sys.argv[2])), job, Path(sys.argv[1]))
"""


def test_the_child_ends_with_its_parent_and_leaves_no_copy_of_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "model.keras").write_bytes(b"model")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder), CHILD.format(work=SLEEPS)]
    )
    try:
        pid = int(_awaited(folder / "pid"))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 10
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(pid)
    assert not folder.exists()


def _awaited(path: Path) -> str:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return path.read_text()


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_the_kernel_does_not_offer_is_said(ask: Ask) -> None:
    answer = ask(says({"probabilities": [[1, 0], [1, 0]], "open_to": ["the network"]}))
    assert answer.open_to == ("the network",)


def test_nothing_of_this_process_is_open_in_the_child(ask: Ask, tmp_path: Path) -> None:
    secret = (tmp_path / "secret").open("w")
    try:
        script = f"""
try:
    os.fstat({os.dup(secret.fileno())})
except OSError:
    {says({"probabilities": [[1, 0], [1, 0]]})}
"""
        assert ask(script)
    finally:
        secret.close()
