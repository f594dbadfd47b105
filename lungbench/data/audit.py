"""The audit of a data set: what its images share, and what else than disease tells their classes.

An accuracy means little where test images are copies of training images, where one patient is in
two splits, or where every class has a scanner of its own. No training shows that, so it is looked
for whenever data are prepared; `audit.json` beside `data.json` says what was found.
"""

import hashlib
import logging
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from lungbench.data.audit_facts import Facts, facts
from lungbench.data.audit_findings import Finding, Subject, findings
from lungbench.data.dataset import PreparedData
from lungbench.data.images_csv import IMAGES_FILE
from lungbench.data.index import Progress
from lungbench.data.staging import writing
from lungbench.errors import DataError
from lungbench.files import write_atomically
from lungbench.frozen import Frozen

__all__ = [
    "AUDIT_FILE",
    "Audit",
    "Facts",
    "Finding",
    "Subject",
    "audit",
    "ensure_audit",
    "read_audit",
]

AUDIT_FILE = "audit.json"
AUDIT_VERSION = 2
"""Changes whenever the same images would be audited otherwise."""

log = logging.getLogger(__name__)


class Audit(Frozen):
    """What was measured and what it means.

    Attributes:
        fingerprint: Of the prepared data.
    """

    schema_version: Literal[1] = 1
    fingerprint: str
    facts: Facts
    findings: tuple[Finding, ...]

    def about(self, subject: Subject) -> tuple[Finding, ...]:
        """Return the findings on one subject."""
        return tuple(finding for finding in self.findings if finding.subject == subject)


def audit(data: PreparedData, images_csv: Path, progress: Progress | None = None) -> Audit:
    """Audit prepared data.

    Args:
        data: The images and their splits.
        images_csv: The table of all files; where it is missing, less is known.
        progress: Told how many images are done, of how many, once a step.

    Raises:
        DataError: The pixel cache is gone.
    """
    measured = facts(data, images_csv, progress)
    return Audit(fingerprint=data.fingerprint, facts=measured, findings=findings(measured))


def read_audit(folder: Path) -> Audit | None:
    """Return the audit in an execution's folder; None where there is none.

    Raises:
        DataError: There is one that can't be read.
    """
    path = folder / AUDIT_FILE
    try:
        return Audit.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise DataError("An audit must be readable.", received=f"{path}: {error}") from None


def ensure_audit(folder: Path, data: PreparedData, progress: Progress | None = None) -> Audit:
    """Return the audit of prepared data, written beside it unless it is there.

    The same files that are split alike are audited once: the pixel cache keeps the result.

    Args:
        folder: Holds `data_images.csv`.
        data: What was prepared.
        progress: See `audit`.

    Raises:
        Refused: The folder can't be written, or the disk is full.
        DataError: The pixel cache is gone.
    """
    present = _readable(folder / AUDIT_FILE)
    if present and present.fingerprint == data.fingerprint:
        return present
    kept = data.pixels / f"audit-{_key(data, folder / IMAGES_FILE)}.json"
    found = _readable(kept)
    with writing(folder):
        if found is None:
            found = audit(data, folder / IMAGES_FILE, progress)
            _keep(kept, found)
        _write(folder / AUDIT_FILE, found)
    return found


def _readable(path: Path) -> Audit | None:
    try:
        return Audit.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _key(data: PreparedData, images_csv: Path) -> str:
    """Return what names an audit of these images, in these splits, under these names."""
    key = hashlib.sha256(f"{AUDIT_VERSION} {data.model_dump_json(include={'rows'})}".encode())
    if images_csv.is_file():
        key.update(images_csv.read_bytes())
    return key.hexdigest()[:24]


def _keep(kept: Path, found: Audit) -> None:
    try:
        _write(kept, found)
    except OSError as error:
        log.warning("the audit isn't kept in the cache: %s", error.strerror or error)


def _write(path: Path, found: Audit) -> None:
    write_atomically(path, found.model_dump_json(indent=1) + "\n")
