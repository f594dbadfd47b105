"""What of an artifact is sent to a server, by a client that only keeps what it is given."""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from prefect.client.schemas.actions import ArtifactCreate

from tasks.artifacts import Artifact


class Client:
    """Keeps what it is told; `fails` makes the next change be taken without an answer."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.fails = False

    def create_artifact(self, artifact: ArtifactCreate) -> SimpleNamespace:
        self.told.append({"data": artifact.data, "description": artifact.description})
        return SimpleNamespace(id=uuid4())

    def request(self, *_: Any, json: dict[str, Any], **__: Any) -> None:
        self.told.append(json)
        if self.fails:
            self.fails = False
            raise TimeoutError


def told(*shown: tuple[Any, str], failing_at: int | None = None) -> list[dict[str, Any]]:
    """Show one after the other in one artifact; return what the server was sent."""
    client, artifact = Client(), Artifact("table", "key")
    for number, (data, description) in enumerate(shown):
        client.fails = number == failing_at
        artifact.show(client, data, description)  # type: ignore[arg-type]
    return client.told


def test_only_what_has_changed_is_sent() -> None:
    assert told(("rows", "0 done"), ("rows", "1 done"), ("more", "1 done"), ("more", "1 done")) == [
        {"data": "rows", "description": "0 done"},
        {"description": "1 done"},
        {"data": "more"},
    ]


def test_what_a_server_may_not_have_taken_is_sent_again_whole() -> None:
    # The second change may have been taken: the third says all, though it equals the first.
    assert told(("a", "x"), ("b", "y"), ("a", "x"), failing_at=1)[1:] == [
        {"data": "b", "description": "y"},
        {"data": "a", "description": "x"},
    ]
