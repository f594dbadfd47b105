"""Run the process that diagnoses, once: give it a job, wait for its answer, end all of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

import lungbench
from lungbench.device import Device
from lungbench.errors import LungbenchError, Refused
from lungbench.experiment import Backend
from lungbench.files import write_atomically
from lungbench.host import usable_cpus
from lungbench.job import LIFELINE_VARIABLE
from lungbench.predict.job import (
    ANSWER_FILE,
    JOB_FILE,
    LOG_FILE,
    MAX_HEAT_SIDE,
    Answer,
    HeatMap,
    PredictJob,
)
from lungbench.predict.regular import read_at_most
from lungbench.reasons import reason_of_exit
from lungbench.record import ReasonKind

COMMAND = (sys.executable, "-P", "-m", "lungbench.predict.child")

_MAX_ANSWER_BYTES = 2**30
_LAST_WORDS_BYTES = 4000

# What a process needs to find Python and its packages. Nothing else of the user's surroundings,
# where passwords and tokens are kept, is its business.
_INHERITED = (
    "HOME",
    "KERAS_HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "PYTHONWARNINGS",
)


@dataclass(frozen=True, slots=True)
class Errand:
    """How the process is run.

    Attributes:
        backend: Keras's.
        deadline_s: When it is ended.
        command: What is started, before its folder.
    """

    backend: Backend
    deadline_s: float
    command: Sequence[str] = COMMAND


def run(errand: Errand, job: PredictJob, folder: Path) -> Answer:
    """Have a job answered by a process that works in `folder`.

    Raises:
        Refused: It refused the model, or didn't survive it.
        LungbenchError: Its answer doesn't fit the job.
    """
    write_atomically(folder / JOB_FILE, job.model_dump_json())
    code = _run(errand, folder)
    if not (folder / ANSWER_FILE).exists():
        raise _no_answer(code, errand, job, folder)
    answer = _answer(folder)
    if answer.refusal is not None:
        raise Refused(_printable(answer.refusal))
    if not _is_complete(answer, job):
        raise LungbenchError("The prediction's process must answer for every image.")
    return answer


def _run(errand: Errand, folder: Path) -> int | None:
    """Return the exit code; None where it was ended at its deadline."""
    read_end, lifeline = os.pipe()
    try:
        with (folder / LOG_FILE).open("wb") as log:
            process = subprocess.Popen(
                [*errand.command, str(folder)],
                cwd=folder,
                env=_environment(errand.backend, folder, read_end),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[read_end],
                start_new_session=True,
            )
        try:
            return process.wait(errand.deadline_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    finally:
        os.close(read_end)
        os.close(lifeline)


def _environment(backend: Backend, folder: Path, lifeline: int) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    own = str(Path(lungbench.__file__).parents[1])
    paths = [own, *filter(None, [inherited.get("PYTHONPATH")])]
    return (
        inherited
        | Device("cpu", threads=len(usable_cpus())).environ()
        | {
            "KERAS_BACKEND": backend,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONUNBUFFERED": "1",
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "TMPDIR": str(folder),
            LIFELINE_VARIABLE: str(lifeline),
        }
    )


def _answer(folder: Path) -> Answer:
    try:
        content = read_at_most(folder / ANSWER_FILE, _MAX_ANSWER_BYTES, follow_links=False)
        return Answer.model_validate_json(content)
    except (OSError, ValidationError):
        raise LungbenchError("The prediction's process must answer in its own format.") from None


def _is_complete(answer: Answer, job: PredictJob) -> bool:
    maps = len(job.rows) if job.explain else 0
    counted = (len(answer.probabilities), len(answer.heat)) == (len(job.rows), maps)
    return counted and _is_even(answer.probabilities) and all(map(_is_map, answer.heat))


def _is_map(heat: HeatMap) -> bool:
    sides = (len(heat), len(heat[0]) if heat else 0)
    return _is_even(heat) and all(1 <= side <= MAX_HEAT_SIDE for side in sides)


def _is_even(rows: Sequence[Sequence[float]]) -> bool:
    return len({len(row) for row in rows}) <= 1


def _no_answer(code: int | None, errand: Errand, job: PredictJob, folder: Path) -> Refused:
    """Say in one line what a model did to the process that loaded it."""
    rule = "A model must load and answer within its limits."
    if code is None:
        return Refused(rule, received=f"no answer after {errand.deadline_s:.0f} s")
    kind, what = _reason(code, folder)
    if kind == "out_of_memory":
        return Refused(rule, received=f"it wants more than {job.memory_bytes / 2**30:.1f} GiB")
    return Refused(rule, received=what)


def _reason(code: int, folder: Path) -> tuple[ReasonKind, str]:
    log = (folder / LOG_FILE).read_bytes()[-_LAST_WORDS_BYTES:]
    if code == -signal.SIGXCPU:
        return "timeout", "it wants more processor time than it has"
    reason = reason_of_exit(code, log.decode(errors="replace"))
    return reason.kind, reason.message.rstrip(".").replace("The training process", "its process")


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]
