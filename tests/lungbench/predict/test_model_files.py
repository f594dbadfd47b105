"""Model files of every kind, each with what must become of it; none of them may run anything.

Every hostile one carries a payload that would write the file `marker`; one test shows that it
does where Keras is told to trust it.
"""

import json
import os
import struct
import types
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lungbench.errors import Refused
from lungbench.predict.diagnosis import diagnose

Parts = Any  # tests/lungbench/predict/conftest.py
Make = Callable[[Parts, Path], Path]

ARCHIVE = "A model file must be the archive that Keras writes."
WHOLE = "A model file must be whole."
READABLE = "A model file must be readable."
LAYERS = "A model may consist of known layers only; others can run code when they are loaded."
IMAGES = "A model must take the images that lungbench decodes."
WEIGHTS = "A model file must hold the weights of its network, all of them and no others."
ARRAYS = "A model's weights must be plain arrays, as Keras stores them."
PROBABILITIES = "A model must give probabilities."
CLASSES = "A model must give the probability of each class."
LOADABLE = "Keras must be able to load the model."


@dataclass(frozen=True)
class Case:
    """A model file that must be refused.

    Attributes:
        make: Writes it, from the parts of a sound one, into a folder.
        rule: What the refusal says must hold.
        received: What it says was found instead.
        is_loaded: Whether only loading it tells.
    """

    make: Make
    rule: str
    received: str
    is_loaded: bool = False


def file(change: Callable[[Parts], Parts]) -> Make:
    """Write a model file with changed parts."""
    return lambda parts, folder: change(parts).write(folder / "model.keras")


def content(change: Callable[[bytes], bytes]) -> Make:
    """Write a model file with changed bytes."""

    def make(parts: Parts, folder: Path) -> Path:
        path = parts.write(folder / "model.keras")
        path.write_bytes(change(path.read_bytes()))
        return path

    return make


def named(path: str) -> Make:
    """Write nothing, but name such a path."""
    return lambda _, folder: folder / path


def layer(module: Any, name: Any, config: Any = None, **more: Any) -> Make:
    """Write a model file with such a layer after its rescaling."""

    def change(parts: Parts) -> Parts:
        changed = parts.changed()
        described = changed.layers[1]
        described |= {"module": module, "class_name": name, "registered_name": None} | more
        described["config"] = {"name": "rescale", **(config or {})}
        return changed

    return file(change)


def dense(**config: Any) -> Make:
    """Write a model file whose last layer is described otherwise."""

    def change(parts: Parts) -> Parts:
        changed = parts.changed()
        changed.layers[-1]["config"] |= config
        return changed

    return file(change)


def taking(shape: Any, dtype: Any = "uint8") -> Make:
    """Write a model file with another input."""

    def change(parts: Parts) -> Parts:
        changed = parts.changed()
        changed.layers[0]["config"] |= {"batch_shape": shape, "dtype": dtype}
        return changed

    return file(change)


def network(**config: Any) -> Make:
    """Write a model file whose network as a whole is described otherwise."""

    def change(parts: Parts) -> Parts:
        changed = parts.changed()
        changed.config["config"] |= config
        return changed

    return file(change)


def h5(change: Callable[[Any], None]) -> Make:
    """Write a model file with other weights."""
    return file(lambda parts: parts.with_h5(change))


