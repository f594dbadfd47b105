from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lungbench.resources.samples import Sample, SampleFile
from reports.drawings.timeline import COLUMNS, timeline
from reports.results.load import Run, load


@pytest.fixture
def run(lab: Any) -> Run:
    return load(lab.execution(models=("cnn10",), samples=False)).runs[0]


def write(run: Run, samples: list[Sample]) -> None:
    with SampleFile(run.folder / "samples.csv.gz") as file:
        for sample in samples:
            file.write(sample)


def test_a_run_without_samples_has_no_timeline(run: Run) -> None:
    assert timeline(run) is None


def test_a_file_that_is_no_gzip_gives_no_timeline(run: Run) -> None:
    Path(run.folder / "samples.csv.gz").write_bytes(b"torn")
    assert timeline(run) is None


def test_a_single_reading_gives_no_timeline(run: Run) -> None:
    write(run, [Sample(t_s=0, cpu_percent=1)])
    assert timeline(run) is None


def test_only_what_was_measured_has_a_panel(run: Run) -> None:
    write(run, [Sample(t_s=second, rss_bytes=2**30) for second in range(5)])
    found = timeline(run)
    assert found is not None
    [panel] = found.panels
    assert panel.title.startswith("Memory")
    assert panel.series == (tuple((float(second), 1.0) for second in range(5)),)


def test_a_long_run_is_thinned_and_keeps_its_peak(run: Run) -> None:
    readings = [Sample(t_s=second, cpu_percent=50) for second in range(40_000)]
    readings[31_415] = Sample(t_s=31_415, cpu_percent=99)
    write(run, readings)
    found = timeline(run)
    assert found is not None
    [points] = found.panels[0].series
    assert len(points) <= 2 * (COLUMNS + 1)
    assert (31_415.0, 99.0) in points
    assert list(points) == sorted(points)


def test_a_thinned_line_has_the_extremes_of_every_pixel(run: Run) -> None:
    noise = np.random.default_rng(0).integers(0, 9, 4000).astype(float)  # with many that are equal
    write(run, [Sample(t_s=at, cpu_percent=value) for at, value in enumerate(noise.tolist())])
    found = timeline(run)
    assert found is not None
    [points] = found.panels[0].series
    columns = (np.arange(4000) / (3999 / COLUMNS)).astype(int)
    for column in range(COLUMNS):
        kept = [value for at, value in points if columns[int(at)] == column]
        inside = noise[columns == column]
        assert (min(kept), max(kept)) == (inside.min(), inside.max())
        assert len(kept) <= 2


def test_epochs_bound_a_timeline(run: Run) -> None:
    write(run, [Sample(t_s=second, cpu_percent=50) for second in range(1000)])
    found = timeline(run)
    assert found is not None
    epochs = run.record.epochs
    assert found.epoch_bounds_s[:-1] == tuple(epoch.started_s for epoch in epochs)
    last = epochs[-1]
    assert found.epoch_bounds_s[-1] == last.started_s + last.train_s + (last.validation_s or 0)
