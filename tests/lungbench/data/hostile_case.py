"""One image file, and what must come of it: the picture that went into it, or why not."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 24, 40
RAMP = np.linspace(0, 255, HEIGHT * WIDTH).astype(np.uint8).reshape(HEIGHT, WIDTH)
PICTURE = Image.fromarray(RAMP)

TOO_LARGE = "more than 64 million pixels"
NO_IMAGE = "not an image, or damaged from the first bytes on"


@dataclass(frozen=True)
class Shown:
    """The picture that must come out, at its own size.

    Attributes:
        layout: The mode in its facts.
        off_by: How many levels a lossy format may be off.
    """

    grey: np.ndarray
    layout: str
    format: str
    off_by: int = 0


@dataclass(frozen=True)
class Refused:
    """Why it must not be used."""

    reason: str


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes:
        make: Its bytes, or what lays it out at a path.
        suffix: Of its name.
    """

    name: str
    make: bytes | Callable[[Path], None]
    expected: Shown | Refused
    suffix: str = ".png"

    def lay_out(self, folder: Path) -> Path:
        path = folder / f"image{self.suffix}"
        if isinstance(self.make, bytes):
            path.write_bytes(self.make)
        else:
            self.make(path)
        return path
