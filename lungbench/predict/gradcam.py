"""Where in an image a network sees its diagnosis: Grad-CAM, by TensorFlow.

The last feature maps that still are pictures, weighted by how much each of them speaks for the
diagnosed class. It shows what the network looks at, not whether that is right.

Source: R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization", ICCV 2017, section 3.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lungbench.errors import Refused
from lungbench.predict.job import MAX_HEAT_SIDE

_PICTURES = 4  # image x row x column x channel


@dataclass(frozen=True, slots=True)
class Explained:
    """A network, cut where its feature maps end.

    Attributes:
        features: From pixels to the last feature maps.
        rest: From those to what the last layer takes, or to probabilities.
        last: That layer, whose softmax flattens all gradients of a sure network; None where the
            network ends in another one.
    """

    features: keras.Model
    rest: keras.Model
    last: Any

    @classmethod
    def of(cls, network: keras.Model) -> "Explained":
        """Cut a network.

        Raises:
            Refused: Its backend isn't TensorFlow, or it has no feature maps.
        """
        if keras.backend.backend() != "tensorflow":
            raise Refused(
                "Grad-CAM needs the tensorflow backend.", received=keras.backend.backend()
            )
        maps, last = _last_maps(network), network.layers[-1]
        ends_in_softmax = (
            isinstance(last, keras.layers.Dense) and last.activation is keras.activations.softmax
        )
        end = last.input if ends_in_softmax else network.output
        return cls(
            features=keras.Model(network.input, maps),
            rest=keras.Model(maps, end),
            last=last if ends_in_softmax else None,
        )

    def heat(self, pixels: NDArray[np.uint8], classes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return where one batch speaks for its classes, image x row x column from 0 to 1.

        Args:
            pixels: image x row x column.
            classes: One an image.
        """
        import tensorflow as tf

        maps = self.features(pixels[..., np.newaxis], training=False)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            scores = tf.gather(self._scores(maps), classes, batch_dims=1)
        slopes = tf.cast(tape.gradient(scores, maps), "float32")
        weights = tf.reduce_mean(slopes, axis=(1, 2), keepdims=True)
        heat = tf.nn.relu(tf.reduce_sum(weights * tf.cast(maps, "float32"), axis=-1))
        return _thinned(_from_0_to_1(heat.numpy()))

    def _scores(self, maps: Any) -> Any:
        """Return what softmax would be given of each class."""
        end = keras.ops.cast(self.rest(maps, training=False), "float32")
        if self.last is None:
            return keras.ops.log(end + keras.config.epsilon())
        scores = keras.ops.matmul(end, keras.ops.cast(self.last.kernel, "float32"))
        return scores if self.last.bias is None else scores + self.last.bias


def _last_maps(network: keras.Model) -> Any:
    for layer in reversed(network.layers):
        output = layer.output
        if isinstance(output, list) or len(output.shape) != _PICTURES:
            continue
        if keras.backend.is_float_dtype(output.dtype):
            return output
    raise Refused("Grad-CAM needs a network with feature maps.")


def _from_0_to_1(heat: NDArray[Any]) -> NDArray[np.float32]:
    """Scale each map by its own highest value; what isn't finite says nothing."""
    known = np.nan_to_num(heat, nan=0.0, posinf=0.0, neginf=0.0)
    highest = known.max(axis=(1, 2), keepdims=True)
    return np.asarray(known / np.where(highest > 0, highest, 1), dtype=np.float32)


def _thinned(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    step = -(-max(heat.shape[1:]) // MAX_HEAT_SIDE)
    return heat[:, ::step, ::step]
