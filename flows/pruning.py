"""What pruning would remove and what it removed, for the terminal and for scripts."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from flows.columns import columns
from lungbench.counted import counted
from lungbench.executions.execution import executions
from lungbench.executions.prune import Pruned, judge, remove
from reports.forms.format import size


def prune(results: Path, keep: int, *, really: bool, as_json: bool) -> str:
    """Judge the executions below a folder, remove those that don't stay if asked to, and say so.

    What is removed leaves the index page of the folder as well.

    Raises:
        Refused: There is no such folder, or a part of it can't be removed.
    """
    judged = judge(results, keep)
    if really:
        _remove(results, judged)
    if as_json:
        return json.dumps([asdict(each) | {"folder": str(each.folder)} for each in judged])
    return _text(judged, really=really)


def _remove(results: Path, judged: Sequence[Pruned]) -> None:
    """Remove what doesn't stay, and write the index again, even where only a part could go."""
    from reports.over_time.index_page import rebuild_index

    try:
        for _ in remove(judged):
            pass
    finally:
        if executions(results):
            rebuild_index(results)


def _text(judged: Sequence[Pruned], *, really: bool) -> str:
    going = [each for each in judged if not each.stays]
    rows = [
        ("stays" if each.stays else "goes", each.folder, size(each.size_bytes), each.why)
        for each in judged
    ]
    room = size(sum(each.size_bytes for each in going))
    done = "removed" if really else "would be removed; add --yes to do it"
    return f"{columns(('', 'folder', 'size', 'why'), rows)}\n" + (
        f"{counted(len(going), 'folder')} with {room} {done}."
    )
