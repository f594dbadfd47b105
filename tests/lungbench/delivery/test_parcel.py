"""A run's folder is delivered whole or not at all, through a folder and through a store."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lungbench.delivery.location import Location
from lungbench.delivery.parcel import Damaged, best_of, receive, send
from lungbench.experiment import RunSpec
from lungbench.record import RunRecord, read_record

FINGERPRINT = "f" * 64

Make = Callable[..., Path]


def received(place: Location, run_dir: Path, spec: RunSpec) -> RunRecord:
    parcel = best_of(place)
    assert parcel is not None
    return receive(parcel, place, run_dir, spec=spec, fingerprint=FINGERPRINT)


def test_a_folder_arrives_as_it_was_sent_without_its_checkpoint(
    make_run: Make, place: Location, spec: RunSpec, tmp_path: Path
) -> None:
    run_dir = make_run(tmp_path / "host" / spec.run_id)
    sent = send(run_dir, place, "one")
    here = tmp_path / "execution" / "runs" / spec.run_id
    record = received(place, here, spec)
    assert record == read_record(run_dir)
    assert {path.name for path in here.iterdir()} == set(sent.files)
    for name in sent.files:
        assert (here / name).read_bytes() == (run_dir / name).read_bytes()
    assert not list((tmp_path / "execution").glob(".*.tmp"))


def test_what_was_there_gives_way(
    make_run: Make, place: Location, spec: RunSpec, tmp_path: Path
) -> None:
    send(make_run(tmp_path / "host" / spec.run_id), place, "one")
    here = make_run(tmp_path / "execution" / "runs" / spec.run_id, "interrupted")
    assert received(place, here, spec).status == "completed"
    assert not (here / "checkpoint").exists()


def test_files_without_the_list_are_nothing(
    make_run: Make, place: Location, spec: RunSpec, tmp_path: Path
) -> None:
    run_dir = make_run(tmp_path / "host" / spec.run_id)
    for path in run_dir.glob("*.*"):
        place.put(path, f"one/{path.name}")
    assert best_of(place) is None
    place.write("one.json", b'{"run_id": "half a li')
    assert best_of(place) is None


def test_a_whole_result_is_taken_before_an_interrupted_one(
    make_run: Make, place: Location, spec: RunSpec, tmp_path: Path
) -> None:
    for attempt, status in (("a", "interrupted"), ("b", "completed"), ("c", "interrupted")):
        send(make_run(tmp_path / attempt / spec.run_id, status), place, attempt)
    best = best_of(place)
    assert best is not None
    assert (best.attempt, best.status, best.hostname) == ("b", "completed", "ward7")


@pytest.mark.parametrize("harm", ["changed", "missing", "no record"])
def test_a_file_that_is_not_as_it_was_sent_is_found_and_nothing_is_changed(
    harm: str, make_run: Make, place: Location, spec: RunSpec, tmp_path: Path
) -> None:
    send(make_run(tmp_path / "host" / spec.run_id), place, "one")
    if harm == "changed":
        place.write("one/model.keras", bytes(256))
    else:
        name = "record.json" if harm == "no record" else "log.txt"
        place.below("one", name).remove()
    here = make_run(tmp_path / "execution" / "runs" / spec.run_id, "interrupted")
    with pytest.raises(Damaged):
        received(place, here, spec)
    assert read_record(here).status == "interrupted"
    assert not list((tmp_path / "execution").glob(".*.tmp"))


def test_a_list_cannot_name_files_elsewhere(
    make_run: Make, place: Location, spec: RunSpec, tmp_path: Path
) -> None:
    send(make_run(tmp_path / "host" / spec.run_id), place, "one")
    parcel = best_of(place)
    assert parcel is not None
    hostile = parcel.model_copy(update={"files": {"../../../escaped": "0" * 64}})
    here = tmp_path / "execution" / "runs" / spec.run_id
    with pytest.raises(Damaged, match="no name of a run's file"):
        receive(hostile, place, here, spec=spec, fingerprint=FINGERPRINT)
    assert not list(tmp_path.rglob("escaped"))


def test_another_training_or_other_data_are_no_result(
    make_run: Make, place: Location, spec: RunSpec, tmp_path: Path
) -> None:
    send(make_run(tmp_path / "host" / spec.run_id), place, "one")
    here = tmp_path / "execution" / "runs" / spec.run_id
    with pytest.raises(Damaged, match="another training"):
        received(place, here, spec.model_copy(update={"seed": spec.seed + 1}))
    parcel = best_of(place)
    assert parcel is not None
    with pytest.raises(Damaged, match="other data"):
        receive(parcel, place, here, spec=spec, fingerprint="0" * 64)
    assert not here.exists()
