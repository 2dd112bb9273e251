"""The real `python wsgi.py` in a process of its own: how it starts, what it refuses, how it stops."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests
import socketio

ROOT = Path(__file__).resolve().parents[2]
WSGI = ROOT / "wsgi.py"

#: The same server, with deadlines that a test can wait for.
IMPATIENT = f"""
import warnings
warnings.simplefilter("ignore")
import eventlet
eventlet.monkey_patch()
import runpy, sys
sys.path.insert(0, {str(ROOT)!r})
from chat.server import http
http.HEADER_TIMEOUT = http.BODY_TIMEOUT = 1
runpy.run_path({str(WSGI)!r}, run_name="__main__")
"""

#: The beginning of a request with a body.
JSON_POST = b"POST /users/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class Server:
    """A running server. `stop` returns its exit code, `stderr` tells what it complained about."""

    def __init__(self, directory: Path, *arguments: str, **settings: str) -> None:
        # A directory of its own: no .env is found there.
        self.directory = directory
        environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "LANG")}
        environment |= {"DATA_DIR": str(directory / "data"), "PORT": "0", "LOG_LEVEL": "warning"} | settings
        with open(directory / "stderr", "wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *(arguments or (str(WSGI),))],
                cwd=directory,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )

    def __enter__(self) -> "Server":
        assert self.process.stdout
        self.announced = [self.process.stdout.readline().rstrip() for _ in range(3)]
        found = re.search(r":(\d+)$", self.announced[0])
        assert found, self.stderr
        self.port = int(found[1])
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        assert self.process.stdout
        self.process.stdout.close()

    @property
    def stderr(self) -> str:
        return (self.directory / "stderr").read_text()

    @property
    def database_runs(self) -> bool:
        return (self.directory / "data" / "postgres" / "postmaster.pid").exists()

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(20)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def request(self, path: str, body: object = None) -> object:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def refused(directory: Path, **settings: str) -> str:
    """Start a server that cannot run; return the one sentence it says."""
    server = Server(directory, **settings)
    assert server.process.stdout
    with server.process.stdout as stdout:
        assert server.process.wait(20) == 1
        assert stdout.read() == ""
    assert re.fullmatch(r"chat: [^\n]+\.\n", server.stderr), server.stderr
    return server.stderr


def everything(connection: socket.socket) -> bytes:
    """Read until the server closes the connection, which a reset does too."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def begin_sign_up(server: Server, username: str) -> tuple[socket.socket, bytes]:
    """Send a request up to the middle of its body; return the connection and the rest."""
    body = json.dumps({"username": username}).encode()
    connection = server.connect()
    head = "POST /users/create HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}"
    connection.sendall(head.encode() + b"\r\n\r\n" + body[:5])
    time.sleep(0.3)
    return connection, body[5:]


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("impatient"), "-c", IMPATIENT) as server:
        yield server
        assert server.stop() == 0
        assert server.stderr == ""


