from pathlib import Path
from typing import Any, Protocol

import pytest

from lungbench.checks import Asked
from lungbench.experiment import Experiment
from lungbench.record import Host

LAB = Host(
    hostname="lab",
    os="Linux",
    cpu_logical=8,
    cpu_usable=4,
    memory_bytes=8 * 10**9,
    versions={"tensorflow": "2.21.0"},
)


class Ask(Protocol):
    def __call__(
        self,
        matrix: dict[str, Any] | None = None,
        *,
        host: Host = LAB,
        results: Path | None = None,
        root: Path | None = None,
        library: Any = None,
        **sections: Any,
    ) -> Asked: ...


@pytest.fixture
def asked(tmp_path: Path) -> Ask:
    """Make what a check is asked: a matrix gives an experiment, none the machine alone."""

    def make(
        matrix: dict[str, Any] | None = None,
        *,
        host: Host = LAB,
        results: Path | None = None,
        root: Path | None = None,
        library: Any = None,
        **sections: Any,
    ) -> Asked:
        experiment = None
        if matrix is not None:
            matrix = {"models": ["cnn10"], "devices": ["cpu"]} | matrix
            experiment = Experiment.model_validate({"name": "e", "matrix": matrix} | sections)
        return Asked(experiment, results or tmp_path, host, root=root or tmp_path, library=library)

    return make
