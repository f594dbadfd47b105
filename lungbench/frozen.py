"""Values that are read from files and written to them, and what is wrong with a file."""

import difflib
import json
import re
from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

_LONGEST_SHOWN = 200
_ALIKE = 0.75

# What TOML and JSON call what pydantic calls by Python's names.
_TABLE = re.compile(r"valid dictionary(?: or instance of \w+)?")


class Frozen(BaseModel):
    """A value: every key known, nothing changed after it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Settings(Frozen):
    """A table of an experiment file: in a form, a key has its own name and the words below it."""

    model_config = ConfigDict(
        use_attribute_docstrings=True, field_title_generator=lambda name, _: name
    )


def first_problem(error: ValidationError, keys: Sequence[str] = ()) -> str:
    """Put pydantic's first complaint into one line: where, what was received, what is expected.

    Args:
        error: The complaints.
        keys: Those that exist, with their tables, to name the one that may have been meant.
    """
    # A list whose items were refused is also said to be too short: that is no second mistake.
    problems = [each for each in error.errors(include_url=False) if each["type"] != "too_short"]
    first, *others = problems or error.errors(include_url=False)
    if first["type"] == "json_invalid":
        return str(first["msg"])  # what was received is the whole file
    where = ".".join(str(part) for part in first["loc"]) or "the experiment"
    rest = f" ({len(others)} more after this one.)" if others else ""
    if first["type"] == "extra_forbidden":
        return f"{where} is no key of an experiment file{_meant(where, keys)}{rest}"
    if first["type"] == "missing":
        return f"{where} is missing.{rest}"
    message = _in_their_words(first["msg"].removeprefix("Value error, "))
    received = "" if first["type"] == "value_error" else f" Received: {_shown(first['input'])}."
    return f"{where}: {message}.{received}{rest}"


def keys_of(model: type[BaseModel], table: str = "") -> Iterator[str]:
    """Yield every key of a file that a model is read from, with its table: `train.epochs`."""
    for name, field in model.model_fields.items():
        yield f"{table}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys_of(field.annotation, f"{table}{name}.")


def _meant(where: str, keys: Sequence[str]) -> str:
    """Name the key of the same name in another table, or the one that is spelt most alike."""
    name = where.rpartition(".")[2]
    elsewhere = [key for key in keys if key.rpartition(".")[2] == name]
    nearest = elsewhere or difflib.get_close_matches(where, keys, n=1, cutoff=_ALIKE)
    return f"; did you mean {nearest[0]}?" if nearest else "."


def _in_their_words(message: str) -> str:
    return _TABLE.sub("valid table", message).replace("tuple", "list").replace("Tuple", "List")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
