"""What the tests of trainings in this process share."""

import pytest


@pytest.fixture
def measured_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for moments what is measured after a training, when its result is on disk."""
    monkeypatch.setattr("lungbench.training.probe._MATMUL_S", 0.01)
    monkeypatch.setattr("lungbench.training.latency._LONGEST_S", 0.01)
