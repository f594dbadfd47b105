"""A place that all hosts of an experiment reach: a folder that each mounts, or a bucket.

fsspec gives both one face, and this is the only module that knows it. Names are relative to the
place, with forward slashes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from lungbench.errors import ExperimentError, LungbenchError

_S3 = "s3"
# A store that is gone is noticed while there is still something to do about it.
_PATIENCE = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 3}}


class Unreachable(LungbenchError):
    """A results location doesn't answer, or refuses."""


@dataclass(frozen=True, slots=True)
class Location:
    """One folder of files that other hosts see.

    Attributes:
        files: The file system.
        root: The folder on it.
    """

    files: Any
    root: str

    @classmethod
    def at(cls, text: str) -> "Location":
        """Open a location as an experiment names it: a folder's path, or a URL.

        Raises:
            ExperimentError: What it needs isn't installed, or fsspec knows no such place.
        """
        protocol = text.partition("://")[0] if "://" in text else "file"
        try:
            # Another host's files must be seen at once, so nothing of a listing may be kept.
            files, root = fsspec.url_to_fs(
                text, skip_instance_cache=True, use_listings_cache=False, **_options(protocol)
            )
        except (ImportError, ValueError) as error:
            raise ExperimentError(
                "delivery.location must be a folder or a URL that fsspec can open here.",
                received=f"{text} ({error})",
                expected="a folder that every host mounts, or s3://bucket/prefix",
                hint="for s3:// install lungbench[s3] on every host.",
            ) from None
        return cls(files, root.rstrip("/"))

    def below(self, *names: str) -> "Location":
        """Return a folder below this one."""
        return Location(self.files, "/".join((self.root, *names)))

    def write(self, name: str, content: bytes) -> None:
        """Write one small file, whole or not at all.

        Raises:
            Unreachable: The location doesn't answer, or refuses.
        """
        path = self._path(name)
        with _reached(path):
            if not isinstance(self.files, LocalFileSystem):  # a store takes an object or none
                self.files.pipe_file(path, content)
                return
            self.files.pipe_file(f"{path}.part", content)
            self.files.mv(f"{path}.part", path)

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; None where there is none.

        Raises:
            Unreachable: The location doesn't answer, or refuses.
        """
        path = self._path(name)
        with _reached(path):
            try:
                content: bytes = self.files.cat_file(path)
            except FileNotFoundError:
                return None
            return content

    def put(self, file: Path, name: str) -> None:
        """Copy a file of this host there.

        Raises:
            Unreachable: Either can't be reached.
        """
        path = self._path(name)
        with _reached(path):
            self.files.put_file(str(file), path)

    def get(self, name: str, file: Path) -> None:
        """Copy a file from there to this host, over what is there.

        Raises:
            Unreachable: Either can't be reached.
        """
        path = self._path(name)
        with _reached(path):
            self.files.get_file(path, str(file))

    def names(self) -> list[str]:
        """Return the names directly below, sorted; none where there is nothing.

        Raises:
            Unreachable: The location doesn't answer, or refuses.
        """
        with _reached(self.root):
            try:
                found = self.files.ls(self.root, detail=False)
            except FileNotFoundError:
                return []
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found)

    def remove(self) -> None:
        """Remove this folder and everything below it, if it is there.

        Raises:
            Unreachable: The location doesn't answer, or refuses.
        """
        with _reached(self.root):
            try:
                self.files.rm(self.root, recursive=True)
            except FileNotFoundError:
                return

    def __str__(self) -> str:
        return str(self.files.unstrip_protocol(self.root))

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"


def _options(protocol: str) -> dict[str, Any]:
    if protocol == "file":
        return {"auto_mkdir": True}
    return {"config_kwargs": _PATIENCE} if protocol == _S3 else {}


@contextmanager
def _reached(path: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each kind of store has exceptions of its own, and no parent
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise Unreachable(
            "The results location must answer.",
            received=f"{path} ({why})",
            hint="see that every host may read and write there.",
        ) from None
