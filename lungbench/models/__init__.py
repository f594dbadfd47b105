"""The table of networks: one line a model, built by the function `head` in a file of its name.

Nothing here imports a framework, so that the process that plans and measures stays light.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What is known of a network without building it.

    Attributes:
        name: Its name in experiment files, and the module that builds it.
        title: Its name for readers.
        min_image_size: Smallest height and width in pixels that it can be built for.
        weights_file: The file of ImageNet weights without the top that Keras keeps in its
            `models` folder; None where the network is always trained from scratch.
        weights_url: Where that file is published.
    """

    name: str
    title: str
    min_image_size: int
    weights_file: str | None = None
    weights_url: str | None = None

    @property
    def pretrained(self) -> bool:
        """Whether the network can start from ImageNet weights."""
        return self.weights_file is not None


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"

_TABLE = (
    ModelSpec("cnn10", "10-layer CNN", 16),
    ModelSpec(
        "inceptionv3",
        "InceptionV3",
        75,
        "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        f"{_KERAS}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    ),
    ModelSpec(
        "vgg16",
        "VGG16",
        32,
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    ),
    ModelSpec(
        "mobilenetv2",
        "MobileNetV2",
        32,
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        f"{_KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    ),
)

MODELS: dict[str, ModelSpec] = {spec.name: spec for spec in _TABLE}


def model_names() -> tuple[str, ...]:
    """Return the names that an experiment file may use."""
    return tuple(MODELS)
