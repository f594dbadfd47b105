import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from lungbench.diagnoses import Diagnoses, read_diagnoses
from lungbench.metrics import confusion_matrix, metrics_of
from lungbench.record import Metrics
from lungbench.run.outcome import metrics_from

CLASSES = ("covid", "healthy", "tuberculosis")


def of(probabilities: NDArray[np.float64], true: NDArray[np.int64]) -> Diagnoses:
    return Diagnoses(
        classes=CLASSES,
        paths=tuple(f"{image}.png" for image in range(len(true))),
        true=true,
        predicted=probabilities.argmax(axis=1),
        probabilities=probabilities,
    )


def random_diagnoses(number: int) -> Diagnoses:
    """One of many: now and then with a class that isn't there, sure ones, and all the same."""
    random = np.random.default_rng(number)
    images = int(random.integers(1, 50))
    true = random.integers(0, 3 if number % 3 else 2, images)
    found = random.dirichlet(np.ones(3), images) + (number % 2) * np.eye(3)[true]
    if number % 5 == 0:
        found = np.eye(3)[random.integers(0, 3, images)]
    if number % 7 == 0:
        found[:] = [0.5, 0.3, 0.2]
    return of(found / found.sum(axis=1, keepdims=True), true)


def test_metrics_are_scikit_learns_where_they_are_defined_and_none_elsewhere() -> None:
    for number in range(300):
        found = random_diagnoses(number)
        assert found.probabilities is not None
        metrics = found.metrics()
        for label, name in enumerate(CLASSES):
            is_class, scores = found.true == label, found.probabilities[:, label]
            rates = metrics.per_class[name]
            if is_class.any() and not is_class.all():
                assert rates.auc is not None
                assert rates.auc.value == pytest.approx(roc_auc_score(is_class, scores))
                assert rates.auc.low <= rates.auc.value <= rates.auc.high
            else:
                assert rates.auc is None
            if is_class.any():
                expected = average_precision_score(is_class, scores)
                assert rates.average_precision == pytest.approx(expected)
            else:
                assert rates.average_precision is None
        labels = range(len(CLASSES))
        theirs = brier_score_loss(found.true, found.probabilities, labels=labels)
        assert metrics.brier == pytest.approx(theirs)


def test_the_mean_area_is_scikit_learns_one_vs_rest_and_none_where_a_class_is_absent() -> None:
    for number in range(100):
        found = random_diagnoses(number)
        area = found.metrics().macro.auc
        if len(set(found.true.tolist())) == 3:
            theirs = roc_auc_score(found.true, found.probabilities, multi_class="ovr")
            assert area == pytest.approx(theirs)
        else:
            assert area is None


def test_what_the_matrix_says_is_not_changed_by_probabilities() -> None:
    found = random_diagnoses(1)
    alone = metrics_of(confusion_matrix(found.true, found.predicted, 3), CLASSES)
    more = found.metrics()
    assert more.confusion == alone.confusion
    assert (more.kappa, more.mcc) == (alone.kappa, alone.mcc)
    assert more.per_class["covid"].npv == alone.per_class["covid"].npv


def test_every_metric_survives_the_record() -> None:
    for number in range(50):
        metrics = random_diagnoses(number).metrics()
        assert Metrics.model_validate_json(metrics.model_dump_json()) == metrics


def test_an_older_record_without_these_metrics_is_read() -> None:
    kept = json.loads(random_diagnoses(1).metrics().model_dump_json())
    for name in ("kappa", "mcc", "brier", "calibration_error"):
        del kept[name]
    for rates in (*kept["per_class"].values(), kept["macro"]):
        for name in ("npv", "auc", "average_precision"):
            del rates[name]
    old = Metrics.model_validate(kept)
    assert (old.kappa, old.macro.auc, old.per_class["covid"].auc) == (None, None, None)


HEAD = "path,true,predicted,p_covid,p_healthy,p_tuberculosis\n"
ROWS = "a.png,covid,covid,0.7,0.2,0.1\nb.png,healthy,covid,0.5,0.4,0.1\n"


def written(folder: Path, text: str) -> Path:
    (folder / "predictions.csv").write_text(text, encoding="utf-8")
    return folder


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = read_diagnoses(written(tmp_path, HEAD + ROWS), CLASSES)
    assert found.paths == ("a.png", "b.png")
    assert found.true.tolist() == [0, 1]
    assert found.predicted.tolist() == [0, 0]
    assert found.right.tolist() == [True, False]
    assert found.confidences is not None
    assert found.confidences.tolist() == [0.7, 0.5]
    assert found.confusion == ((1, 0, 0), (1, 0, 0), (0, 0, 0))


def test_the_record_of_a_run_holds_what_its_predictions_say(tmp_path: Path) -> None:
    metrics = metrics_from(written(tmp_path, HEAD + ROWS), CLASSES)
    assert metrics.per_class["covid"].auc is not None
    assert metrics.per_class["covid"].auc.value == 1
    assert metrics.per_class["tuberculosis"].auc is None
    # The squares off: 0.09, 0.04 and 0.01 of the first image, 0.25, 0.36 and 0.01 of the second.
    assert metrics.brier == pytest.approx((0.14 + 0.62) / 2)
    assert metrics.calibration_error == pytest.approx(0.4)  # |0.7 - 1| and |0.5 - 0|, halved


@pytest.mark.parametrize(
    "text",
    [
        "path,true,predicted\na.png,covid,covid\n",
        HEAD + "a.png,covid,covid,nan,0.2,0.1\n",
        HEAD + "a.png,covid,covid,1.7,0.2,0.1\n",
        HEAD + "a.png,covid,covid,sure,0.2,0.1\n",
        HEAD + ROWS + "c.png,covid,covid,0.7\n",
    ],
    ids=["no columns", "no number", "above 1", "a word", "a short row"],
)
def test_where_a_probability_is_none_only_the_matrix_speaks(tmp_path: Path, text: str) -> None:
    found = read_diagnoses(written(tmp_path, text), CLASSES)
    assert (found.probabilities, found.confidences, found.bins, found.roc_of(0)) == (None,) * 4
    metrics = found.metrics()
    assert metrics.overall_accuracy > 0
    assert (metrics.brier, metrics.macro.auc) == (None, None)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", ValueError),
        (HEAD, ValueError),
        ("path,true\na.png,covid\n", KeyError),
        (HEAD + "a.png,covid,other,1,0,0\n", KeyError),
        (HEAD + "a.png\n", KeyError),
        (HEAD + 200_000 * "a" + ",covid,covid,1,0,0\n", ValueError),
    ],
    ids=["empty", "no image", "no diagnosis", "another class", "a torn row", "more than a field"],
)
def test_what_is_no_table_of_diagnoses_is_refused(
    tmp_path: Path, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        metrics_from(written(tmp_path, text), CLASSES)
