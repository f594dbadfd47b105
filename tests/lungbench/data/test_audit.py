"""What is planted in a set of drawn X-rays is found by its audit, and nothing else is."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lungbench.data import audit as auditing
from lungbench.data.audit import AUDIT_FILE, Audit, audit, ensure_audit, read_audit
from lungbench.data.audit_findings import Finding
from lungbench.data.dataset import PreparedData
from lungbench.data.decode import decode
from lungbench.data.images_csv import IMAGES_FILE
from lungbench.data.prepare import prepare
from lungbench.data.sharing import Sharing
from lungbench.data.synthetic import synthesize
from lungbench.errors import DataError, Refused
from lungbench.record import Split
from lungbench.settings import DataSettings

PER_CLASS = 8
SIZE = 64


class Bench:
    """A set of drawn X-rays that things can be planted in, and its audit."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source = folder, folder / "source"
        self.columns: dict[str, dict[str, str]] = {}
        self.places: dict[str, tuple[Split, ...]] = {}

    def image(self, class_name: str, number: int) -> Path:
        return sorted((self.source / class_name).glob(f"{class_name}_*"))[number]

    def plant(self, one: Path, name: str, change: Callable[[Image.Image], Image.Image]) -> Path:
        copy = self.source / name
        change(Image.fromarray(decode(one, 256).pixels)).save(copy)
        return copy

    def put(self, path: Path, *splits: Split) -> None:
        """Move an image into these splits, whatever the settings say."""
        self.places[str(path.relative_to(self.source))] = splits

    def tell(self, column: str, path: Path, word: str) -> None:
        """Fill a column of the table of images, which may not be there yet."""
        self.columns.setdefault(column, {})[str(path.relative_to(self.source))] = word

    def prepared(self) -> PreparedData:
        settings = DataSettings(source=str(self.source), image_size=SIZE)
        data = prepare(settings, cache=self.folder / "cache", out=self.folder)
        self._write_columns()
        rows = {name: set(members) for name, members in data.rows.items()}
        for row, path in enumerate(data.paths):
            for name in rows if path in self.places else ():
                rows[name].discard(row)
                if name in self.places[path]:
                    rows[name].add(row)
        moved = {name: tuple(sorted(members)) for name, members in rows.items()}
        return data.model_copy(update={"rows": moved})

    def audited(self) -> Audit:
        return audit(self.prepared(), self.folder / IMAGES_FILE)

    def _write_columns(self) -> None:
        path = self.folder / IMAGES_FILE
        with path.open(newline="") as file:
            table = csv.DictReader(file)
            names = dict.fromkeys((*(table.fieldnames or ()), *self.columns))
            rows = [
                {
                    **row,
                    **{name: words.get(row["path"], "") for name, words in self.columns.items()},
                }
                for row in table
            ]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "source"
    synthesize(folder, PER_CLASS, seed=0)
    return folder


@pytest.fixture
def bench(drawn: Path, tmp_path: Path) -> Bench:
    shutil.copytree(drawn, tmp_path / "source")
    return Bench(tmp_path)


def finding(found: Audit, name: str) -> Finding:
    return next(each for each in found.findings if each.name == name)


def pairs(shared: Sharing) -> list[tuple[str, str]]:
    return [(pair.one.path, pair.other.path) for pair in shared.examples]


def names(bench: Bench, *paths: Path) -> tuple[str, ...]:
    return tuple(sorted(str(path.relative_to(bench.source)) for path in paths))


def half(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2))


def test_drawn_xrays_share_nothing(bench: Bench) -> None:
    found = bench.audited()
    facts = found.facts
    assert (facts.images, facts.contradictory_files, facts.trained_test_images) == (24, 0, 0)
    assert facts.copies.groups == facts.near_duplicates.groups == 0
    assert {each.outcome for each in found.findings if each.subject == "copies"} == {"pass"}
    assert not [each for each in found.findings if each.outcome == "fail"]


