"""Looking through model files without Keras: what is let through, and that nothing breaks it."""

import copy
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lungbench.errors import Refused
from lungbench.models import model_names
from lungbench.predict.archive import MAX_CONFIG_BYTES, brief, read_config
from lungbench.predict.config import image_size_of

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

fuzz = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["class_name", "config", "module", "registered_name", "name", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("name", "precision"),
    [*((name, "float32") for name in model_names()), ("cnn10", "mixed_bfloat16")],
)
def test_every_network_of_the_table_is_let_through(name: str, precision: str) -> None:
    import keras

    from lungbench.models.network import build_network

    keras.config.set_dtype_policy(precision)
    try:
        network = build_network(name, image_size=96, classes=3, weights="none")
        text = json.dumps(keras.saving.serialize_keras_object(network))
    finally:
        keras.config.set_dtype_policy("float32")
    assert len(text) < MAX_CONFIG_BYTES / 4
    assert image_size_of(json.loads(text)) == 96


def looked_through(path: Path) -> int:
    return image_size_of(read_config(path))


def test_a_sound_file_tells_the_size_of_its_images(saved_model: Path) -> None:
    assert looked_through(saved_model) == 16


@pytest.fixture
def in_64_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have archives written as those of more than 2 GB are."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)


@pytest.mark.usefixtures("in_64_bits")
def test_an_archive_of_a_large_network_is_let_through(parts: Any, tmp_path: Path) -> None:
    path = parts.write(tmp_path / "large.keras")
    assert b"PK\x06\x06" in path.read_bytes()[-200:]
    assert looked_through(path) == 16


@pytest.mark.usefixtures("in_64_bits")
def test_members_are_counted_where_zipfile_counts_them(parts: Any, tmp_path: Path) -> None:
    many = parts.changed(others={f"{n}": b"" for n in range(2000)})
    path = many.write(tmp_path / "large.keras")
    whole = bytearray(path.read_bytes())
    struct.pack_into("<HHL", whole, len(whole) - 22 + 8, 3, 3, 200)
    path.write_bytes(whole)
    with pytest.raises(Refused, match="an archive of 2003 members"):
        looked_through(path)


@fuzz
@given(data=st.data())
def test_changed_bytes_end_in_a_refusal_or_in_the_same_network(
    saved_model: Path, tmp_path: Path, data: st.DataObject
) -> None:
    whole = bytearray(saved_model.read_bytes())
    # The headers and the directory, where everything but the weights stands.
    places = st.integers(0, 5000) | st.integers(len(whole) - 400, len(whole) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        whole[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "changed.keras"
    path.write_bytes(whole[: data.draw(st.just(len(whole)) | st.integers(0, len(whole)))])
    try:
        assert looked_through(path) in range(16, 1025)
    except Refused as refusal:
        assert str(refusal).isprintable()  # noqa: PT017 - a refusal is one of two good ends


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a description, as the keys that lead there."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found = [path] if path else []
    for key, each in inside:
        here = (*path, key)
        found += _places(each, here) if isinstance(each, dict | list) else [here]
    return found


@fuzz
@given(data=st.data())
def test_a_changed_description_ends_in_a_refusal_or_a_size(parts: Any, data: st.DataObject) -> None:
    config = copy.deepcopy(parts.config)
    *way, last = data.draw(st.sampled_from(_places(config)))
    place = config
    for key in way:
        place = place[key]
    place[last] = data.draw(JSON)
    try:
        assert image_size_of(config) in range(16, 1025)
    except Refused as refusal:
        assert str(refusal).isprintable()  # noqa: PT017 - a refusal is one of two good ends


@given(text=st.text())
def test_what_others_wrote_is_shown_short_and_harmless(text: str) -> None:
    assert brief(text).isprintable()
    assert len(brief(text)) <= 121
