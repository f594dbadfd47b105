from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lungbench.data import hamming
from lungbench.data.hamming import distances, near_pairs

Hashes = NDArray[np.uint8]


def found(*args: Any, **kwargs: Any) -> list[tuple[int, ...]]:
    return [tuple(pair) for pairs in near_pairs(*args, **kwargs) for pair in pairs.tolist()]


def by_hand(hashes: Hashes) -> dict[tuple[int, int, int], int]:
    """Count the bits that differ pair by pair, with Python's whole numbers."""
    whole = (1 << 127) - 1  # a half without its first bit
    halves = [
        tuple(int.from_bytes(row[start : start + 16].tobytes()) & whole for start in (0, 16))
        for row in hashes
    ]
    counts = {}
    for one, (first, second) in enumerate(halves):
        for other in range(one + 1, len(halves)):
            apart = (first ^ halves[other][0]).bit_count()
            inverted = (second ^ halves[other][1]).bit_count()
            counts[one, other, 0] = apart + inverted
            counts[one, other, 1] = apart + 127 - inverted
    return counts


def clumped(seed: int, images: int, noise: float) -> Hashes:
    """Hashes of which many lie close together, as copies do, some equal and some in a mirror."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2, (max(1, images // 4), 256))
    bits = centres[rng.integers(0, len(centres), images)] ^ (rng.random((images, 256)) < noise)
    bits[:, 128:] ^= rng.integers(0, 2, (images, 1))
    return np.packbits(bits.astype(np.uint8), axis=1)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(0, 70),
    noise=st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.4]),
    most_bits=st.integers(0, 254),
    tile=st.integers(1, 16),
    tiles=st.integers(1, 4),
)
def test_no_pair_is_missed_and_none_invented(
    seed: int, images: int, noise: float, most_bits: int, tile: int, tiles: int
) -> None:
    hashes = clumped(seed, images, noise)
    with pytest.MonkeyPatch.context() as patch:  # so small that few images make many pieces
        patch.setattr(hamming, "_TILE", tile)
        patch.setattr(hamming, "_BLOCK", tiles * tile)
        pairs = found(hashes, most_bits)
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == {pair for pair, bits in by_hand(hashes).items() if bits <= most_bits}


def test_no_pair_is_missed_among_more_hashes_than_a_block_of_the_real_size_holds() -> None:
    images = hamming._BLOCK + 700
    hashes = np.random.default_rng(0).integers(0, 256, (images, 32), dtype=np.uint8)
    planted = {(3, images - 1, 0), (4000, images - 300, 1), (hamming._BLOCK - 1, images - 2, 0)}
    for one, other, mirrored in planted:
        hashes[other] = hashes[one]
        hashes[other, 16:] ^= 255 * mirrored
    assert set(found(hashes, 20)) == planted


@pytest.mark.parametrize("bits", [0, 255])
def test_distances_of_every_size_up_to_the_largest_are_exact(bits: int) -> None:
    # Ever more ones against none and all: the halves differ in 0 to 127 bits of 127.
    steps = np.arange(257)[:, None] > np.arange(256)
    hashes = np.concatenate([np.full((1, 32), bits, np.uint8), np.packbits(steps, axis=1)])
    assert set(found(hashes, 254)) == set(by_hand(hashes))


def test_a_difference_of_exactly_the_limit_is_within_it() -> None:
    hashes = np.zeros((2, 32), dtype=np.uint8)
    hashes[1, 5] = 0b111
    assert found(hashes, 3) == [(0, 1, 0)]
    assert found(hashes, 2) == []


def test_distances_are_those_counted_by_hand() -> None:
    hashes = clumped(1, 30, 0.3)
    counts = by_hand(hashes)
    assert distances(hashes, np.array(list(counts))).tolist() == list(counts.values())


def test_a_thousand_blank_images_are_all_pairs_in_pieces() -> None:
    pieces = list(near_pairs(np.zeros((1500, 32), dtype=np.uint8), 0))
    assert sum(map(len, pieces)) == 1500 * 1499 // 2
    assert max(map(len, pieces)) <= 3 * hamming._TILE**2


def test_progress_ends_at_the_number_of_images() -> None:
    told: list[tuple[int, int]] = []
    hashes = np.zeros((hamming._BLOCK + 10, 32), dtype=np.uint8)
    hashes[:] = np.random.default_rng(0).integers(0, 256, hashes.shape)
    found(hashes, 0, progress=lambda *counts: told.append(counts))
    assert told == [(hamming._BLOCK, hamming._BLOCK + 10), (hamming._BLOCK + 10,) * 2]
