"""Experiment files, and those that are none: one line, exit code 2, and nothing left behind."""

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.cli import main
from lungbench.errors import ExperimentError
from lungbench.experiment import Experiment
from lungbench.experiment_file import MOST_BYTES, load_experiment

ROOT = Path(__file__).parents[2]

SMALLEST = """
name = "tiny"
[data]
image_size = 96
[train]
epochs = 1
[matrix]
models = ["cnn10"]
devices = ["cpu"]
"""


def load(folder: Path, text: str, *overrides: str) -> Experiment:
    file = folder / "experiment.toml"
    file.write_text(text)
    return load_experiment(file, overrides)


@pytest.mark.parametrize(
    "file", sorted((ROOT / "experiments").glob("*.toml")), ids=lambda f: f.name
)
def test_every_shipped_experiment_is_accepted(file: Path) -> None:
    assert load_experiment(file).runs()


@pytest.mark.parametrize("file", ["quick.toml", "paper.toml"])
def test_an_experiment_reads_what_it_writes(file: str) -> None:
    experiment = load_experiment(ROOT / "experiments" / file)
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment


def test_paths_in_a_file_start_at_its_folder(tmp_path: Path) -> None:
    text = SMALLEST.replace("image_size = 96", 'image_size = 96\nsource = "xrays"')
    text = text.replace("epochs = 1", 'weights = { vgg16 = "vgg.h5", inceptionv3 = "none" }')
    experiment = load(tmp_path, text)
    assert experiment.data.source == str(tmp_path / "xrays")
    assert experiment.train.weights_of("vgg16") == str(tmp_path / "vgg.h5")
    assert experiment.train.weights_of("inceptionv3") == "none"
    assert experiment.train.weights_of("cnn10") == "none"


def test_the_folders_of_classes_start_there_too(tmp_path: Path) -> None:
    classes = 'data.classes={ covid = ["a", "b"], normal = ["/c"] }'
    experiment = load(tmp_path, SMALLEST, classes)
    assert experiment.data.classes == {
        "covid": (str(tmp_path / "a"), str(tmp_path / "b")),
        "normal": ("/c",),
    }


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("train.epochs=7", "train", "epochs", 7),
        ("train.epochs = 7", "train", "epochs", 7),
        ("data.source=synthetic", "data", "source", "synthetic"),
        ('data.source="synthetic"', "data", "source", "synthetic"),
        ("data.kfold=5", "data", "kfold", 5),
        ("data.brightness=[120, 140]", "data", "brightness", (120, 140)),
        ("train.learning_rate=1", "train", "learning_rate", 1),
        ("train.learning_rate=1e-4", "train", "learning_rate", 1e-4),
        ("train.preprocess=imagenet", "train", "preprocess", "imagenet"),
    ],
)
def test_an_override_replaces_what_the_file_says(
    tmp_path: Path, override: str, section: str, key: str, value: object
) -> None:
    assert getattr(getattr(load(tmp_path, SMALLEST, override), section), key) == value


def test_the_last_of_several_overrides_counts(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST, "train.epochs=7", "train.epochs=8").train.epochs == 8


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(SMALLEST, encoding="utf-8-sig")
    assert load_experiment(tmp_path / "x.toml").name == "tiny"


def test_lines_may_end_as_windows_ends_them(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(SMALLEST.replace("\n", "\r\n").encode())
    assert load_experiment(tmp_path / "x.toml").name == "tiny"


def test_one_mistake_is_counted_once(tmp_path: Path) -> None:
    def refusal(*overrides: str) -> str:
        with pytest.raises(ExperimentError) as caught:
            load(tmp_path, SMALLEST, *overrides)
        return str(caught.value)

    assert "more after" not in refusal('matrix.models=["resnet9000"]')
    two = refusal('matrix.models=["resnet9000"]', "train.epochs=0")
    assert "(1 more after this one.)" in two


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("train.epoch=3", "train.epochs"),
        ("train.batchsize=3", "train.batch_size"),
        ("data.epochs=3", "train.epochs"),
        ("epochs=3", "train.epochs"),
        ("trian.epochs=3", "train"),
        ("matrix.device=[]", "matrix.devices"),
        ("train.augmentation.zooom=0.1", "train.augmentation.zoom"),
        ("zoom=0.1", "train.augmentation.zoom"),
    ],
)
def test_the_key_that_was_meant_is_named(tmp_path: Path, override: str, meant: str) -> None:
    with pytest.raises(ExperimentError, match=f"did you mean {meant}\\?"):
        load(tmp_path, SMALLEST, override)


