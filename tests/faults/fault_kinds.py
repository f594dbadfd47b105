"""The 42 kinds of fault that a benchmark must survive, and what that means for each.

After each fault: the record's status and reason are true; the last committed checkpoint is intact
by its hash; there is one clear line, and an exit code other than 0; no process of the run is left
after 10 s; `resume` completes, and equals the uninterrupted run; the suite's other runs went on.
No process is left after any test of this folder (`conftest.mark`).
"""

from typing import Final

KINDS: Final = {
    1: "SIGKILL of the child mid-epoch at every batch",
    2: "inside a checkpoint write, ≥ 100 random delays",
    3: "at every write/fsync/rename call (`strace -e inject`)",
    4: "between checkpoint and record",
    5: "SIGTERM, SIGINT once and twice",
    6: "SIGKILL of the flow process",
    7: "of the flow process while the child has children",
    8: "end of the task's thread",
    9: "SIGSTOP for 60 s",
    10: "hang at exit",
    11: "hang at start",
    12: "memory cgroup kill",
    13: "three address-space limits",
    14: "ENOSPC on checkpoint, record, event lines, report",
    15: "EIO on write and fsync",
    16: "EDQUOT",
    17: "read-only data folder (must work)",
    18: "read-only output folder",
    19: "no inodes",
    20: "output folder removed during a run",
    21: "image removed or changed after indexing",
    22: "read error on an image",
    23: "slow disk",
    24: "torn event lines at every byte",
    25: "bit flips",
    26: "two resumes at once",
    27: "two runs of one name",
    28: "experiment changed before resume",
    29: "versions or threads changed",
    30: "clock jumps of ±1 h",
    31: "Prefect server absent",
    32: "killed and restarted mid-run",
    33: "its SQLite locked for 60 s",
    34: "its database deleted",
    35: "NVML missing",
    36: "failing at init",
    37: "failing per field with each of its error classes",
    38: "GPU lost mid-run",
    39: "sampler thread dying or blocked",
    40: "psutil zombies, reused pids, access denied",
    41: "GPU asked for and absent",
    42: "power loss modelled by replaying recorded file operations up to each fsync barrier",
}

KILLS: Final = (1, 2, 3, 4)  # the rows in which a training is killed at a point of its life
FLIPS: Final = 25

_COMPLETES = "nothing fails, so there is no line, and nothing to resume"
_NO_LAUNCHER = "forked without a parent: its record, its line and the other runs are row 1's"

# What can't be asked of a row, and why.
EXCEPT: Final = {
    2: _NO_LAUNCHER,
    3: f"at every call {_NO_LAUNCHER}; in a suite, at one",
    5: "who asks a suite to end asks all of its runs",
    6: "who is killed says nothing: the next command's line does",
    7: "who is killed says nothing: the next command's line does",
    8: "who would write the record and go on with the others is the thread that ended",
    10: _COMPLETES,
    17: _COMPLETES,
    18: "refused before anything is begun: no record",
    19: "there is no inode for the record either: the log has the reason",
    20: "the record and the checkpoint of the run were in the folder",
    21: "the trainings under way don't read the files: only the next command is refused",
    22: "the image is left out with its reason, and nothing fails",
    23: _COMPLETES,
    26: "the second is refused, or waits; the first isn't harmed",
    27: _COMPLETES,
    28: "refused before anything is begun: no record",
    29: "it completes, and names what is different",
    31: "refused before anything is begun: no record",
    32: _COMPLETES,
    33: _COMPLETES,
    34: _COMPLETES,
    35: _COMPLETES,
    36: _COMPLETES,
    37: _COMPLETES,
    39: _COMPLETES,
    40: _COMPLETES,
    41: "skipped with its reason, which is no failure where another device is there",
    42: "a state of a disk has no process, and no other runs",
}
