"""What a later execution needs to compare itself with an earlier one, cell by cell.

What must be equal is the work: images, settings, network. Versions and machines may differ, since
what they change is what one wants to know; they are told beside the figures.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lungbench.guards.judging import usable_for_timing
from lungbench.record import Gpu, Host, RunRecord
from reports.comparing.quality import quality_of
from reports.comparing.work import work_of
from reports.forms import format as fmt
from reports.summaries.figures import MeasuredFigures

_VERSION = " version"
_SCHEMA = "schema version"
_HASH = re.compile(r"[0-9a-f]{16,}")
# Other values than these under the same name are the same machine with something changed.
_IDENTITY = ("host", "processor", "GPUs")


@dataclass(frozen=True, slots=True)
class Changed:
    """One fact that was something else before."""

    key: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.key} {_short(self.old)} → {_short(self.new)}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What runs were made of; a fact that differs between them holds all of its values.

    Attributes:
        work: What must be equal on both sides of a comparison.
        versions: Of every package that decides a result.
        machine: The host.
    """

    work: Mapping[str, str]
    versions: Mapping[str, str]
    machine: Mapping[str, str]


def facts_of(runs: Sequence[RunRecord]) -> Facts:
    """Return what the runs of a cell were made of."""
    work = _joined([work_of(run) for run in runs])
    versions = {key for key in work if key.endswith(_VERSION) and key != _SCHEMA}
    return Facts(
        work={key: value for key, value in work.items() if key not in versions},
        versions={
            key.removesuffix(_VERSION): value for key, value in work.items() if key in versions
        },
        machine=_joined([machine_of(run.host) for run in runs]),
    )


def machine_of(host: Host) -> dict[str, str]:
    """Return what is known of a machine, in words."""
    drivers = dict.fromkeys(gpu.driver or "unknown" for gpu in host.gpus)
    return {
        "host": host.hostname,
        "processor": host.cpu_model or "unknown",
        "usable processors": str(host.cpu_usable),
        "memory": fmt.size(host.memory_bytes),
        "GPUs": _gpus(host.gpus),
        "driver": ", ".join(drivers) or "none",
        "system": host.os,
    }


def machine_name(machine: Mapping[str, str]) -> tuple[str, ...]:
    """Return what makes a machine another one; the rest of it may change."""
    return tuple(machine.get(key, "unknown") for key in _IDENTITY)


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Changed, ...]:
    """Return the facts that differ, in their order."""
    keys = dict.fromkeys((*old, *new))
    pairs = ((key, old.get(key, "absent"), new.get(key, "absent")) for key in keys)
    return tuple(Changed(key, before, now) for key, before, now in pairs if before != now)


def measured(runs: Sequence[RunRecord]) -> MeasuredFigures:
    """Return what later executions compare a cell's completed runs with."""
    facts, quality = facts_of(runs), quality_of(runs)
    timings = [run.timing for run in runs if run.timing and usable_for_timing(run)]
    return MeasuredFigures(
        started=min(run.started for run in runs),
        steady_epochs_s=tuple(each.steady_epoch_s for each in timings if each.steady_epoch_s),
        accuracies=quality.accuracies if quality else (),
        test_images=quality.images if quality else 0,
        resumed=sum(run.timing is not None and run.timing.resumed for run in runs),
        work=dict(facts.work),
        versions=dict(facts.versions),
        machine=dict(facts.machine),
    )


def _short(value: str) -> str:
    return fmt.short_hash(value) if _HASH.fullmatch(value) else value


def _joined(each: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Put the facts of several runs together."""
    keys = dict.fromkeys(key for facts in each for key in facts)
    values = {key: sorted({facts.get(key, "absent") for facts in each}) for key in keys}
    return {key: " and ".join(found) for key, found in values.items()}


def _gpus(gpus: Sequence[Gpu]) -> str:
    counted = Counter(gpu.name or "unknown" for gpu in gpus)
    words = [f"{number} x {name}" if number > 1 else name for name, number in counted.items()]
    return ", ".join(words) or "none"