def test_says_where_it_is_and_stops_in_silence(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert server.announced[0] == f"Chat server on http://127.0.0.1:{server.port}"
        assert server.announced[1] == f"Storage: embedded PostgreSQL in {tmp_path / 'data'}"
        assert server.announced[2].startswith("Auth: open")
        assert server.database_runs
        assert server.stop() == 0
        assert server.stderr == ""
        assert not server.database_runs


def test_open_to_the_network_says_so(tmp_path: Path) -> None:
    with Server(tmp_path, HOST="0.0.0.0", AUTH_MODE="open") as server:
        assert "ANYONE" in server.announced[2]


def test_ctrl_c_finishes_requests_under_way(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        connection, rest = begin_sign_up(server, "last")
        idle = server.connect()
        with connection, idle:
            os.killpg(server.process.pid, signal.SIGINT)  # what a terminal does: every process of the group
            assert everything(idle) == b""
            time.sleep(0.3)
            with pytest.raises(ConnectionRefusedError):
                server.connect()
            connection.sendall(rest)
            assert b"200 OK" in everything(connection)
        assert server.process.wait(20) == 0
        assert server.stderr == ""
        assert not server.database_runs


def test_second_signal_waits_no_longer(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        connection, _ = begin_sign_up(server, "never")
        with closing(connection):
            server.process.terminate()
            time.sleep(0.5)
            assert server.process.poll() is None
            started = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - started < 5
        assert server.stderr == ""
        assert not server.database_runs


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_stopping_closes_sockets_so_that_they_come_back(tmp_path: Path, transport: str) -> None:
    reasons: list[str] = []
    with Server(tmp_path) as server, requests.Session() as session:
        client = socketio.Client(reconnection=False, http_session=session)
        client.on("disconnect", reasons.append)
        client.connect(f"http://127.0.0.1:{server.port}", transports=[transport])
        websocket = client.eio.ws
        assert server.stop() == 0
        client.wait()
        if websocket:
            websocket.shutdown()
        assert server.stderr == ""
    assert reasons
    # After "server disconnect" the official client would stay away.
    assert client.reason.SERVER_DISCONNECT not in reasons


def test_data_outlives_a_killed_server(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        user = server.request("/users/create", {"username": "ada"})
        assert isinstance(user, dict)
        server.stop(signal.SIGKILL)
        assert server.database_runs
    with Server(tmp_path) as server:
        found = server.request(f"/users/search?user_id={user['id']}&q=ada")
        assert found == []  # never the caller, who is known
        assert server.stop() == 0
        assert server.stderr == ""
        assert not server.database_runs


def test_migrate_beside_a_running_server(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", str(WSGI), "migrate"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "up to date" in done.stdout
        assert server.request("/ready")


def test_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"Port {port}" in refused(tmp_path, PORT=str(port))
    assert not (tmp_path / "data" / "postgres").exists()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"HOST": "192.0.2.1"}, "HOST"),
        ({"HOST": "no such host"}, "HOST"),
        ({"PORT": "many"}, "PORT"),
        ({"DATA_DIR": "stderr"}, "stderr"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/none", "AUTH_MODE": "open"}, "database"),
    ],
)
def test_what_cannot_work_is_one_sentence(tmp_path: Path, settings: dict[str, str], word: str) -> None:
    assert word in refused(tmp_path, **settings)


@pytest.mark.parametrize("head", [b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_slow_headers_are_cut_off(impatient: Server, head: bytes) -> None:
    with impatient.connect() as connection:
        started = time.monotonic()
        connection.sendall(head)
        time.sleep(0.6)
        connection.sendall(b"E")  # a byte now and then does not help
        assert everything(connection) == b""
        assert time.monotonic() - started < 5


def test_slow_body_is_cut_off(impatient: Server) -> None:
    connection, rest = begin_sign_up(impatient, "slow")
    with closing(connection):
        connection.sendall(rest[:1])
        assert b" 400 " in everything(connection)


def test_idle_connection_is_kept(impatient: Server) -> None:
    with impatient.connect() as connection:
        for _ in range(2):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in connection.recv(65536)
            time.sleep(1.2)


def test_body_that_is_too_large_is_answered_and_not_read(impatient: Server) -> None:
    head = JSON_POST + b"Content-Length: 10000000000\r\n"
    with impatient.connect() as connection:
        connection.sendall(head + b"\r\n" + b" " * 100_000)
        answer = everything(connection)
    assert b" 413 " in answer
    assert b"Connection: close" in answer


def test_endless_chunks_nobody_reads_are_cut_off(impatient: Server) -> None:
    with impatient.connect() as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        with suppress(ConnectionError):
            while True:
                connection.sendall(chunk)


def test_chunked_body_is_read(impatient: Server) -> None:
    body = b'{"username": "chunky"}'
    head = JSON_POST + b"Transfer-Encoding: chunked\r\n"
    with impatient.connect() as connection:
        connection.sendall(head + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        answer = connection.recv(65536)
        assert b"200 OK" in answer
        assert b"chunky" in answer
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")  # the connection serves on
        assert b"200 OK" in connection.recv(65536)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 10_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * 200 + b"\r\n",
        b"POST /users/create HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /users/create HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /users/create HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /users/create HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /users/create HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 100_000,
        b"POST /users/create HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{",
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ],
)
@pytest.mark.parametrize("way", ["half-closed", "reset"])
def test_nonsense_ends_the_connection_and_nothing_else(impatient: Server, sent: bytes, way: str) -> None:
    with impatient.connect() as connection:
        connection.sendall(sent)
        if way == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        else:
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_WR)
            everything(connection)
    assert impatient.request("/health")
    assert impatient.stderr == ""
