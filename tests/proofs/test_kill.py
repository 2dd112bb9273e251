"""The server or PostgreSQL dies in a stream of sends: what was acknowledged is there, and nothing is there twice."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pytest

from chat.config import Config
from chat.embedded import ClusterError, EmbeddedPostgres
from chat.storage.postgres import PostgresStorage
from tests.support.client import Api
from tests.support.equivalence import Phone
from tests.support.fresh import all_messages, fresh
from tests.support.known import MESSAGE
from tests.support.postgrest_sql import create_roles
from tests.support.proofs import DRIVERS, HttpWriter, PatientApi, SocketWriter, reached_by, size
from tests.support.server import Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(size(120, 1800))]

#: How often it dies in one test, and how many messages are acknowledged in between.
DEATHS = size(2, 15)
BETWEEN = size(20, 150)
PATIENCE = 60


class Stream:
    """Writers who send one message after the other until they are told to stop, and a phone that listens."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.api = PatientApi(server)
        users = self.api.users(*(f"writer {number}" for number in range(4)), "listener")
        self.conversation = self.api.conversation(users[0], *users[1:])
        self.phone = Phone(server, users[-1])
        self.phone.api = self.api
        kinds = (HttpWriter, SocketWriter, HttpWriter, SocketWriter)
        self.writers = [kind(server, user, self.conversation) for kind, user in zip(kinds, users, strict=False)]
        self.acknowledged: list[list[dict[str, Any]]] = [[] for _ in self.writers]
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(place,)) for place in range(len(self.writers))]

    def __enter__(self) -> "Stream":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()
        for writer in self.writers:
            writer.close()

    def write(self, place: int) -> None:
        mine = self.acknowledged[place]
        while not self.stopped.is_set():
            mine.append(self.writers[place].write(f"{place}: {len(mine)}", PATIENCE))

    def flow(self) -> None:
        """Wait until everyone has written, and all together some more."""
        before = [len(mine) for mine in self.acknowledged]
        deadline = time.monotonic() + PATIENCE
        while sum(map(len, self.acknowledged)) < sum(before) + BETWEEN or any(
            len(mine) == had for mine, had in zip(self.acknowledged, before, strict=True)
        ):
            assert time.monotonic() < deadline, "the writers do not get on"
            assert all(thread.is_alive() for thread in self.threads)
            time.sleep(0.01)

    def check(self) -> None:
        """Assert that what is kept is what was acknowledged, and that the phone shows it."""
        kept = all_messages(self.api, self.conversation)
        assert [message["seq"] for message in kept] == list(range(1, len(kept) + 1))
        by_id = {message["id"]: message for message in kept}
        assert len(by_id) == len(kept) == sum(map(len, self.acknowledged))
        for place, mine in enumerate(self.acknowledged):
            for number, message in enumerate(mine):
                assert by_id[message["id"]] == {name: message[name] for name in MESSAGE}
                assert message["message"] == f"{place}: {number}"
            assert mine == sorted(mine, key=lambda message: message["seq"])
        self.phone.catch_up()
        (conversation,) = self.phone.conversations.values()
        first_seqs = {self.conversation["id"]: conversation.first_seq}
        shown, expected = self.phone.shown(), fresh(self.api, self.phone.me, first_seqs)
        for name in "about", "messages":
            assert [each[name] for each in shown.values()] == [each[name] for each in expected.values()]
        self.phone.leave()
        assert "Traceback" not in self.server.log.read_text()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of the test's own, which writes through to the disk, with the schema."""
    database = EmbeddedPostgres(tmp_path / "own")
    url = database.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("show fsync").fetchone() == ("on",)
        create_roles(connection)
    PostgresStorage(Config(), url).migrate()
    yield database
    database.stop()


