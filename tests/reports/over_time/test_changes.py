"""Two executions compared: what is shown, what is refused, and when a rule is broken."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lungbench.errors import LungbenchError, Refused
from lungbench.metrics import metrics_of
from lungbench.record import RunRecord
from reports.over_time.change_page import write_change_page
from reports.over_time.change_words import sentences
from reports.over_time.changes import Changes, changes_of
from reports.over_time.rules import judged, parse_rule

LATER = "20261123T090000Z"
FIELDS = {"models": ("cnn10",), "devices": ("cpu:threads=1", "cpu:threads=2"), "samples": False}


def slower(factor: float, only: str = "") -> Callable[[RunRecord], RunRecord]:
    """Multiply the steady epoch time, with 1 % of noise between runs."""

    def change(record: RunRecord) -> RunRecord:
        noise = 1 + 0.01 * Random(f"{factor}{record.run_id}").uniform(-1, 1)
        faster = noise * (factor if only in str(record.spec.device) else 1)
        assert record.timing is not None
        assert record.timing.steady_epoch_s is not None
        steady = record.timing.steady_epoch_s * faster
        timing = record.timing.model_copy(update={"steady_epoch_s": steady})
        return record.model_copy(update={"timing": timing})

    return change


def diagnosing(right: int) -> Callable[[RunRecord], RunRecord]:
    """Let every network diagnose so many of 40 images of each class."""

    def change(record: RunRecord) -> RunRecord:
        wrong = 40 - right
        rows = tuple(
            tuple(right if a == b else wrong if b == (a + 1) % 3 else 0 for b in range(3))
            for a in range(3)
        )
        return record.model_copy(update={"metrics": metrics_of(rows, record.data.classes)})

    return change


UNCHANGED = slower(1)


def both(lab: Any, change: Any = UNCHANGED, *, repeats: int = 4, **later: Any) -> Changes:
    old = lab.execution(**FIELDS, repeats=repeats, change=later.pop("before", slower(1)))
    fields = FIELDS | {"repeats": repeats} | later
    return changes_of(old, lab.execution(LATER, **fields, change=change))


def outcomes(changes: Changes, rule: str) -> list[str]:
    return [each.outcome for each in judged(changes, [parse_rule(rule)])]


def test_a_slower_execution_breaks_a_rule_that_its_whole_interval_is_beyond(lab: Any) -> None:
    changes = both(lab, slower(1.2))
    ratio = changes.cells[0].time_ratio
    assert ratio is not None
    assert ratio.interval is not None
    assert ratio.interval.low < 1.2 < ratio.interval.high
    assert outcomes(changes, "time:+5%") == ["regression", "regression"]
    assert outcomes(changes, "time:+60%") == ["kept", "kept"]


def test_an_interval_that_holds_both_sides_of_the_margin_is_undecided(lab: Any) -> None:
    assert outcomes(both(lab, slower(1.2)), "time:+20%") == ["undecided", "undecided"]


def test_one_run_a_side_neither_breaks_nor_keeps_a_rule(lab: Any) -> None:
    changes = both(lab, slower(3), repeats=1)
    for rule in ("time:+5%", "speedup:-5%", "accuracy:-1pp"):
        rulings = judged(changes, [parse_rule(rule)])
        assert {each.outcome for each in rulings} == {"untested"}
        assert all("one run" in each.why for each in rulings)


def test_a_speed_up_falls_where_only_the_other_device_became_slower(lab: Any) -> None:
    changes = both(lab, slower(1.3, only="threads=2"))
    [ruling] = judged(changes, [parse_rule("speedup:-5%")])
    assert ruling.outcome == "regression"
    gain = changes.cells[1].gain
    assert gain is not None
    assert gain.interval is not None
    assert gain.interval.low < 1 / 1.3 < gain.interval.high
    assert outcomes(both(lab_again(lab), slower(1.3)), "speedup:-20%") == ["kept"]


def lab_again(lab: Any) -> Any:
    return type(lab)(lab.root / "again")


def test_a_worse_diagnosis_breaks_the_rule_of_accuracy(lab: Any) -> None:
    changes = both(lab, diagnosing(20), before=diagnosing(38))
    assert outcomes(changes, "accuracy:-1pp") == ["regression", "regression"]
    assert all("worse" in each for each in sentences(changes))


def test_the_same_diagnoses_are_within_a_wide_margin(lab: Any) -> None:
    changes = both(lab, diagnosing(38), before=diagnosing(38))
    assert outcomes(changes, "accuracy:-5pp") == ["kept", "kept"]
    assert outcomes(changes, "accuracy:-0pp") == ["undecided", "undecided"]


def test_other_images_are_refused_by_name(lab: Any) -> None:
    with pytest.raises(Refused, match="data fingerprint 9f2c4be1aa03 → 77aa"):
        both(lab, fingerprint="77aa")


def test_other_versions_and_hosts_are_compared_and_marked(lab: Any) -> None:
    def newer(record: RunRecord) -> RunRecord:
        versions = record.host.versions | {"keras": "3.16.0"}
        host = record.host.model_copy(update={"versions": versions, "hostname": "ward8"})
        return record.model_copy(update={"host": host})

    changes = both(lab, newer)
    assert [str(each) for each in changes.marked] == ["keras 3.15.1 → 3.16.0", "host ward7 → ward8"]
    assert changes.cells[0].time is not None


def test_runs_of_mixed_work_within_a_side_are_refused(lab: Any) -> None:
    def mixed(record: RunRecord) -> RunRecord:
        if record.spec.repeat > 1:
            return record
        spec = record.spec.model_copy(update={"learning_rate": 0.5})
        return record.model_copy(update={"spec": spec})

    with pytest.raises(Refused, match="learning rate"):
        both(lab, mixed, before=mixed)


def test_a_cell_that_failed_is_untested_and_says_why(lab: Any) -> None:
    def failing(record: RunRecord) -> RunRecord | None:
        return record if "threads=1" in str(record.spec.device) else None

    changes = both(lab, failing)
    assert [each.only_in for each in changes.lost] == ["OLD"]
    [_, lost] = judged(changes, [parse_rule("time:+5%")])
    assert lost.outcome == "untested"
    assert "never started" in lost.why


def test_a_resumed_run_has_no_time(lab: Any) -> None:
    def resumed(record: RunRecord) -> RunRecord:
        assert record.timing is not None
        timing = record.timing.model_copy(update={"resumed": True})
        return record.model_copy(update={"timing": timing})

    changes = both(lab, resumed)
    assert [cell.time for cell in changes.cells] == [None, None]
    assert outcomes(changes, "time:+5%") == ["untested", "untested"]


@pytest.mark.parametrize(
    "text", ["time:-5%", "speedup:+5%", "accuracy:-1%", "time:5%", "speed:-5%", "", "speedup:-100%"]
)
def test_a_wrong_rule_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(LungbenchError) as refusal:
        parse_rule(text)
    assert refusal.value.exit_code == 2
    assert "\n" not in str(refusal.value)


def test_without_a_change_a_rule_without_margin_is_seldom_broken(lab: Any) -> None:
    """Each interval leaves 2.5 % above it; of 200 pairs, 12 and more come once in 300 tries."""
    from lungbench.stats.intervals import speedup

    random = Random(6)
    pairs = [
        [[random.lognormvariate(0, 0.03) for _ in range(3)] for _ in range(2)] for _ in range(200)
    ]
    intervals = [speedup(new, old).interval for old, new in pairs]
    assert sum(each is not None and each.low > 1 for each in intervals) < 12


def test_the_page_names_what_differs_and_escapes_it(lab: Any, tmp_path: Path) -> None:
    def hostile(record: RunRecord) -> RunRecord:
        host = record.host.model_copy(update={"hostname": "<b>ward</b>"})
        return record.model_copy(update={"host": host})

    changes = both(lab, hostile)
    rulings = judged(changes, [parse_rule("time:+5%")])
    page = write_change_page(changes, rulings, tmp_path / "compare.html").read_text()
    assert "&lt;b&gt;ward&lt;/b&gt;" in page
    assert "<b>ward" not in page
    assert "<script" not in page
    assert page.count("<svg") == 2
    assert len(page) < 100_000
