"""The process that takes a few steps to see how long they take: `… .step_probe FOLDER`.

It trains as `lungbench.train` does, on the images that the folder's `spec.json` names, and leaves
`probe.json`; where that fails, `training.json` says why.
"""

import os
import sys
import time
import traceback
from pathlib import Path

from lungbench.errors import TrainingFailed
from lungbench.files import write_atomically
from lungbench.job import JOB_FILE, STARTED_VARIABLE, TRAINING_FILE, Job, Training
from lungbench.reasons import reason_of
from lungbench.train import confine, die_with_the_parent
from lungbench.training.step_times import PROBE_FILE


def main(folder: Path) -> int:
    """Probe what `spec.json` in the folder asks for; return the exit code."""
    die_with_the_parent()
    confine()
    started = float(os.environ.get(STARTED_VARIABLE, time.monotonic()))
    try:
        job = Job.model_validate_json((folder / JOB_FILE).read_bytes())
        from lungbench.training.steps import time_steps

        times = time_steps(job, folder, lambda: time.monotonic() - started)
    except Exception as error:
        if not isinstance(error, TrainingFailed):
            traceback.print_exc()
        said = Training(failure=reason_of(error))
        write_atomically(folder / TRAINING_FILE, said.model_dump_json())
        return 1
    write_atomically(folder / PROBE_FILE, times.model_dump_json())
    return 0


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # everything is on disk; a framework that hangs on exit must not lose it
