"""Sockets' sessions on the real server: how many there may be, from where, and how they end."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import engineio
import psycopg
import pytest
import urllib3
from socketio.exceptions import ConnectionError as Refused

from chat.embedded.cluster import within
from tests.support.client import Api
from tests.support.identity import SECRET, TOKEN_MODE, bearer, error_code, handshake, refusal, signed
from tests.support.outage import Database
from tests.support.server import WSGI, Device, Server

#: The real server, looking after its sessions more often than every 15 seconds.
WATCHFUL = """
import sys, runpy
sys.path.insert(0, {root!r})
import eventlet
eventlet.monkey_patch()
from chat import jobs
jobs.PROCESS_JOBS = [job._replace(every=0.5) for job in jobs.PROCESS_JOBS]
runpy.run_path({wsgi!r}, run_name="__main__")
"""


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    return TOKEN_MODE


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server)


@pytest.fixture
def make_watchful(make_server: Callable[..., Server], tmp_path: Path) -> Callable[..., Server]:
    """`make_server` for servers that look after their sessions twice a second."""
    script = tmp_path / "watchful.py"
    script.write_text(WATCHFUL.format(root=str(WSGI.parent), wsgi=str(WSGI)))
    return partial(make_server, script)


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Database]:
    """A database of the test's own."""
    (tmp_path / "private").mkdir()
    database = Database(tmp_path / "private")
    database.start()
    yield database
    database.stop()


# the end of a session


def test_when_a_token_expires_its_socket_is_told_and_disconnected(
    make_watchful: Callable[..., Server],
) -> None:
    server = make_watchful(**TOKEN_MODE)
    ann, bob = Api(server).users("ann", "bob")
    short = signed(ann["id"], exp=int(time.time()) + 3)
    with Device(server, auth={"token": short}) as device, Device(server, auth=handshake(bob)) as other:
        assert device.hear("unauthorized", seconds=30)["code"] == "token_expired"
        device.hear("disconnect")
        assert other.call("join", {})["user"]["id"] == bob["id"]


def test_a_token_expires_while_the_database_is_away_too(
    make_watchful: Callable[..., Server], private: Database
) -> None:
    server = make_watchful(**TOKEN_MODE, DATABASE_URL=private.url)
    ann = Api(server).user("ann")
    with Device(server, auth={"token": signed(ann["id"], exp=int(time.time()) + 4)}) as device:
        private.stop()
        assert device.hear("unauthorized", seconds=30)["code"] == "token_expired"
        device.hear("disconnect")
    private.start()
    assert within(30, lambda: "the job end_revoked_sessions works again" in server.log.read_text())
    with psycopg.connect(private.url, autocommit=True) as connection:
        failing = "select count(*) from chat_jobs where state = 'failing'"
        assert within(10, lambda: connection.execute(failing).fetchone() == (0,))
    assert server.stop() == 0
    log = server.log.read_text()
    assert log.count("the job end_revoked_sessions fails: StorageUnavailable") == 1
    assert "Traceback" not in log


def test_when_tokens_are_revoked_their_sockets_end_on_every_process(
    make_watchful: Callable[..., Server], make_database: Callable[..., str]
) -> None:
    url = make_database()
    here, elsewhere = (make_watchful(**TOKEN_MODE, DATABASE_URL=url) for _ in range(2))
    api = Api(here)
    ann, bob = api.users("ann", "bob")
    devices = [Device(server, auth=handshake(ann)) for server in (here, elsewhere)]
    others = [Device(server, auth=handshake(bob)) for server in (here, elsewhere)]
    fresh = api.request("POST", "/tokens/revoke", **bearer(ann["access_token"]))
    back = Device(elsewhere, auth=handshake(fresh))
    for device in devices:
        assert device.hear("unauthorized", seconds=30)["code"] == "token_invalid"
        device.hear("disconnect")
    time.sleep(1.5)  # two more looks at what was revoked: the fresh token is not
    for device in [*others, back]:
        assert "user" in device.call("join", {})
        device.close()


