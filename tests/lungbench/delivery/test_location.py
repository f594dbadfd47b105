"""A results location, as a folder and as a bucket of a store that speaks S3."""

from pathlib import Path

import pytest

from lungbench.delivery.location import Location, Unreachable
from lungbench.errors import ExperimentError


def test_what_is_written_is_read_listed_and_removed(place: Location) -> None:
    assert place.read("a.json") is None
    assert place.names() == []
    place.write("a.json", b"one")
    place.write("a.json", b"two")
    place.below("deeper").write("b", b"")
    assert place.read("a.json") == b"two"
    assert place.names() == ["a.json", "deeper"]
    place.remove()
    assert place.names() == []
    place.remove()


def test_files_travel_both_ways(place: Location, tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(bytes(range(256)))
    place.put(tmp_path / "here", "run/there")
    place.get("run/there", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == bytes(range(256))


def test_what_another_host_writes_is_seen_at_once(place: Location) -> None:
    again = Location(place.files, place.root)
    assert again.names() == []
    place.write("a", b"x")
    assert again.names() == ["a"]
    assert again.read("a") == b"x"


def test_a_file_that_is_not_there_is_unreachable(place: Location, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="must answer"):
        place.get("nothing", tmp_path / "nothing")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unreachable, match="must answer") as caught:
        Location.at(str(tmp_path / "file")).write("a", b"x")
    assert len(str(caught.value).splitlines()) == 1


def test_a_store_that_nothing_here_can_open_is_refused() -> None:
    with pytest.raises(ExperimentError, match=r"lungbench\[s3\]"):
        Location.at("nonsense://somewhere")


def test_a_location_prints_as_it_is_named(bucket: str, tmp_path: Path) -> None:
    assert str(Location.at(f"{bucket}/runs/")) == "s3://lab/runs"
    assert str(Location.at(str(tmp_path))) == f"file://{tmp_path}"
