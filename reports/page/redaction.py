"""A page without the names of hosts and users, for readers outside of the lab.

Hosts are renamed before a page is built, since drawings shorten long names; all else is rewritten
in the finished page: so nothing that reaches it is missed, whichever file it comes from, and
nothing that was compared is changed. Each name gets one placeholder wherever it stands: `host-1`,
`user-1`, `gpu-1`. Absolute paths are cut down to their last part, and a kernel's release, which may
name who built it, to its first two numbers.

Users are known by the home folders and addresses (`ana@ward7`) that are found; a name that stands
nowhere in such a place can't be told from any other word. Pictures stay as they are: small ones of
X-rays are shared with the page.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from html import escape, unescape
from pathlib import PurePosixPath
from typing import Any, TypeVar

from markupsafe import Markup
from pydantic import BaseModel

from reports.results.load import Results, Run

Content = TypeVar("Content")
Change = Callable[[str], str]

_STRUCTURE = frozenset({"anchor", "mark", "outcome", "status", "picture"})
"""What a template branches on or draws, and nobody reads."""

_NAME = r"[A-Za-z0-9][\w.+-]*"
_HOME = re.compile(rf"(?:/(?:home|Users|export/home|var/home)/|\b[A-Za-z]:\\+Users\\+)({_NAME})")
_ADDRESS = re.compile(rf"\b({_NAME})@(?=[A-Za-z0-9])")
_SHORT_USER = re.compile(rf"(?<![\w.+-])(?!user-\d){_NAME}@(?=host-\d)")
_GPU = re.compile(r"(?i)\b(?:GPU|MIG)-[0-9a-fA-F]{8}-[0-9a-fA-F-]{8,}")
_SERIAL = re.compile(r"(?i)\b(serial(?: ?(?:number|no\.?))?\s*[:=#]?\s*)([A-Z0-9-]*\d[A-Z0-9-]*)")

_QUOTED = re.compile(r"""(?<=")(?:file://)?/[^"\n]*/[^"\n]*(?=")|(?<=')/[^'\n]*/[^'\n]*(?=')""")
_PATH = re.compile(r"""(?:file://|(?<![\w./~…-]))/(?!/)(?:[^\s/'",;:()<>|]+/)+[^\s/'",;:()<>|]*""")
_WINDOWS = re.compile(
    r"""(?:\b[A-Za-z]:|(?<!\\)\\)\\+(?:[^\s\\'",;:()<>|]+\\+)+[^\s\\'",;:()<>|]*"""
)
_SHORTENED = re.compile(r"([A-Za-z0-9][\w.-]*)…")
_SEPARATORS = re.compile(r"[/\\]+")
_SHORTEST_USER = 3  # shorter ones are words of every language
_EVERYBODYS = frozenset({"root"})

_KERNEL = re.compile(r"(?:^|, )([A-Z]\w+) ((\d+\.\d+)\S*)")
_PLAIN_RELEASE = re.compile(r"[\d.]+")

_SVG_TEXT = re.compile(r"""(?<=>)[^<]+(?=<)|(?<=aria-label=")[^"]*""")


def with_numbered_hosts(executions: Sequence[Results]) -> list[Results]:
    """Return the executions with the hosts of their records renamed."""
    placeholders = _hosts(_host_names(executions))

    def renamed(run: Run) -> Run:
        host = run.record.host
        host = host.model_copy(update={"hostname": placeholders[host.hostname]})
        return replace(run, record=run.record.model_copy(update={"host": host}))

    return [replace(each, runs=tuple(map(renamed, each.runs))) for each in executions]


def redacted(content: Content, executions: Sequence[Results]) -> Content:
    """Return a page, or a summary, without the names in it.

    Args:
        content: Dataclasses, models, tuples and texts; a `Markup` is a drawing.
        executions: What it was made of, with the names of their hosts.
    """
    return _mapped(content, renaming(_texts(content), executions))  # type: ignore[no-any-return]


def renaming(texts: Iterable[str], executions: Sequence[Results]) -> Change:
    """Return what leaves the names out of a text.

    Args:
        texts: All that names users or GPUs, besides what is stored with the executions.
        executions: With the names of their hosts.
    """
    known = [*texts, *_known_texts(executions)]
    hosts = _hosts(_host_names(executions))
    users = {name: f"user-{number}" for number, name in enumerate(dict.fromkeys(_users(known)), 1)}
    gpus = {name: f"gpu-{number}" for number, name in enumerate(_gpus(executions, known), 1)}
    return _in_order(
        _kernels(each.record.host.os for execution in executions for each in execution.runs),
        _paths(_known_paths(executions)),
        _words(gpus),
        lambda text: _SERIAL.sub(r"\1hidden", text),
        _words(hosts, after=r"(?:\.[A-Za-z0-9-]+)*"),
        _words(users),
        lambda text: _SHORT_USER.sub("user@", text),
        _beginnings((*hosts, *users, *gpus)),
    )


def _in_order(*changes: Change) -> Change:
    def change(text: str) -> str:
        for each in changes:
            text = each(text)
        return text

    return change


def _kernels(systems: Iterable[str]) -> Change:
    """Cut the releases of kernels down to major and minor; of a distribution, nothing.

    A release of numbers alone may be any version, and is only cut behind the kernel's name.
    """
    shorter = {}
    for system, release, numbers in (it for each in systems for it in _KERNEL.findall(each)):
        shorter[f"{system} {release}"] = f"{system} {numbers}"
        if not _PLAIN_RELEASE.fullmatch(release):
            shorter[release] = numbers
    longest_first = sorted(shorter, key=len, reverse=True)

    def change(text: str) -> str:
        for found in longest_first:
            text = text.replace(found, shorter[found])
        return text

    return change


def _paths(known: Iterable[str]) -> Change:
    """Cut absolute paths down to their last part; those that are known may hold spaces."""
    longest_first = sorted(known, key=len, reverse=True)

    def change(text: str) -> str:
        for path in longest_first:
            text = text.replace(path, _last_part(path))
        for pattern in (_QUOTED, _PATH, _WINDOWS):
            text = pattern.sub(lambda match: _last_part(match[0]), text)
        return text

    return change


def _last_part(path: str) -> str:
    return f"…/{[part for part in _SEPARATORS.split(path) if part][-1]}"


def _words(placeholders: dict[str, str], after: str = "") -> Change:
    """Replace names where they stand as words, in small letters or in large ones.

    Args:
        placeholders: By name.
        after: What belongs to a name if it follows it.
    """
    by_name = {name.lower(): placeholder for name, placeholder in placeholders.items() if name}
    if not by_name:
        return str
    longest_first = sorted(by_name, key=len, reverse=True)
    any_of = "|".join(map(re.escape, longest_first))
    pattern = re.compile(rf"(?i)(?<![a-z0-9])({any_of}){after}(?![a-z0-9])")
    return lambda text: pattern.sub(lambda match: by_name[match[1].lower()], text)


def _beginnings(names: Iterable[str]) -> Change:
    """Take away what a drawing left of a name that was too long for it."""
    known = [name.lower() for name in names]

    def cut(match: re.Match[str]) -> str:
        left = match[1].lower()
        return "…" if any(name.startswith(left) for name in known) else match[0]

    return lambda text: _SHORTENED.sub(cut, text)


def _host_names(executions: Iterable[Results]) -> dict[str, None]:
    return dict.fromkeys(run.record.host.hostname for each in executions for run in each.runs)


def _gpus(executions: Iterable[Results], texts: Iterable[str]) -> dict[str, None]:
    """Return the identifiers of GPUs, recorded or only named, in small letters."""
    known = (gpu.uuid for each in executions for run in each.runs for gpu in run.record.host.gpus)
    named = (gpu for text in texts for gpu in _GPU.findall(text))
    return dict.fromkeys(gpu.lower() for gpu in (*filter(None, known), *named))


def _hosts(names: Iterable[str]) -> dict[str, str]:
    """Number the hosts, each with the short form of its name."""
    placeholders = {}
    for number, name in enumerate(names, 1):
        short = name.partition(".")[0]
        placeholders[name] = f"host-{number}"
        if not short.isdigit():  # which is an address
            placeholders.setdefault(short, f"host-{number}")
    return placeholders


def _users(texts: Iterable[str]) -> Iterator[str]:
    """Yield the users whose homes or addresses are named."""
    for text in texts:
        for pattern in (_HOME, _ADDRESS):
            for name in pattern.findall(text):
                if len(name) >= _SHORTEST_USER and name.lower() not in _EVERYBODYS:
                    yield name


def _known_paths(executions: Iterable[Results]) -> set[str]:
    """Return the absolute paths that are stored as paths, and not only named in a text."""
    paths = set()
    for each in executions:
        paths.add(str(each.folder))
        if each.data:
            paths |= {each.data.source, str(each.data.folder), str(each.data.pixels)}
        if each.experiment:
            data, weights = each.experiment.data, each.experiment.train.weights
            paths |= {data.source, *(path for folders in data.classes.values() for path in folders)}
            paths |= {weights} if isinstance(weights, str) else set(weights.values())
        paths |= {run.record.data.source for run in each.runs}
        paths |= {run.record.spec.weights for run in each.runs}
    return {path for path in paths if len(PurePosixPath(path).parts) > 1 and path[0] in "/\\"}


def _known_texts(executions: Iterable[Results]) -> Iterator[str]:
    """Yield what tells users though it may stand nowhere on the page."""
    yield from _known_paths(executions)
    for each in executions:
        for failure in each.failures:
            yield from failure.log_tail


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of a page."""
    found: list[str] = []

    def keep(text: str) -> str:
        found.append(text)
        return text

    _mapped(value, keep)
    yield from found


def _mapped(value: Any, change: Change) -> Any:
    """Return a value with all of its texts changed."""
    if isinstance(value, Markup):
        value = _in_drawing(value, change)
    elif isinstance(value, str):
        value = change(value)
    elif isinstance(value, tuple | list):
        value = type(value)(_mapped(each, change) for each in value)
    elif isinstance(value, dict):
        value = {_mapped(key, change): _mapped(each, change) for key, each in value.items()}
    elif isinstance(value, BaseModel):
        value = value.model_copy(update=_changed_fields(value, type(value).model_fields, change))
    elif is_dataclass(value) and not isinstance(value, type):
        value = replace(value, **_changed_fields(value, [f.name for f in fields(value)], change))
    return value


def _changed_fields(value: Any, names: Iterable[str], change: Change) -> dict[str, Any]:
    return {name: _mapped(getattr(value, name), change) for name in names if name not in _STRUCTURE}


def _in_drawing(svg: Markup, change: Change) -> Markup:
    """Change what a drawing says, and nothing of how it is drawn."""

    def said(match: re.Match[str]) -> str:
        return escape(change(unescape(match[0])))

    return Markup(_SVG_TEXT.sub(said, svg))  # noqa: S704  escaped again above
