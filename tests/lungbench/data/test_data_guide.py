"""What docs/data.md tells people to write is accepted, and reads the layouts that it shows."""

import re
from pathlib import Path

import pytest

from lungbench.data.sources import source_of
from lungbench.experiment_file import load_experiment

GUIDE = Path(__file__).parents[3] / "docs" / "data.md"
REST = '[matrix]\nmodels = ["cnn10"]\ndevices = ["cpu"]\n'
BLOCK = re.compile(r"```(text|toml)\n(.*?)```", re.DOTALL)


def blocks() -> list[tuple[tuple[str, ...], str]]:
    """Each block of TOML with all the paths that were shown before it."""
    found, paths = [], []
    for kind, text in BLOCK.findall(GUIDE.read_text()):
        if kind == "text":
            paths = [*paths, *text.splitlines()]
        else:
            found.append((tuple(paths), text))
    return found


def lay_out(folder: Path, paths: tuple[str, ...]) -> None:
    for name in paths:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for manifest in folder.rglob("manifest.csv"):
        [image] = manifest.parent.glob("images/1.*")
        image.with_name("2.png").touch()
        rows = (f"images/{image.name},covid", "images/2.png,normal")
        manifest.write_text("\n".join(["path,label", *rows]))


def test_the_guide_shows_every_kind_of_source() -> None:
    texts = [text for _, text in blocks()]
    assert len(texts) >= 10
    assert sum("[data.classes]" in text for text in texts) >= 5


@pytest.mark.parametrize(("paths", "text"), blocks())
def test_a_block_of_the_guide_reads_what_the_guide_shows(
    tmp_path: Path, paths: tuple[str, ...], text: str
) -> None:
    lay_out(tmp_path, paths)
    (tmp_path / "e.toml").write_text(f'name = "x"\n{text}\n{REST}')
    experiment = load_experiment(tmp_path / "e.toml")
    files = list(source_of(experiment.data).files)
    assert len({file.class_name for file in files}) >= 2
    assert not any("mask" in file.path.lower() for file in files)
    assert not any(file.reason for file in files)
    if experiment.data.split == "folders":
        assert {file.split for file in files} == {"train", "validation", "test"}
