"""The networks beside what needs no lungs to be seen."""

import json
from html import unescape
from pathlib import Path
from typing import Any

import audited
import pytest

from lungbench.guards.judging import Guard
from lungbench.metrics import metrics_of
from lungbench.record import RunRecord
from reports.comparing.audit_guards import LEAKS, SHORTCUTS, audit_guards
from reports.comparing.comparison import compare
from reports.comparing.shortcuts import Contest, contests
from reports.page.render import render
from reports.results.load import load
from reports.sections.shortcuts import TITLE, Shortcuts, shortcuts
from reports.summaries.summary import summarise


def found(folder: Path) -> tuple[Contest, ...]:
    executions = [load(folder)]
    return contests(executions, compare(executions))


def section(*folders: Path) -> Shortcuts:
    executions = [load(folder) for folder in folders]
    return shortcuts(executions, compare(executions))


def guard(folder: Path, name: str) -> Guard | None:
    executions = [load(folder)]
    return next(
        (each for each in audit_guards(executions, compare(executions)) if each.name == name), None
    )


def page_of(folder: Path, out: Path) -> str:
    return unescape(render([folder], out / "r.html").read_text())


# The lab's networks are wrong on at most 3 images for each of 2 other classes of 3: on 18 of 120.


def test_networks_that_are_right_more_often_are_shown_to_be_better(lab: Any) -> None:
    folder = lab.execution(pixels=True)
    audited.audit(folder, right=60)
    each = found(folder)
    assert {contest.shown for contest in each} == {"better"}
    assert all(contest.verdict and contest.verdict.paired for contest in each)
    assert section(folder).remark is None


def test_networks_no_better_than_a_thumbnail_are_named_in_the_verdict(
    lab: Any, tmp_path: Path
) -> None:
    folder = lab.execution(pixels=True, models=("cnn10",), devices=("cpu",))
    audited.audit(folder, right=105)
    (contest,) = found(folder)
    assert contest.shown == "not shown to be better"
    shown = page_of(folder, tmp_path)
    verdict = shown[shown.index('id="verdict"') : shown.index('id="trust"')]
    assert "Not shown to be better than a logistic regression on thumbnails alone" in verdict
    assert f"See “{TITLE}”" in verdict


def test_a_network_worse_than_a_shortcut_is_called_so(lab: Any) -> None:
    folder = lab.execution(pixels=True, models=("cnn10",), devices=("cpu",))
    audited.audit(folder, right=120)
    (contest,) = found(folder)
    accuracy = contest.cell.quality.accuracy if contest.cell.quality else 1.0
    if accuracy == 1:
        pytest.skip("this network makes no mistake")
    assert contest.verdict is not None
    assert contest.verdict.difference == pytest.approx(accuracy - 1)


@pytest.mark.parametrize(
    ("models", "worse", "undecided"),
    [
        (("cnn10",), "10-layer CNN on cpu:threads=1", "10-layer CNN on cpu:threads=2"),
        (("cnn10", "inceptionv3", "vgg16"), "3 of 6 cells", "3 of 6 cells"),
    ],
)
def test_the_verdict_tells_worse_networks_from_undecided_ones(
    lab: Any, models: tuple[str, ...], worse: str, undecided: str
) -> None:
    folder = lab.execution(pixels=True, models=models, change=_half_right_on_one_thread)
    audited.audit(folder, right=105)
    assert section(folder).remark == (
        # 105 of 120.
        f"Worse than a logistic regression on thumbnails alone (87.5%): {worse}. "
        f"Not shown to be better than it: {undecided}. See “{TITLE}”."
    )
    judged = guard(folder, SHORTCUTS)
    assert judged is not None
    assert judged.found.endswith(
        f"{2 * len(models)} of {2 * len(models)} cells are not shown to be better, "
        f"{len(models)} of them shown to be worse."
    )


