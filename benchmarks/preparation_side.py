"""One measurement of `benchmarks.preparation`, in a process of its own."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from benchmarks.memory import rss_peak_bytes
from lungbench.data.prepare import prepare
from lungbench.data.threads import map_in_threads
from lungbench.settings import DataSettings


def lungbench(folder: Path, image_size: int) -> None:
    """Hash, decode, judge, split and cache every file."""
    beside = folder.parent
    settings = DataSettings(source=str(folder), image_size=image_size)
    prepare(settings, cache=beside / "cache", out=beside / "prepared")


def pillow(folder: Path, image_size: int) -> None:
    """Decode every file to grey and resize it, on all usable cores, and forget it."""

    def work(path: Path) -> None:
        with Image.open(path) as image:
            image.convert("L").resize((image_size, image_size), Image.Resampling.BILINEAR)

    for _ in map_in_threads(work, sorted(folder.glob("*/*"))):
        pass


SIDES: dict[str, Callable[[Path, int], None]] = {"lungbench": lungbench, "pillow": pillow}


def main(side: str, folder: Path, image_size: int) -> None:
    """Do the work once and print what it took as JSON."""
    began, cpu_began = time.perf_counter(), time.process_time()
    SIDES[side](folder, image_size)
    taken = {
        "wall_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu_began,
        "rss_peak_bytes": rss_peak_bytes(),
    }
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
