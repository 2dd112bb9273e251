"""Bodies that a route reads while they come: bounded in memory, with a limit and a least rate of their own."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.server import WSGI, Server
from tests.wire.bytes import Wire
from tests.wire.test_http import GET, chunks

MEBIBYTE = 1 << 20
#: The real server with two routes besides: one that reads to the end, and one that reads when it is told to.
TOY = f"""
import sys, runpy
sys.path.insert(0, {str(WSGI.parent)!r})
import eventlet
eventlet.monkey_patch()
from hashlib import sha256
from flask import request
from chat import app as module
from chat.policy import budget, public
from chat.server import http, stream

stream.RATE_WINDOW = http.RATE_WINDOW = 0.5
stream.LEAST_RATE = 1000
make = module.create_app
seen = [0]
may_read = [False]

def create_app(*args):
    app = make(*args)
    app.extensions["streams"] |= {{("POST", path): 20 << 20 for path in ("/toy", "/toy/slow", "/toy/unread")}}

    @app.post("/toy")
    @public()
    @budget(None)
    def toy():
        request.max_content_length = 20 << 20
        digest, size = sha256(), 0
        while piece := request.stream.read(1 << 16):
            digest.update(piece)
            size += len(piece)
            seen[0] = size
        return {{"size": size, "digest": digest.hexdigest()}}

    @app.post("/toy/slow")
    @public()
    @budget(None)
    def slow():
        while not may_read[0]:
            eventlet.sleep(0.01)
        may_read[0] = False
        return toy()

    @app.post("/toy/unread")
    @public()
    @budget(None)
    def unread():
        return "", 403

    @app.post("/toy/go")
    @public()
    @budget(None)
    def go():
        may_read[0] = True
        return ""

    @app.get("/toy/seen")
    @public()
    @budget(None)
    def how_much():
        return {{"seen": seen[0]}}

    return app

