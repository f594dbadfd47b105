"""Which record speaks for a model file, and how much it may say.

A record proves nothing by itself: whoever hands a model around can write one beside it that names
its hash. Only a record in the user's own results speaks for a model, and even then it decides no
more than what is said about it; every model is loaded with the same care.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from lungbench.job import MODEL_FILE
from lungbench.predict.regular import read_at_most
from lungbench.record import RECORD_FILE, RunRecord

MAX_RECORD_BYTES = 64 * 2**20  # 100,000 epochs, the most that an experiment may ask for, take 40

# Results, one experiment's, or one execution's.
_PLACES = ("*/*/runs/*", "*/runs/*", "runs/*")


@dataclass(frozen=True, slots=True)
class Voucher:
    """A completed run of one's own that saved a model.

    Attributes:
        folder: Where its record lies.
    """

    record: RunRecord
    folder: Path


def voucher_of(sha256: str, results: Path) -> Voucher | None:
    """Return a completed run below `results` that saved this very model, if there is one.

    Args:
        sha256: Of the model file's bytes.
        results: The folder of one's own results.
    """
    for place in _PLACES:
        for path in sorted(results.glob(f"{place}/{RECORD_FILE}")):
            record = _naming(sha256, path)
            if record and record.run_id == path.parent.name and _is_whole(record):
                return Voucher(record, path.parent)
    return None


def claimed_record(sha256: str, model: Path) -> RunRecord | None:
    """Return the record beside a model, if it names the model; anybody may have written it."""
    return _naming(sha256, model.parent / RECORD_FILE)


def _naming(sha256: str, path: Path) -> RunRecord | None:
    """Read a record if it names this hash as its model's; hundreds are passed over unparsed."""
    try:
        content = read_at_most(path, MAX_RECORD_BYTES)
        if sha256.encode() not in content:
            return None
        record = RunRecord.model_validate_json(content)
    except (OSError, ValidationError):
        return None
    return record if record.artifacts.get(MODEL_FILE) == sha256 else None


def _is_whole(record: RunRecord) -> bool:
    """Return whether a record tells of a completed run, with figures that fit its classes."""
    confusion = record.metrics.confusion if record.metrics else ()
    sides = {len(confusion), *map(len, confusion)}
    counted = sides == {len(record.data.classes)} and sum(map(sum, confusion)) > 0
    return record.status == "completed" and counted and "train" in record.data.counts