def test_a_key_that_is_like_no_other_gets_no_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError) as caught:
        load(tmp_path, SMALLEST, "colour=3")
    assert "colour is no key of an experiment file." in str(caught.value)


Content = str | bytes | Callable[[Path], None]


@dataclass(frozen=True)
class Hostile:
    """An experiment file, or a change of a good one, that must be refused.

    Attributes:
        name: What is wrong, in words.
        words: What its one line must say.
        content: The file's, or what lays it out.
        overrides: Values of `--set`.
    """

    name: str
    words: tuple[str, ...]
    content: Content = SMALLEST
    overrides: tuple[str, ...] = ()


def _file(name: str, content: Content, *words: str) -> Hostile:
    return Hostile(name, words, content)


def _line(name: str, section: str, line: str, *words: str) -> Hostile:
    """A line put into a section of the file."""
    head = "\n" if section == "" else f"[{section}]\n"
    return Hostile(name, words, SMALLEST.replace(head, f"{head}{line}\n", 1))


def _set(override: str, *words: str) -> Hostile:
    return Hostile(f"--set {override[:40]}", words, overrides=(override,))


def _too_long(path: Path) -> None:
    path.symlink_to("x" * 255 + "/" + "x" * 255)


FILES = (
    # What is no regular file, or can't be read as text.
    _file("a folder", Path.mkdir, "experiment.toml", "not a regular file"),
    _file("a pipe that nobody writes to", os.mkfifo, "experiment.toml", "not a regular file"),
    _file("a device", lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    _file("nothing", lambda _: None, "experiment.toml", "No such file"),
    _file("a link to itself", lambda path: path.symlink_to(path.name), "symbolic links"),
    _file("a link to nowhere", _too_long, "experiment.toml", "No such file"),
    _file("larger than any", "#" * (MOST_BYTES + 1), "experiment.toml", "262,144 bytes"),
    _file("in UTF-16", SMALLEST.encode("utf-16"), "experiment.toml", "must be TOML"),
    _file("in Latin-1", SMALLEST.replace("tiny", "niño").encode("latin-1"), "must be TOML"),
    _file("a picture", b"\x89PNG\r\n\x1a\n" + bytes(99), "experiment.toml", "must be TOML"),
    _file("full of zeros", bytes(99), "experiment.toml", "must be TOML"),
    # What is text and no TOML.
    _file("JSON", '{"name": "tiny"}', "experiment.toml", "must be TOML"),
    _file("YAML", "name: tiny\nmatrix:\n  models: [cnn10]\n", "must be TOML", "line 1"),
    _file("a key without value", "name = ", "must be TOML", "Next: correct it there"),
    _file("a text without end", 'name = "tiny', "must be TOML"),
    _file("a key twice", SMALLEST.replace("epochs = 1", "epochs = 1\nepochs = 2"), "TOML", "line"),
    _file("a table twice", SMALLEST + "[train]\nseed = 1\n", "must be TOML", "train"),
    _file("a control character", 'name = "a\x07b"', "must be TOML", "'\\x07'"),
    _file("half a character", 'name = "\\ud800"', "must be TOML"),
    _file("lists without end", "x = " + "[" * 9000, "must be TOML", "without end"),
    _file("tables without end", f"[{'.'.join('x' * 5000)}]", "experiment.toml"),
    _file("a table in tables", "x = " + "{x=" * 9000, "must be TOML", "without end"),
    # What is TOML and no experiment.
    _file("empty", "", "name is missing", "1 more"),
    _file("only a comment", "# an experiment\n", "missing"),
    _file("without a matrix", 'name = "tiny"', "matrix is missing"),
    _file("without a name", SMALLEST.replace('name = "tiny"', ""), "name is missing"),
    _file(
        "a table that is a number",
        'name = "x"\ndata = 3\n[matrix]',
        "data:",
        "table",
        "Received: 3",
    ),
    _file("a list of tables", SMALLEST.replace("[train]", "[[train]]"), "train:"),
    _line("a key that isn't one", "train", "lerning_rate = 1", "train.lerning_rate", "did you"),
    _line("a key in a wrong table", "", "batch_size = 1", "batch_size", "train.batch_size?"),
    _file("a table that isn't one", SMALLEST + "[trial]\nx = 1\n", "trial is no key"),
    _line("a key of a name that prints nothing", "", '"\\u001b[2J" = 1', "\\x1b[2J is no key"),
    _line("a key of a name that turns text", "", '"\\u202Egnp" = 1', "\\u202egnp is no key"),
    _line("a key of two lines", "", '"a\\nb" = 1', "a b is no key"),
)

VALUES = (
    # Wrong types.
    _set("train.epochs=true", "train.epochs", "valid integer", "true"),
    _set("train.epochs=3.0", "train.epochs", "valid integer", "3.0"),
    _set('train.epochs="3"', "train.epochs", "valid integer", '"3"'),
    _set("train.epochs=[3]", "train.epochs", "valid integer", "[3]"),
    _set("train.epochs={a=3}", "train.epochs", "valid integer"),
    _set("train.epochs=many", "train.epochs", '"many"'),
    _set("train.epochs=2026-01-01", "train.epochs", "valid integer", "2026-01-01"),
    _set("train.augmentation.horizontal_flip=1", "horizontal_flip", "valid boolean"),
    _set("train.learning_rate=true", "train.learning_rate", "valid number"),
    _set("name=2026-01-01", "name", "valid string"),
    _set("name=7", "name", "valid string", "7"),
    _set("description=[1]", "description", "valid string"),
    _set('matrix.models="cnn10"', "matrix.models", "valid list"),
    _set("matrix.models=[{a=1}]", "matrix.models.0", "no model"),
    _set("matrix.devices=[1]", "matrix.devices.0", "'1' is no device"),
    # Values that can't be.
    _set("train.epochs=0", "train.epochs", "greater than or equal to 1", "0"),
    _set("train.epochs=-3", "train.epochs", "-3"),
    _set(f"train.epochs={'9' * 400}", "train.epochs", "less than or equal", "…"),
    _set("train.learning_rate=nan", "train.learning_rate", "finite"),
    _set("train.learning_rate=inf", "train.learning_rate", "finite"),
    _set("train.seed=-1", "train.seed", "-1"),
    _set('matrix.models=["resnet9000"]', "matrix.models.0", "resnet9000", "cnn10, "),
    _set("matrix.models=[]", "matrix.models", "at least 1"),
    _set('matrix.devices=["tpu"]', "matrix.devices.0", "tpu", "gpu:all"),
    _set('matrix.devices=["cpu:threads=0"]', "matrix.devices.0", "cpu:threads=0"),
    _set('matrix.devices=["cpu","cpu"]', "matrix.devices", "more than once"),
    _set('matrix.precisions=["float8"]', "matrix.precisions.0", "float8", "mixed_bfloat16"),
    _set('matrix.backends=["mxnet"]', "matrix.backends.0", "mxnet", "tensorflow"),
    _set("matrix.repeats=0", "matrix.repeats", "0"),
    _set("data.image_size=8", "data.image_size", "8"),
    Hostile(
        "images that are too small for a network",
        ("data.image_size is 64", "75", "inceptionv3"),
        overrides=("data.image_size=64", 'matrix.models=["inceptionv3"]'),
    ),
    _set("measure.timing_epochs={tpu=3}", "measure.timing_epochs", "tpu"),
    # Names that would leave the results folder.
    _set('name="../escape"', "name", "../escape"),
    _set('name="/etc/passwd"', "name", "/etc/passwd"),
    _set("name=..", "name", ".."),
    _set('name=""', "name"),
    _set('name="a\\nb"', "name", r"a\nb"),
    _set(f"name={'x' * 65}", "name", "x" * 65),
    # Keys about images.
    _set("data.classes={covid=['a']}", "covid", "two or more"),
    _set("data.classes={covid=[],normal=['b']}", "data.classes.covid", "at least 1"),
    _set("data.classes={covid='a',normal='b'}", "data.classes.covid", "valid list"),
    _set("data.classes=['a','b']", "data.classes", "valid table"),
    _set("data.kfold=1", "data.kfold", "greater than or equal to 2"),
    _set("data.brightness=[140,120]", "brightness", "lower level first"),
    _set("data.brightness=[120]", "data.brightness", "missing"),
    _set("data.brightness=120", "data.brightness", "valid list"),
    _set("data.per_class=0", "data.per_class", "0"),
    _set("data.most_unusable=10", "data.most_unusable", "10"),
    _set("data.split=random", "data.split", "random", "strict"),
    _set("data.test_fraction=0.9", "validation_fraction + test_fraction"),
    _set("train.preprocess=none", "train.preprocess", "none", "imagenet"),
    _set("train.fine_tune=-1", "train.fine_tune", "-1"),
    _set("train.fine_tune=all", "train.fine_tune", "all"),
    _set('train.weights={resnet9000="x.h5"}', "train.weights", "resnet9000"),
    _set("train.weights=3", "train.weights", "3"),
    # Paths that are none.
    _set('data.source="a\\u0000b"', r"a\x00b"),
    _set('data.source="~nobody-of-this-name/xrays"', "~nobody-of-this-name"),
    _set('data.source=""', "data.source"),
    # Overrides that are none.
    _set("train.epochs", "--set", "train.epochs"),
    _set("=3", "--set", "=3"),
    _set("train..epochs=3", "--set", "train..epochs"),
    _set("train.=3", "--set", "train.=3"),
    _set("name.x=3", "--set", "name.x"),
    _set("matrix.models.0=vgg16", "--set", "matrix.models.0"),
    _set("train.epochs=3\nname='x'", "train.epochs", r"3\nname"),
    _set("train.epochs=" + "[" * 9000, "train.epochs", "…"),
    _set("\udcff=3", r"\udcff"),
)

HOSTILE = (*FILES, *VALUES)


def test_there_are_more_than_40_hostile_files_and_each_has_a_name_of_its_own() -> None:
    assert len({case.name for case in HOSTILE}) == len(HOSTILE) >= 40


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """Take away what a command hangs on the log: it writes to a stderr that is gone after it."""
    log = logging.getLogger("lungbench")
    handlers, level = list(log.handlers), log.level
    yield
    log.handlers[:] = handlers
    log.setLevel(level)


@pytest.mark.timeout(20)  # nothing waits for a pipe
@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: ascii(case.name))
def test_a_file_that_is_no_experiment_gets_one_line_and_leaves_nothing_behind(
    case: Hostile,
    quiet_log: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "experiment.toml"
    if callable(case.content):
        case.content(file)
    else:
        content = case.content
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(tmp_path.rglob("*"))
    arguments = [argument for override in case.overrides for argument in ("--set", override)]
    code, out, err = command(
        monkeypatch, "run", file, "--results", tmp_path / "results", "--no-prefect", *arguments
    )
    assert (code, out) == (2, ""), err
    assert err.startswith("lungbench: ")
    assert err.endswith("\n")
    line = err[:-1]
    assert line.isprintable()  # so it is one line, and none that moves the cursor
    assert all(word in line for word in case.words), line
    assert " Next: " in line
    assert "Traceback" not in line
    assert len(line) < 1500
    assert sorted(tmp_path.rglob("*")) == before


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> tuple[object, str, str]:
    """Call the real command line; return its exit code and what it said."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(2))
    monkeypatch.setattr(sys, "argv", ["lungbench", *map(str, arguments)])
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(SystemExit) as ended:
        main()
    for stream in (out, err):
        stream.flush()
    return ended.value.code, *(stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
