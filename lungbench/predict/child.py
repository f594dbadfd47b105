"""The process that loads one model and diagnoses: `python -m lungbench.predict.child FOLDER`.

It gives up what it doesn't need (`lungbench.predict.confinement`), ends with its parent, and
answers in `answer.json`. Limits that can be set before the framework is there are; memory and the
file system are closed after it was imported and before the model is touched.
"""

import os
import shutil
import signal
import sys
import threading
import traceback
from pathlib import Path

from lungbench.errors import Refused
from lungbench.files import write_atomically
from lungbench.job import LIFELINE_VARIABLE
from lungbench.predict import confinement
from lungbench.predict.job import ANSWER_FILE, JOB_FILE, Answer, PredictJob

_MAX_FILE_BYTES = 2**30  # of the answer and the log


def main(folder: Path) -> int:
    """Answer the job in `folder`; return the exit code."""
    job = PredictJob.model_validate_json((folder / JOB_FILE).read_bytes())
    alone = confinement.leave_the_network()  # before there is a second thread
    _end_with_the_parent(folder)
    confinement.limit(job.cpu_s, _MAX_FILE_BYTES)
    from lungbench.predict import network

    confinement.limit_memory(job.memory_bytes)
    inside = confinement.stay_in(folder)
    open_to = (() if alone else ("the network",)) + (() if inside else ("files and programs",))
    try:
        answer = network.answer_to(job, folder).model_copy(update={"open_to": open_to})
    except Refused as refused:
        answer = Answer(refusal=str(refused), open_to=open_to)
    except Exception:
        traceback.print_exc()  # for the parent, who looks for what it says of memory
        return 1
    write_atomically(folder / ANSWER_FILE, answer.model_dump_json())
    return 0


def _end_with_the_parent(folder: Path) -> None:
    """End this process and those it has started when the parent ends, and leave nothing."""
    lifeline = os.environ.pop(LIFELINE_VARIABLE, None)
    if lifeline is None:
        return

    def watch() -> None:
        os.read(int(lifeline), 1)
        shutil.rmtree(folder, ignore_errors=True)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a framework that hangs on exit must not keep the parent waiting
