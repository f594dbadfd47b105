"""EfficientNetB0 with the paper's new last layers: much accuracy for little arithmetic.

The paper has no such network. Built like its transfer networks, on a frozen base. Keras's builder
starts with layers that rescale and normalise images in [0, 255] by what ImageNet's weights bring
along, so both values of `preprocess` are the same here. Its base drops out whole blocks while it
trains, frozen or not. From a file of weights, as opposed to `imagenet`, Keras builds the network
without its last rescaling (by the square root of each channel's deviation).
Parameters at 224x224x3, three classes: 4 049 571 in the base, 8 038 723 in the new layers.
"""

from typing import Any

from keras import applications, layers

from lungbench.models.transfer import on_frozen


def head(images: Any, classes: int, weights: str) -> Any:
    """Build the network on rescaled images; see `transfer.on_frozen`."""
    in_255 = layers.Rescaling(255.0, dtype="float32", name="to_255")(images)
    return on_frozen(applications.EfficientNetB0, in_255, classes, weights)
