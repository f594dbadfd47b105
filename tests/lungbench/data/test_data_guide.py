"""What docs/data.md tells people to write is accepted, and reads the layouts that it shows."""

import re
from pathlib import Path

import pytest

from lungbench.data.sources import source_of
from lungbench.experiment_file import load_experiment

GUIDE = Path(__file__).parents[3] / "docs" / "data.md"
REST = '[matrix]\nmodels = ["cnn10"]\ndevices = ["cpu"]\n'
# What the guide says of the tables, with rows that are left out where it says that some are.
TABLES = {
    "manifest.csv": ("path,label", "images/1.png,covid", "images/2.png,normal"),
    "findings.csv": (
        "directory,image name,report,view",
        'images,1.png,"COVID-19, confirmed",PA',
        "images,2.png,Nothing found,AP",
        "images,gone.png,Nothing found,lateral",
    ),
    "metadata.csv": (
        "patientid,finding,view,folder,filename",
        "1,Pneumonia/Viral/COVID-19,PA,images,1.jpg",
        "2,No Finding,AP,images,2.png",
        "2,No Finding,AP Supine,images,1.png",
        "3,No Finding,Axial,volumes,ct.nii.gz",
        "4,Tuberculosis,PA,images,gone.png",
    ),
}
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
    for name, rows in TABLES.items():
        for manifest in folder.rglob(name):
            manifest.write_text("\n".join(rows))
            for file in ("images/1.png", "images/1.jpg", "images/2.png"):
                (manifest.parent / file).parent.mkdir(exist_ok=True)
                (manifest.parent / file).touch()


def test_the_guide_shows_every_kind_of_source() -> None:
    texts = [text for _, text in blocks()]
    assert len(texts) >= 10
    assert sum("[data.classes]" in text for text in texts) >= 5
    assert sum("[data.columns]" in text for text in texts) >= 2
    assert sum("[data.labels]" in text for text in texts) >= 2


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
