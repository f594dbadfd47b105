"""Which image files the paper's pipeline reads: those that Keras's `flow_from_directory` takes.

It goes by the names, and passes over all others without a word: a training would then see fewer
images than its record says.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from lungbench.data.dataset import PreparedData
from lungbench.errors import DataError
from lungbench.foreign_text import visible

SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff"))
"""How names of files end that Keras takes, in any case."""

PAPER = "paper"
ADVICE = 'set matrix.pipelines = ["cached"], which reads all of them, or save them as PNG.'

_MOST_NAMED = 4


def check_keras_reads(data: PreparedData, pipelines: Sequence[str]) -> None:
    """Refuse the paper's pipeline for images that it would pass over.

    Args:
        data: The images, of which those in some split count.
        pipelines: Those that are asked for.

    Raises:
        DataError: Keras would leave some of them out.
    """
    if PAPER not in pipelines:
        return
    used = {row for fold in data.folds or (data.rows,) for rows in fold.values() for row in rows}
    if left_out := passed_over(data.paths[row] for row in used):
        raise DataError(
            "The paper's pipeline leaves the reading to Keras, which goes by the names of files.",
            received=f"{left_out.total():,} of {len(used):,} images that it would pass over: "
            + in_words(left_out),
            expected=f"names that end in {', '.join(sorted(SUFFIXES))}",
            hint=ADVICE,
        )


def passed_over(paths: Iterable[str]) -> Counter[str]:
    """Count the files that Keras would pass over, by how their names end."""
    suffixes = map(suffix_of, paths)
    return Counter(suffix for suffix in suffixes if suffix not in SUFFIXES)


def suffix_of(path: str) -> str:
    """Return how a file's name ends, in small letters; nothing where it has no ending."""
    return PurePosixPath(path).suffix.lower()


def in_words(left_out: Counter[str]) -> str:
    """Say how many files have which ending, the most first."""
    named = [
        f"{number:,} {visible(suffix) or 'without an ending'}"
        for suffix, number in left_out.most_common(_MOST_NAMED)
    ]
    more = left_out.total() - sum(number for _, number in left_out.most_common(_MOST_NAMED))
    return ", ".join([*named, *([f"{more:,} others"] if more else [])])
