"""Why a file can't be used as an image, and how large an image may be."""

from lungbench.errors import DataError

MIN_SIDE = 16
MAX_PIXELS = 64_000_000
"""Three times the largest digitised film, and below Pillow's own warning about bombs."""


class UnreadableImage(DataError):
    """A file that can't be used as an image.

    Args:
        reason: Why, in a few words that are the same on every machine.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("An image file must be readable.", received=reason)


class NotAnImage(UnreadableImage):
    """A file whose content is no image format that is read here."""


def check_size(width: int, height: int) -> None:
    """Refuse an image by its header, before its pixels take any memory.

    Raises:
        UnreadableImage: It has too few pixels for a radiograph, or more than any has.
    """
    if min(width, height) < MIN_SIDE:
        raise UnreadableImage(f"{width} x {height} pixels; at least {MIN_SIDE} a side are needed")
    if width * height > MAX_PIXELS:
        raise UnreadableImage(too_large())


def too_large() -> str:
    """Return the reason why an image of too many pixels is refused."""
    return f"more than {MAX_PIXELS // 10**6} million pixels"
