"""Image folders to measure on: a part of a lab's own, or drawn ones, always as temporary copies."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.data.prepare import prepare
from lungbench.data.synthetic import SYNTHETIC_CLASSES, synthesize
from lungbench.files import write_atomically
from lungbench.settings import DataSettings

_SUFFIXES = (".png", ".jpg", ".jpeg")


@contextmanager
def image_folder(
    source: Path | None, images: int, longest_side: int | None = None
) -> Iterator[Path]:
    """Give a temporary folder of `images` files, about as many of each class.

    Args:
        source: A folder with one sub-folder per class; None draws X-rays.
        images: How many files.
        longest_side: Side in pixels to which every image is enlarged; None copies the files.

    Raises:
        SystemExit: The source has too few images.
    """
    with tempfile.TemporaryDirectory(prefix="lungbench-bench-") as name:
        folder = Path(name) / "images"
        for path in _chosen(source or _drawn(Path(name) / "drawn", images), images):
            target = folder / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(path, target, longest_side)
        yield folder


def prepared(folder: Path, image_size: int) -> Path:
    """Decode a folder of `image_folder`; return a `data.json` that trains on all of it."""
    beside = folder.parent
    settings = DataSettings(source=str(folder), image_size=image_size)
    data = prepare(settings, cache=beside / "cache", out=beside / "prepared")
    rows = sorted(row for split in data.rows.values() for row in split)
    path = beside / DATA_FILE
    every = data.model_copy(update={"rows": data.rows | {"train": tuple(rows)}})
    write_atomically(path, every.model_dump_json())
    return path


def image_count(data: Path) -> int:
    """Return how many images a `data.json` trains on."""
    return len(PreparedData.read(data).rows["train"])


def _drawn(folder: Path, images: int) -> Path:
    synthesize(folder, -(-images // len(SYNTHETIC_CLASSES)), seed=0)
    return folder


def _chosen(source: Path, images: int) -> list[Path]:
    """Choose files spread evenly over each class, because neighbours come from one hospital."""
    classes = [sorted(_images_in(folder)) for folder in sorted(source.iterdir()) if folder.is_dir()]
    classes = [files for files in classes if files]
    chosen = []
    for number, files in enumerate(classes):
        wanted = images // len(classes) + (number < images % len(classes))
        if wanted > len(files):
            raise SystemExit(f"{source} has too few images for --images {images}")
        chosen += [files[position * len(files) // wanted] for position in range(wanted)]
    return chosen


def _images_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES]


def _copy(path: Path, target: Path, longest_side: int | None) -> None:
    if longest_side is None:
        shutil.copyfile(path, target)
        return
    with Image.open(path) as image:
        scale = longest_side / max(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        image.resize(size, Image.Resampling.BICUBIC).save(target)
