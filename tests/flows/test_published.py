"""`lungbench paper` as a user types it, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "docs" / "paper-tables.csv"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def paper(environment: dict[str, str], tmp_path: Path) -> Command:
    """The command `lungbench paper`, in an empty folder."""

    def run(*arguments: object) -> object:
        code = "from flows.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, "paper", *map(str, arguments)],
            check=False,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run  # type: ignore[return-value]


def test_the_papers_own_rates_tell_its_169_images_a_class(paper: Command) -> None:
    end = paper()
    assert end.returncode == 0, end.stderr
    assert "126 of 126 published figures" in end.stdout
    assert "169 images a class fit 6 of 6 runs" in end.stdout
    assert "VGG16 on the CPU leads in all 5 rates" in end.stdout  # Table VII, the conclusion
    assert "120 epochs of 24 s make 48 min, but the stated total is 80 min" in end.stdout


def test_the_papers_check_is_there_for_scripts_too(paper: Command) -> None:
    values = json.loads(paper("--json").stdout)
    assert len(values["figures"]) == 126
    found = values["from_the_rates_alone"]
    assert found["shared_sizes"]["images"] == [169, 169, 169]
    assert [run["matrices"] for run in found["runs"]] == [3, 2, 1, 4, 3, 1]
    assert len(values["contradictions"]) >= 10


def test_a_table_is_checked(paper: Command) -> None:
    end = paper(SAMPLE)
    assert end.returncode == 0, end.stderr
    assert end.stderr == ""
    assert "169 images a class fit 6 of 6 runs" in end.stdout
    assert "No other sizes do, of equal classes up to 2,000 images." in end.stdout
    [inception] = [line for line in end.stdout.splitlines() if "477/507 to 404/507" in line]
    assert "differ, however the images pair" in inception


def test_a_table_is_checked_for_scripts(paper: Command) -> None:
    values = json.loads(paper(SAMPLE, "--json", "--max-images", "200").stdout)
    assert values["max_images"] == 200
    assert values["all_fit"] is True
    assert values["classes"] == ["covid", "healthy", "tuberculosis"]
    first = values["runs"][0]
    assert first["images"] == [169, 169, 169]
    assert first["counts"][0]["covid"] == {"tp": 146, "fp": 6, "fn": 23, "tn": 332}
    assert first["searches"][0]["searched_to"] == 200
    devices = {each["model"]: each for each in values["devices"]}
    assert devices["inceptionv3"]["verdict"] == "differ"
    p_values = devices["cnn10"]["tests"]["mcnemar"]
    assert 0.05 < p_values["least"] < p_values["greatest"] < 1


def test_a_misprint_is_named_and_ends_in_1(paper: Command, tmp_path: Path) -> None:
    # Table V, tuberculosis: a recall of 0.9704 with two digits exchanged.
    table = tmp_path / "wrong.csv"
    table.write_text(SAMPLE.read_text().replace("0.9061,0.9704", "0.9061,0.9740"))
    end = paper(table, "--max-images", "400")
    assert end.returncode == 1
    assert "vgg16 on cpu: no integers fit, of equal classes up to 400 images" in end.stdout
    assert "recall of tuberculosis, printed 0.9740, can't be met" in end.stdout
    assert "make it 0.9704" in end.stdout
    values = json.loads(paper(table, "--json", "--max-images", "400").stdout)
    assert values["all_fit"] is False
    [obstacle] = values["runs"][4]["obstacles"]
    assert obstacle["lowest"] == "0.9704"


@pytest.mark.parametrize(
    "content",
    [b"", b"model,device\n", b"model,device,class,recall\nm,cpu,a,2.0\n", b"\xff\xfe\x00"],
    ids=["empty", "columns", "rate", "encoding"],
)
def test_a_bad_table_ends_in_one_line_and_2(content: bytes, paper: Command, tmp_path: Path) -> None:
    table = tmp_path / "bad.csv"
    table.write_bytes(content)
    end = paper(table)
    assert end.returncode == 2
    assert end.stdout == ""
    [line] = end.stderr.strip().splitlines()
    assert line.startswith("lungbench: ")


def test_a_table_that_is_not_there_ends_in_one_line_and_2(paper: Command) -> None:
    end = paper("absent.csv")
    assert end.returncode == 2
    [line] = end.stderr.strip().splitlines()
    assert line.startswith("lungbench: absent.csv can't be read")
