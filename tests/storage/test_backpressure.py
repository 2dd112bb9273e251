"""More callers than connections while the database stands still: refused in time, bounded, and served again at once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Api
from tests.support.outage import PATIENCE, TIMEOUT, Database
from tests.support.server import Server
from tests.wire.bytes import Wire

CALLERS = 200


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    database.start()
    yield database
    database.thaw()
    database.stop()


def resident(server: Server) -> int:
    assert server.process
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


def send_all(wires: list[Wire], rooms: list[dict[str, Any]], user: dict[str, Any]) -> list[tuple[int, dict[str, str]]]:
    """Send a message on each connection at once, and return statuses and headers."""
    for wire, room in zip(wires, rooms, strict=True):
        body = f'{{"user_id": "{user["id"]}", "message": "hi"}}'.encode()
        path = f"/conversations/{room['id']}/messages/create"
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        wire.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return [wire.answer()[:2] for wire in wires]


def test_callers_beyond_the_pool_while_the_database_stands_still(
    database: Database, make_server: Callable[..., Server]
) -> None:
    settings = {"STORAGE_POOL_SIZE": "2", "STORAGE_TIMEOUT": str(TIMEOUT)}
    server = make_server(DATABASE_URL=database.url, **settings)
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    with ThreadPoolExecutor(8) as pool:
        rooms = list(pool.map(lambda _: api.conversation(ann, bob), range(CALLERS)))
    wires = [Wire(server) for _ in range(CALLERS)]
    assert {status for status, _ in send_all(wires, rooms, ann)} == {200}
    before = resident(server)
    database.freeze()
    for _ in range(2):
        began = time.monotonic()
        answers = send_all(wires, rooms, ann)
        assert time.monotonic() - began < PATIENCE
        assert {status for status, _ in answers} == {503}
        assert {headers["retry-after"] for _, headers in answers} == {"1"}
    assert resident(server) - before < 30 << 20
    database.thaw()
    server.wait_until_ready()
    assert {status for status, _ in send_all(wires, rooms, ann)} == {200}
    for wire in wires:
        wire.socket.close()
    assert "Traceback" not in server.log.read_text()
