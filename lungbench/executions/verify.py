"""Compare every file of an execution with what was written, so that no damage stays unseen.

A run's files have their hashes in its `record.json`; the records and the execution's own files
have theirs in `SHA256SUMS`; a checkpoint holds its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.errors import LungbenchError
from lungbench.executions.execution import EXPERIMENT_FILE, OWN_FILES, record_name
from lungbench.executions.hold import LOCK_FILE
from lungbench.executions.seal import SEAL_FILE, BrokenSeal, read_seal
from lungbench.experiment import Experiment
from lungbench.files import sha256_of
from lungbench.frozen import first_problem
from lungbench.job import HEARTBEAT_FILE
from lungbench.record import RECORD_FILE, RunRecord, read_record
from lungbench.training.checkpoint import CHECKPOINT_FILE, DamagedCheckpoint, read_checkpoint

Kind = Literal["damaged", "missing", "unfinished", "extra"]

# What may stand there without a hash.
_OWNERS = frozenset((LOCK_FILE, SEAL_FILE, *OWN_FILES))
_RUNS_OWN = frozenset((RECORD_FILE, HEARTBEAT_FILE, CHECKPOINT_FILE))


@dataclass(frozen=True, slots=True)
class Finding:
    """One file or run that isn't as it was written.

    Attributes:
        path: Relative to the execution.
        kind: `unfinished` is a run without a record, `extra` a file that nothing tells of.
        why: In one line.
    """

    path: str
    kind: Kind
    why: str

    @property
    def is_damage(self) -> bool:
        """Whether something was lost."""
        return self.kind in ("damaged", "missing")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at every file gave.

    Attributes:
        files: How many were compared with a hash.
        findings: Sorted by path, at most one for each.
    """

    files: int
    findings: tuple[Finding, ...]


def verify(execution: Path) -> Verified:
    """Look at every file of an execution, and change none."""
    look = _Look(execution)
    look.at_the_whole()
    for run_dir in sorted(path for path in execution.glob("runs/*") if path.is_dir()):
        look.at_a_run(run_dir)
    look.for_extras()
    return Verified(len(look.hashed), tuple(look.found[path] for path in sorted(look.found)))


class _Look:
    """A walk through an execution; of each path the first finding counts.

    Attributes:
        found: The findings by path.
        hashed: The paths that a hash is known of.
    """

    def __init__(self, execution: Path) -> None:
        self._execution = execution
        self.found: dict[str, Finding] = {}
        self.hashed: set[str] = set()
        self._without_list: set[str] = set()

    def at_the_whole(self) -> None:
        """Compare what the seal lists, and read what an execution can't be used without."""
        try:
            self._compare(read_seal(self._execution), SEAL_FILE)
        except BrokenSeal as error:
            self._note(SEAL_FILE, "damaged", error)
        try:
            Experiment.model_validate_json((self._execution / EXPERIMENT_FILE).read_bytes())
        except OSError as error:
            self._note(EXPERIMENT_FILE, "damaged", error)
        except ValidationError as error:
            self._note(EXPERIMENT_FILE, "damaged", first_problem(error))
        if (self._execution / "runs").is_dir():  # nothing was begun without data
            try:
                PreparedData.read(self._execution / DATA_FILE)
            except LungbenchError as error:
                self._note(DATA_FILE, "damaged", error)

    def at_a_run(self, run_dir: Path) -> None:
        """Compare what a run's record lists, and read its checkpoint."""
        name = f"runs/{run_dir.name}"
        if not (run_dir / RECORD_FILE).exists():
            self._without_list.add(run_dir.name)
            if record_name(run_dir.name) not in self.found:
                why = f"no {RECORD_FILE}: it is under way, or was interrupted"
                self._note(name, "unfinished", why)
        elif record := self._record(run_dir):
            hashes = {f"{name}/{file}": digest for file, digest in record.artifacts.items()}
            self._compare(hashes, RECORD_FILE)
        else:
            self._without_list.add(run_dir.name)
        if (run_dir / CHECKPOINT_FILE).exists():
            try:
                read_checkpoint(run_dir / CHECKPOINT_FILE)
            except DamagedCheckpoint as error:
                self._note(f"{name}/{CHECKPOINT_FILE}", "damaged", error)

    def for_extras(self) -> None:
        """Find the files that nothing tells of."""
        for path in self._execution.rglob("*"):
            name = path.relative_to(self._execution).as_posix()
            is_file = path.is_symlink() or not path.is_dir()
            if is_file and name not in self.hashed and not self._is_known(name):
                self._note(name, "extra", "nothing tells of it")

    def _is_known(self, name: str) -> bool:
        if name in _OWNERS:
            return True
        runs, _, inside = name.partition("/")
        run_id, _, file = inside.partition("/")
        return runs == "runs" and (run_id in self._without_list or file in _RUNS_OWN)

    def _record(self, run_dir: Path) -> RunRecord | None:
        """Return a run's record if it is what was written."""
        path = record_name(run_dir.name)
        if path in self.found:
            return None
        try:
            record = read_record(run_dir)
        except LungbenchError as error:
            self._note(path, "damaged", error)
            return None
        if record.run_id != run_dir.name:
            self._note(path, "damaged", f"it is of {record.run_id}")
            return None
        return record

    def _compare(self, hashes: Mapping[str, str], source: str) -> None:
        for path, digest in hashes.items():
            self.hashed.add(path)
            file = self._execution / path
            if ".." in file.parts:
                self._note(path, "damaged", f"{source} may only tell of files below it")
            elif not file.exists():
                self._note(path, "missing", f"{source} tells of it")
            elif (found := _sha256(file)) != digest:
                self._note(path, "damaged", f"its SHA-256 is {found}; expected {digest}")

    def _note(self, path: str, kind: Kind, why: object) -> None:
        self.found.setdefault(path, Finding(path, kind, str(why)))


def _sha256(file: Path) -> str:
    """Return a file's hash, or why there is none; a pipe by a file's name is never opened."""
    try:
        return sha256_of(file) if file.is_file() else "none, since it is no file"
    except OSError as error:
        return f"unknown ({error.strerror})"
