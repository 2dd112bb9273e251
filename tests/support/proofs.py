"""What the proofs share: their size, the server on either driver, writers who do not give up."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import socketio
import urllib3

from tests.support.client import Api
from tests.support.postgrest import PostgrestStandIn
from tests.support.server import Device, Server

#: `make soak`: minutes instead of seconds.
SOAK = bool(os.environ.get("SOAK"))
DRIVERS = ("postgres", "supabase")


def size(small: int, large: int) -> int:
    """Return how much to do in `make test`, or in `make soak`."""
    return large if SOAK else small


@contextmanager
def reached_by(driver: str, database_url: str) -> Iterator[dict[str, str]]:
    """Settings with which a server reaches the database by this driver, while the block runs."""
    if driver == "postgres":
        yield {"DATABASE_URL": database_url}
        return
    with PostgrestStandIn(database_url) as api:
        yield {"SUPABASE_PROJECT_URL": api.url, "SUPABASE_SERVICE_ROLE_KEY": api.service_role_key}


class PatientApi(Api):
    """Asks again where the server says that it could not ask its database, as the contract tells clients to.

    After a restart of PostgreSQL each connection that PostgREST still has to it costs one request a 503.
    """

    def request(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answer = self._through.request(method, path, body, **headers)
            if answer.status != 503:
                assert answer.status == status, answer.json()
                return answer.json()
            assert answer.json()["code"] == "storage_unavailable", answer.json()
            time.sleep(int(answer.headers["Retry-After"]))
        raise AssertionError("the storage stays away")


class HttpWriter:
    """Sends over HTTP, each message again and again under the same `client_id` until the server acknowledges it."""

    def __init__(self, server: Server, user: dict[str, Any], conversation: dict[str, Any], **headers: str) -> None:
        self.server = server
        self.user = user
        self.conversation = conversation
        self.path = f"/conversations/{conversation['id']}/messages/create"
        self.headers = headers

    def write(self, text: str, seconds: float = 60) -> dict[str, Any]:
        """Return the acknowledged message."""
        client_id = str(uuid4())
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            sent = self.attempt(text, client_id)
            if sent is not None:
                return sent
            time.sleep(0.05)
        raise AssertionError(f"not acknowledged within {seconds} seconds")

    def attempt(self, text: str, client_id: str) -> dict[str, Any] | None:
        """Send once; return None when trying again is right."""
        body = {"user_id": self.user["id"], "message": text, "client_id": client_id}
        try:
            answer = self.server.request("POST", self.path, body, **self.headers)
        except urllib3.exceptions.HTTPError:
            return None
        if answer.status == 503:
            assert "Retry-After" in answer.headers
            return None
        assert answer.status == 200, answer.json()
        sent: dict[str, Any] = answer.json()
        return sent

    def close(self) -> None:
        """Nothing is kept open."""


class SocketWriter(HttpWriter):
    """The same over a socket, which is opened again when it breaks."""

    device: Device | None = None

    def attempt(self, text: str, client_id: str) -> dict[str, Any] | None:
        data = {"conversation_id": self.conversation["id"], "message": text, "client_id": client_id}
        try:
            sent: dict[str, Any] = self._joined().socket.call("sendMessage", data, timeout=3)
        except socketio.exceptions.SocketIOError:
            self.close()
            return None
        if "error" in sent:
            assert sent["error"]["code"] == "storage_unavailable", sent
            return None
        return sent

    def _joined(self) -> Device:
        if self.device is None:
            self.device = Device(self.server)
            if "error" in self.device.join(self.user):
                raise socketio.exceptions.ConnectionError
        return self.device

    def close(self) -> None:
        if self.device is not None:
            self.device.close()
            self.device = None
