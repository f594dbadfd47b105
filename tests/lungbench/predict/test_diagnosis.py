"""A diagnosis from file to probability: the pixels of training, the names, and what is bad."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lungbench.data.prepare import prepare
from lungbench.errors import Interrupted, Refused
from lungbench.files import sha256_of
from lungbench.predict.diagnosis import MOST_EXPLAINED, diagnose
from lungbench.predict.errand import Errand
from lungbench.predict.job import PIXELS_FILE, Answer, PredictJob
from lungbench.settings import DataSettings

Recorded = Callable[..., Path]
NOISE = np.random.default_rng(0).integers(0, 256, (60, 50), dtype=np.uint8)
RUN = "quick/20261122T211100Z/runs/cnn10-cpu-r1"


class Watching:
    """Answers without looking at the model, and keeps the pixels that it was given."""

    def __init__(self, classes: int = 3) -> None:
        self.row: tuple[float, ...] = (1.0, *[0.0] * (classes - 1))

    def __call__(self, errand: Errand, job: PredictJob, folder: Path) -> Answer:
        self.errand, self.job, self.folder = errand, job, folder
        self.pixels = np.load(folder / PIXELS_FILE)[list(job.rows)]
        heat = (((0.5, 1.0),),) * len(job.rows) if job.explain else ()
        return Answer(probabilities=(self.row,) * len(job.rows), heat=heat)


def sideways() -> Image.Image:
    image = Image.fromarray(NOISE)
    image.getexif()[0x0112] = 6  # the camera lay on its side
    return image


LAYOUTS: dict[str, tuple[Image.Image, dict[str, Any]]] = {
    "grey.png": (Image.fromarray(NOISE), {}),
    "bits.png": (Image.fromarray(NOISE > 127), {}),
    "palette.png": (Image.fromarray(NOISE).convert("RGB").convert("P"), {}),
    "palette.gif": (Image.fromarray(NOISE).convert("P"), {}),
    "alpha.png": (Image.merge("LA", [Image.fromarray(NOISE), Image.fromarray(NOISE[::-1])]), {}),
    "colour.bmp": (Image.fromarray(NOISE).convert("RGB"), {}),
    "colour.jpg": (Image.fromarray(NOISE).convert("RGB"), {"quality": 80}),
    "colours.png": (Image.merge("RGB", [Image.fromarray(NOISE)] * 2 + [sideways()]), {}),
    "alpha-colours.webp": (Image.fromarray(NOISE).convert("RGBA"), {"lossless": True}),
    "cmyk.jpg": (Image.fromarray(NOISE).convert("CMYK"), {}),
    "ycbcr.tiff": (Image.fromarray(NOISE).convert("YCbCr"), {}),
    "deep.png": (Image.fromarray(NOISE.astype(np.uint16) * 251), {}),
    "deep.tiff": (Image.fromarray(NOISE.astype(np.uint16) * 199), {}),
    "sideways.jpg": (sideways(), {"exif": sideways().getexif()}),
    "grey.pgm": (Image.fromarray(NOISE), {}),
}


def test_the_pixels_are_those_of_training_bit_for_bit_in_every_layout(
    tmp_path: Path, saved_model: Path
) -> None:
    # Two classes, so that the folder can be prepared; every layout in each, with other pixels.
    for name, (image, options) in LAYOUTS.items():
        for label, turn in (("covid", 0), ("normal", 180)):
            (tmp_path / "source" / label).mkdir(parents=True, exist_ok=True)
            image.rotate(turn).save(tmp_path / "source" / label / name, **options)
    settings = DataSettings(source=str(tmp_path / "source"), image_size=16)
    prepared = prepare(settings, cache=tmp_path / "cache", out=tmp_path / "out")
    assert len(prepared.paths) == 2 * len(LAYOUTS)
    trained = np.load(prepared.pixels / "images.npy")

    watching = Watching()
    images = [tmp_path / "source" / path for path in prepared.paths]
    diagnose(saved_model, images, results=tmp_path, untrusted=True, run=watching)
    np.testing.assert_array_equal(watching.pixels, trained)


def test_real_xrays_give_the_pixels_of_training(tmp_path: Path, saved_model: Path) -> None:
    beside = Path(__file__).parents[4] / "shared" / "data"
    folder = Path(os.environ.get("LUNGBENCH_XRAYS", beside)) / "darkcovid3"
    if not folder.is_dir():
        pytest.skip("the real X-rays aren't here; LUNGBENCH_XRAYS names their folder")
    for label in ("covid", "no_findings"):
        (tmp_path / "source" / label).mkdir(parents=True)
        for file in sorted((folder / label).iterdir())[:6]:
            copyfile(file, tmp_path / "source" / label / file.name)
    settings = DataSettings(source=str(tmp_path / "source"), image_size=16)
    prepared = prepare(settings, cache=tmp_path / "cache", out=tmp_path / "out")
    watching = Watching()
    images = [tmp_path / "source" / path for path in prepared.paths]
    diagnose(saved_model, images, results=tmp_path, untrusted=True, run=watching)
    np.testing.assert_array_equal(watching.pixels, np.load(prepared.pixels / "images.npy"))


def test_a_model_that_nothing_speaks_for_is_refused_before_it_is_looked_at(
    tmp_path: Path, image: Path
) -> None:
    model = tmp_path / "model.keras"
    model.write_bytes(b"anything")
    with pytest.raises(Refused) as refusal:
        diagnose(model, [image], results=tmp_path / "results")
    assert "--untrusted" in str(refusal.value)
    assert sha256_of(model)[:12] in str(refusal.value)


def test_ones_own_model_has_its_records_names_and_backend(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path, spec: Any
) -> None:
    model = recorded(saved_model, tmp_path / "results" / RUN)
    watching = Watching()
    found = diagnose(model.parent, [image], results=tmp_path / "results", run=watching)
    assert found.record is not None
    assert found.classes == ("covid", "normal", "tuberculosis")
    assert found.classes[found.images[0].predicted] == "covid"
    assert watching.errand.backend == spec.backend


def test_a_backend_that_is_not_installed_gives_way_to_tensorflow(
    tmp_path: Path,
    saved_model: Path,
    recorded: Recorded,
    image: Path,
    spec: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = spec.model_copy(update={"backend": "jax"})
    model = recorded(saved_model, tmp_path / "results" / RUN, spec=other)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    watching = Watching()
    diagnose(model, [image], results=tmp_path / "results", run=watching)
    assert watching.errand.backend == "tensorflow"


def test_a_strangers_model_has_the_names_that_the_record_beside_it_claims_and_no_more(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path
) -> None:
    model = recorded(saved_model, tmp_path / "mailed" / "cnn10-cpu-r1")
    found = diagnose(model, [image], results=tmp_path / "no", untrusted=True, run=Watching())
    assert found.record is None
    assert found.named
    assert found.classes == ("covid", "normal", "tuberculosis")


@pytest.mark.parametrize("classes", [2, 4])
def test_names_that_are_too_few_or_too_many_are_not_used(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path, classes: int
) -> None:
    model = recorded(saved_model, tmp_path / "mailed" / "cnn10-cpu-r1")
    watching = Watching(classes)
    found = diagnose(model, [image], results=tmp_path / "no", untrusted=True, run=watching)
    assert found.classes == tuple(f"class {n}" for n in range(1, classes + 1))
    assert not found.named


def test_bad_images_are_named_and_the_others_diagnosed_in_their_order(
    tmp_path: Path, saved_model: Path, image: Path
) -> None:
    text = tmp_path / "text.png"
    text.write_text("no image")
    other = tmp_path / "other.png"
    Image.fromarray(NOISE).save(other)
    os.mkfifo(tmp_path / "pipe.png")
    given = [image, text, tmp_path / "pipe.png", other, tmp_path / "nothing.png"]
    watching = Watching()
    found = diagnose(saved_model, given, results=tmp_path, untrusted=True, run=watching)
    assert [each.path for each in found.images] == [image, other]
    assert [(bad.path.name, bad.reason) for bad in found.bad] == [
        ("text.png", "not an image, or damaged from the first bytes on"),
        ("pipe.png", "not a regular file"),
        ("nothing.png", "no such file or directory"),
    ]
    assert watching.job.rows == (0, 3)
    assert watching.pixels.shape == (2, 16, 16)


def test_without_a_usable_image_no_process_is_started(tmp_path: Path, saved_model: Path) -> None:
    def never(*asked: Any) -> Answer:
        raise AssertionError(asked)

    nothing = tmp_path / "nothing.png"
    found = diagnose(saved_model, [nothing], results=tmp_path, untrusted=True, run=never)
    assert (found.images, len(found.bad)) == ((), 1)


def test_the_private_folder_is_private_and_goes_away(
    tmp_path: Path, saved_model: Path, image: Path
) -> None:
    class Looking(Watching):
        def __call__(self, errand: Errand, job: PredictJob, folder: Path) -> Answer:
            self.mode = folder.stat().st_mode & 0o777
            return super().__call__(errand, job, folder)

    looking = Looking()
    diagnose(saved_model, [image], results=tmp_path, untrusted=True, run=looking)
    assert looking.mode == 0o700
    assert not looking.folder.exists()


def test_a_full_disk_is_a_refusal(
    tmp_path: Path, saved_model: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(Refused, match="TMPDIR"):
        diagnose(saved_model, [image], results=tmp_path, untrusted=True, run=Watching())


def test_an_interruption_leaves_nothing(tmp_path: Path, saved_model: Path, image: Path) -> None:
    seen = []

    def interrupted(errand: Errand, job: PredictJob, folder: Path) -> Answer:
        seen.append(folder)
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        diagnose(saved_model, [image], results=tmp_path, untrusted=True, run=interrupted)
    assert [folder.exists() for folder in seen] == [False]


def test_the_parent_imports_no_framework() -> None:
    script = """
