"""Look through a network's description before Keras reads it: known layers only, one grey image in.

Keras builds whatever a description names: classes of modules that it imports for that, registered
functions, a saved model elsewhere on the disk. Here everything with a `class_name` must stand in a
table, at any depth. The table holds what the networks of `keras.applications` consist of, with
their usual relatives, and lungbench's own layer. Not in it: `Lambda` (code in the file),
`TorchModuleWrapper` (a pickle), `TFSMLayer` and `JaxLayer` (other formats), layers that read
vocabularies from files, and functions of any kind.
"""

from typing import Any

from lungbench.errors import Refused
from lungbench.predict.archive import brief

SMALLEST, LARGEST = 16, 1024  # pixels a side, as experiments may ask for

_LAYERS = (
    "Activation Add Average AveragePooling2D BatchNormalization Concatenate Conv2D "
    "Conv2DTranspose Cropping2D Dense DepthwiseConv2D Dropout ELU Flatten GaussianDropout "
    "GaussianNoise GlobalAveragePooling2D GlobalMaxPooling2D GroupNormalization Identity "
    "InputLayer LayerNormalization LeakyReLU MaxPooling2D Maximum Minimum Multiply Normalization "
    "PReLU Permute ReLU Rescaling Reshape SeparableConv2D Softmax SpatialDropout2D Subtract "
    "UnitNormalization UpSampling2D ZeroPadding2D"
)
_INITIALIZERS = (
    "Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Ones "
    "Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros"
)

ALLOWED: dict[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in (
        ("keras", "DTypePolicy Sequential"),
        ("keras.layers", _LAYERS),
        ("keras.initializers", _INITIALIZERS),
        ("keras.regularizers", "L1 L1L2 L2"),
        ("keras.constraints", "MaxNorm MinMaxNorm NonNeg UnitNorm"),
        ("keras.src.applications.convnext", "LayerScale"),
        ("keras.src.applications.inception_resnet_v2", "CustomScaleLayer"),
        ("keras.src.models.functional", "Functional"),
        ("keras.src.ops.numpy", "Add Multiply"),
        ("lungbench.models.network", "GreyToRgb"),
    )
}
"""The classes that a network may consist of, by the module that its description names."""

_REGISTERED = {"GreyToRgb": "lungbench>GreyToRgb"}  # Keras finds others under any name given
_NETWORKS = ("Functional", "Sequential")
_TENSOR = "__keras_tensor__"
_TENSOR_KEYS = {"shape", "dtype", "keras_history"}
_MAX_DEPTH = 64  # the networks of keras.applications reach 11


def image_size_of(config: dict[str, Any]) -> int:
    """Check a network's description; return the side of the images that it takes, in pixels.

    Raises:
        Refused: It names something that isn't in the table, or takes no square grey images.
    """
    # `compile=False` makes Keras pass over this one, and over this one only.
    _check_objects({key: value for key, value in config.items() if key != "compile_config"})
    kind, network = config.get("class_name"), config.get("config")
    if kind not in _NETWORKS or not isinstance(network, dict):
        raise Refused("A model's description must be of a network.", received=brief(kind))
    if kind == "Functional":
        _check_outputs(network.get("output_layers"))
    return _image_size(network.get("layers"))


def _check_objects(config: dict[str, Any]) -> None:
    waiting: list[tuple[Any, int]] = [(config, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise Refused(f"A model's description must be at most {_MAX_DEPTH} levels deep.")
        if isinstance(value, dict):
            if "class_name" in value:
                _check_object(value)
            waiting.extend((each, depth + 1) for each in value.values())
        elif isinstance(value, list):
            waiting.extend((each, depth + 1) for each in value)


def _check_object(described: dict[str, Any]) -> None:
    """Refuse what Keras would look for anywhere but in the table."""
    name, module = described["class_name"], described.get("module")
    if name == _TENSOR:
        _check_tensor(described)
        return
    if name == "function":
        raise _unknown(f"function {brief(described.get('config'))} of module {brief(module)}")
    if not isinstance(name, str) or not isinstance(module, str):
        raise _unknown(f"{brief(name)} of module {brief(module)}")
    if name not in ALLOWED.get(module, frozenset()):
        raise _unknown(f"{brief(f'{module}.{name}')}")
    registered = described.get("registered_name")
    if registered not in (None, name, _REGISTERED.get(name)):
        raise _unknown(f"{brief(f'{module}.{name}')} registered as {brief(registered)}")
    if described.get("compile_config"):
        raise _unknown(f"{brief(f'{module}.{name}')} inside of it with a compile_config of its own")


def _check_tensor(described: dict[str, Any]) -> None:
    inner = described.get("config")
    if described.keys() != {"class_name", "config"} or not isinstance(inner, dict):
        raise _unknown(_TENSOR)
    if not inner.keys() <= _TENSOR_KEYS:
        raise _unknown(f"{_TENSOR} with {brief(sorted(inner.keys() - _TENSOR_KEYS))}")


def _check_outputs(outputs: Any) -> None:
    """Accept one output, which Keras writes as [layer, node, tensor], alone or in a list."""
    alone = outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else outputs
    if not isinstance(alone, list) or not alone or not isinstance(alone[0], str):
        raise Refused("A model must have one output.", received=brief(outputs))


def _image_size(layers: Any) -> int:
    inputs = [
        layer["config"]
        for layer in (layers if isinstance(layers, list) else ())
        if isinstance(layer, dict) and layer.get("class_name") == "InputLayer"
        if isinstance(layer.get("config"), dict)
    ]
    if len(inputs) != 1:
        raise Refused("A model must have one input.", received=f"{len(inputs)}")
    shape, dtype = inputs[0].get("batch_shape"), inputs[0].get("dtype")
    match shape:
        case [None, int(height), int(width), 1] if height == width and dtype == "uint8":
            pass
        case _:
            raise _wrong_input(f"{brief(dtype)} of shape {brief(shape)}")
    if not SMALLEST <= height <= LARGEST:
        raise _wrong_input(f"images of {height:,} pixels a side")
    return height


def _wrong_input(received: str) -> Refused:
    return Refused(
        "A model must take the images that lungbench decodes.",
        received=received,
        expected=f"uint8 of shape (None, n, n, 1), n from {SMALLEST} to {LARGEST}",
    )


def _unknown(received: str) -> Refused:
    return Refused(
        "A model may consist of known layers only; others can run code when they are loaded.",
        received=received,
    )
