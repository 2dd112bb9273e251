"""A database that can be broken, and what the server must answer while it is and afterwards."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from chat.embedded.cluster import Cluster, within
from tests.support.client import Api
from tests.support.server import Device, Server

#: Seconds that a call of the database may take; and what an answer may take altogether on a busy machine.
TIMEOUT, PATIENCE = 2, 8


class Database:
    """A PostgreSQL that nobody else uses."""

    def __init__(self, directory: Path) -> None:
        self._cluster = Cluster(directory)
        self._frozen: list[int] = []
        self.url = self._cluster.url

    def start(self) -> None:
        self._cluster.ensure_running(alone=True)

    def stop(self) -> None:
        self._cluster.shut_down()

    def crash(self) -> None:
        """Stop at once: connections break off, nothing is finished, the next start recovers."""
        os.kill(self._postmaster(), signal.SIGQUIT)
        assert within(10, lambda: not (self._cluster.path / "postmaster.pid").exists())

    def freeze(self) -> None:
        """Let it neither answer nor end, new connections included."""
        with psycopg.connect(self.url) as connection:
            pids = [pid for (pid,) in connection.execute("select pid from pg_stat_activity")]
        for pid in (self._postmaster(), *pids):
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:  # the one that has just been asked
                continue
            self._frozen.append(pid)

    def thaw(self) -> None:
        while self._frozen:
            os.kill(self._frozen.pop(), signal.SIGCONT)

    def _postmaster(self) -> int:
        return int((self._cluster.path / "postmaster.pid").read_text().split()[0])


@contextmanager
def soon() -> Iterator[None]:
    """The block must not hang for longer than the storage's time-out."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < PATIENCE


def expect_unavailable(server: Server, device: Device, conversation: dict[str, Any]) -> None:
    """Requests and events are answered in time: the database does not answer at the moment."""
    with soon():
        response = server.request("GET", f"/conversations/{conversation['id']}/messages")
    assert (response.status, response.json()["code"]) == (503, "storage_unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    with soon():
        answer = device.call("sendMessage", {"conversation_id": conversation["id"], "message": "lost"})
    assert (answer["error"]["status"], answer["error"]["code"]) == (503, "storage_unavailable")
    with soon():  # an answer holds for a second
        assert within(PATIENCE, lambda: server.request("GET", "/ready").status == 503)
    assert server.request("GET", "/health").status == 200


def expect_recovery(server: Server, device: Device, listening: Device, conversation: dict[str, Any]) -> None:
    """The same sockets go on as if nothing had happened."""
    server.wait_until_ready()
    sent = device.call("sendMessage", {"conversation_id": conversation["id"], "message": "back"})
    assert sent["message"] == "back"
    assert listening.heard_so_far()[-1] == ("message", sent)
    assert Api(server).messages(conversation)[-1]["id"] == sent["id"]
