from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lungbench.data import hamming
from lungbench.data.hamming import pairs_within

Hashes = NDArray[np.uint8]


def found(*args: Any, **kwargs: Any) -> list[tuple[int, int]]:
    return [tuple(pair) for pairs in pairs_within(*args, **kwargs) for pair in pairs.tolist()]


def by_hand(hashes: Hashes, most_bits: int, others: Hashes) -> set[tuple[int, int]]:
    """Count the bits that differ pair by pair, with Python's whole numbers."""
    ones = [int.from_bytes(row.tobytes()) for row in hashes]
    twos = [int.from_bytes(row.tobytes()) for row in others]
    return {
        (one, other)
        for one in range(len(ones))
        for other in range(one + 1, len(ones))
        if (ones[one] ^ twos[other]).bit_count() <= most_bits
    }


def clumped(seed: int, images: int, noise: float) -> Hashes:
    """Hashes of which many lie close together, as copies do, and some are equal."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2, (max(1, images // 4), 256))
    bits = centres[rng.integers(0, len(centres), images)] ^ (rng.random((images, 256)) < noise)
    return np.packbits(bits.astype(np.uint8), axis=1)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(0, 70),
    noise=st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.4]),
    most_bits=st.integers(0, 256),
    rows=st.integers(1, 20),
    columns=st.integers(1, 40),
)
def test_no_pair_is_missed_and_none_invented(
    seed: int, images: int, noise: float, most_bits: int, rows: int, columns: int
) -> None:
    hashes, others = clumped(seed, images, noise), clumped(seed + 1, images, noise)
    with pytest.MonkeyPatch.context() as patch:  # so small that few images make many pieces
        patch.setattr(hamming, "_ROWS", rows)
        patch.setattr(hamming, "_COLUMNS", columns)
        alone, against = found(hashes, most_bits), found(hashes, most_bits, others)
    assert len(alone) == len(set(alone))
    assert set(alone) == by_hand(hashes, most_bits, hashes)
    assert set(against) == by_hand(hashes, most_bits, others)


def test_a_difference_of_exactly_the_limit_is_within_it() -> None:
    hashes = np.zeros((2, 32), dtype=np.uint8)
    hashes[1, 5] = 0b111
    assert found(hashes, 3) == [(0, 1)]
    assert found(hashes, 2) == []


def test_a_thousand_blank_images_are_all_pairs_in_pieces() -> None:
    pieces = list(pairs_within(np.zeros((1500, 32), dtype=np.uint8), 0))
    assert sum(map(len, pieces)) == 1500 * 1499 // 2
    assert max(map(len, pieces)) <= hamming._ROWS * hamming._COLUMNS


def test_progress_ends_at_the_number_of_images() -> None:
    told: list[tuple[int, int]] = []
    found(np.zeros((1500, 32), dtype=np.uint8), 0, progress=lambda *counts: told.append(counts))
    assert told == [(1024, 1500), (1500, 1500)]