import sys
from flows import diagnosis
print(*({"keras", "tensorflow", "jax", "torch", "h5py"} & sys.modules.keys()))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert ended.stdout.split() == []


@pytest.mark.slow
def test_a_network_that_wants_more_memory_than_it_may_have_is_refused(
    tmp_path: Path, parts: Any, image: Path
) -> None:
    changed = parts.changed()
    changed.layers[-1]["config"]["units"] = 10**9  # 768 billion weights, 3 TB
    model = changed.write(tmp_path / "model.keras")
    with pytest.raises(Refused, match=r"limits\. Received: it wants more than \d"):
        diagnose(model, [image], results=tmp_path, untrusted=True)


def diagnosed_by_its_run(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path, left: Any = None
) -> Any:
    model = recorded(saved_model, tmp_path / "results" / RUN, left)
    watching = Watching()
    watching.row = (0.9, 0.1, 0.0)
    return diagnose(model.parent, [image], results=tmp_path / "results", run=watching)


def test_probabilities_are_calibrated_by_the_temperature_of_ones_own_run(
    tmp_path: Path, saved_model: Path, recorded: Recorded, like_the_trained: Path, make_card: Any
) -> None:
    found = diagnosed_by_its_run(tmp_path, saved_model, recorded, like_the_trained, make_card())
    [diagnosed] = found.images
    assert diagnosed.flags == ()
    assert diagnosed.probabilities == (0.9, 0.1, 0.0)
    # At temperature 2 the odds of 9 to 1 are those of their roots: 3 to 1.
    assert diagnosed.calibrated == pytest.approx((0.75, 0.25, 0.0), abs=1e-6)
    assert found.uncalibrated == ""
    assert found.card == make_card()


