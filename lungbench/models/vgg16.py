"""VGG16 with the paper's new last layers (section IV.C).

The paper specifies: `include_top=False`, pretrained on ImageNet, "the same parameters" as before.
It leaves open which layers are added, whether the base is trained, and how images are scaled.
Chosen: the six layers of InceptionV3's section, the only ones the paper describes; the base is
frozen (`transfer.py` says why); images in [0, 1], the paper's only rescaling, where Keras's own
preprocessing for this network subtracts channel means from BGR images in [0, 255].
Parameters at 224x224x3, three classes: 14 714 688 in the base, 3 221 827 in the new layers.
"""

from typing import Any

from keras import applications

from lungbench.models.transfer import on_frozen


def head(images: Any, classes: int, weights: str) -> Any:
    """Build the network on rescaled images; see `transfer.on_frozen`."""
    return on_frozen(applications.VGG16, images, classes, weights)
