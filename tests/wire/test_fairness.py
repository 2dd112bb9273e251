"""One client that keeps the server busy, and the others, who must not notice; bounds on what one address may hold."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.support.client import Api
from tests.support.identity import SECRET
from tests.support.server import Server
from tests.wire.bytes import PONG, Frames, Wire, frame

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
#: A request that counts against a limit; /health does not.
LIMITED = GET.replace(b"/health", b"/unread?user_id=x")
#: Requests of an innocent client while another one floods; if it had to wait for the flood it would get none done.
INNOCENT = 50


@contextmanager
def flooding(wire: Wire, data: bytes) -> Iterator[threading.Event]:
    """Send `data` again and again in the background, reading what comes; tell when the server has had enough."""
    ended, stop = threading.Event(), threading.Event()

    def send() -> None:
        with suppress(OSError):
            while not stop.is_set():
                wire.socket.sendall(data)
        ended.set()

    def read() -> None:
        with suppress(OSError):
            while wire.socket.recv(1 << 20):
                pass
        ended.set()

    threads = [threading.Thread(target=each) for each in (send, read)]
    for thread in threads:
        thread.start()
    yield ended
    stop.set()
    with suppress(OSError):
        wire.socket.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()


def serves_others(server: Server) -> None:
    with Wire(server) as wire, Frames(server) as other:
        for _ in range(INNOCENT):
            wire.send(GET)
            assert wire.answer()[0] == 200
            other.echo()


def test_whoever_floods_pongs_is_closed_and_the_others_are_served(server: Server) -> None:
    with Frames(server) as flooder, flooding(flooder, frame(b"", PONG) * 10_000) as ended:
        serves_others(server)
        assert ended.wait(30)


def test_empty_fragments_are_a_flood_too(server: Server) -> None:
    with Frames(server) as flooder:
        flooder.frame(b"4", fin=0)
        with flooding(flooder, frame(b"", 0, fin=0) * 10_000) as ended:
            serves_others(server)
            assert ended.wait(30)


def test_pipelined_requests_wait_for_the_others(server: Server) -> None:
    with Wire(server) as flooder, flooding(flooder, GET * 1000):
        serves_others(server)


def test_whoever_floods_pongs_of_engine_io_is_closed_too(server: Server) -> None:
    with Frames(server) as flooder, flooding(flooder, frame(b"3") * 10_000) as ended:
        serves_others(server)
        assert ended.wait(30)


def test_whoever_goes_on_with_requests_past_the_limit_is_closed(make_server: Callable[..., Server]) -> None:
    server = make_server(RATE_LIMIT_DEFAULT="5 per hour")
    with Wire(server) as flooder, flooding(flooder, LIMITED * 1000) as ended:
        with Wire(server) as wire:
            for _ in range(INNOCENT):
                wire.send(GET)
                assert wire.answer()[0] == 200
        assert ended.wait(60)


def test_a_client_that_is_refused_now_and_then_is_kept(make_server: Callable[..., Server]) -> None:
    server = make_server(RATE_LIMIT_DEFAULT="5 per hour")
    with Wire(server) as wire, Frames(server) as socket:
        for _ in range(300):
            wire.send(LIMITED)
            assert wire.answer()[0] in (422, 429)
            assert socket.call("receipt", {})["error"]["code"] in ("rate_limited", "validation_failed")


def test_whoever_goes_on_with_events_past_the_limit_is_closed_and_the_others_are_served(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(RATE_LIMIT_DEFAULT="500 per hour")
    with Frames(server) as flooder, flooding(flooder, frame(b'420["receipt",{}]') * 1000) as ended:
        with Wire(server) as wire:
            for _ in range(INNOCENT):
                wire.send(GET)
                assert wire.answer()[0] == 200
        assert ended.wait(60)


# how many


def test_an_address_may_hold_so_many_connections_and_no_more(make_server: Callable[..., Server]) -> None:
    server = make_server(MAX_CONNECTIONS_PER_ADDRESS="10")
    server.http.clear()
    kept: list[Wire] = []
    while True:
        wire = Wire(server)
        wire.send(GET)
        status, _, body = wire.answer()
        if status != 200:
            break
        kept.append(wire)
    assert 8 <= len(kept) <= 10
    assert status in (0, 429), body
    wire.socket.close()
    kept.pop().socket.close()
    deadline = time.monotonic() + 10
    while True:
        with Wire(server) as wire:
            with suppress(ConnectionError):
                wire.send(GET)
            if wire.answer()[0] == 200:
                break
        assert time.monotonic() < deadline
    for each in kept:
        each.socket.close()


def test_handshakes_count_against_their_address(make_server: Callable[..., Server]) -> None:
    server = make_server(AUTH_MODE="token", JWT_SECRET=SECRET, RATE_LIMIT_HANDSHAKE="5 per hour")
    opening = b"GET /socket.io/?EIO=4&transport=polling&%b HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Wire(server) as wire:
        for _ in range(5):
            wire.send(opening % b"xsid=1&sid=")
            status, _, body = wire.answer()
            assert status == 200
        wire.send(opening % b"")
        status, headers, problem = wire.answer()
        assert (status, headers["retry-after"].isdigit()) == (429, True)
        assert b"rate_limited" in problem
    sid = re.search(rb'"sid":"([^"]+)"', body)
    assert sid
    with Wire(server) as wire:
        for _ in range(10):  # a session that is open may go on
            wire.send(
                b"POST " + (opening % (b"sid=" + sid[1])).removeprefix(b"GET ")[:-2] + b"Content-Length: 1\r\n\r\n3"
            )
            assert wire.answer()[0] == 200


def test_when_descriptors_run_out_others_come_in_as_clients_leave(make_server: Callable[..., Server]) -> None:
    import resource

    server = make_server()
    assert server.process
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (60, 60))
    idle = [Wire(server) for _ in range(80)]
    for each in idle:
        each.socket.close()
    with Wire(server) as wire:
        wire.send(GET)
        assert wire.answer()[0] == 200
    assert Api(server).user()["id"]
    assert server.log.read_text().count("Traceback") == 0


# polling sessions


def polling(server: Server) -> tuple[Wire, Callable[[bytes, bytes], tuple[int, bytes]]]:
    wire = Wire(server)
    path = b"/socket.io/?EIO=4&transport=polling"

    def ask(method: bytes, body: bytes = b"") -> tuple[int, bytes]:
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        wire.send(b"%b %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (method, path, length) + body)
        status, _, answer = wire.answer()
        return status, answer

    sid = re.search(rb'"sid":"([^"]+)"', ask(b"GET")[1])
    assert sid
    path += b"&sid=" + sid[1]
    ask.sid = sid[1].decode()  # type: ignore[attr-defined]
    return wire, ask


def test_nothing_comes_after_a_close(server: Server) -> None:
    wire, ask = polling(server)
    with wire:
        assert ask(b"POST", b"1\x1e40")[0] == 200
        for method in (b"POST", b"GET"):
            assert ask(method, b"40" if method == b"POST" else b"")[0] == 400
    assert "Traceback" not in server.log.read_text()


def test_what_waits_for_a_polling_client_is_bounded(make_server: Callable[..., Server]) -> None:
    server = make_server(MAX_QUEUED_BYTES="20000")
    wire, ask = polling(server)
    with wire:
        assert ask(b"POST", b"40")[0] == 200
        statuses = [ask(b"POST", b'420["nothing"]')[0] for _ in range(200)]  # each answer waits
        assert statuses[0] == 200
        assert statuses[-1] == 400
        assert ask(b"GET")[0] == 400


def test_a_polling_client_changes_to_a_websocket_and_misses_nothing(server: Server) -> None:
    wire, ask = polling(server)
    with wire:
        assert ask(b"POST", b"40")[0] == 200
        opened = ask(b"GET")[1]
        assert opened.startswith(b"40{")
        with Frames(server, sid=ask.sid) as socket:  # type: ignore[attr-defined]
            socket.frame(b"2probe")
            assert socket.message() == "3probe"
            assert ask(b"POST", b'420["nothing"]')[0] == 200  # its answer waits for the next request, or the WebSocket
            assert ask(b"GET") == (200, b"6")
            socket.frame(b"5")
            assert "event_not_found" in socket.message()
            socket.echo()
        assert ask(b"GET")[0] == 400


def test_a_websocket_that_was_only_tried_leaves_the_polling_client_as_it_was(server: Server) -> None:
    wire, ask = polling(server)
    with wire:
        assert ask(b"POST", b"40")[0] == 200
        assert ask(b"GET")[1].startswith(b"40{")
        for said in (b"2probe", b"4x", b""):
            with Frames(server, sid=ask.sid) as socket:  # type: ignore[attr-defined]
                if said:
                    socket.frame(said)
                if said == b"2probe":
                    assert socket.message() == "3probe"
            time.sleep(0.1)
        assert ask(b"POST", b'420["nothing"]')[0] == 200
        while b"event_not_found" not in (answer := ask(b"GET"))[1]:
            assert answer == (200, b"6")
