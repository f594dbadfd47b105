import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lungbench.data.separation import FEWEST, Separation, separations

NAMES = ("covid", "normal", "tuberculosis")
LABELS = np.repeat([0, 1, 2], 20)


def test_a_measure_that_parts_a_class_from_all_others_is_right_in_every_pair() -> None:
    values = np.where(LABELS == 2, -1.0, 0.0)
    [found] = separations(["aspect"], values[:, None], LABELS, NAMES)
    assert found == Separation("aspect", "tuberculosis", higher=False, auc=1.0)


def test_a_measure_that_is_alike_everywhere_is_as_good_as_a_coin() -> None:
    [found] = separations(["aspect"], np.ones((60, 1)), LABELS, NAMES)
    assert found.auc == 0.5


def test_the_area_is_that_of_scikit_learn_and_the_worst_measure_comes_first() -> None:
    values = np.random.default_rng(0).normal(size=(60, 3)) + LABELS[:, None] * [0.2, 2.0, 0.7]
    values = values.round(1)  # with ties
    found = separations(["a", "b", "c"], values, LABELS, NAMES)
    assert [each.auc for each in found] == sorted((each.auc for each in found), reverse=True)
    assert found[0].measure == "b"
    for each in found:
        column = values[:, "abc".index(each.measure)]
        areas = [roc_auc_score(label == LABELS, column) for label in range(3)]
        assert each.auc == pytest.approx(max(max(area, 1 - area) for area in areas))


@pytest.mark.parametrize("images", [0, FEWEST - 1])
def test_nothing_is_said_of_a_class_of_few_images(images: int) -> None:
    labels = np.repeat([0, 1], [images, 40])
    assert separations(["aspect"], np.random.rand(len(labels), 1), labels, NAMES) == ()  # noqa: NPY002