def _half_right_on_one_thread(run: RunRecord) -> RunRecord:
    """Let it name 20 of each class's 40 images rightly, and on two threads 35: as the baseline."""
    right = 20 if run.spec.device.threads == 1 else 35
    wrong = 40 - right
    confusion = ((right, wrong, 0), (0, right, wrong), (wrong, 0, right))
    return run.model_copy(update={"metrics": metrics_of(confusion, run.data.classes)})


def test_the_table_has_guesses_baselines_and_networks(lab: Any) -> None:
    folder = lab.execution(pixels=True, models=("cnn10",))
    audited.audit(folder, right=60)
    (one,) = section(folder).sets
    names = [row[0] for row in one.table.rows]
    assert names[:3] == [
        "Any class at random",
        "Each class as often as in training",
        "Always covid",
    ]
    assert names[3] == "Logistic regression on file facts (4 numbers)"
    assert names[7:] == ["10-layer CNN on cpu:threads=1", "10-layer CNN on cpu:threads=2"]
    assert one.table.rows[0][1] == "33.3%"
    assert one.table.rows[5][1].startswith("50.0% [")
    assert [row[4] for row in one.table.rows[3:7]] == ["–", "–", "the best shortcut", "–"]  # noqa: RUF001
    assert one.table.rows[7][4] == "better"


def test_executions_on_the_same_images_share_a_table(lab: Any) -> None:
    folders = [lab.execution(pixels=True), lab.execution("20261123T090000Z", pixels=True)]
    for folder in folders:
        audited.audit(folder)
    (one,) = section(*folders).sets
    assert len(one.table.rows) == 7 + 12


def test_an_audit_of_other_images_is_held_against_no_network(lab: Any) -> None:
    folder = lab.execution(pixels=True)
    audited.audit(folder)
    changed = json.loads((folder / "audit.json").read_text()) | {"fingerprint": "other"}
    (folder / "audit.json").write_text(json.dumps(changed))
    assert found(folder) == ()


def test_without_an_audit_there_is_no_guard_and_the_page_says_so(lab: Any, tmp_path: Path) -> None:
    folder = lab.execution()
    assert guard(folder, LEAKS) is None
    assert guard(folder, SHORTCUTS) is None
    assert "These images were not audited" in page_of(folder, tmp_path)


@pytest.mark.parametrize(("right", "outcome"), [(40, "pass"), (60, "warn"), (110, "fail")])
def test_the_guard_on_shortcuts_follows_what_is_shown(lab: Any, right: int, outcome: str) -> None:
    folder = lab.execution(pixels=True)
    audited.audit(folder, right=right)
    judged = guard(folder, SHORTCUTS)
    assert judged is not None
    assert judged.outcome == outcome
    assert bool(judged.runs) == bool(judged.advice) == (outcome != "pass")


def test_the_guard_on_leaks_fails_with_what_was_found(lab: Any) -> None:
    folder = lab.execution(pixels=True, models=("cnn10",))
    audited.audit(folder, near_duplicates=audited.leak())
    judged = guard(folder, LEAKS)
    assert judged is not None
    assert judged.outcome == "fail"
    assert "1 of 1 group of near-duplicates lie in several splits" in judged.found
    assert judged.runs == ("cnn10 on cpu:threads=1 #1", "cnn10 on cpu:threads=2 #1")


def test_the_guard_on_leaks_passes_and_says_what_is_unknown(lab: Any) -> None:
    folder = lab.execution(pixels=True)
    audited.audit(folder)
    judged = guard(folder, LEAKS)
    assert judged is not None
    assert judged.outcome == "pass"
    assert "Patients are not on record" in judged.found


def test_the_guards_stand_in_the_summary(lab: Any) -> None:
    folder = lab.execution(pixels=True)
    audited.audit(folder, right=110)
    guards = {each.name: each.status for each in summarise([load(folder)]).guards}
    assert (guards[LEAKS], guards[SHORTCUTS]) == ("pass", "fail")


def test_an_audit_without_baselines_leaves_the_section_empty(lab: Any) -> None:
    folder = lab.execution(pixels=True)
    audited.audit(folder, right=None)
    assert section(folder).sets == ()
    assert found(folder) == ()
