"""Every line of the table of guards by figures on both sides of its limits."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.experiment import Experiment
from lungbench.guards.judging import Guard, guards, usable_for_timing
from lungbench.guards.table import TABLE, Line
from lungbench.record import DataFacts, Epoch, Host, Ledger, Resources, RunRecord, Timing

GIB = 1024**3

# Limits are stated in the table; the figures below lie clearly on either side of them.
QUIET: dict[str, Any] = {
    "samples": 60,
    "host_cpu_percent_mean": 50.0,
    "other_load_before_percent": 1.0,
    "other_load_percent": 2.0,
    "other_load_p95_percent": 6.0,
    "steal_percent": 0.1,
    "cgroup_throttled_periods": 0,
    "cgroup_throttled_s": 0.0,
    "gpu_strangers_before": 0,
    "gpu_strangers_max": 0,
    "gpu_memory_before_bytes": 0,
    "gpu_throttled_percent": 0.0,
    "gpu_throttle_reasons": (),
    "trainings_beside": 0,
    "coverage_percent": 100.0,
    "tool_percent": 0.8,
}
STEADY_S = (9.0, 4.0, 4.1, 4.0)  # the first epoch compiles


def run(
    repeat: int = 1,
    *,
    device: str = "gpu:0",
    train_s: Sequence[float] = STEADY_S,
    timing: dict[str, Any] | None = None,
    leaked: int = 0,
    **resources: Any,
) -> RunRecord:
    """One completed run on a host of 4 processors that took 100 s; quiet, but for what is given."""
    matrix = {"models": ["cnn10"], "devices": [device], "repeats": repeat}
    spec = Experiment.model_validate({"name": "x", "matrix": matrix}).runs()[-1]
    usual = {
        "wall_s": 100.0,
        "steady_epoch_s": 4.0,
        "ledger": Ledger(startup_s=10.0, train_s=80.0, other_s=10.0),
    }
    return RunRecord(
        run_id=spec.run_id,
        status="completed",
        started=datetime(2026, 11, 22, 21, 11, tzinfo=UTC),
        spec=spec,
        host=Host(
            hostname="ward7", os="Linux", cpu_logical=4, cpu_usable=4, memory_bytes=GIB, versions={}
        ),
        data=DataFacts(
            fingerprint="f", source="s", classes=(), counts={"test": {"a": 169}}, leaked=leaked
        ),
        timing=Timing.model_validate(usual | (timing or {})),
        epochs=tuple(
            Epoch(epoch=number, started_s=number, train_s=seconds, images_per_s=1.0)
            for number, seconds in enumerate(train_s, start=1)
        ),
        resources=Resources.model_validate(QUIET | resources),
    )


def repeats(*steady_s: float, **parts: Any) -> list[RunRecord]:
    return [
        run(number, timing={"steady_epoch_s": seconds}, **parts)
        for number, seconds in enumerate(steady_s, start=1)
    ]


def found(name: str, runs: Sequence[RunRecord]) -> Guard:
    return next(guard for guard in guards([runs]) if guard.name == name)


# name of the guard, what a run has, what comes of it. The host has 4 processors, the run 100 s.
RUNS: list[tuple[str, dict[str, Any], str]] = [
    ("Other load before a run", {"other_load_before_percent": 36.0}, "pass"),  # 9 % of the host
    ("Other load before a run", {"other_load_before_percent": 44.0}, "warn"),
    ("Other load before a run", {"other_load_before_percent": 400.0}, "warn"),  # never fails
    ("Other load during a run", {"other_load_percent": 18.0}, "pass"),  # 4.5 % of the host
    ("Other load during a run", {"other_load_percent": 24.0}, "warn"),
    ("Other load during a run", {"other_load_percent": 110.0}, "fail"),
    ("Bursts of other load", {"other_load_p95_percent": 96.0}, "pass"),  # 24 % of the host
    ("Bursts of other load", {"other_load_p95_percent": 104.0}, "warn"),
    ("Trainings at once on a host", {}, "pass"),
    ("Trainings at once on a host", {"trainings_beside": 1}, "warn"),
    # of what was asked for: 1 of 51 is 1.96 %, 2 of 52 is 3.8 %, 10 of 60 is 17 %
    ("CPU time taken by the hypervisor", {"steal_percent": 1.0}, "pass"),
    ("CPU time taken by the hypervisor", {"steal_percent": 2.0}, "warn"),
    ("CPU time taken by the hypervisor", {"steal_percent": 10.0}, "fail"),
    ("CPU quota", {"cgroup_throttled_s": 0.9}, "pass"),
    ("CPU quota", {"cgroup_throttled_s": 1.1}, "warn"),
    ("CPU quota", {"cgroup_throttled_s": 11.0}, "fail"),
    ("Others on the GPU", {}, "pass"),
    ("Others on the GPU", {"gpu_strangers_before": 1}, "fail"),
    ("Others on the GPU", {"gpu_strangers_before": None, "gpu_strangers_max": 2}, "fail"),
    ("GPU memory before a run", {"gpu_memory_before_bytes": GIB // 2}, "pass"),
    ("GPU memory before a run", {"gpu_memory_before_bytes": 2 * GIB}, "warn"),
    ("GPU clocks lowered", {"gpu_throttled_percent": 4.0}, "pass"),
    ("GPU clocks lowered", {"gpu_throttled_percent": 60.0}, "warn"),
    ("GPU slowed down by its hardware", {"gpu_throttle_reasons": ("sw_power_cap",)}, "pass"),
    ("GPU slowed down by its hardware", {"gpu_throttle_reasons": ("hw_thermal",)}, "fail"),
    ("Steady epochs", {"train_s": (9.0, 4.0, 4.0)}, "pass"),
    ("Steady epochs", {"train_s": (9.0, 4.0)}, "warn"),
    ("Steady epochs", {"train_s": (9.0,)}, "fail"),
    # deviations from the median: 0.2 of 4, 0.4 of 4, 1 of 4; the first epoch is no part of it
    ("Spread of a run's epochs", {"train_s": (9.0, 3.8, 4.0, 4.2)}, "pass"),
    ("Spread of a run's epochs", {"train_s": (9.0, 3.6, 4.0, 4.4)}, "warn"),
    ("Spread of a run's epochs", {"train_s": (9.0, 3.0, 4.0, 5.0)}, "fail"),
    ("Spread of a run's epochs", {"train_s": (9.0, 4.0, 4.0, 40.0)}, "pass"),  # one outlier
    ("Readings", {"coverage_percent": 96.0}, "pass"),
    ("Readings", {"coverage_percent": 94.0}, "warn"),
    ("Readings", {"coverage_percent": 40.0}, "fail"),
    ("Resumed runs", {"timing": {"resumed": False}}, "pass"),
    ("Resumed runs", {"timing": {"resumed": True}}, "warn"),
    ("Test images that were trained on", {"leaked": 0}, "pass"),
    ("Test images that were trained on", {"leaked": 1}, "fail"),
    ("This tool's own cost", {"tool_percent": 1.9, "server_percent": 1.0}, "pass"),
    ("This tool's own cost", {"tool_percent": 2.1, "server_percent": 1.0}, "warn"),
    ("This tool's own cost", {"tool_percent": 1.0, "server_percent": 30.0}, "fail"),
    ("Time ledger", {"timing": {"ledger": Ledger(train_s=90.0, other_s=9.2)}}, "pass"),
    ("Time ledger", {"timing": {"ledger": Ledger(train_s=90.0, other_s=8.0)}}, "fail"),
    # adds up only because what is left over is less than nothing
    ("Time ledger", {"timing": {"ledger": Ledger(train_s=105.0, other_s=-5.0)}}, "fail"),
]

CELLS: list[tuple[str, list[RunRecord], str]] = [
    ("Repeats", repeats(4.0, 4.0, 4.0), "pass"),
    ("Repeats", repeats(4.0, 4.0), "warn"),
    ("Repeats", repeats(4.0), "fail"),
    ("Spread between repeats", repeats(3.8, 4.0, 4.2), "pass"),
    ("Spread between repeats", repeats(3.6, 4.0, 4.4), "warn"),
    ("Spread between repeats", repeats(3.0, 5.0), "fail"),  # half the range of 2, of a median of 4
]


@pytest.mark.parametrize(("name", "parts", "outcome"), RUNS)
def test_a_guard_of_runs_judges_by_its_limits(
    name: str, parts: dict[str, Any], outcome: str
) -> None:
    assert found(name, [run(**parts)]).outcome == outcome


@pytest.mark.parametrize(("name", "runs", "outcome"), CELLS)
def test_a_guard_of_cells_judges_by_its_limits(
    name: str, runs: list[RunRecord], outcome: str
) -> None:
    assert found(name, runs).outcome == outcome


def test_every_line_of_the_table_is_tried_on_both_sides() -> None:
    tried = {(name, outcome) for name, _, outcome in (*RUNS, *CELLS)}
    for line in TABLE:
        assert (line.name, "pass") in tried
        assert {(line.name, "warn"), (line.name, "fail")} & tried


@pytest.mark.parametrize("line", TABLE, ids=lambda line: line.name)
def test_every_line_can_say_what_it_found(line: Line) -> None:
    words = {"worst": "1%", "limit": "2%", "count": "3 of 4 runs"}
    assert line.calm.format(**words).endswith(".")
    assert line.alarm.format(**words).endswith(".")
    assert line.advice.endswith(".")
    assert line.fail is None or not line.beyond(line.warn, line.fail)


def test_a_quiet_report_passes_every_guard() -> None:
    judged = guards([repeats(4.0, 4.05, 3.95)])
    assert {guard.outcome for guard in judged} == {"pass"}
    assert all(guard.advice is None and guard.runs == () for guard in judged)
    assert [guard.name for guard in judged] == [line.name for line in TABLE]


def test_the_worst_run_decides_and_comes_first() -> None:
    runs = [
        run(1, other_load_percent=30.0),
        run(2, other_load_percent=2.0),
        run(3, other_load_percent=200.0),
    ]
    guard = found("Other load during a run", runs)
    assert guard.outcome == "fail"
    assert guard.runs == (runs[2].spec.label, runs[0].spec.label)
    assert "up to 50% of the host" in guard.found  # 200 % of one of 4 processors
    assert "in 2 of 3 runs" in guard.found
    assert guard.advice


def test_leaked_test_images_are_told_with_their_number() -> None:
    guard = found("Test images that were trained on", [run(leaked=135)])
    assert guard.found == (
        "135 of 169 test images were trained on, as the paper's were; the accuracy says nothing "
        "about new patients."
    )


def test_what_no_record_tells_is_unknown_and_no_pass() -> None:
    bare = run().model_copy(update={"resources": None, "epochs": (), "timing": None})
    outcomes = {guard.name: guard.outcome for guard in guards([[bare]])}
    assert outcomes.pop("Repeats") == "fail"
    assert outcomes.pop("Test images that were trained on") == "pass"
    assert set(outcomes.values()) == {"unknown"}


def test_runs_that_do_not_tell_are_counted() -> None:
    guard = found("Readings", [run(1), run(2, coverage_percent=None)])
    assert guard.outcome == "pass"
    assert "1 run did not record it" in guard.found


def test_a_report_without_a_gpu_has_no_guards_of_one() -> None:
    names = {guard.name for guard in guards([[run(device="cpu")]])}
    assert not [name for name in names if "GPU" in name]
    assert len(names) == len(TABLE) - 5  # the four of the GPU, and the spread of one repeat


def test_runs_that_did_not_complete_are_not_judged() -> None:
    failed = run(other_load_percent=400.0).model_copy(update={"status": "failed"})
    assert guards([[failed]]) == ()
    assert guards([]) == ()


def test_the_same_cell_of_two_executions_is_two_cells_with_names_apart() -> None:
    early, late = run(), run().model_copy(update={"started": datetime(2027, 1, 1, tzinfo=UTC)})
    guard = next(each for each in guards([[early], [late]]) if each.name == "Repeats")
    assert guard.outcome == "fail"
    assert len(set(guard.runs)) == 2
    assert all("ward7" in name for name in guard.runs)


@pytest.mark.parametrize(
    ("change", "usable"),
    [
        (lambda record: record, True),
        (lambda record: record.model_copy(update={"timing": None}), False),
        (lambda record: record.model_copy(update={"status": "interrupted"}), False),
        (
            lambda record: record.model_copy(
                update={"timing": record.timing.model_copy(update={"resumed": True})}
            ),
            False,
        ),
    ],
    ids=["whole", "without times", "interrupted", "resumed"],
)
def test_only_whole_runs_trained_in_one_go_are_timed(
    change: Callable[[RunRecord], RunRecord], usable: bool
) -> None:
    assert usable_for_timing(change(run())) is usable


@given(st.lists(st.floats(0, 400), min_size=1, max_size=8), st.floats(0, 400))
@settings(max_examples=50)
def test_one_more_run_never_makes_a_guard_better(loads: list[float], more: float) -> None:
    badness = ("pass", "warn", "fail")
    runs = [run(number, other_load_percent=load) for number, load in enumerate(loads, start=1)]
    added = [*runs, run(len(runs) + 1, other_load_percent=more)]
    before, after = (found("Other load during a run", each).outcome for each in (runs, added))
    assert badness.index(after) >= badness.index(before)
