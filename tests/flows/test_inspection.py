"""`lungbench data inspect` as a user types it, in processes of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from flows.inspection import as_text
from lungbench.data.overview import Overview, SkippedFile
from reports.inspection_files import FILES

MAIN = "from flows.cli import main; main()"

Inspect = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def inspect(environment: dict[str, str], tmp_path: Path) -> Inspect:
    """The command in a process of its own, beside a folder `xrays`."""
    for name, greys in (("covid", (100, 120, 130)), ("normal", (140, 141))):
        (tmp_path / "xrays" / name).mkdir(parents=True)
        for grey in greys:
            Image.new("L", (20, 30), grey).save(tmp_path / "xrays" / name / f"{grey}.png")
    (tmp_path / "a_file").write_text("")

    def run(*arguments: object) -> object:
        return subprocess.run(
            [sys.executable, "-c", MAIN, "data", "inspect", *map(str, arguments)],
            check=False,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run  # type: ignore[return-value]


def test_a_folder_is_counted_and_nothing_is_written(inspect: Inspect, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    end = inspect("xrays")
    assert end.returncode == 0, end.stderr
    assert "5 of 5 images can be used." in end.stdout
    assert "The paper's brightness, 120 to 140, would keep 3 of them." in end.stdout
    assert end.stderr.startswith("--out FOLDER writes")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_brightness_is_kept_and_the_files_are_written(inspect: Inspect, tmp_path: Path) -> None:
    end = inspect("xrays", "--brightness", 120, 140, "--out", "out")
    assert end.returncode == 0, end.stderr
    assert (
        "A mean grey of 120 to 140 keeps 3 of them (darker than 120: 1, brighter than 140: 1)."
        in end.stdout
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    assert "out/inspect.html" in end.stderr


def test_a_manifest_that_the_folder_holds_is_named(inspect: Inspect, tmp_path: Path) -> None:
    (tmp_path / "xrays" / "list.csv").write_text("path,label,patient,view\n")
    end = inspect("xrays")
    assert end.stdout.splitlines()[-1] == (
        "xrays/list.csv tells of patients and views and isn't read: name it instead of the folder."
    )


def test_a_class_that_is_stored_otherwise_is_warned_of(inspect: Inspect, tmp_path: Path) -> None:
    for name, ending in (("covid", "png"), ("normal", "bmp")):
        (tmp_path / "stored" / name).mkdir(parents=True)
        for grey in range(100, 112):
            path = tmp_path / "stored" / name / f"{grey}.{ending}"
            Image.new("L", (20, 30), grey).save(path)
    end = inspect("stored")
    assert (
        "beware: Who knows the file format alone can name 100.0% of 24 images rightly, where "
        "always naming the largest class gives 50.0% (Cramér's V 1.00)."
    ) in end.stdout.splitlines()


def test_json_is_all_of_stdout(inspect: Inspect) -> None:
    end = inspect("xrays", "--brightness", 120, 140, "--json")
    fields = json.loads(end.stdout)
    assert (fields["images_usable"], fields["images_kept"]) == (5, 3)
    assert end.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 3, ["nowhere"]),
        (["nowhere", "--out", "new"], 3, ["nowhere"]),
        (["xrays", "--brightness", "140", "120"], 2, ["140 120", "lower one first"]),
        (["xrays", "--brightness", "120", "400"], 2, ["400"]),
        (["xrays", "--out", "a_file"], 3, ["a_file"]),
        (["xrays", "--out", "a_file/below"], 3, ["a_file"]),
        (["xrays", "--out", "/dev/null/below"], 3, ["/dev/null"]),
        (["xrays", "--out", "xrays/out"], 3, ["among the images"]),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing_behind(
    inspect: Inspect, tmp_path: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    end = inspect(*arguments)
    assert end.returncode == code, end.stderr
    assert end.stdout == ""
    [line] = end.stderr.strip().splitlines()
    assert line.startswith("lungbench: ")
    assert all(word in line for word in words), line
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("arguments", [["xrays", "--brightness", "120"], ["xrays", "--brighter"]])
def test_wrong_use_is_refused(inspect: Inspect, arguments: list[str]) -> None:
    end = inspect(*arguments)
    assert (end.returncode, end.stdout) == (2, "")


def test_a_thousand_broken_files_are_not_all_named_and_none_moves_the_cursor() -> None:
    skipped = tuple(SkippedFile(f"covid/\x1b[2J{n}.png", "the file is empty") for n in range(1000))
    found = Overview(
        source="xrays",
        images_found=1000,
        images_usable=0,
        images_kept=0,
        brightness=None,
        classes=(),
        collections=(),
        histograms=(),
        separations=(),
        skipped=skipped,
        reasons={},
        ignored_folders=("\u202egnp",),
    )
    text = as_text(found)
    assert text.count("the file is empty") == 20
    assert "skipped 980 more files" in text
    assert r"covid/\x1b[2J0.png" in text
    assert r"ignored \u202egnp" in text
    assert all(line.isprintable() for line in text.splitlines())
