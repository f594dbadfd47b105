"""Values that are read from files and written to them, and what is wrong with a file."""

from pydantic import BaseModel, ConfigDict, ValidationError


class Frozen(BaseModel):
    """A value: every key known, nothing changed after it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def first_problem(error: ValidationError) -> str:
    """Put pydantic's first complaint into one line: where, what was received, what is expected."""
    # A list whose items were refused is also said to be too short: that is no second mistake.
    problems = [each for each in error.errors(include_url=False) if each["type"] != "too_short"]
    first, *others = problems or error.errors(include_url=False)
    if first["type"] == "json_invalid":
        return str(first["msg"])  # what was received is the whole file
    where = ".".join(str(part) for part in first["loc"]) or "the experiment"
    rest = f" ({len(others)} more after this one.)" if others else ""
    if first["type"] == "extra_forbidden":
        return f"{where} is no key of an experiment file.{rest}"
    if first["type"] == "missing":
        return f"{where} is missing.{rest}"
    message = first["msg"].removeprefix("Value error, ")
    received = "" if first["type"] == "value_error" else f" Received: {first['input']!r}."
    return f"{where}: {message}.{received}{rest}"