def function(module: str, name: str) -> dict[str, str]:
    """Describe a function as Keras does."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def marshalled() -> dict[str, Any]:
    """Describe a function by its code, which writes the marker when it is called."""
    from keras.src.utils.python_utils import func_dump

    # In the folder that it runs in, which the tests look at.
    def payload(x: Any) -> Any:
        __import__("pathlib").Path("marker").write_text("run")
        return x

    bare = types.FunctionType(payload.__code__, {}, "payload")
    code, defaults, closure = func_dump(bare)
    return {
        "class_name": "__lambda__",
        "config": {"code": code, "defaults": defaults, "closure": closure},
    }


def lambda_layer(parts: Parts) -> Parts:
    """Put a Lambda with code after the rescaling."""
    changed = parts.changed()
    described = changed.layers[1]
    described |= {"class_name": "Lambda", "config": {"name": "rescale", "function": marshalled()}}
    return changed


def nested_lambda(parts: Parts) -> Parts:
    """Put a network with a Lambda where the flattening was."""
    hostile, changed = lambda_layer(parts).config, parts.changed()
    described = changed.layers[3]
    name = described["name"]
    hostile["config"]["name"] = name
    described |= {key: hostile[key] for key in ("module", "class_name", "config")}
    described["registered_name"] = "Functional"
    return changed


def without_module(parts: Parts) -> Parts:
    """Describe a layer in the old way, which Keras still reads by another path."""
    changed = parts.changed()
    del changed.layers[1]["module"]
    return changed


def deep(parts: Parts) -> Parts:
    changed = parts.changed()
    inner: dict[str, Any] = {}
    changed.config["config"]["deep"] = inner
    for _ in range(100):
        inner["deep"] = inner = {}
    return changed


def renamed(old: str, new: str) -> Callable[[Any], None]:
    def change(opened: Any) -> None:
        opened.move(old, new)

    return change


def filled(value: float) -> Callable[[Any], None]:
    def change(opened: Any) -> None:
        opened["layers/dense/vars/0"][3, 1] = value

    return change


def grown(opened: Any) -> None:
    opened["layers/dense/vars/2"] = np.zeros(4, np.float32)


def removed(opened: Any) -> None:
    del opened["layers/dense/vars/1"]


def reshaped(opened: Any) -> None:
    kernel = opened["layers/dense/vars/0"][:]
    del opened["layers/dense/vars/0"]
    opened["layers/dense/vars/0"] = kernel.T


def linked_outside(opened: Any) -> None:
    import h5py

    del opened["layers/dense/vars/1"]
    opened["layers/dense/vars/1"] = h5py.ExternalLink("elsewhere.h5", "secret")


def linked_inside(opened: Any) -> None:
    import h5py

    opened["layers/dense/vars/2"] = h5py.SoftLink("/layers/dense/vars/0")


def stored_outside(opened: Any) -> None:
    del opened["layers/dense/vars/1"]
    opened.create_dataset("layers/dense/vars/1", (3,), np.float32, external=[("elsewhere", 0, 12)])


def compressed_bomb(opened: Any) -> None:
    opened.create_dataset(
        "layers/dense/vars/2", (10**6, 10**6), np.float32, chunks=(1000, 1000), compression="gzip"
    )


def of_texts(opened: Any) -> None:
    opened["layers/dense/vars/2"] = ["text"]


def symlink_to_a_pipe(parts: Parts, folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    (folder / "model.keras").symlink_to("pipe")
    return folder / "model.keras"


def pipe(parts: Parts, folder: Path) -> Path:
    os.mkfifo(folder / "model.keras")
    return folder / "model.keras"


def link_in_a_circle(parts: Parts, folder: Path) -> Path:
    (folder / "model.keras").symlink_to("model.keras")
    return folder / "model.keras"


def saved_model_folder(parts: Parts, folder: Path) -> Path:
    (folder / "saved_model.pb").write_bytes(b"\x08\x01")
    return folder


def member_twice(parts: Parts, folder: Path) -> Path:
    twice = parts.changed(order=("config.json", "config.json", "metadata.json"))
    with pytest.warns(UserWarning, match="Duplicate name"):
        return twice.write(folder / "model.keras")  # type: ignore[no-any-return]


def many_members(parts: Parts, folder: Path) -> Path:
    return parts.changed(others={f"{n}": b"" for n in range(2000)}).write(folder / "model.keras")


def understated(parts: Parts, folder: Path) -> Path:
    """Count three members in the last record of an archive of many."""
    path = many_members(parts, folder)
    whole = bytearray(path.read_bytes())
    struct.pack_into("<HH", whole, len(whole) - 22 + 8, 3, 3)
    path.write_bytes(whole)
    return path


def appended(parts: Parts, folder: Path) -> Path:
    path = parts.write(folder / "model.keras")
    path.write_bytes(path.read_bytes() + b"more")
    return path


def flipped_in_the_weights(whole: bytes) -> bytes:
    at = whole.index(b"\x89HDF") + 3000
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


def last(classes: int, activation: str | None = "softmax") -> Make:
    """Save a real network with such an end."""

    def make(parts: Parts, folder: Path) -> Path:
        import keras

        raw = keras.Input((16, 16, 1), dtype="uint8")
        flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(raw))
        out = keras.layers.Dense(classes, activation=activation)(flat)
        path = folder / "model.keras"
        keras.Model(raw, out).save(path)
        return path

    return make


def giving_a_map(parts: Parts, folder: Path) -> Path:
    import keras

    raw = keras.Input((16, 16, 1), dtype="uint8")
    path = folder / "model.keras"
    keras.Model(raw, keras.layers.Rescaling(1 / 255)(raw)).save(path)
    return path


BAD = {
    # Code, in every place where Keras might look for some.
    "a Lambda with code": Case(file(lambda_layer), LAYERS, "keras.layers.Lambda"),
    "a network in the network with a Lambda": Case(
        file(nested_lambda), LAYERS, "keras.layers.Lambda"
    ),
    "a Lambda that names a function": Case(
        layer("keras.layers", "Lambda", {"function": function("os", "system")}),
        LAYERS,
        "Lambda",
    ),
    "an activation of marshalled code": Case(
        file(lambda parts: _with_activation(parts, marshalled())), LAYERS, "__lambda__"
    ),
    "an activation os.system": Case(
        dense(activation=function("os", "system")), LAYERS, "function 'system' of module 'os'"
    ),
    "an activation exec of builtins": Case(
        dense(activation=function("builtins", "exec")),
        LAYERS,
        "function 'exec' of module 'builtins'",
    ),
    "an initializer that is a function of Keras": Case(
        dense(kernel_initializer=function("keras.utils", "get_file")),
        LAYERS,
        "function 'get_file' of module 'keras.utils'",
    ),
    "a class of another module": Case(
        layer("subprocess", "Popen", {"args": "touch marker"}), LAYERS, "subprocess.Popen"
    ),
    "a custom registered layer": Case(
        layer("evil", "Layer", registered_name="evil>Layer"), LAYERS, "evil.Layer"
    ),
    "a known layer under another registered name": Case(
        layer("keras.layers", "Rescaling", {"scale": 1}, registered_name="evil>Layer"),
        LAYERS,
        "keras.layers.Rescaling' registered as 'evil>Layer",
    ),
    "a layer of an inner module of Keras": Case(
        layer("keras.src.layers.core.lambda_layer", "Lambda"), LAYERS, "lambda_layer.Lambda"
    ),
    "a layer that loads a saved model": Case(
        layer("keras.layers", "TFSMLayer", {"filepath": "elsewhere"}), LAYERS, "TFSMLayer"
    ),
    "a layer that unpickles": Case(
        layer("keras.layers", "TorchModuleWrapper", {"module": "gASV"}),
        LAYERS,
        "TorchModuleWrapper",
    ),
    "a layer that reads a file of words": Case(
        layer("keras.layers", "StringLookup", {"vocabulary": "/etc/passwd"}),
        LAYERS,
        "StringLookup",
    ),
    "a layer around a layer": Case(
        layer("keras.layers", "TimeDistributed", {"layer": marshalled()}), LAYERS, "Time"
    ),
    "a function as a layer": Case(
        layer("keras.saving", "load_model", {"filepath": "x"}), LAYERS, "keras.saving.load_model"
    ),
    "a type of TensorFlow's": Case(
        dense(bias_initializer={"class_name": "__typespec__", "config": [], "module": "os"}),
        LAYERS,
        "os.__typespec__",
    ),
    "an array by value": Case(
        dense(bias_initializer={"class_name": "__numpy__", "config": {"value": [1]}}),
        LAYERS,
        "__numpy__",
    ),
    "a tensor with more than a shape": Case(
        dense(bias_initializer={"class_name": "__keras_tensor__", "config": {"function": 1}}),
        LAYERS,
        "__keras_tensor__",
    ),
    "a layer described in the old way": Case(
        file(without_module), LAYERS, "'Rescaling' of module None"
    ),
    "a class name that is no text": Case(layer("keras.layers", ["Dense"]), LAYERS, "Dense"),
    "a compiled network in the network": Case(
        layer("keras.layers", "Rescaling", {"scale": 1}, compile_config={"loss": "mse"}),
        LAYERS,
        "compile_config",
    ),
    # What the network takes and gives.
    "images that are not square": Case(taking([None, 16, 20, 1]), IMAGES, "[None, 16, 20, 1]"),
    "images of three channels": Case(taking([None, 16, 16, 3]), IMAGES, "[None, 16, 16, 3]"),
    "images of any size": Case(taking([None, None, None, 1]), IMAGES, "[None, None, None, 1]"),
    "a fixed batch": Case(taking([8, 16, 16, 1]), IMAGES, "[8, 16, 16, 1]"),
    "floating-point images": Case(taking([None, 16, 16, 1], "float32"), IMAGES, "'float32'"),
    "gigantic images": Case(taking([None, 10**6, 10**6, 1]), IMAGES, "1,000,000 pixels a side"),
    "images of one pixel": Case(taking([None, 1, 1, 1]), IMAGES, "1 pixels a side"),
    "no input": Case(network(layers=[]), "A model must have one input.", "0"),
    "layers that are no list": Case(network(layers={}), "A model must have one input.", "0"),
    "no output": Case(network(output_layers=[]), "A model must have one output.", "[]"),
    "two outputs": Case(
        network(output_layers=[["dense", 0, 0], ["flatten", 0, 0]]),
        "A model must have one output.",
        "flatten",
    ),
    "no network": Case(
        file(lambda parts: parts.changed(config=parts.layers[1])),
        "A model's description must be of a network.",
        "Rescaling",
    ),
    "a thousand and one classes": Case(last(1001), CLASSES, "1001", is_loaded=True),
    "one class": Case(last(1, "sigmoid"), CLASSES, "(None, 1)", is_loaded=True),
    "a map for an answer": Case(giving_a_map, CLASSES, "(None, 16, 16, 1)", is_loaded=True),
    "no probabilities": Case(last(3, None), PROBABILITIES, "", is_loaded=True),
    "probabilities that don't add up": Case(
        last(3, "sigmoid"), PROBABILITIES, "rows that add up to", is_loaded=True
    ),
    "an output that isn't there": Case(
        network(output_layers=["nothing", 0, 0]), LOADABLE, "nothing", is_loaded=True
    ),
    "a layer that Keras can't build": Case(dense(units=-1), LOADABLE, "", is_loaded=True),
    # Weights.
    "a weight that is no number": Case(
        h5(filled(np.nan)), "Every weight must be a finite number.", "kernel", is_loaded=True
    ),
    "an infinite weight": Case(
        h5(filled(np.inf)), "Every weight must be a finite number.", "kernel", is_loaded=True
    ),
    "a missing array": Case(h5(removed), LOADABLE, "", is_loaded=True),
    "missing weights": Case(
        h5(renamed("layers/dense", "layers/other")), LOADABLE, "", is_loaded=True
    ),
    "one more array for a layer": Case(h5(grown), LOADABLE, "", is_loaded=True),
    "arrays of no layer": Case(
        h5(lambda opened: opened.copy("layers/dense", "layers/other")),
        WEIGHTS,
        "4 arrays",
        is_loaded=True,
    ),
    "an array of another shape": Case(h5(reshaped), LOADABLE, "", is_loaded=True),
    "weights in another file": Case(
        h5(linked_outside), ARRAYS, "layers/dense/vars/1", is_loaded=True
    ),
    "weights that point to others": Case(h5(linked_inside), ARRAYS, "a link", is_loaded=True),
    "weights stored in another file": Case(
        h5(stored_outside), ARRAYS, "stored elsewhere", is_loaded=True
    ),
    "weights that blow up": Case(h5(compressed_bomb), ARRAYS, "another way", is_loaded=True),
    "weights that are texts": Case(h5(of_texts), ARRAYS, "another way", is_loaded=True),
    "weights that are no HDF5": Case(
        file(lambda parts: parts.changed(weights=b"nothing" * 100)), ARCHIVE, "no HDF5"
    ),
    "weights that are cut off": Case(
        file(lambda parts: parts.changed(weights=parts.weights[:3000])), ARRAYS, "", is_loaded=True
    ),
    "a flipped bit in the weights": Case(content(flipped_in_the_weights), WHOLE, "CRC"),
    # The archive.
    "a path that leads out": Case(
        file(lambda parts: parts.changed(others={"../marker": b"run"})), ARCHIVE, "4 members"
    ),
    "a path that leads out in place of a member": Case(
        file(lambda parts: parts.changed(others={"../marker": b"x"}, order=parts.order[:2])),
        ARCHIVE,
        "'../marker'",
    ),
    "assets": Case(
        file(lambda parts: parts.changed(others={"assets/a/words.txt": b"x"})),
        ARCHIVE,
        "4 members",
    ),
    "a member twice": Case(member_twice, ARCHIVE, "'config.json', 'config.json'"),
    "no weights": Case(
        file(lambda parts: parts.changed(order=parts.order[:2])), ARCHIVE, "2 members"
    ),
    "a bomb": Case(
        file(
            lambda parts: parts.changed(
                weights=parts.weights + bytes(10**8), compression=zipfile.ZIP_DEFLATED
            )
        ),
        ARCHIVE,
        "compressed",
    ),
    "thousands of members": Case(many_members, ARCHIVE, "2003 members"),
    "thousands of members, three of them counted": Case(understated, ARCHIVE, "3 members"),
    "more after the end": Case(appended, ARCHIVE, "goes on after its end"),
    "a description of 5 MB": Case(
        file(lambda parts: parts.changed(config=b" " * 5_000_000 + b"{}")), ARCHIVE, "5,000,002"
    ),
    "a description that is no JSON": Case(
        file(lambda parts: parts.changed(config=b"\x80\x04]")), ARCHIVE, "no JSON"
    ),
    "a description that is a list": Case(
        file(lambda parts: parts.changed(config=[1])), ARCHIVE, "no object"
    ),
    "a description of 100,000 levels": Case(
        file(lambda parts: parts.changed(config=b"[" * 100_000)), ARCHIVE, "no JSON"
    ),
    "a description of 100 levels": Case(file(deep), "at most 64 levels deep", ""),
    "Keras 2": Case(
        file(lambda parts: parts.changed(metadata={"keras_version": "2.15.0"})),
        "A model must be saved by Keras 3.",
        "2.15.0",
    ),
    "a Keras to come": Case(
        file(lambda parts: parts.changed(metadata={"keras_version": "4.0.0"})),
        "A model must be saved by Keras 3.",
        "4.0.0",
    ),
    "no version": Case(
        file(lambda parts: parts.changed(metadata={})), "A model must be saved by Keras 3.", "None"
    ),
    "a version that moves the cursor": Case(
        file(lambda parts: parts.changed(metadata={"keras_version": "\x1b[2J\u202e"})),
        "A model must be saved by Keras 3.",
        "'\\x1b[2J\\u202e'",
    ),
    # The file.
    "an HDF5 file": Case(content(lambda _: b"\x89HDF\r\n\x1a\n" + bytes(3000)), ARCHIVE, "HDF5"),
    "another format": Case(content(lambda _: b"\x80\x04\x95" * 99), ARCHIVE, "another format"),
    "an empty file": Case(content(lambda _: b""), READABLE, "empty"),
    "three bytes": Case(content(lambda whole: whole[:3]), ARCHIVE, "another format"),
    "a start alone": Case(content(lambda whole: whole[:8]), ARCHIVE, "cut off"),
    "a half": Case(content(lambda whole: whole[: len(whole) // 2]), ARCHIVE, "cut off"),
    "all but the last byte": Case(content(lambda whole: whole[:-1]), ARCHIVE, "cut off"),
    "a pipe": Case(pipe, READABLE, "not a regular file"),
    "a link to a pipe": Case(symlink_to_a_pipe, READABLE, "not a regular file"),
    "a link in a circle": Case(link_in_a_circle, READABLE, "levels of symbolic links"),
    "a device": Case(named("/dev/zero"), READABLE, "not a regular file"),
    "nothing": Case(named("nothing.keras"), READABLE, "No such file"),
    "a folder": Case(named("."), "A model is a model.keras", "a folder"),
    "a SavedModel": Case(saved_model_folder, "A model is a model.keras", "SavedModel"),
}


def _with_activation(parts: Parts, activation: Any) -> Parts:
    changed = parts.changed()
    changed.layers[-1]["config"]["activation"] = activation
    return changed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that everything happens in, where a payload would leave its marker."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", BAD)
def test_a_bad_model_file_is_refused_in_one_line_and_nothing_in_it_runs(
    name: str, parts: Parts, folder: Path, image: Path, in_this_process: Any
) -> None:
    case = BAD[name]
    path = case.make(parts, folder)
    with pytest.raises(Refused) as refusal:
        diagnose(path, [image], results=folder, untrusted=True, run=in_this_process)
    message = str(refusal.value)
    assert case.rule in message
    assert case.received in message
    assert message.isprintable()  # a line break isn't
    assert len(message) < 500
    assert in_this_process.calls == case.is_loaded
    assert not (folder / "marker").exists()
    assert not (folder.parent / "marker").exists()


GOOD: dict[str, Make] = {
    "as it was saved": file(lambda parts: parts),
    "a link to it": lambda parts, folder: _linked(parts.write(folder / "a.keras"), folder),
    "under another name": lambda parts, folder: parts.write(folder / "model.h5"),
    "the folder of its run": lambda parts, folder: parts.write(folder / "model.keras").parent,
    "of an earlier Keras 3": file(
        lambda parts: parts.changed(metadata={"keras_version": "3.0.0", "date_saved": "x"})
    ),
    "its members in another order": file(
        lambda parts: parts.changed(order=tuple(reversed(parts.order)))
    ),
    "of a compiled network": lambda _, folder: _compiled(folder / "model.keras"),
}


def _linked(path: Path, folder: Path) -> Path:
    (folder / "link.keras").symlink_to(path.name)
    return folder / "link.keras"


def _compiled(path: Path) -> Path:
    import keras

    sequence = [
        keras.Input((16, 16, 1), dtype="uint8"),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(3, activation="softmax"),
    ]
    network = keras.Sequential(sequence)
    network.compile("adam", "categorical_crossentropy", metrics=[keras.metrics.AUC()])
    network.train_on_batch(np.zeros((2, 16, 16, 1), np.uint8), np.eye(3)[:2])
    network.save(path)
    return path


@pytest.mark.parametrize("name", GOOD)
def test_a_sound_model_file_diagnoses(
    name: str, parts: Parts, folder: Path, image: Path, in_this_process: Any
) -> None:
    path = GOOD[name](parts, folder)
    found = diagnose(path, [image], results=folder, untrusted=True, run=in_this_process)
    [diagnosed] = found.images
    assert len(diagnosed.probabilities) == 3
    assert sum(diagnosed.probabilities) == pytest.approx(1, abs=1e-5)
    assert found.classes == ("class 1", "class 2", "class 3")


def test_the_payload_would_run_if_keras_were_told_to_trust_it(parts: Parts, folder: Path) -> None:
    import keras

    path = lambda_layer(parts).write(folder / "model.keras")
    assert not (folder / "marker").exists()
    keras.saving.load_model(path, compile=False, safe_mode=False)
    assert (folder / "marker").exists()


def test_keras_is_a_second_wall_behind_the_first(parts: Parts, folder: Path) -> None:
    from lungbench.predict.network import load_checked

    path = lambda_layer(parts).write(folder / "model.keras")
    with pytest.raises(Refused, match=LOADABLE):
        load_checked(path, 16)
    assert not (folder / "marker").exists()


def test_a_file_that_its_user_may_not_read_is_refused(
    parts: Parts, folder: Path, image: Path, in_this_process: Any
) -> None:
    path = parts.write(folder / "model.keras")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root reads everything")
    with pytest.raises(Refused, match="Permission denied"):
        diagnose(path, [image], results=folder, untrusted=True, run=in_this_process)


def test_what_is_loaded_is_what_was_hashed_though_the_file_changes_in_between(
    parts: Parts, folder: Path, image: Path, in_this_process: Any
) -> None:
    path = parts.write(folder / "model.keras")
    before = diagnose(path, [image], results=folder, untrusted=True, run=in_this_process)

    def changing(*asked: Any) -> Any:
        lambda_layer(parts).write(path)
        return in_this_process(*asked)

    after = diagnose(path, [image], results=folder, untrusted=True, run=changing)
    assert (after.sha256, after.images) == (before.sha256, before.images)
    assert not (folder / "marker").exists()


def test_the_corpus_is_as_large_as_was_asked_for() -> None:
    # Issue: at least 30 model files, each with its outcome.
    assert len(BAD) + len(GOOD) >= 30


def test_json_is_read_as_keras_reads_it(parts: Parts, folder: Path, image: Path) -> None:
    """Of a key that stands twice, both take the last: no other layer can hide behind the first."""
    text = json.dumps(parts.config)
    hidden = json.dumps(lambda_layer(parts).config)
    both = f'{{"config": {json.dumps(parts.config["config"])}, {hidden[1:]}'.encode()
    assert json.loads(text)["config"] != json.loads(both)["config"]
    path = parts.changed(config=both).write(folder / "model.keras")
    with pytest.raises(Refused, match="Lambda"):
        diagnose(path, [image], results=folder, untrusted=True)
