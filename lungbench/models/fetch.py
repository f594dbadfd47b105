"""Download the ImageNet weights of one network: `python -m lungbench.models.fetch vgg16`.

Keras's own loading code does it, so that what it stores and checks is what a training will find.
"""

import socket
import sys
from importlib import import_module

import keras

from lungbench.models import MODELS

if __name__ == "__main__":
    socket.setdefaulttimeout(30)  # a network that swallows packets would hang it for ever
    spec = MODELS[sys.argv[1]]
    smallest = keras.Input((spec.min_image_size, spec.min_image_size, 3))
    import_module(f"lungbench.models.{spec.name}").head(smallest, 2, "imagenet")
