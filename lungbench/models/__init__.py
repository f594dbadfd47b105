"""The table of networks: one line a model, built by the function `head` in a file of its name.

Nothing here imports a framework, so that the process that plans and measures stays light.
"""

from dataclasses import dataclass

Channels = tuple[float, float, float]


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
        imagenet_scale: What images in [0, 1] are multiplied by to be as the network was
            pretrained, one factor a channel.
        imagenet_offset: What is added after that. Both are 1 and 0 where the network has layers
            of its own for this.
    """

    name: str
    title: str
    min_image_size: int
    weights_file: str | None = None
    weights_url: str | None = None
    imagenet_scale: Channels = (1.0, 1.0, 1.0)
    imagenet_offset: Channels = (0.0, 0.0, 0.0)

    @property
    def pretrained(self) -> bool:
        """Whether the network can start from ImageNet weights."""
        return self.weights_file is not None


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
_EFFICIENTNET = "https://storage.googleapis.com/keras-applications"

# What `preprocess_input` of each network's own module in Keras does, for images in [0, 1]. Grey
# images have three equal channels, so that the step from RGB to BGR is left with the means alone.
_TF: tuple[Channels, Channels] = ((2.0, 2.0, 2.0), (-1.0, -1.0, -1.0))
_CAFFE: tuple[Channels, Channels] = ((255.0, 255.0, 255.0), (-103.939, -116.779, -123.68))
_TORCH: tuple[Channels, Channels] = (
    (1 / 0.229, 1 / 0.224, 1 / 0.225),
    (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
)

_TABLE = (
    ModelSpec("cnn10", "10-layer CNN", 16),
    ModelSpec(
        "inceptionv3",
        "InceptionV3",
        75,
        "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        f"{_KERAS}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        *_TF,
    ),
    ModelSpec(
        "vgg16",
        "VGG16",
        32,
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        *_CAFFE,
    ),
    ModelSpec(
        "mobilenetv2",
        "MobileNetV2",
        32,
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        f"{_KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        *_TF,
    ),
    ModelSpec(
        "resnet50",
        "ResNet50",
        32,
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        f"{_KERAS}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        *_CAFFE,
    ),
    ModelSpec(
        "densenet121",
        "DenseNet121",
        32,
        "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        f"{_KERAS}/densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        *_TORCH,
    ),
    ModelSpec(
        "efficientnetb0",
        "EfficientNetB0",
        32,
        "efficientnetb0_notop.h5",
        f"{_EFFICIENTNET}/efficientnetb0_notop.h5",
    ),
)

MODELS: dict[str, ModelSpec] = {spec.name: spec for spec in _TABLE}


def model_names() -> tuple[str, ...]:
    """Return the names that an experiment file may use."""
    return tuple(MODELS)