def test_a_copy_in_training_and_test_is_a_leak(bench: Bench) -> None:
    one = bench.image("covid", 0)
    other = Path(shutil.copy(one, one.with_name("copy" + one.suffix)))
    bench.put(one, "train")
    bench.put(other, "test")
    found = bench.audited()
    assert (found.facts.copies.groups, found.facts.copies.told_test_images) == (1, 1)
    assert [tuple(sorted(pair)) for pair in pairs(found.facts.copies)] == [names(bench, one, other)]
    leak = finding(found, "Copies across splits")
    assert leak.outcome == "fail"
    assert "1 of 1 group of byte-identical copies lie in several splits" in leak.found
    assert leak.advice


def test_copies_are_no_near_duplicates(bench: Bench) -> None:
    one = bench.image("covid", 0)
    shutil.copy(one, one.with_name("copy" + one.suffix))
    found = bench.audited()
    assert (found.facts.copies.groups, found.facts.near_duplicates.groups) == (1, 0)
    assert finding(found, "Images that are there twice").outcome == "warn"


def test_a_smaller_copy_in_training_and_test_is_a_leak(bench: Bench) -> None:
    one = bench.image("normal", 3)
    other = bench.plant(one, "normal/smaller.jpg", half)
    bench.put(one, "test")
    bench.put(other, "train")
    found = bench.audited()
    assert (found.facts.copies.groups, found.facts.near_duplicates.groups) == (0, 1)
    assert [tuple(sorted(p)) for p in pairs(found.facts.near_duplicates)] == [
        names(bench, one, other)
    ]
    assert finding(found, "Near-duplicates across splits").outcome == "fail"
    assert finding(found, "Copies across splits").outcome == "pass"


def test_a_copy_and_a_smaller_copy_are_counted_by_what_they_are(bench: Bench) -> None:
    one = bench.image("normal", 3)
    shutil.copy(one, one.with_name("copy" + one.suffix))
    bench.plant(one, "normal/smaller.jpg", half)
    facts = bench.audited().facts
    assert (facts.copies.groups, facts.copies.images) == (1, 2)
    assert (facts.near_duplicates.groups, facts.near_duplicates.images) == (1, 3)


