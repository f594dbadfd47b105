"""Cross-validation in a report: each image is tested once, in one of a repeat's folds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.metrics import metrics_of
from lungbench.record import RunRecord
from reports.comparing.cells import turn_text
from reports.comparing.comparison import Comparison, compare
from reports.comparing.learning import accuracy_spread, gap_spread
from reports.comparing.quality import quality_of
from reports.page.render import render
from reports.results.load import load
from reports.results.repeats import repeats_of
from reports.sections.data import data

FOLDS = 2


def crossed(record: RunRecord) -> RunRecord:
    """Make four repeats two, of two folds each; the second fold tests on the fewer images."""
    repeat, fold = divmod(record.spec.repeat - 1, FOLDS)
    spec = record.spec.model_copy(update={"repeat": repeat + 1, "fold": fold + 1})
    right = 30 - 10 * fold - repeat
    confusion = ((right, 2, 1), (1, right, 2), (2, 1, right))
    metrics = metrics_of(confusion, record.data.classes)
    update = {"spec": spec, "run_id": spec.run_id, "metrics": metrics}
    return record.model_copy(update=update)


@pytest.fixture
def folder(lab: Any) -> Path:
    """Two devices, two repeats of two folds; each fold tests on images of its own."""
    folder: Path = lab.execution(models=("cnn10",), repeats=2 * FOLDS, change=crossed)
    for path in folder.glob("runs/*/predictions.csv"):
        head, *rows = path.read_text().splitlines()
        fold = path.parent.name.rpartition(".")[2]
        path.write_text("\n".join([head, *(f"{fold}/{row}" for row in rows)]) + "\n")
    return folder


def compared(folder: Path) -> Comparison:
    [other] = [each for each in compare([load(folder)]).comparisons if not each.is_baseline]
    return other


def test_the_folds_of_a_repeat_are_one_accuracy_over_all_their_images(folder: Path) -> None:
    quality = compared(folder).cell.quality
    assert quality is not None
    # 33 and 23 images of each of three classes; in the second repeat one image fewer each.
    assert quality.images == 3 * (33 + 23)
    assert quality.accuracies == pytest.approx((3 * 50 / 168, 3 * 48 / 162))


def test_two_sides_are_compared_repeat_by_repeat_over_all_folds(folder: Path) -> None:
    verdict = compared(folder).verdict
    assert verdict is not None
    assert verdict.paired is not None
    # The second repeat has two images of a class fewer, so only the first has them all.
    assert verdict.paired.repeats == (1,)
    assert verdict.paired.images == 168


def test_a_fold_is_no_difference_between_two_sides(folder: Path) -> None:
    comparison = compared(folder)
    assert comparison.differences == ()
    assert comparison.speedup is not None
    assert comparison.speedup.baseline_runs == 4


def test_seeds_are_spread_over_repeats_and_not_over_folds(folder: Path) -> None:
    cell = compared(folder).cell
    spread, gap = accuracy_spread(cell), gap_spread(cell)
    assert spread is not None
    assert gap is not None
    assert (spread.runs, gap.runs) == (2, 2)
    assert spread.mean == pytest.approx((150 / 168 + 144 / 162) / 2)


@pytest.mark.parametrize(
    ("missing", "accuracies"),
    [((1, 2), [48 * 3 / 162]), ((2, 1), [50 * 3 / 168])],
)
def test_a_repeat_without_one_of_its_folds_is_left_out(
    folder: Path, missing: tuple[int, int], accuracies: list[float]
) -> None:
    runs = [
        run for run in compared(folder).cell.runs if (run.spec.repeat, run.spec.fold) != missing
    ]
    assert [each.accuracy for each in repeats_of(runs)] == pytest.approx(accuracies)
    quality = quality_of(runs)
    assert quality is not None
    assert len(quality.accuracies) == 1


def test_without_folds_each_run_is_a_repeat(lab: Any) -> None:
    cell = compared(lab.execution(models=("cnn10",), repeats=3)).cell
    found = [each.accuracy for each in repeats_of(cell.runs)]
    assert found == [run.metrics.overall_accuracy for run in cell.runs if run.metrics]


def test_runs_are_called_by_their_folds_on_the_page(folder: Path, tmp_path: Path) -> None:
    page = render([folder], tmp_path / "r.html").read_text()
    assert "run 2, fold 1" in page
    assert [turn_text(run) for run in compared(folder).cell.runs] == [
        "1, fold 1",
        "1, fold 2",
        "2, fold 1",
        "2, fold 2",
    ]


def leaky(leaked: int) -> Callable[[RunRecord], RunRecord]:
    def change(record: RunRecord) -> RunRecord:
        data = record.data.model_copy(update={"leaked": leaked})
        return record.model_copy(update={"data": data})

    return change


def test_test_images_that_were_trained_on_are_told_on_every_screen(
    lab: Any, tmp_path: Path
) -> None:
    folder = lab.execution(models=("cnn10",), change=leaky(96))
    prepared = PreparedData.read(folder / DATA_FILE)
    prepared.model_copy(update={"split": "paper"}).write(folder / DATA_FILE)
    page = render([folder], tmp_path / "r.html").read_text()
    said = (
        "The split is the paper&#39;s: 96 of 120 test images were trained on; the accuracy says "
        "nothing about new patients."
    )
    sections = {
        name: page.split(f'<section id="{name}"')[1].split("</section>")[0]
        for name in ("verdict", "diagnosis", "data")
    }
    for section in sections.values():
        assert said in section
    assert "which no network saw" not in sections["diagnosis"]
    assert "96 of 120 test images were trained on, as the paper" in page


def test_nothing_is_told_where_nothing_leaks(lab: Any, tmp_path: Path) -> None:
    page = render([lab.execution(models=("cnn10",))], tmp_path / "r.html").read_text()
    assert "were trained on;" not in page
    assert "which no network saw while it trained" in page
    assert "No test image was trained on." in page


def test_what_is_known_of_the_images_stands_in_the_data_section(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",))
    prepared = PreparedData.read(folder / DATA_FILE).model_copy(
        update={
            "collections": {"one/covid": {"covid": 5}, "two": {"covid": 2, "healthy": 3}},
            "grouped": 34,
            "images_left_out": 1200,
            "remark": "The source has no validation images.",
        }
    )
    prepared.write(folder / DATA_FILE)
    [shown] = data([load(folder)])
    facts = {fact.name: fact.value for fact in shown.facts}
    assert facts["Kept together"].startswith("34 images of one patient")
    assert facts["Images not asked for"] == "1,200"
    assert facts["Note"] == "The source has no validation images."
    assert shown.collections is not None
    assert shown.collections.rows == (
        ("one/covid", "5", "0", "0", "5"),
        ("two", "2", "3", "0", "5"),
    )


def test_one_collection_is_no_table(lab: Any) -> None:
    [shown] = data([load(lab.execution(models=("cnn10",)))])
    assert shown.collections is None
    assert shown.leak is None
