"""Uploads to the real server: bounded in memory, cut in the middle, and nobody waits for a picture."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Api
from tests.support.files import MULTIPART, multipart, picture
from tests.support.server import Server
from tests.support.supabase_storage import KEY, StorageStandIn
from tests.wire.bytes import Wire

MEBIBYTE = 1 << 20
User = dict[str, Any]


@pytest.fixture
def service() -> Iterator[StorageStandIn]:
    with StorageStandIn() as stand_in:
        stand_in.most_bytes = 200 * MEBIBYTE
        yield stand_in


@pytest.fixture(params=["directory", "supabase"])
def server(
    request: pytest.FixtureRequest, make_server: Callable[..., Server], make_database: Callable[..., str]
) -> Server:
    settings = {"MAX_ATTACHMENT_BYTES": str(100 * MEBIBYTE), "DATABASE_URL": make_database()}
    if request.param == "supabase":
        service = request.getfixturevalue("service")
        settings |= {"ATTACHMENTS_STORE": "supabase", "SUPABASE_PROJECT_URL": service.url}
        settings |= {"SUPABASE_SERVICE_ROLE_KEY": KEY, "JWT_JWKS_URL": "http://127.0.0.1:9/keys"}
    return make_server(**settings)


def highest_memory(server: Server) -> int:
    assert server.process
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found
    return int(found[1]) << 10


def head(length: int | None) -> bytes:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST /attachments HTTP/1.1\r\nHost: localhost\r\nContent-Type: {MULTIPART}\r\n{framing}\r\n\r\n".encode()


def post(server: Server, body: bytes) -> tuple[int, Any]:
    with Wire(server) as wire:
        wire.socket.settimeout(60)
        wire.send(head(len(body)) + body)
        status, _, answer = wire.answer()
        return status, json.loads(answer)


def test_a_hundred_mebibytes_go_in_and_out_in_bounded_memory(server: Server) -> None:
    ann = Api(server).user("ann")
    post(server, multipart(b"x", user_id=ann["id"]))  # what is loaded once is loaded
    data = bytes(range(256)) * (100 * MEBIBYTE // 256)
    before = highest_memory(server)
    status, attachment = post(server, multipart(data, user_id=ann["id"]))
    assert (status, attachment["size"]) == (200, len(data))
    got = server.http.request("GET", f"{server.url}{attachment['url']}?user_id={ann['id']}", preload_content=False)
    assert sum(map(len, got.stream(MEBIBYTE))) == len(data)
    assert highest_memory(server) - before < 30 * MEBIBYTE
    part = server.request(
        "GET", f"{attachment['url']}?user_id={ann['id']}", Range=f"bytes={90 * MEBIBYTE + 1}-{90 * MEBIBYTE + 9}"
    )
    assert (part.status, part.data) == (206, bytes(range(1, 10)))
    status, told = post(server, multipart(data + b"x", user_id=ann["id"]))
    assert (status, told["code"]) == (413, "body_too_large")


def test_uploads_that_break_off_leave_nothing(make_server: Callable[..., Server], tmp_path: Path) -> None:
    server = make_server(ATTACHMENTS_DIR=str(tmp_path / "files"))
    ann = Api(server).user("ann")
    body = multipart(bytes(3 * MEBIBYTE), user_id=ann["id"])
    for sent in (
        head(len(body)) + body[: 2 * MEBIBYTE],
        head(None) + b"%x\r\n" % len(body) + body[:MEBIBYTE],
        head(len(body)),
    ):
        with Wire(server) as wire:
            wire.send(sent)
    with Wire(server) as wire:  # a wrong length: the end of the multipart is cut off
        wire.send(head(len(body) - 10) + body[:-10])
        assert wire.answer()[0] == 400
    deadline = time.monotonic() + 10
    while any(path.is_file() for path in (tmp_path / "files").rglob("*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    status, attachment = post(server, body)
    assert (status, attachment["size"]) == (200, 3 * MEBIBYTE)
    assert "Traceback" not in server.log.read_text()


def test_a_crash_in_the_middle_leaves_what_a_sweep_finds(make_server: Callable[..., Server], tmp_path: Path) -> None:
    server = make_server(ATTACHMENTS_DIR=str(tmp_path / "files"))
    ann = Api(server).user("ann")
    body = multipart(bytes(3 * MEBIBYTE), user_id=ann["id"])
    with Wire(server) as wire:
        wire.send(head(len(body)) + body[: 2 * MEBIBYTE])
        deadline = time.monotonic() + 10
        while not (found := list((tmp_path / "files" / "incoming").glob("*"))):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.kill()
    assert found == list((tmp_path / "files" / "incoming").glob("*"))


def test_others_do_not_wait_for_a_large_picture(make_server: Callable[..., Server], tmp_path: Path) -> None:
    """While an image of 40 million pixels is worked on, others are answered: some of them at least."""
    server = make_server(ATTACHMENTS_DIR=str(tmp_path / "files"), MAX_ATTACHMENT_BYTES=str(50 * MEBIBYTE))
    ann = Api(server).user("ann")
    body = multipart(picture("PNG", (8000, 5000)), user_id=ann["id"])
    answers: list[tuple[int, Any]] = []
    upload = threading.Thread(target=lambda: answers.append(post(server, body)))
    upload.start()
    served = 0
    while upload.is_alive():
        assert server.request("GET", "/health").status == 200
        served += 1
    upload.join()
    ((status, attachment),) = answers
    assert (status, attachment["width"], attachment["height"]) == (200, 8000, 5000)
    assert served > 20
