"""What the data room's tests share: folders of small images, and the real X-rays where they are."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
