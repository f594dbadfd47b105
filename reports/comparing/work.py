"""The work that a run is, apart from its device: what must be equal on both sides of a speed-up."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.environment import decisive_packages
from lungbench.record import RunRecord

# Settings that decide who does the work and how often, or that have words of their own below.
_NO_WORK = {
    "model",
    "device",
    "repeat",
    "fold",
    "seed",
    "timing_epochs",
    "augmentation",
    "weights",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs between two sides, and must not."""

    key: str
    baseline: str
    other: str

    def __str__(self) -> str:
        return f"{self.key} differs: {self.baseline} on the baseline, {self.other} here"


def work_of(run: RunRecord) -> dict[str, str]:
    """Return everything but the device that decides how much work a run is, in words.

    How many epochs were timed is none of it: a slow device is stopped after a few, and the steady
    epochs of both sides are the same work.
    """
    spec = run.spec
    settings = spec.model_dump(mode="json", exclude=_NO_WORK)
    packages = decisive_packages([spec.backend])
    return {
        "schema version": str(run.schema_version),
        "data fingerprint": run.data.fingerprint,
        **{key.replace("_", " "): str(value) for key, value in settings.items()},
        **{
            f"augmentation {key.replace('_', ' ')}": str(value)
            for key, value in spec.augmentation.model_dump().items()
        },
        # A weights file may lie elsewhere on another host: its name and hash count, not its path.
        "weights": run.model.weights if run.model else spec.weights,
        "weights file": (run.model.weights_sha256 if run.model else None) or "none read",
        "parameters": str(run.model.parameters) if run.model else "unknown",
        **{f"{name} version": run.host.versions.get(name, "absent") for name in packages},
    }


def differences(
    baseline: Sequence[RunRecord], other: Sequence[RunRecord], asked: str = "device"
) -> tuple[Difference, ...]:
    """Return what differs between any two runs of the two sides but the device and the repeat.

    A CPU and a GPU may stand in different machines; two CPUs, or two GPUs, may not, since nothing
    would tell the device from the machine.

    Args:
        baseline: One side.
        other: The other side.
        asked: The axis along which they are compared, which differs by intent.
    """
    before, after = [work_of(run) for run in baseline], [work_of(run) for run in other]
    if len({run.spec.device.kind for run in (*baseline, *other)}) == 1:
        for sides, runs in ((before, baseline), (after, other)):
            for facts, run in zip(sides, runs, strict=True):
                facts["host"] = run.host.hostname
    # A fact that one side lacks belongs to its backend, and the backends are a fact themselves.
    keys = [key for key in before[0] if all(key in facts for facts in (*before, *after))]
    found = (_difference(key, before, after) for key in keys if key != asked)
    return tuple(each for each in found if each)


def _difference(
    key: str, before: Sequence[dict[str, str]], after: Sequence[dict[str, str]]
) -> Difference | None:
    here, there = {facts[key] for facts in before}, {facts[key] for facts in after}
    if len(here | there) == 1:
        return None
    return Difference(key, " and ".join(sorted(here)), " and ".join(sorted(there)))