def die(database: Path, how: signal.Signals) -> None:
    """End the PostgreSQL in a directory: SIGQUIT is an immediate shutdown, SIGKILL what the kernel does."""
    pid = int((database / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, how)


def start_again(database: EmbeddedPostgres) -> None:
    """Start what has died: its children linger for a moment, and PostgreSQL does not start beside them."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            database.start()
            return
        except ClusterError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.mark.parametrize("driver", DRIVERS)
def test_server_is_killed(driver: str, make_database: Callable[..., str], make_server: Callable[..., Server]) -> None:
    with ExitStack() as stack:
        server = make_server(**stack.enter_context(reached_by(driver, make_database())))
        stack.callback(server.stop)
        with Stream(server) as stream:
            for _ in range(DEATHS):
                stream.flow()
                server.kill()
                stream.phone.leave()
                server.start()
                stream.phone.come_back()
            stream.flow()
        stream.check()


@pytest.mark.parametrize("driver", DRIVERS)
def test_postgresql_is_shut_down_at_once(
    driver: str, own_postgres: EmbeddedPostgres, make_server: Callable[..., Server]
) -> None:
    with ExitStack() as stack:
        server = make_server(**stack.enter_context(reached_by(driver, own_postgres.url)))
        stack.callback(server.stop)
        with Stream(server) as stream:
            for _ in range(DEATHS):
                stream.flow()
                die(own_postgres.data_dir, signal.SIGQUIT)
                own_postgres.stop()  # which only finds that it has stopped
                start_again(own_postgres)
            stream.flow()
        stream.check()


@pytest.mark.parametrize("with_database", [False, True], ids=["server", "server and PostgreSQL"])
def test_server_with_the_embedded_database_is_killed(
    tmp_path: Path, make_server: Callable[..., Server], with_database: bool
) -> None:
    server = make_server(DATA_DIR=str(tmp_path / "data"))
    with Stream(server) as stream:
        for _ in range(DEATHS):
            stream.flow()
            if with_database:
                die(tmp_path / "data", signal.SIGKILL)
            server.kill()
            stream.phone.leave()
            server.start()
            stream.phone.come_back()
        stream.flow()
    stream.check()
    assert server.stop() == 0
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()


class LosesAnswer:
    """Stands between a server and its PostgreSQL; once told to, it breaks off instead of passing on a send's answer."""

    def __init__(self, database_url: str) -> None:
        parts = urlsplit(database_url)
        options = parse_qs(parts.query)
        self._socket = f"{options['host'][0]}/.s.PGSQL.{options['port'][0]}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://postgres@127.0.0.1:{self._listener.getsockname()[1]}/{unquote(parts.path[1:])}"
        self.lose_next = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as database:
            database.connect(self._socket)
            back = threading.Thread(target=self._pass_on, args=(database, client), daemon=True)
            back.start()
            self._pass_on(client, database)
            back.join()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        is_answer = source.family == socket.AF_UNIX
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if is_answer and self.lose_next.is_set() and b"client_id" in data:
                    self.lose_next.clear()
                    break
                target.sendall(data)
        for each in source, target:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def test_message_whose_answer_was_lost_is_announced_when_it_is_sent_again(
    database_url: str, make_server: Callable[..., Server], sql: Callable[..., list[Any]]
) -> None:
    with closing(LosesAnswer(database_url)) as between:
        server = make_server(DATABASE_URL=between.url)
        api = Api(server)
        ann, bob = api.users("ann", "bob")
        conversation = api.conversation(ann, bob)
        sender, listener = HttpWriter(server, ann, conversation), Phone(server, bob)
        between.lose_next.set()
        assert sender.attempt("hello", "1") is None
        assert sql("select count(*) from messages") == [(1,)]
        listener.catch_up()
        assert listener.conversations[conversation["id"]].messages == {}
        sent = sender.attempt("hello", "1")
        assert sent is not None
        assert listener.socket is not None
        assert listener.socket.heard_so_far() == [("message", sent)]
        sql("update messages set created_at = created_at - interval '2 minutes'")
        assert sender.attempt("hello", "1") is not None  # too late to be the retry of a lost answer
        assert listener.socket.heard_so_far() == []
        listener.leave()
        server.stop()
