"""What a client may not drag out: answering pings, asking for packets, reading answers."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.server import WSGI, Server
from tests.wire.bytes import Frames, Wire
from tests.wire.test_fairness import polling

#: The real server with deadlines that a test can wait for.
IMPATIENT = f"""
import sys, runpy
sys.path.insert(0, {str(WSGI.parent)!r})
import eventlet
eventlet.monkey_patch()
from chat.extensions import socketio
from chat.server import http, websocket
http.READ_TIMEOUT = 1
http.LEAST_RATE = 1 << 20
websocket.STALL_TIMEOUT = 1
socketio.server_options.update(ping_interval=0.5, ping_timeout=1)
runpy.run_path({str(WSGI)!r}, run_name="__main__")
"""
LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def impatient(tmp_path: Path, make_server: Callable[..., Server]) -> Iterator[Server]:
    script = tmp_path / "impatient.py"
    script.write_text(IMPATIENT)
    server = make_server(script)
    yield server
    assert "Traceback" not in server.log.read_text()


def test_pings_are_to_be_answered(impatient: Server) -> None:
    with Frames(impatient) as answers, Frames(impatient) as stays_silent:
        for _ in range(5):
            assert answers.message() == "2"
            answers.frame(b"3")
        assert stays_silent.message() == "2"
        assert stays_silent.close_code() == 1001
        answers.echo()


def test_a_pong_that_nobody_asked_for_changes_nothing(impatient: Server) -> None:
    with Frames(impatient) as socket:
        for _ in range(5):
            socket.frame(b"3")
        assert socket.message() == "2"


def test_a_polling_client_that_asks_is_kept_and_one_that_does_not_is_closed(impatient: Server) -> None:
    asking, ask = polling(impatient)
    silent, ask_never = polling(impatient)
    with asking, silent:
        for _ in range(6):
            assert ask(b"GET") == (200, b"2")
            assert ask(b"POST", b"3")[0] == 200
            if ask_never(b"POST", b"3")[0] == 400:  # to answer pings that were not fetched does not help
                break
        else:
            raise AssertionError("it is still there")
        assert ask(b"GET") == (200, b"2")


def test_whoever_does_not_read_the_answers_is_closed(impatient: Server) -> None:
    requests = 50  # thirty megabytes of answers: more than all buffers between the two
    with Wire(impatient, receive_buffer=4096) as stalled, Wire(impatient) as reader:
        stalled.send(LARGE * requests)
        for _ in range(20):
            reader.send(LARGE)
            assert reader.answer()[0] == 200
        time.sleep(6)  # more than the deadline of one answer
        answers = stalled.read_all().count(b"HTTP/1.1 200")
        assert 0 < answers < requests
        reader.send(LARGE)
        assert reader.answer()[0] == 200


def test_whoever_reads_the_answers_drop_by_drop_is_closed(impatient: Server) -> None:
    requests = 50
    with Wire(impatient, receive_buffer=4096) as slow:
        slow.send(LARGE * requests)
        received = b""
        for _ in range(120):  # 20 KB a second, for more than the deadline of one answer
            received += slow.socket.recv(1000)
            time.sleep(0.05)
        assert (received + slow.read_all()).count(b"HTTP/1.1 200") < requests
