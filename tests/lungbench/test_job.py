"""What a run's files are called, so that every room finds those of all its attempts."""

from pathlib import Path

from lungbench.job import (
    SAMPLES_FILE,
    earlier_samples,
    kept_samples,
    last_attempt,
    samples_files,
)


def named(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch()
    return folder


def test_readings_are_given_by_their_attempt_in_the_order_of_numbers(tmp_path: Path) -> None:
    names = [f"samples-{attempt}.csv.gz" for attempt in (10, 2, 1)]
    run_dir = named(tmp_path, *names, SAMPLES_FILE)
    assert list(earlier_samples(run_dir)) == [1, 2, 10]
    assert list(samples_files(run_dir).items())[-1] == (11, run_dir / SAMPLES_FILE)


def test_a_run_of_one_attempt_has_its_first_readings(tmp_path: Path) -> None:
    assert samples_files(tmp_path) == {}
    assert samples_files(named(tmp_path, SAMPLES_FILE)) == {1: tmp_path / SAMPLES_FILE}


def test_no_readings_are_written_over_where_some_were_taken_away(tmp_path: Path) -> None:
    run_dir = named(tmp_path, "samples-2.csv.gz", SAMPLES_FILE)
    assert last_attempt(run_dir) == 3
    assert not kept_samples(run_dir, 3).exists()
    assert list(samples_files(run_dir)) == [2, 3]


def test_what_is_called_otherwise_is_of_no_attempt(tmp_path: Path) -> None:
    others = ("samples-.csv.gz", "samples-0.csv.gz", "samples-1.csv", "samples-1.csv.gz.tmp")
    assert earlier_samples(named(tmp_path, *others, "samples-one.csv.gz", "samples-٣.csv.gz")) == {}
