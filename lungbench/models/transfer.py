"""What the transfer-learning networks share: a frozen base and the paper's new last layers.

The paper adds six layers to InceptionV3 (section IV.B) and says that VGG16 is built the same way
(section IV.C): Flatten, Dense 128, Dense 64, Dense 32, Dropout 0.5 and a softmax. It doesn't say
whether the base is trained; epoch times close to the ten-layer network's, at many times its
arithmetic, speak for a frozen one, and so it is here.
"""

from collections.abc import Callable
from typing import Any

from keras import layers


def on_frozen(
    application: Callable[..., Any], images: Any, classes: int, weights: str, **options: Any
) -> Any:
    """Build an application of Keras without its top, freeze it and add the paper's layers.

    Args:
        application: A builder of `keras.applications`.
        images: float32, image x row x column x 3.
        classes: Number of classes.
        weights: `imagenet`, `none` or the path of a file of weights without the top.
        options: Passed to the builder.

    Returns:
        Probabilities, image x class. The base's layers stand in the graph one by one: no
        nested model, so that each can be reached by name.
    """
    base = application(
        include_top=False,
        weights=None if weights == "none" else weights,
        input_tensor=images,
        **options,
    )
    for layer in base.layers:
        layer.trainable = False
    x = layers.Flatten()(base.output)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dense(32, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return layers.Dense(classes, activation="softmax", dtype="float32")(x)
