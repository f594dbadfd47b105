"""What the host that reports asks of one that trains, and what such a host says of itself."""

from collections.abc import Mapping, Sequence

from lungbench.delivery.location import Location
from lungbench.environment import decisive_packages
from lungbench.errors import Refused
from lungbench.experiment import Experiment, RunSpec
from lungbench.frozen import Frozen
from lungbench.record import Host

_HOSTS = "hosts"
_SIGN = "alive"
_MOST_NAMED = 3


class Order(Frozen):
    """One training for another host, or the order to prove itself fit for them.

    Attributes:
        execution: `<experiment>/<started>`, as its folder is named.
        experiment: The whole experiment.
        pool: The work pool that the order is for.
        fingerprint: Of the data that the host must find as well.
        run_id: The training; None asks for the proof alone.
        versions: What decides a result, as the first host has it; none where hosts may differ.
    """

    execution: str
    experiment: Experiment
    pool: str
    fingerprint: str
    run_id: str | None = None
    versions: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it

    @property
    def spec(self) -> RunSpec | None:
        """The training that is asked for."""
        by_id = {spec.run_id: spec for spec in self.experiment.runs()}
        return by_id[self.run_id] if self.run_id else None

    @property
    def label(self) -> str:
        """What people read in Prefect's UI."""
        return self.spec.label if self.spec else f"{self.experiment.name}: is {self.pool} ready?"


class Proof(Frozen):
    """What a host says of itself when it is asked.

    Attributes:
        pool: The work pool that it works for.
        host: The machine.
        fingerprint: Of the data as it found them.
    """

    pool: str
    host: Host
    fingerprint: str


def place_of(experiment: Experiment, execution: str) -> Location:
    """Return the folder of an execution at its results location.

    Raises:
        Refused: The experiment names no location.
        ExperimentError: It can't be opened here.
    """
    if experiment.delivery is None:
        raise Refused(
            "Runs of other hosts come back through a results location.",
            received="no delivery.location",
            hint="name a folder that all hosts mount, or s3://bucket/prefix.",
        )
    return Location.at(experiment.delivery.location).below(*execution.split("/"))


def proof_name(attempt: str) -> str:
    """Return the name of a host's proof below the execution's place."""
    return f"{_HOSTS}/{attempt}.json"


def sign_name(attempt: str) -> str:
    """Return the name of a training's sign of life below its run's place."""
    return f"{attempt}.{_SIGN}"


def decisive(versions: Mapping[str, str], backends: Sequence[str]) -> dict[str, str]:
    """Return what of a host's versions decides a result with these backends."""
    return {name: versions.get(name, "absent") for name in decisive_packages(backends)}


def check_versions(expected: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Refuse a host whose versions differ from another's.

    Args:
        expected: The other's; empty accepts everything.
        found: This host's.

    Raises:
        Refused: They differ; each package is named with both versions.
    """
    differing = [
        f"{name} {found.get(name, 'absent')} instead of {version}"
        for name, version in expected.items()
        if found.get(name, "absent") != version
    ]
    if differing:
        raise Refused(
            "All hosts of an experiment must have the same versions of what decides a result.",
            received=", ".join(differing),
            hint="install one constraints.txt on all, or set delivery.allow_mixed = true: then "
            "no speed-up is shown across versions.",
        )
