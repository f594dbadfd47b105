"""Examine a machine, and an experiment against it, before hours are spent on either."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lungbench.checks import Asked, Check, Outcome, exposure, gpus, machine, software, wanted
from lungbench.experiment import Experiment
from lungbench.host import describe_host

__all__ = ["Check", "Outcome", "checks"]

_CHECKS: tuple[Callable[[Asked], Iterator[Check]], ...] = (
    software.python,
    software.dependencies,
    software.server,
    exposure.exposure,
    machine.processors,
    machine.memory,
    machine.disk,
    machine.energy,
    gpus.nvml,
    gpus.gpus,
    wanted.data,
    wanted.devices,
    wanted.backends,
    wanted.weights,
)


def checks(experiment: Experiment | None, results: Path) -> Iterator[Check]:
    """Yield every check in the order of the table; all run side by side.

    Args:
        experiment: What is to run; None examines the machine alone.
        results: Where results would go.
    """
    yield from examine(Asked(experiment, results, describe_host()))


def examine(asked: Asked) -> Iterator[Check]:
    """Yield every check of what is asked; a check that breaks is a failed check."""
    with ThreadPoolExecutor(len(_CHECKS), thread_name_prefix="doctor") as pool:
        for answers in pool.map(lambda check: _answers(check, asked), _CHECKS):
            yield from answers


def _answers(check: Callable[[Asked], Iterator[Check]], asked: Asked) -> list[Check]:
    try:
        return list(check(asked))
    except Exception as error:  # the doctor is asked when things are broken: it must not break
        name = check.__name__
        return [Check(name, "fail", f"{type(error).__name__}: {error}", "please report this.")]
