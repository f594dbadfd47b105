"""What is said of a manifest that lies in an image folder and isn't read."""

from pathlib import Path

from lungbench.data.unread_manifests import UnreadManifest
from lungbench.foreign_text import visible
from reports.forms.format import listed


def manifest_note(folder: str, found: UnreadManifest) -> str:
    """Say what a manifest would tell, and how it is read.

    Args:
        folder: That it lies in, as it was named.
        found: The manifest.
    """
    path = visible(str(Path(folder) / found.name))
    tells = listed([f"{each}s" for each in found.tells]) or "images and classes"
    return f"{path} tells of {tells} and isn't read: name it instead of the folder."
