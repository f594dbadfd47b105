"""How to do it again: the command, the experiment, the machines and the versions."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.record import Host, RunRecord
from reports.forms import format as fmt
from reports.forms.blocks import Fact, Table, table
from reports.forms.toml import experiment_toml
from reports.results.load import Results
from reports.sections.checksums import checksums


@dataclass(frozen=True, slots=True)
class Machine:
    """One host, as the records describe it."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one execution is repeated.

    Attributes:
        started: When its first run started, in words; None where nothing was started.
        command: What to type; None where the experiment can't be read.
        experiment: The experiment file, as TOML.
        networks: Parameters, weights and seeds of every completed run.
        checksums: Of the files that the page was made of, a line each; empty where there are none.
    """

    title: str
    started: str | None
    command: str | None
    experiment: str | None
    networks: Table | None
    checksums: str


@dataclass(frozen=True, slots=True)
class Reproduce:
    """The section on reproduction."""

    recipes: tuple[Recipe, ...]
    machines: tuple[Machine, ...]


def reproduce(executions: Sequence[Results]) -> Reproduce:
    """Build the section."""
    hosts = dict.fromkeys(
        run.record.host.model_dump_json() for each in executions for run in each.runs
    )
    return Reproduce(
        recipes=tuple(_recipe(each) for each in executions),
        machines=tuple(_machine(Host.model_validate_json(text)) for text in hosts),
    )


def _recipe(execution: Results) -> Recipe:
    experiment = execution.experiment
    starts = [run.record.started for run in execution.runs]
    rows = [_network(run.record) for run in execution.runs]
    titles = ("Run", "Status", "#Seed", "Weights", "#Layers", "#Parameters", "#Trained ones")
    return Recipe(
        title=execution.name,
        started=fmt.moment(min(starts)) if starts else None,
        command=f"lungbench run {experiment.name}.toml" if experiment else None,
        experiment=experiment_toml(experiment) if experiment else None,
        networks=table("Seeds, weights and size of every run", titles, rows) if rows else None,
        checksums=checksums(execution),
    )


def _network(record: RunRecord) -> tuple[str, ...]:
    model = record.model
    weights = model.weights if model else record.spec.weights
    if model and model.weights_sha256:
        weights = f"{weights}, sha256 {fmt.short_hash(model.weights_sha256)}"
    return (
        record.run_id,
        record.status,
        str(record.spec.seed),
        weights,
        fmt.count(model.layers if model else None),
        fmt.count(model.parameters if model else None),
        fmt.count(model.trainable_parameters if model else None),
    )


def _machine(host: Host) -> Machine:
    usable = f"{host.cpu_usable} usable of {host.cpu_logical} logical"
    gpus = [
        Fact(
            f"GPU {gpu.index}",
            ", ".join(
                filter(
                    None,
                    (
                        gpu.name,
                        fmt.size(gpu.memory_bytes) if gpu.memory_bytes else None,
                        f"driver {gpu.driver}" if gpu.driver else None,
                    ),
                )
            )
            or "not described",
        )
        for gpu in host.gpus
    ]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(host.versions.items()))
    return Machine(
        host.hostname,
        (
            Fact("System", host.os),
            Fact("CPU", f"{host.cpu_model or 'unknown'}, {usable}"),
            Fact("Memory", fmt.size(host.memory_bytes)),
            *(gpus or [Fact("GPU", "none seen")]),
            Fact("Versions", versions),
        ),
    )