def mirrored(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def test_every_planted_copy_smaller_one_and_mirror_image_is_found_and_nothing_else(
    bench: Bench,
) -> None:
    planted = {"copies": set(), "smaller": set(), "mirrored": set()}
    for name in ("covid", "normal", "tuberculosis"):
        ones = [bench.image(name, number) for number in (0, 1, 2)]
        others = [
            Path(shutil.copy(ones[0], ones[0].with_name(f"copy{ones[0].suffix}"))),
            bench.plant(ones[1], f"{name}/smaller.jpg", half),
            bench.plant(ones[2], f"{name}/mirrored.png", mirrored),
        ]
        for kind, one, other in zip(planted.values(), ones, others, strict=True):
            kind.add(names(bench, one, other))
            bench.put(one, "train")
            bench.put(other, "test")
    facts = bench.audited().facts
    near = facts.near_duplicates
    assert (facts.copies.groups, facts.copies.images, facts.copies.across_splits) == (3, 6, 3)
    assert (near.groups, near.images, near.across_splits) == (6, 12, 6)
    assert (facts.copies.told_test_images, near.told_test_images) == (3, 6)
    assert facts.copies.across_classes == near.across_classes == 0
    assert {tuple(sorted(pair)) for pair in pairs(facts.copies)} == planted["copies"]
    for kind, is_mirrored in (("smaller", False), ("mirrored", True)):
        found = {
            tuple(sorted((pair.one.path, pair.other.path)))
            for pair in near.examples
            if pair.mirrored is is_mirrored
        }
        assert found == planted[kind]


def test_strict_keeps_every_planted_copy_in_one_split(bench: Bench) -> None:
    for name in ("covid", "normal", "tuberculosis"):
        one = bench.image(name, 0)
        shutil.copy(one, one.with_name(f"copy{one.suffix}"))
        bench.plant(bench.image(name, 2), f"{name}/smaller.jpg", half)
        bench.plant(bench.image(name, 4), f"{name}/mirrored.png", mirrored)
    facts = bench.audited().facts
    assert (facts.copies.groups, facts.near_duplicates.groups) == (3, 6)
    assert (facts.copies.across_splits, facts.near_duplicates.across_splits) == (0, 0)


def test_a_picture_under_two_labels_is_found_though_its_bytes_differ(bench: Bench) -> None:
    one = bench.image("tuberculosis", 1)
    other = bench.plant(one, "normal/same.png", half)
    bench.put(one, "train")
    bench.put(other, "train")
    found = bench.audited()
    (pair,) = found.facts.near_duplicates.examples
    assert pair.across_classes
    assert not pair.across_splits
    assert finding(found, "One image under two labels").outcome == "fail"


def test_bytes_under_two_labels_are_left_out_and_named(bench: Bench) -> None:
    one = bench.image("tuberculosis", 1)
    other = Path(shutil.copy(one, bench.source / "normal"))
    found = bench.audited()
    assert found.facts.contradictory_files == 2
    assert found.facts.contradictions[0].paths == names(bench, one, other)
    said = finding(found, "One image under two labels")
    assert said.outcome == "warn"
    assert "2 files were left out" in said.found


def test_every_label_conflict_is_counted_by_its_kind(bench: Bench) -> None:
    shutil.copy(bench.image("tuberculosis", 0), bench.source / "normal")
    for number in (3, 4, 5):
        bench.plant(bench.image("covid", number), f"normal/same {number}.png", half)
    found = bench.audited()
    assert found.facts.contradictory_files == 2
    assert [each.classes for each in found.facts.contradictions] == [("normal", "tuberculosis")]
    assert found.facts.near_duplicates.across_classes == 3
    assert finding(found, "One image under two labels").found == (
        "3 groups of images of one picture carry several labels, and all of them are used. "
        "2 files were left out because their bytes stand under several labels."
    )


def test_a_test_image_that_is_trained_on_is_a_leak(bench: Bench) -> None:
    bench.put(bench.image("covid", 2), "train", "test")
    found = bench.audited()
    assert found.facts.trained_test_images == 1
    assert finding(found, "Test images in training").outcome == "fail"


def test_a_patient_in_two_splits_is_a_leak(bench: Bench) -> None:
    for path in bench.source.glob("*/*"):
        bench.tell("patient", path, path.stem)
    one, other = bench.image("covid", 0), bench.image("covid", 1)
    for path, split in ((one, "train"), (other, "test")):
        bench.tell("patient", path, "the same")
        bench.put(path, split)  # type: ignore[arg-type]
    found = bench.audited()
    assert found.facts.patients.known == 24
    assert pairs(found.facts.patients) == [names(bench, one, other)]
    assert finding(found, "Patients across splits").outcome == "fail"


def test_every_patient_in_two_splits_is_counted_and_none_in_one(bench: Bench) -> None:
    for path in bench.source.glob("*/*"):
        bench.tell("patient", path, path.stem)
    for number in range(5):  # the first three are torn apart, the others are not
        one, other = bench.image("covid", number), bench.image("normal", number)
        for path in (one, other):
            bench.tell("patient", path, f"patient {number}")
        bench.put(one, "train")
        bench.put(other, "validation" if number < 2 else "test" if number == 2 else "train")
    patients = bench.audited().facts.patients
    assert (patients.known, patients.groups, patients.images) == (24, 5, 10)
    assert patients.across_splits == 3
    assert patients.told_test_images == 1


def test_patients_that_nobody_told_are_unknown_and_no_pass(bench: Bench) -> None:
    said = finding(bench.audited(), "Patients across splits")
    assert said.outcome == "unknown"
    assert "not on record" in said.found


@pytest.mark.parametrize(
    ("collection_of", "outcome"),
    [
        (lambda path: path.parent.name, "fail"),
        (lambda path: str(int(path.stem[-1]) % 2), "pass"),
        (lambda _: "only one", "pass"),
        (lambda _: "", "unknown"),
    ],
    ids=["one a class", "all in each", "one", "none named"],
)
def test_classes_from_collections_of_their_own_are_found(
    bench: Bench, collection_of: Callable[[Path], str], outcome: str
) -> None:
    for path in bench.source.glob("*/*"):
        bench.tell("collection", path, collection_of(path))
    assert finding(bench.audited(), "Classes from different collections").outcome == outcome


def test_a_class_in_a_format_of_its_own_is_found(bench: Bench) -> None:
    for path in (bench.source / "covid").iterdir():
        Image.open(path).convert("L").save(path.with_suffix(".bmp"))
        if path.suffix != ".bmp":
            path.unlink()
    found = bench.audited()
    said = finding(found, "Classes that are stored differently")
    assert said.outcome == "warn"
    assert "knows the file format alone" in said.found


def test_without_a_table_of_images_the_pixels_are_audited_all_the_same(bench: Bench) -> None:
    one = bench.image("normal", 3)
    bench.plant(one, "normal/smaller.jpg", half)
    data = bench.prepared()
    found = audit(data, bench.folder / "absent.csv")
    assert found.facts.near_duplicates.groups == 1
    assert finding(found, "Copies across splits").outcome == "unknown"
    assert found.facts.shortcuts is not None


def test_the_same_data_are_audited_once(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bench.prepared()
    first = ensure_audit(tmp_path, data)
    assert read_audit(tmp_path) == first

    def never(*_: Any) -> Audit:
        raise AssertionError("audited again")

    monkeypatch.setattr(auditing, "audit", never)
    assert ensure_audit(tmp_path, data) == first
    (tmp_path / AUDIT_FILE).unlink()
    assert ensure_audit(tmp_path, data) == first  # from the cache
    assert read_audit(tmp_path) == first


@pytest.mark.parametrize("damage", [b"", b"{", b'{"schema_version": 2}'])
def test_a_damaged_audit_is_made_again(bench: Bench, tmp_path: Path, damage: bytes) -> None:
    data = bench.prepared()
    first = ensure_audit(tmp_path, data)
    for path in (tmp_path / AUDIT_FILE, *data.pixels.glob("audit-*.json")):
        path.write_bytes(damage)
    with pytest.raises(DataError, match="An audit must be readable"):
        read_audit(tmp_path)
    assert ensure_audit(tmp_path, data) == first


def test_other_splits_are_audited_anew(bench: Bench, tmp_path: Path) -> None:
    data = bench.prepared()
    first = ensure_audit(tmp_path, data)
    other = data.model_copy(
        update={"fingerprint": "other", "rows": {**data.rows, "test": data.rows["train"]}}
    )
    second = ensure_audit(tmp_path, other)
    assert (first.facts.trained_test_images, second.fingerprint) == (0, "other")
    assert second.facts.trained_test_images == len(data.rows["train"])


def test_a_folder_that_cannot_be_written_is_refused(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="writable and have room"):
        ensure_audit(tmp_path / "absent", bench.prepared())


def test_no_audit_is_none(tmp_path: Path) -> None:
    assert read_audit(tmp_path) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lung3", "darkcovid3"])
def test_the_real_sets_show_what_their_provenance_names(
    xrays: Path, tmp_path: Path, name: str
) -> None:
    # PROVENANCE.md: exact and near-duplicates were dropped, one image a patient; the classes come
    # from different sources, whose files begin with the source's name.
    settings = DataSettings(source=str(xrays / name), image_size=96)
    data = prepare(settings, cache=tmp_path / "cache", out=tmp_path)
    found = ensure_audit(tmp_path, data)
    assert found.facts.images == 360
    assert found.facts.copies.groups == found.facts.near_duplicates.groups == 0
    assert finding(found, "Classes that are stored differently").outcome == "warn"
    shortcuts = found.facts.shortcuts
    assert shortcuts is not None
    assert shortcuts.chance == shortcuts.majority == pytest.approx(1 / 3)
    assert 0.6 <= shortcuts.best_baseline.right / len(shortcuts.test) <= 0.95
