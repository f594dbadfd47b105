"""Checks of what is installed: Python, the dependencies and Prefect's server."""

import json
import os
import platform
import urllib.error
from collections.abc import Iterable, Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from lungbench.checks import Asked, Check
from lungbench.checks.prefect_api import get
from lungbench.checks.question import TIMEOUT_S, Answer, ask
from lungbench.secrets import without_password

_PACKAGE = "lungbench"
_INSTALL = "install it again with `make setup`, which uses the pinned versions."

# Why a version outside of the range is no matter of taste.
_REASONS = {
    "fastapi": "newer ones can't start Prefect's server",
    "sqlalchemy": "2.1 and newer stop Prefect's scheduler",
}

_QUIET = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}

# Builds the server as a flow run without a server of its own would, and asks it once.
_SERVER = """
import asyncio, json
import httpx
from prefect.server.api.server import create_app

async def status():
    transport = httpx.ASGITransport(app=create_app(ephemeral=True))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        return (await client.get("/api/health")).status_code

print(json.dumps({"status": asyncio.run(status())}))
"""


def python(_asked: Asked) -> Iterator[Check]:
    """Compare Python with what the project requires."""
    name, version = "python", platform.python_version()
    try:
        wanted = metadata.metadata(_PACKAGE)["Requires-Python"]
    except metadata.PackageNotFoundError:
        yield Check(name, "fail", f"{_PACKAGE} itself is not installed", "run `make setup`.")
        return
    if SpecifierSet(wanted).contains(version, prereleases=True):
        yield Check(name, "pass", f"{version} ({wanted} is required)")
    else:
        advice = f"make the environment with a Python {wanted}."
        yield Check(name, "fail", f"{version}, but {wanted} is required", advice)


def dependencies(_asked: Asked) -> Iterator[Check]:
    """Compare every dependency with the range that the project declares."""
    try:
        required = _required(metadata.requires(_PACKAGE) or ())
    except metadata.PackageNotFoundError:
        return  # the check of Python says so
    wrong = [check for requirement in required if (check := _outside(requirement))]
    yield from wrong
    if not wrong:
        yield Check("dependencies", "pass", f"all {len(required)} are inside their ranges")


def server(_asked: Asked) -> Iterator[Check]:
    """See whether Prefect's server answers, or would start."""
    url = without_password(os.environ.get("PREFECT_API_URL", ""))
    yield _running(url) if url else _startable(ask(_SERVER, _QUIET))


def _required(texts: Iterable[str]) -> list[Requirement]:
    """Return the requirements that hold here, without those of extras."""
    parsed = (Requirement(text) for text in texts)
    return [one for one in parsed if one.marker is None or one.marker.evaluate({"extra": ""})]


def _outside(requirement: Requirement) -> Check | None:
    """Say what is wrong with one dependency; None where nothing is."""
    name, reason = f"dependency {requirement.name}", _REASONS.get(requirement.name)
    because = f" ({reason})" if reason else ""
    wanted = str(requirement.specifier)
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Check(name, "fail", "not installed", _INSTALL)
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return Check(name, "fail", f"{version} is outside of {wanted}{because}", _INSTALL)


def _running(url: str) -> Check:
    name, health = "prefect server", f"{url.rstrip('/')}/health"
    advice = "start it with `prefect server start`, or unset PREFECT_API_URL."
    if not health.startswith(("http://", "https://")):
        return Check(name, "fail", f"PREFECT_API_URL is {url}, no address of a server", advice)
    try:
        with get(health) as reply:
            healthy = json.load(reply) is True
    except urllib.error.HTTPError as error:
        return Check(name, "fail", f"{health} answers {error.code}", advice)
    except (OSError, ValueError) as error:
        return Check(name, "fail", f"{health} gives no answer ({error})", advice)
    if not healthy:
        return Check(name, "fail", f"{health} is not Prefect's", advice)
    return Check(name, "pass", f"{url} answers")


def _startable(answer: Answer) -> Check:
    name = "prefect server"
    if answer.late:
        found = f"it could not be built within {TIMEOUT_S:g} s"
        return Check(name, "warn", found, "run `lungbench doctor` again on an idle machine.")
    if answer.facts == {"status": 200}:
        return Check(name, "pass", "it can start")
    advice = f"{_INSTALL} Until then, `lungbench run --no-prefect` takes the same steps."
    return Check(name, "fail", f"it can't start: {answer.last_words}", advice)
