"""Images as the paper's script reads them, in one place for the sides that do."""

from pathlib import Path
from typing import Any

# Keras 3 only exports it as tensorflow.keras.preprocessing.image, whose import takes longer.
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from lungbench.experiment import RunSpec


def generator_images(spec: RunSpec, folder: Path) -> Any:
    """Return the paper's generator (section III.C): files read, decoded and changed every epoch.

    It yields float32 RGB in [0, 1], image x row x column x 3, and one-hot labels.
    """
    changes = spec.augmentation
    return ImageDataGenerator(
        rescale=1 / 255,
        shear_range=changes.shear_degrees,
        zoom_range=changes.zoom,
        horizontal_flip=changes.horizontal_flip,
    ).flow_from_directory(
        str(folder),
        target_size=(spec.image_size, spec.image_size),
        batch_size=spec.batch_size,
        class_mode="categorical",
        seed=spec.seed,
    )
