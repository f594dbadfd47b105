"""What the data room's tests share: folders of small images, and the real X-rays where they are."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungbench.data.image_table import SPLITS, ImageTable, Words
from lungbench.record import Split

# Tests are no package; what they share lies beside them.
sys.path.append(str(Path(__file__).parent))

Save = Callable[..., Path]
SIDE = 24


@pytest.fixture
def save_image(tmp_path: Path) -> Save:
    """Save a small grey image whose pixels follow from its number, so that each differs."""

    def save(name: str, number: int = 0, root: Path = tmp_path / "source") -> Path:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return save


@pytest.fixture
def source(tmp_path: Path, save_image: Save) -> Path:
    """Two classes of ten images."""
    for number in range(20):
        save_image(f"{'covid' if number < 10 else 'normal'}/{number:02d}.png", number)
    return tmp_path / "source"


@pytest.fixture
def xrays() -> Path:
    """The folder of the real X-ray sets."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    folder = Path(os.environ.get("LUNGBENCH_XRAYS", beside))
    if not folder.is_dir():
        pytest.skip("the real X-rays aren't here; LUNGBENCH_XRAYS names their folder")
    return folder


@pytest.fixture
def table_of() -> Callable[..., ImageTable]:
    """Make the table of images `0.png`, `1.png` ... from columns."""

    def make(
        classes: Sequence[str],
        splits: Sequence[Split | tuple[Split, ...]],
        **columns: Sequence[str],
    ) -> ImageTable:
        names, empty = tuple(sorted(set(classes))), [""] * len(classes)
        within = [(each,) if isinstance(each, str) else each for each in splits]
        numbers = {
            name: np.array([float(word or "nan") for word in columns.get(name, empty)], float)
            for name in ("bytes", "width", "height")
        }
        return ImageTable(
            positions=np.arange(len(classes)),
            all_paths=tuple(f"{number}.png" for number in range(len(classes))),
            classes=names,
            labels=np.array([names.index(each) for each in classes], dtype=np.int64),
            folds=({name: np.array([name in each for each in within], bool) for name in SPLITS},),
            words={
                name: Words.of(columns.get(name, empty))
                for name in ("sha256", "patient", "collection", "mode", "format")
            },
            numbers=numbers,
            contradictions=(),
        )

    return make
