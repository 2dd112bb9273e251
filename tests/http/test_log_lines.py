"""What clients send cannot start a line of the log, nor reach a terminal as a control character."""

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from flask import Flask

from chat import logs
from chat.config import Config
from tests.support.raw import PATH, RawPolling, RawWebSocket
from tests.support.server import Server

#: A line break, a forged line, an escape sequence, C1 controls, separators that some viewers take for line breaks.
NASTY = "x\r\n2026-01-01 INFO forged\x1b[2J\x7f\x85\x9b31m\u2028\u2029\0"
CONTROLS = {*map(chr, range(32)), *map(chr, range(127, 160)), "\u2028", "\u2029"} - {"\n"}


@pytest.fixture
def write() -> Iterator[Callable[..., str]]:
    """A function that logs through the server's formatter and returns what was written."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level

    def write(log_format: str, message: str, *args: Any, exc_info: Any = None) -> str:
        logs.init(Config(log_format=log_format, log_level="debug"))
        written = StringIO()
        root.handlers[0].stream = written  # type: ignore[attr-defined]
        logging.getLogger("chat.test").info(message, *args, exc_info=exc_info)
        return written.getvalue()

    yield write
    root.handlers = handlers
    root.setLevel(level)


def test_a_message_is_one_line_without_control_characters(write: Callable[..., str]) -> None:
    for log_format in "text", "json":
        line = write(log_format, "from a client: %s", NASTY)
        assert line.endswith("\n")
        assert line.count("\n") == 1
        assert not CONTROLS & set(line)
        assert "forged" in line
    assert json.loads(line)["message"] == f"from a client: {NASTY}"


def test_a_traceback_cannot_look_like_a_line_of_the_log(write: Callable[..., str]) -> None:
    try:
        raise ValueError(NASTY)
    except ValueError as error:
        for log_format in "text", "json":
            first, *lines = write(log_format, "broken", exc_info=error).splitlines()
            assert "broken" in first
            assert all(line.startswith("  ") for line in lines)
            assert not CONTROLS & set(first).union(*lines)
    assert "ValueError" in json.loads(first)["traceback"]


@pytest.fixture
def messages() -> Iterator[list[str]]:
    """What the app logs, before the formatter."""
    kept: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: kept.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("chat").addHandler(handler)
    yield kept
    logging.getLogger("chat").removeHandler(handler)


@pytest.mark.parametrize("method", ["GET\nforged", "X\x1b[2J", "É\r\n", "x" * 5000])
def test_methods_are_quoted(make_app: Callable[..., Flask], messages: list[str], method: str) -> None:
    client = make_app(log_level="info").test_client()
    response = client.open("/health", environ_overrides={"REQUEST_METHOD": method})
    assert response.status_code == 405
    (line,) = [each for each in messages if "/health" in each]
    assert len(line) < 200
    assert line.isprintable()


def test_paths_and_request_ids_are_quoted(make_app: Callable[..., Flask], messages: list[str]) -> None:
    client = make_app(log_level="info").test_client()
    client.get("/%0d%0aforged%1b%5b2J", headers={"X-Request-ID": "a b"})
    client.get("/" + "x" * 5000, headers={"X-Request-ID": "x" * 5000})
    lines = [each for each in messages if "404" in each]
    assert len(lines) == 2
    assert all(line.isprintable() and len(line) < 400 for line in lines)


def test_sockets_and_odd_requests_leave_clean_lines(make_server: Callable[..., Server]) -> None:
    server = make_server(LOG_LEVEL="debug")
    for path in (f"{PATH}polling&sid=%0aforged%1b", f"{PATH}%0aforged", "/socket.io/?EIO=%0aforged"):
        server.request("GET", path)
        server.request("POST", path)
    server.request("BREW", PATH + "polling")
    server.request("GET", PATH + "polling", Origin="https://evil\x1b[2J")
    for packet in (
        "42" + json.dumps([NASTY]),
        "42" + json.dumps(["join", {NASTY: NASTY}]),
        "4\x1b[2Jx",
        "9\x1bforged",
        "421-",
    ):
        with RawWebSocket(server) as socket:
            socket.send(packet)
        RawPolling(server).post(packet.encode(errors="surrogatepass"))
    server.stop()
    written = server.log.read_text()
    assert not CONTROLS & set(written)
    assert not [line for line in written.splitlines() if line.startswith("forged")]
    assert "socket join" in written
