"""One measurement of `benchmarks.preparation`, in a process of its own."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from benchmarks.memory import rss_peak_bytes
from lungbench.data.audit import ensure_audit
from lungbench.data.dataset import PreparedData
from lungbench.data.near_duplicates import stored_links
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


def stages(folder: Path, image_size: int) -> dict[str, dict[str, float]]:
    """Take each step of a preparation by itself; return what it took."""
    beside, taken = folder.parent, {}
    cache, out = beside / "cache", beside / "prepared"
    settings = DataSettings(source=str(folder), image_size=image_size)
    # The paper's split is the one that nobody is searched for.
    leaky = settings.model_copy(update={"split": "paper"})
    found: list[PreparedData] = []
    steps: dict[str, Callable[[], object]] = {
        "decode": lambda: found.append(prepare(leaky, cache=cache, out=out)),
        "near-duplicates": lambda: stored_links(found[-1].pixels),
        "split": lambda: found.append(prepare(settings, cache=cache, out=out)),
        "audit": lambda: ensure_audit(out, found[-1]),
    }
    for name, step in steps.items():
        taken[name] = timed(step)
    return taken


def timed(step: Callable[[], object]) -> dict[str, float]:
    """Take a step; return its times, and the peak memory of this process until now."""
    began, cpu_began = time.perf_counter(), time.process_time()
    step()
    return {
        "wall_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu_began,
        "rss_peak_bytes": rss_peak_bytes(),
    }


def main(side: str, folder: Path, image_size: int) -> None:
    """Do the work once and print what it took as JSON."""
    if side in SIDES:
        print(json.dumps(timed(lambda: SIDES[side](folder, image_size))))
    else:
        print(json.dumps(stages(folder, image_size)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
