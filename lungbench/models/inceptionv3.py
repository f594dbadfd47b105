"""InceptionV3 with the paper's six new last layers (section IV.B).

The paper specifies: `include_top=False`, pretrained on ImageNet; Flatten, Dense 128, 64 and 32
with ReLU, Dropout 0.5, softmax. It leaves open whether the base is trained, and how images are
scaled for it.
Chosen: the base is frozen (`transfer.py` says why); images in [0, 1], the paper's only rescaling,
where Keras's own preprocessing for this network would be [-1, 1].
Parameters at 224x224x3, three classes: 21 802 784 in the base, 6 564 163 in the new layers.
"""

from typing import Any

from keras import applications

from lungbench.models.transfer import on_frozen


def head(images: Any, classes: int, weights: str) -> Any:
    """Build the network on rescaled images; see `transfer.on_frozen`."""
    return on_frozen(applications.InceptionV3, images, classes, weights)
