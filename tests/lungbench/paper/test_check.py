from dataclasses import replace
from pathlib import Path

import pytest

from lungbench.metrics import counts_of
from lungbench.paper.check import TableCheck, checked, paper_table
from lungbench.paper.published import matrices, published
from lungbench.paper.rounding import halves_up, printed_rate
from lungbench.paper.table import PrintedRun, read_table

SAMPLE = Path(__file__).parents[3] / "docs" / "paper-tables.csv"
PAPER = paper_table()


@pytest.fixture(scope="module")
def paper() -> TableCheck:
    """The check of the shipped table, whose file holds rates only."""
    return checked(read_table(SAMPLE))


def with_rate(run: PrintedRun, label: int, rate: str, text: str) -> PrintedRun:
    printed = printed_rate(text)
    assert printed is not None
    classes = list(run.classes)
    classes[label] = replace(classes[label], rates={**classes[label].rates, rate: printed})
    return replace(run, classes=tuple(classes))


def test_the_papers_169_images_a_class_are_found_from_its_rates(paper: TableCheck) -> None:
    assert paper.shared is not None
    assert paper.shared.sizes == (169, 169, 169)
    assert paper.shared.runs == 6
    assert paper.shared.others == ()
    assert paper.all_fit
    assert all(each.search.complete and each.search.searched_to == 2000 for each in paper.runs)


def test_the_papers_matrices_are_found_from_its_rates(paper: TableCheck) -> None:
    for run, each in zip(published(), paper.runs, strict=True):
        assert each.found is not None
        assert each.found.matrices == len(matrices(run))
        assert each.found.example in matrices(run)


def test_the_paper_rounds_to_the_nearest(paper: TableCheck) -> None:
    for each in paper.runs:
        fitting = {name for name, sizes in each.roundings.items() if sizes == (169, 169, 169)}
        assert fitting == {"half_up", "half_even", "half_either"}
        assert each.roundings["truncated"] is None


def test_only_inceptionv3_differs_between_the_papers_devices(paper: TableCheck) -> None:
    assert {each.model: each.verdict for each in paper.comparisons} == {
        "cnn10": "not_shown",
        "inceptionv3": "differ",
        "vgg16": "not_shown",
    }


def test_a_misprint_is_found_at_the_size_of_the_other_runs() -> None:
    wrong = with_rate(PAPER[4], 2, "recall", "0.9740")
    check = checked([*PAPER[:4], wrong, PAPER[5]], 400)
    assert check.shared is not None
    assert (check.shared.sizes, check.shared.runs) == ((169, 169, 169), 5)
    assert not check.all_fit
    [obstacle] = check.runs[4].obstacles
    assert (obstacle.of, obstacle.rate) == ("tuberculosis", "recall")
    assert check.runs[4].found is None
    assert check.runs[4].intervals == ()
    assert check.comparisons[2].verdict == "not_compared"


def test_runs_that_share_no_size_are_told() -> None:
    runs = [with_images(PAPER[0], 169), with_images(PAPER[1], 338)]
    check = checked(runs, 400)
    assert check.shared is None
    assert [each.sizes for each in check.runs] == [(169,) * 3, (338,) * 3]
    assert check.comparisons[0].tests is not None
    assert check.comparisons[0].tests.mcnemar is None


def with_images(run: PrintedRun, images: int) -> PrintedRun:
    return replace(run, classes=tuple(replace(each, images=images) for each in run.classes))


def test_images_that_the_table_gives_are_taken_as_they_are() -> None:
    check = checked([with_images(PAPER[0], 168)], 400)
    assert not check.all_fit
    assert check.runs[0].search.how == "given"


def test_digits_that_were_cut_off_are_told() -> None:
    # 2/3 and 1/3, of 3 images a class: cut off to 0.6666 and 0.3333.
    classes = tuple(
        replace(each, rates={"recall": recall, "precision": recall})
        for each, text in zip(PAPER[0].classes, ("0.6666", "0.6666", "0.6666"), strict=True)
        if (recall := printed_rate(text))
    )
    check = checked([replace(PAPER[0], classes=classes, overall=None)], 30)
    [run] = check.runs
    assert run.rounding == "truncated"
    assert run.sizes == (3, 3, 3)
    assert run.roundings["half_either"] is None


def test_unequal_classes_are_searched_where_equal_ones_do_not_fit() -> None:
    matrix = ((90, 7, 3), (4, 60, 1), (2, 5, 133))
    check = checked([_run_of(matrix)], 200)
    [run] = check.runs
    assert run.sizes == (100, 65, 140)
    assert [search.how for search in run.searches] == ["equal", "unequal"]
    assert run.found is not None
    assert run.found.complete


def _run_of(matrix: tuple[tuple[int, ...], ...]) -> PrintedRun:
    run = PAPER[0]
    classes = []
    for label, each in enumerate(run.classes):
        exact = counts_of(matrix, label).rates()
        rates = {
            name: rate
            for name, value in exact.items()
            if value is not None and (rate := printed_rate(str(halves_up(value, 4))))
        }
        classes.append(replace(each, rates=rates))
    return replace(run, classes=tuple(classes), overall=None)


def test_a_table_of_few_decimals_leaves_the_size_open() -> None:
    two_decimals = tuple(
        replace(
            run,
            overall=None,
            classes=tuple(
                replace(
                    each,
                    rates={
                        name: shorter
                        for name, rate in each.rates.items()
                        if (shorter := printed_rate(str(round(rate.value, 2))))
                    },
                )
                for each in run.classes
            ),
        )
        for run in PAPER
    )
    check = checked(two_decimals, 200)
    assert check.shared is not None
    assert check.shared.others
    for run in check.runs:
        assert (169, 169, 169) in run.search.fitting