def test_the_process_that_revokes_ends_its_own_sockets_at_once(server: Server, api: Api) -> None:
    """The job of this server runs every 15 seconds; nobody waits for it here."""
    user = api.user()
    with Device(server, auth=handshake(user)) as device:
        api.request("POST", "/tokens/revoke", **bearer(user["access_token"]))
        assert device.hear("unauthorized", seconds=5)["status"] == 401
        device.hear("disconnect", seconds=5)


def test_a_connection_without_a_session_is_closed(make_watchful: Callable[..., Server]) -> None:
    """One that never says what it wants, and one that was refused and stays on the line."""
    server = make_watchful(**TOKEN_MODE)
    gone = []
    for packet in None, "0":
        client = engineio.Client()
        closed = threading.Event()
        client.on("disconnect", lambda reason=None, closed=closed: closed.set())
        client.connect(server.url, transports=["websocket"], engineio_path="socket.io")
        if packet:
            client.send(packet)
        gone.append(closed)
    with Device(server, auth=handshake(Api(server).user())) as session:
        assert all(closed.wait(30) for closed in gone)
        assert session.socket.connected


# how many, and from where


def test_a_user_may_hold_so_many_sockets_open_and_no_more(make_server: Callable[..., Server]) -> None:
    server = make_server(**TOKEN_MODE, MAX_SESSIONS_PER_USER="2")
    ann, bob = Api(server).users("ann", "bob")
    first, second = (Device(server, auth=handshake(ann)) for _ in range(2))
    heard = refusal(server, handshake(ann))
    assert (heard["message"], heard["data"]["status"]) == ("too_many_sessions", 429)
    assert "user" in first.join(ann)  # to repeat a join is no further session
    Device(server, auth=handshake(bob)).close()
    first.close()
    deadline = time.monotonic() + 10
    while True:
        try:
            Device(server, auth=handshake(ann)).close()
            break
        except Refused:
            assert time.monotonic() < deadline
    second.close()


def test_in_open_mode_too_a_user_has_so_many_sockets_and_no_more(make_server: Callable[..., Server]) -> None:
    server = make_server(MAX_SESSIONS_PER_USER="1")
    ann, bob = Api(server).users("ann", "bob")
    with Device(server) as first, Device(server) as second:
        first.join(ann)
        assert error_code(second.join(ann)) == "too_many_sessions"
        second.join(bob)
        assert error_code(second.join(ann)) == "too_many_sessions"
        assert second.call("join", {"id": bob["id"]})["user"]["id"] == bob["id"]


def test_the_origins_of_the_settings_hold_for_sockets_too(make_server: Callable[..., Server]) -> None:
    server = make_server(**TOKEN_MODE, CORS_ORIGINS="https://app.example.com")
    http = urllib3.PoolManager(retries=False)
    handshake = f"{server.url}/socket.io/?EIO=4&transport=polling"
    own = server.url
    for origin, status in (
        ("https://app.example.com", 200),
        (own, 200),
        ("https://evil.example.com", 400),
        ("null", 400),
    ):
        response = http.request("GET", handshake, headers={"Origin": origin})
        assert response.status == status, origin
        assert response.headers.get("Access-Control-Allow-Origin") == (origin if status == 200 else None)
    upgrade = {"Origin": "https://evil.example.com", "Upgrade": "websocket", "Connection": "Upgrade"}
    response = http.request("GET", f"{server.url}/socket.io/?EIO=4&transport=websocket", headers=upgrade)
    assert (response.status, response.json()) == (400, "Not an accepted origin.")


def test_tokens_are_not_in_the_log(make_server: Callable[..., Server]) -> None:
    server = make_server(**TOKEN_MODE, LOG_LEVEL="debug")
    api = Api(server)
    user = api.user()
    bad = [signed(user["id"], exp=1), signed(user["id"], secret="x" * 32)]
    with Device(server, auth=handshake(user)) as device:
        device.call("join", {"id": user["id"], "token": user["access_token"]})
    for each in bad:
        refusal(server, {"token": each})
        api.request("GET", "/unread", status=401, **bearer(each))
    server.stop()
    log = server.log.read_text()
    assert "/unread 401" in log
    for secret in [user["access_token"], *bad, SECRET]:
        assert secret.rpartition(".")[2] not in log
