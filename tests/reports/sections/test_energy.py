"""Energy and images per joule, as the page tells them."""

from pathlib import Path
from typing import Any

import pytest

from lungbench.record import RunRecord
from reports.comparing.comparison import compare
from reports.forms import format as fmt
from reports.page.render import render
from reports.results.load import load
from reports.sections.energy import ENERGY_READING, images_per_j, meters
from reports.sections.resources import ResourceUse, resources

RAPL = {"package-0": 9_000.0, "psys": 12_000.0}


def section(folder: Path) -> ResourceUse:
    execution = load(folder)
    return resources([execution], compare([execution]))


def using(**values: Any) -> Any:
    """Return the change that gives every run these resources."""

    def change(record: RunRecord) -> RunRecord:
        assert record.resources is not None
        used = record.resources.model_copy(update=values)
        return record.model_copy(update={"resources": used})

    return change


def test_every_meter_has_a_row_that_says_what_it_covers(lab: Any) -> None:
    folder = lab.execution(
        models=("cnn10",), devices=("cpu", "gpu:0"), change=using(node_energy_j=RAPL)
    )
    shown = section(folder)
    assert shown.energy is not None
    assert [(row[1], row[3], row[4]) for row in shown.energy.rows if row[2] == "1"] == [
        ("cpu", "package-0, whole node, other processes included", "9.00 kJ"),
        ("cpu", "psys, whole node, other processes included", "12.0 kJ"),
        ("gpu:0", "gpu:0, other processes there included", "18.2 kJ"),
        ("gpu:0", "package-0, whole node, other processes included", "9.00 kJ"),
        ("gpu:0", "psys, whole node, other processes included", "12.0 kJ"),
    ]
    assert shown.energy_reading == ENERGY_READING
    page = render([folder], folder / "report.html").read_text()
    assert "<td>psys, whole node, other processes included</td>" in page


def test_images_a_joule_are_those_of_all_epochs(lab: Any) -> None:
    record = load(lab.execution(models=("cnn10",))).runs[0].record
    # five epochs of the fixture's training images, which its data names
    images = 5 * sum(record.data.counts["train"].values())
    assert images_per_j(record, 230.0) == pytest.approx(images / 230)


def test_a_run_that_went_on_from_a_checkpoint_has_no_images_a_joule(lab: Any) -> None:
    record = load(lab.execution(models=("cnn10",))).runs[0].record
    assert record.timing is not None
    resumed = record.timing.model_copy(update={"resumed": True})
    assert images_per_j(record.model_copy(update={"timing": resumed}), 230.0) is None


def test_a_meter_that_counted_nothing_is_none(lab: Any) -> None:
    change = using(node_energy_j={"package-0": 0.0})
    record = load(lab.execution(models=("cnn10",), change=change)).runs[0].record
    assert list(meters(record)) == []


def test_why_the_nodes_energy_is_unknown_is_said_once(lab: Any) -> None:
    change = using(node_energy_missing="package-0: Permission denied")
    shown = section(lab.execution(models=("cnn10",), change=change))
    assert shown.energy is None
    assert shown.energy_reading == (
        "The node's energy is not on record (package-0: Permission denied)."
    )


def test_records_that_know_of_no_meter_say_nothing_of_energy(lab: Any) -> None:
    shown = section(lab.execution(models=("cnn10",)))
    assert (shown.energy, shown.energy_reading) == (None, "")


def test_the_gpus_that_were_seen_are_in_the_table_of_resources(lab: Any) -> None:
    def seen(record: RunRecord) -> RunRecord:
        words = "2 gpu" if record.spec.device.kind == "gpu" else "cpu"
        return record.model_copy(update={"device_seen": words})

    shown = section(lab.execution(models=("cnn10",), devices=("cpu", "gpu:0"), change=seen))
    use = shown.use or (shown.timelines.table if shown.timelines else None)
    assert use is not None
    at = [column.title for column in use.columns].index("GPUs seen")
    assert {(row[1], row[at]) for row in use.rows} == {("cpu", fmt.MISSING), ("gpu:0", "2")}
