"""What the page says of the images, once for each set of them."""

from pathlib import Path
from typing import Any

from lungbench.record import RunRecord
from reports.results.load import load
from reports.sections.data import DataOf, data

NEXT = "20261123T090000Z"


def shown(*folders: Path) -> tuple[DataOf, ...]:
    return data([load(folder) for folder in folders])


def test_executions_on_the_same_images_are_described_once_under_both_names(lab: Any) -> None:
    first, second = lab.execution(name="axes"), lab.execution(NEXT, name="limits")
    [both] = shown(first, second)
    assert both.title == f"{load(first).name} and {load(second).name}"
    [alone] = shown(first)
    assert (both.facts, both.counts, both.skipped) == (alone.facts, alone.counts, alone.skipped)


def test_executions_on_other_images_are_described_apart(lab: Any) -> None:
    folders = [lab.execution(), lab.execution(NEXT, fingerprint="0123456789ab")]
    assert [each.title for each in shown(*folders)] == [load(each).name for each in folders]


def test_the_same_images_in_two_places_have_both_as_their_source(lab: Any) -> None:
    folders = [lab.execution(change=_kept_in("/one")), lab.execution(NEXT, change=_kept_in("/two"))]
    for folder in folders:
        (folder / "data.json").unlink()
    [both] = shown(*folders)
    assert {fact.name: fact.value for fact in both.facts}["Source"] == "/one and /two"


def test_what_one_of_them_lost_is_told_by_the_other(lab: Any) -> None:
    lost, whole = lab.execution(), lab.execution(NEXT)
    (lost / "data_images.csv").unlink()
    (lost / "data.json").unlink()
    [both] = shown(lost, whole)
    assert both.reasons is not None
    assert both.reasons == shown(whole)[0].reasons


def test_folders_of_which_nothing_is_known_stay_apart(lab: Any) -> None:
    folders = [lab.execution(change=lambda _: None), lab.execution(NEXT, change=lambda _: None)]
    for folder in folders:
        (folder / "data.json").unlink()
    assert len(shown(*folders)) == 2


def _kept_in(source: str) -> Any:
    def change(run: RunRecord) -> RunRecord:
        return run.model_copy(update={"data": run.data.model_copy(update={"source": source})})

    return change
