"""A check of who can reach Prefect's server, and whether a password keeps them out."""

import os
import socket
import urllib.error
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

import psutil

from lungbench.checks import Asked, Check
from lungbench.checks.prefect_api import get
from lungbench.secrets import without_password

_NAME = "prefect exposure"
_REFUSED = (401, 403)
# A question that only a server without a password answers; the health page is open to all.
_QUESTION = "admin/version"
_PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"  # noqa: S105 - the variable's name
_ADVICE = (
    f"set {_PASSWORD} for the server and PREFECT_API_AUTH_STRING for its clients, or let it listen "
    "on 127.0.0.1; whoever reaches it can run code as its user."
)


def exposure(_asked: Asked) -> Iterator[Check]:
    """Say where the server listens, and whether it asks for a password."""
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        found = "none is named; a run's own one listens on 127.0.0.1, while the run lasts"
        yield Check(_NAME, "pass", found)
        return
    yield _exposure(url)


def _exposure(url: str) -> Check:
    parts, shown = urlsplit(url), without_password(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return Check(_NAME, "fail", f"PREFECT_API_URL is {shown}, no address of a server")
    asks = _asks_for_a_password(shown)
    if asks is None:
        return Check(_NAME, "warn", f"{shown} gives no answer", "start it and ask again.")
    addresses = _addresses(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
    reachable = [each for each in addresses if not _is_loopback(each)]
    where = f"it listens on {', '.join(addresses)}"
    password = "asks for a password" if asks else "asks for no password"
    if not reachable:
        return Check(_NAME, "pass", f"{where}, for this machine alone, and {password}")
    found = f"{where}, where other machines can reach it, and {password}"
    if not asks:
        return Check(_NAME, "fail", found, _ADVICE)
    if parts.scheme == "http":
        return Check(_NAME, "warn", f"{found}, in clear text", "put TLS in front of it.")
    return Check(_NAME, "pass", found)


def _asks_for_a_password(url: str) -> bool | None:
    """Return whether the server refuses strangers; None where nobody answers."""
    try:
        with get(f"{url.rstrip('/')}/{_QUESTION}"):
            return False
    except urllib.error.HTTPError as error:
        return error.code in _REFUSED
    except (OSError, ValueError):
        return None


def _addresses(host: str, port: int) -> list[str]:
    """Return what a server of this machine listens on; of another machine, its address alone."""
    if host not in _own_addresses():
        return [host]
    try:
        sockets = psutil.net_connections("tcp")
    except (OSError, psutil.Error):
        return [host]
    listening = {
        each.laddr.ip
        for each in sockets
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port
    }
    return sorted(listening) or [host]


def _own_addresses() -> set[str]:
    found = {each.address for card in psutil.net_if_addrs().values() for each in card}
    return found | {"localhost", "127.0.0.1", "::1", socket.gethostname()}


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
