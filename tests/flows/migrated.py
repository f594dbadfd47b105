"""Homes of Prefect whose database is there, since its migrations take ten seconds a home."""

import sqlite3
from contextlib import closing
from pathlib import Path

from filelock import FileLock
from prefect_server import Server

_DATABASE = "prefect.db"


def fill(home: Path, shared: Path) -> Path:
    """Give an empty home the database that a server leaves that was started once; return the home.

    Args:
        home: The folder to fill.
        shared: Where all processes of the tests find the one to copy; the first makes it.
    """
    whole = shared / _DATABASE
    with FileLock(shared / "migrated.lock"):
        if not whole.exists():
            _make(shared / "migrated", whole)
    _copy(whole, home / _DATABASE)
    return home


def _make(home: Path, database: Path) -> None:
    home.mkdir(exist_ok=True)  # of one that failed
    server = Server(home)
    try:
        server.start()
    finally:
        server.stop()
    unnamed = database.with_suffix(".new")
    _copy(home / _DATABASE, unnamed)
    unnamed.rename(database)


def _copy(database: Path, copy: Path) -> None:
    """Copy a database with what is still in its log."""
    with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
