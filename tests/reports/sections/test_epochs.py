"""Where an epoch goes, as the page tells it."""

from pathlib import Path
from typing import Any

import pytest

from lungbench.record import EpochParts, RunRecord
from reports.comparing.comparison import compare
from reports.results.load import load
from reports.sections.epochs import EpochUse, achieved_flops_per_s, epochs, images_per_j


def used(folder: Path) -> EpochUse:
    return epochs(compare([load(folder)]))


def waiting(share: float) -> Any:
    """Give every run's epochs this share of waiting for images."""

    def change(record: RunRecord) -> RunRecord:
        assert record.timing is not None
        assert record.timing.steady_epoch_s is not None
        stall_s = share * record.timing.steady_epoch_s
        compute_s = record.timing.steady_epoch_s - stall_s
        parts = EpochParts(compute_s=compute_s, stall_s=stall_s, rest_s=0.0)
        timing = record.timing.model_copy(update={"epoch_parts": parts})
        return record.model_copy(update={"timing": timing})

    return change


def test_a_starved_device_is_named_with_its_share(lab: Any) -> None:
    folder = lab.execution(models=("vgg16",), change=waiting(0.71))
    assert (
        "VGG16 on cpu:threads=2 is limited by its images: it waits for them 71.0% of an epoch. "
        "Faster arithmetic would gain little."
    ) in used(folder).sentences


def test_a_device_that_does_not_wait_is_said_not_to(lab: Any) -> None:
    folder = lab.execution(models=("vgg16",), change=waiting(0.01))
    [slow, _] = used(folder).sentences
    assert slow.startswith("VGG16 on cpu:threads=1 is limited by its arithmetic, 99.0% of an epoch")
    assert slow.endswith("it does not wait for images.")


def test_a_share_that_is_all_of_the_epoch_once_it_is_rounded_is_called_all(lab: Any) -> None:
    folder = lab.execution(models=("vgg16",), change=waiting(0.0004))
    for said in used(folder).sentences:
        assert "is limited by its arithmetic, which takes all of an epoch" in said


def test_work_and_throughput_give_the_achieved_rate(lab: Any) -> None:
    record = load(lab.execution(models=("cnn10",))).runs[0].record
    assert record.timing is not None
    assert record.timing.images_per_s is not None
    assert achieved_flops_per_s(record) == pytest.approx(3e9 * record.timing.images_per_s)


def test_images_per_joule_need_a_meter(lab: Any) -> None:
    record = load(lab.execution(models=("cnn10",))).runs[0].record
    assert record.resources is not None
    resources = record.resources.model_copy(update={"energy_j": None})
    assert images_per_j(record.model_copy(update={"resources": resources})) is None
    metered = record.model_copy(
        update={"resources": resources.model_copy(update={"energy_j": 230.0})}
    )
    # Five epochs of the fixture's training images, which its data names.
    images = 5 * sum(record.data.counts["train"].values())
    assert images_per_j(metered) == pytest.approx(images / 230)


def test_records_without_control_legs_give_no_table(lab: Any) -> None:
    def bare(record: RunRecord) -> RunRecord:
        assert record.timing is not None
        timing = record.timing.model_copy(update={"epoch_parts": None})
        return record.model_copy(update={"controls": None, "timing": timing})

    use = used(lab.execution(change=bare))
    assert (use.parts, use.work, use.sentences) == (None, None, ())
