"""What `lungbench doctor` looks at: each check is a function from `Asked` to `Check`s.

A check never raises for a bad machine: what it finds is its answer, and its advice the next step.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lungbench.experiment import Experiment
from lungbench.record import Host
from lungbench.resources.nvml import Library

Outcome = Literal["pass", "warn", "fail"]

GB = 10**9


@dataclass(frozen=True, slots=True)
class Check:
    """One answer.

    Attributes:
        name: What was looked at.
        outcome: `warn` lets a run start that may disappoint; `fail` does not.
        found: What is there, in one line.
        advice: What to do next; None where all is well.
    """

    name: str
    outcome: Outcome
    found: str
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the machine is examined for.

    Attributes:
        experiment: The experiment that is to run; None examines the machine alone.
        results: Where results go.
        host: The machine.
        root: Where /proc and /sys are.
        library: The NVML module; None imports pynvml.
    """

    experiment: Experiment | None
    results: Path
    host: Host
    root: Path = Path("/")
    library: Library = None

    @property
    def wants_gpu(self) -> bool:
        """Whether the experiment trains on a GPU."""
        devices = self.experiment.matrix.devices if self.experiment else ()
        return any(device.kind == "gpu" for device in devices)
