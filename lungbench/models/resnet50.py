"""ResNet50 with the paper's new last layers: the network that most later papers compare with.

The paper has no such network. Built like its transfer networks: frozen base, images in [0, 1]
unless `preprocess = "imagenet"` asks for what Keras pretrained it with.
Parameters at 224x224x3, three classes: 23 587 712 in the base, 12 855 619 in the new layers.
"""

from typing import Any

from keras import applications

from lungbench.models.transfer import on_frozen


def head(images: Any, classes: int, weights: str) -> Any:
    """Build the network on rescaled images; see `transfer.on_frozen`."""
    return on_frozen(applications.ResNet50, images, classes, weights)
