"""What is used of a run's own card, and what isn't."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.files import sha256_of
from lungbench.job import DIAGNOSIS_FILE
from lungbench.predict.card import ModelCard, Quantiles, card_of_run
from lungbench.predict.trust import Voucher
from lungbench.record import read_record

Recorded = Callable[..., Path]
Change = Callable[[Path, ModelCard], None]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
@settings(max_examples=25)
def test_quantiles_rise_from_the_least_to_the_most(values: list[float]) -> None:
    found = list(Quantiles.of(values).model_dump().values())
    assert found == sorted(found)
    assert (found[0], found[-1]) == (min(values), max(values))


@pytest.fixture
def voucher(
    tmp_path: Path, saved_model: Path, recorded: Recorded, make_card: Any
) -> Callable[..., Voucher]:
    """A run with this card in its record; the file can be changed afterwards."""

    def make(left: ModelCard | None = None) -> Voucher:
        run_dir = recorded(saved_model, tmp_path / "run", left or make_card()).parent
        return Voucher(read_record(run_dir), run_dir)

    return make


def test_a_card_that_its_record_names_is_used(voucher: Any, make_card: Any) -> None:
    assert card_of_run(voucher(), 16) == make_card()


def changed(folder: Path, card: ModelCard) -> None:
    other = card.calibration
    assert other is not None
    surer = card.model_copy(update={"calibration": other.model_copy(update={"temperature": 0.1})})
    (folder / DIAGNOSIS_FILE).write_text(surer.model_dump_json())


CHANGES: dict[str, tuple[Change, str]] = {
    "another temperature": (changed, "isn't what its run wrote"),
    "nothing": (lambda folder, _: (folder / DIAGNOSIS_FILE).unlink(), "can't be read"),
    "too much": (
        lambda folder, _: (folder / DIAGNOSIS_FILE).write_bytes(bytes(2**20 + 1)),
        "can't be read",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_card_that_was_changed_is_not_used(name: str, voucher: Any, make_card: Any) -> None:
    change, why = CHANGES[name]
    found: Voucher = voucher()
    change(found.folder, make_card())
    said = card_of_run(found, 16)
    assert isinstance(said, str)
    assert why in said


@pytest.mark.parametrize(
    "other", [{"classes": ("a", "b", "c")}, {"image_size": 32}], ids=["classes", "size"]
)
def test_a_card_of_another_network_is_not_used(
    other: dict[str, Any], voucher: Any, make_card: Any
) -> None:
    said = card_of_run(voucher(make_card(**other)), 16)
    assert said == "diagnosis.json is of another network"


def test_a_run_of_before_there_were_cards_says_so(
    tmp_path: Path, saved_model: Path, recorded: Recorded
) -> None:
    run_dir = recorded(saved_model, tmp_path / "run").parent
    said = card_of_run(Voucher(read_record(run_dir), run_dir), 16)
    assert said == "its run left no diagnosis.json"


def test_a_card_of_another_version_is_not_used(voucher: Any) -> None:
    found: Voucher = voucher()
    path = found.folder / DIAGNOSIS_FILE
    path.write_text('{"schema_version": 2}')
    artifacts = found.record.artifacts | {DIAGNOSIS_FILE: sha256_of(path)}
    record = found.record.model_copy(update={"artifacts": artifacts})
    said = card_of_run(Voucher(record, found.folder), 16)
    assert said == "diagnosis.json is of another version"