def test_a_card_that_is_not_what_the_run_wrote_calibrates_nothing(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path, make_card: Any
) -> None:
    first = diagnosed_by_its_run(tmp_path, saved_model, recorded, image, make_card())
    run_dir = first.model.parent
    (run_dir / "diagnosis.json").write_text(make_card(image_size=17).model_dump_json())
    found = diagnose(run_dir, [image], results=tmp_path / "results", run=Watching())
    assert found.record is not None
    assert (found.card, found.images[0].calibrated) == (None, None)
    assert found.uncalibrated == "diagnosis.json isn't what its run wrote"


def test_a_run_that_was_always_right_calibrates_nothing(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path, make_card: Any
) -> None:
    unknown = {"temperature": None, "scaled": None}
    right = make_card().calibration.model_copy(update=unknown)
    left = make_card(calibration=right)
    found = diagnosed_by_its_run(tmp_path, saved_model, recorded, image, left)
    assert found.images[0].calibrated is None
    assert found.uncalibrated == "it diagnosed all of its 30 validation images rightly"


def test_a_strangers_card_calibrates_nothing_and_flags_nothing(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path, make_card: Any
) -> None:
    model = recorded(saved_model, tmp_path / "mailed" / "cnn10-cpu-r1", make_card())
    found = diagnose(model, [image], results=tmp_path / "no", untrusted=True, run=Watching())
    assert (found.card, found.uncalibrated) == (None, "nothing is known of the model")
    assert (found.images[0].calibrated, found.images[0].flags) == (None, ())


