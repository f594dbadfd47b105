"""MobileNetV2 with the paper's new last layers: a small, modern network beside the paper's three.

The paper has no such network; this one answers what a hundredth of VGG16's arithmetic costs in
diagnosis. Built like the paper's transfer networks: frozen base, images in [0, 1].
Parameters at 224x224x3, three classes: 2 257 984 in the base, 8 038 723 in the new layers.
"""

from typing import Any

from keras import applications

from lungbench.models.transfer import on_frozen


def head(images: Any, classes: int, weights: str) -> Any:
    """Build the network on rescaled images; see `transfer.on_frozen`."""
    return on_frozen(applications.MobileNetV2, images, classes, weights)
