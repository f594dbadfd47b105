"""What the check of a published table tells people, where the paper's own tables don't show it."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from flows.checked_json import as_values
from flows.checked_text import as_text, devices_text, sizes_text
from lungbench.metrics import RATE_NAMES, Confusion, counts_of
from lungbench.paper.check import checked, paper_table
from lungbench.paper.rounding import PrintedRate, halves_up, printed_rate
from lungbench.paper.table import PrintedClass, PrintedRun, read_table

DOCS = Path(__file__).parents[2] / "docs"
PAPER = paper_table()
UNEQUAL = ((90, 7, 3), (4, 60, 1), (2, 5, 133))


def printed(value: Fraction | None, decimals: int) -> PrintedRate:
    rate = printed_rate(str(halves_up(value or Fraction(0), decimals)))
    assert rate is not None
    return rate


def run_of(matrix: Confusion, decimals: int = 4, rates: tuple[str, ...] = RATE_NAMES) -> PrintedRun:
    classes = [
        PrintedClass(
            str(label),
            {name: printed(counts_of(matrix, label).rates()[name], decimals) for name in rates},
        )
        for label in range(len(matrix))
    ]
    return PrintedRun("m", "cpu", tuple(classes))


def with_images(run: PrintedRun, images: int) -> PrintedRun:
    return replace(run, classes=tuple(replace(each, images=images) for each in run.classes))


def test_the_guide_shows_what_is_printed_of_the_sample() -> None:
    guide = (DOCS / "paper-checker.md").read_text(encoding="utf-8")
    check = checked(read_table(DOCS / "paper-tables.csv"))
    assert sizes_text(check) in guide
    assert devices_text(check)[0] in guide


def test_unequal_classes_are_told_one_by_one() -> None:
    text = sizes_text(checked([run_of(UNEQUAL)], 200))
    assert "100/65/140" in text
    assert "100, 65 and 140 images fit the run" in text
    assert "of any classes up to 600 images in all" in text


def test_a_size_that_few_decimals_leave_open_is_told() -> None:
    text = sizes_text(checked([run_of(((44, 6), (9, 41)), 2)], 200))
    assert "The printed decimals don't fix the size" in text
    assert ", ...)" in text


def test_a_search_that_stopped_is_told() -> None:
    text = sizes_text(checked([run_of(((180, 20), (40, 160)), 1, ("accuracy",))], 20_000))
    assert "A search stopped after equal classes up to" in text


def test_images_that_the_table_gives_wrongly_are_told() -> None:
    text = as_text(checked([with_images(PAPER[0], 168)], 200))
    assert "no integers fit, of the sizes that the table gives" in text
    assert "Without the images that the table gives, 169 images a class fit." in text
    assert "95% interval" not in text


def test_runs_without_a_size_in_common_are_told() -> None:
    runs = [PAPER[0], replace(run_of(((140, 5, 5), (9, 140, 1), (2, 5, 143))), device="gpu")]
    text = sizes_text(checked([runs[0], replace(runs[1], model="other")], 200))
    assert "No class sizes fit two runs: were they tested on the same images?" in text


def test_a_run_of_another_size_than_the_others_is_told() -> None:
    names = PAPER[0].class_names
    other = run_of(((140, 5, 5), (9, 140, 1), (2, 5, 143)))
    classes = tuple(
        replace(each, name=name) for each, name in zip(other.classes, names, strict=True)
    )
    other = replace(other, model="cnn10", device="tpu", classes=classes)
    check = checked([*PAPER[:2], other], 200)
    text = as_text(check)
    assert "cnn10 on tpu: 150 images a class fit, but not the 169 images a class of 2" in text
    [line] = [line for line in text.splitlines() if "cpu to tpu" in line]
    # Other images, so that McNemar's test has nothing to say.
    assert line.endswith("  not shown to differ")
    tests = as_values(check)["devices"][1]["tests"]
    assert tests["mcnemar"] is None
    assert tests["images"] == (507, 450)


def test_one_device_has_no_comparison() -> None:
    check = checked([PAPER[0]], 200)
    assert "McNemar" not in as_text(check)
    assert as_values(check)["devices"] == []


def test_the_values_are_json() -> None:
    wrong = replace(PAPER[0], overall=printed(Fraction(1, 2), 4))
    values = json.loads(json.dumps(as_values(checked([wrong, PAPER[1]], 200)), default=str))
    assert values["all_fit"] is False
    assert values["runs"][0]["obstacles"][0]["lowest"] == "0.9270"
    assert values["runs"][0]["images"] is None
    assert values["devices"][0]["verdict"] == "not_compared"