def test_an_image_unlike_the_training_images_is_flagged_and_still_diagnosed(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path, make_card: Any
) -> None:
    found = diagnosed_by_its_run(tmp_path, saved_model, recorded, image, make_card())
    [diagnosed] = found.images
    # The card's images are from 40 to 91 and square; this one has the mean of noise, 30 by 40.
    assert any("brightness 12" in flag for flag in diagnosed.flags)
    assert any("aspect 0.75 outside 1.00..1.00" in flag for flag in diagnosed.flags)
    assert diagnosed.predicted == 0
    assert diagnosed.probabilities == (0.9, 0.1, 0.0)
    assert diagnosed.calibrated is None  # what was measured on X-rays holds for X-rays


def test_a_model_made_for_other_classes_is_refused_before_it_is_loaded(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path
) -> None:
    def never(*asked: Any) -> Answer:
        raise AssertionError(asked)

    model = recorded(saved_model, tmp_path / "results" / RUN)
    wanted = ["covid", "normal", "pneumonia"]
    with pytest.raises(Refused, match=r"made for the classes asked for.*covid, normal, tubercul"):
        diagnose(model, [image], results=tmp_path / "results", classes=wanted, run=never)
    with pytest.raises(Refused, match="Received: unknown classes"):
        diagnose(
            saved_model, [image], results=tmp_path / "no", untrusted=True, classes=wanted, run=never
        )


def test_the_classes_asked_for_may_stand_in_any_order(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path
) -> None:
    model = recorded(saved_model, tmp_path / "results" / RUN)
    wanted = ["tuberculosis", "covid", "normal"]
    results = tmp_path / "results"
    found = diagnose(model, [image], results=results, classes=wanted, run=Watching())
    assert found.classes == ("covid", "normal", "tuberculosis")


def test_a_model_with_other_outputs_than_its_own_record_has_classes_is_refused(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path
) -> None:
    model = recorded(saved_model, tmp_path / "results" / RUN)
    with pytest.raises(Refused, match=r"classes of its record\. Received: 4 outputs"):
        diagnose(model, [image], results=tmp_path / "results", run=Watching(4))


def test_a_folder_stands_for_its_images_and_what_is_none_is_passed_over(
    tmp_path: Path, saved_model: Path
) -> None:
    folder = tmp_path / "xrays"
    folder.mkdir()
    Image.fromarray(NOISE).save(folder / "b.png")
    Image.fromarray(NOISE).save(folder / "a.png")
    (folder / "notes.txt").write_text("no image")
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:200])
    found = diagnose(saved_model, [folder], results=tmp_path, untrusted=True, run=Watching())
    assert [each.path.name for each in found.images] == ["a.png", "b.png"]
    assert [each.path.name for each in found.bad] == ["cut.png"]
    assert [path.name for path in found.passed_over] == ["notes.txt"]


def test_a_folder_without_an_image_is_refused(tmp_path: Path, saved_model: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("no image")
    with pytest.raises(Refused, match="must hold images"):
        diagnose(saved_model, [tmp_path / "texts"], results=tmp_path, untrusted=True)


def test_an_explanation_comes_from_tensorflow_whatever_trained_the_network(
    tmp_path: Path, saved_model: Path, recorded: Recorded, image: Path, spec: Any
) -> None:
    other = spec.model_copy(update={"backend": "jax"})
    model = recorded(saved_model, tmp_path / "results" / RUN, spec=other)
    watching = Watching()
    results = tmp_path / "results"
    found = diagnose(model, [image], results=results, explain=True, run=watching)
    assert watching.errand.backend == found.backend == "tensorflow"
    assert watching.job.explain
    assert found.images[0].picture is not None
    assert found.images[0].heat == ((0.5, 1.0),)


def test_a_page_explains_no_more_images_than_it_can_hold(
    tmp_path: Path, saved_model: Path, image: Path
) -> None:
    many = [image] * (MOST_EXPLAINED + 1)
    with pytest.raises(Refused, match=f"at most {MOST_EXPLAINED}"):
        diagnose(saved_model, many, results=tmp_path, untrusted=True, explain=True, run=Watching())


@pytest.mark.slow
def test_the_confined_child_explains_its_diagnosis(
    tmp_path: Path, saved_model: Path, image: Path
) -> None:
    found = diagnose(saved_model, [image], results=tmp_path, untrusted=True, explain=True)
    [diagnosed] = found.images
    assert diagnosed.heat is not None
    assert {len(row) for row in diagnosed.heat} == {16}
    assert len(diagnosed.heat) == 16
    assert all(0 <= value <= 1 for row in diagnosed.heat for value in row)
