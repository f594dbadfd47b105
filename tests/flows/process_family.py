"""The processes below another one, while some of them end."""

from contextlib import suppress

import psutil


def family_with(word: str, process: psutil.Process) -> list[psutil.Process]:
    """Return the living processes below one whose command lines hold a word.

    What ends between being listed and being asked is left out; nothing is below what has ended.
    """
    found = []
    with suppress(psutil.NoSuchProcess):
        for each in process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if word in " ".join(each.cmdline()):
                    found.append(each)
    return found
