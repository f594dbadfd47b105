from itertools import pairwise
from typing import Any

from lungbench.record import RunRecord
from lungbench.resources.samples import Sample, SampleFile
from reports.drawings.timeline import timeline
from reports.results.load import load
from reports.results.phases import PHASES, phases_of


def record_of(lab: Any) -> RunRecord:
    found: RunRecord = load(lab.execution(models=("cnn10",), samples=False)).runs[0].record
    return found


def test_phases_follow_each_other_from_the_start_to_the_end(lab: Any) -> None:
    record = record_of(lab)
    found = phases_of(record, 100.0)
    assert tuple(each.name for each in found) == PHASES
    assert found[0].start_s == 0
    assert found[0].end_s == record.epochs[0].started_s
    assert found[1].end_s == record.epochs[1].started_s
    assert found[-1].end_s == 100.0
    assert all(one.end_s == other.start_s for one, other in pairwise(found))


def test_a_run_without_epochs_has_no_phases(lab: Any) -> None:
    assert phases_of(record_of(lab).model_copy(update={"epochs": ()}), 100.0) == ()


def test_a_resumed_run_is_told_by_the_clock_of_its_last_process(lab: Any) -> None:
    record = record_of(lab)
    first, second, *later = record.epochs
    resumed = [each.model_copy(update={"attempt": 2}) for each in later]
    found = phases_of(record.model_copy(update={"epochs": (first, second, *resumed)}), end_s=100.0)
    assert [each.name for each in found] == ["start-up", "later epochs", "after training"]
    assert found[0].end_s == resumed[0].started_s


def test_other_load_is_marked_when_it_was_there(lab: Any) -> None:
    run = load(lab.execution(models=("cnn10",), samples=False)).runs[0]
    # The host has 4 processors, so the guard's 5 % of it are 20 % of one core.
    loads = [0, 19, 21, 90, 0, 0, 30, 0]
    with SampleFile(run.folder / "samples.csv.gz") as file:
        for second, load_percent in enumerate(loads):
            file.write(Sample(t_s=second, cpu_percent=99, other_load_percent=load_percent))
    found = timeline(run)
    assert found is not None
    assert found.busy == ((1.0, 3.0), (5.0, 6.0))
