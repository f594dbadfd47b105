"""The paper's own network of ten layers (section IV.A).

The paper specifies: convolutions of 32 4x4, 64 3x3 and 128 2x2 filters with ReLU, max pooling
2x2 after the second and third, Flatten, Dense 128, Dropout 0.5, Dense 64, softmax; input 224x224.
It leaves open the padding, the strides and the initial weights.
Chosen: "same" padding and stride 1, the only ones that give the paper's neuron counts
(1 605 632 = 224·224·32; 3 211 264 = 224·224·64; 802 816 = 112·112·64; 401 408 = 56·56·128);
the initial weights are Keras's default (Glorot uniform).
Three input channels, as `flow_from_directory` delivers. Parameters at 224x224x3, three classes:
51 441 763.
"""

from typing import Any

from keras import layers


def head(images: Any, classes: int, weights: str) -> Any:  # noqa: ARG001 - nothing is pretrained
    """Build the network on rescaled images.

    Args:
        images: float32 in [0, 1], image x row x column x 3.
        classes: Number of classes.
        weights: Always `none`.

    Returns:
        Probabilities, image x class.
    """
    x = layers.Conv2D(32, 4, padding="same", activation="relu")(images)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(128, 2, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(64, activation="relu")(x)
    return layers.Dense(classes, activation="softmax", dtype="float32")(x)