module.create_app = create_app
runpy.run_path({str(WSGI)!r}, run_name="__main__")
"""


@pytest.fixture
def toy(tmp_path: Path, make_server: Callable[..., Server]) -> Iterator[Server]:
    script = tmp_path / "toy.py"
    script.write_text(TOY)
    server = make_server(script)
    yield server
    assert "Traceback" not in server.log.read_text()


def post(path: str = "/toy", length: int | None = None, more: str = "") -> bytes:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n{more}\r\n".encode()


def seen(server: Server) -> int:
    return int(server.request("GET", "/toy/seen").json()["seen"])


def code(body: bytes) -> str:
    return str(json.loads(body)["code"])


def resident(server: Server) -> int:
    assert server.process
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found
    return int(found[1]) << 10


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_large_body_reaches_the_view_and_the_connection_goes_on(toy: Server, is_chunked: bool) -> None:
    body = b"x" * (15 * MEBIBYTE)
    with Wire(toy) as wire:
        for _ in range(2):
            wire.send(post() + chunks(body, 70_001) if is_chunked else post(length=len(body)) + body)
            status, headers, answer = wire.answer()
            assert (status, json.loads(answer)["size"]) == (200, len(body))
            assert "connection" not in headers
        wire.send(GET)
        assert wire.answer()[0] == 200


def test_the_view_has_the_beginning_before_the_end_has_come(toy: Server) -> None:
    with Wire(toy) as wire:
        wire.send(post(length=200_000) + b"x" * 100_000)
        while seen(toy) < 100_000:
            time.sleep(0.01)
        wire.send(b"x" * 100_000 + GET)
        assert json.loads(wire.answer()[2])["size"] == 200_000
        assert wire.answer()[0] == 200


def test_a_client_waits_for_the_view_and_not_in_memory(toy: Server) -> None:
    body = b"x" * (20 * MEBIBYTE)
    before = resident(toy)
    with Wire(toy) as wire:
        wire.socket.settimeout(1)
        wire.send(post("/toy/slow", len(body)))
        with pytest.raises(TimeoutError):
            wire.send(body)  # what the two systems buffer goes out, the rest stays here
        assert resident(toy) - before < 5 * MEBIBYTE
        toy.request("POST", "/toy/go")


def test_a_body_is_read_on_when_the_view_goes_on(toy: Server) -> None:
    with Wire(toy) as wire:
        wire.send(post("/toy/slow", MEBIBYTE) + b"x" * MEBIBYTE)
        time.sleep(1.5)  # longer than a client may be slow: it is the view that is
        toy.request("POST", "/toy/go")
        assert json.loads(wire.answer()[2])["size"] == MEBIBYTE


@pytest.mark.parametrize("is_chunked", [False, True])
def test_the_route_has_a_limit_of_its_own(toy: Server, is_chunked: bool) -> None:
    size = 20 * MEBIBYTE + 200
    with Wire(toy) as wire:
        wire.send(post() + chunks(b"x" * size, 1 << 20)[:-100] if is_chunked else post(length=size))
        status, headers, answer = wire.answer()
        assert (status, code(answer), headers["connection"]) == (413, "body_too_large", "close")
        assert wire.is_closed()


def test_an_empty_body_is_one(toy: Server) -> None:
    with Wire(toy) as wire:
        for sent in (post(length=0), post() + b"0\r\n\r\n", b"POST /toy HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            wire.send(sent)
            assert json.loads(wire.answer()[2])["size"] == 0


def test_a_body_that_is_not_read_ends_the_connection(toy: Server) -> None:
    with Wire(toy) as wire:
        wire.send(post("/toy/unread", MEBIBYTE) + b"x" * 1000)
        status, headers, _ = wire.answer()
        assert (status, headers["connection"]) == (403, "close")
        assert wire.is_closed()


def test_100_continue_comes_when_the_view_reads(toy: Server) -> None:
    with Wire(toy) as wire:
        wire.send(post(length=1000, more="Expect: 100-continue\r\n"))
        assert wire.answer()[0] == 100
        wire.send(b"x" * 1000)
        assert json.loads(wire.answer()[2])["size"] == 1000
        wire.send(post("/toy/unread", 1000, "Expect: 100-continue\r\n"))
        assert wire.answer()[0] == 403
        assert wire.is_closed()


def test_a_body_that_comes_too_slowly_is_given_up(toy: Server) -> None:
    with Wire(toy) as slow, Wire(toy) as steady:
        slow.send(post(length=MEBIBYTE))
        steady.send(post(length=30_000))
        for _ in range(30):  # for longer than one window, and faster than must be
            steady.send(b"x" * 1000)
            slow.send(b"x")
            time.sleep(0.05)
        assert json.loads(steady.answer()[2])["size"] == 30_000
        status, _, answer = slow.answer()
        assert (status, code(answer)) == (400, "body_too_slow")
        assert slow.is_closed()


@pytest.mark.parametrize("rest", [b"", b"zz\r\n"])
def test_a_body_that_breaks_off_is_an_error_of_the_client(toy: Server, rest: bytes) -> None:
    with Wire(toy) as wire:
        wire.send(post() + b"5\r\nhello\r\n" + rest)
        wire.socket.shutdown(socket.SHUT_WR)
        status, _, answer = wire.answer()
        assert (status, code(answer)) == (400, "malformed_request")
        assert wire.is_closed()


def test_a_client_that_goes_leaves_nothing(toy: Server) -> None:
    for _ in range(20):
        with Wire(toy) as wire:
            wire.send(post(length=MEBIBYTE) + b"x" * 300_000)
    with Wire(toy) as wire:
        wire.send(post(length=5) + b"hello")
        assert json.loads(wire.answer()[2])["size"] == 5


def test_other_routes_take_no_more_than_before(toy: Server) -> None:
    with Wire(toy) as wire:
        wire.send(post("/users/create", 2 * MEBIBYTE))
        assert wire.answer()[0] == 413
        assert wire.is_closed()
