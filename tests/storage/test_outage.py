"""The database goes away, hangs and comes back while the real server runs; nobody restarts the server."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from chat.embedded.cluster import within
from tests.support.client import Api
from tests.support.outage import PATIENCE, TIMEOUT, Database, expect_recovery, expect_unavailable, soon
from tests.support.postgrest import PostgrestStandIn
from tests.support.server import Device, Server


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Server]]:
    """A database and a server on it, for all tests of this file: what one of them breaks has to heal."""
    database = Database(tmp_path_factory.mktemp("outage"))
    database.start()
    settings = {"DATABASE_URL": database.url, "AUTH_MODE": "open", "STORAGE_TIMEOUT": str(TIMEOUT)}
    server = Server(tmp_path_factory.mktemp("server"), settings)
    server.start()
    yield database, server
    server.stop()
    database.stop()


@pytest.fixture
def database(private: tuple[Database, Server]) -> Iterator[Database]:
    yield private[0]
    private[0].thaw()
    private[0].start()


@pytest.fixture
def server(private: tuple[Database, Server], database: Database) -> Iterator[Server]:
    yield private[1]
    assert "Traceback" not in private[1].log.read_text()


@pytest.fixture
def supabase_server(postgrest: PostgrestStandIn, make_server: Callable[..., Server]) -> Server:
    """A server on the API of a Supabase project."""
    return make_server(
        SUPABASE_PROJECT_URL=postgrest.url,
        SUPABASE_SERVICE_ROLE_KEY=postgrest.service_role_key,
        STORAGE_TIMEOUT=str(TIMEOUT),
    )


def test_database_that_stops_and_starts_again(
    server: Server, database: Database, connect: Callable[..., Device]
) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    sending, listening = connect(server, ann), connect(server, bob)
    database.crash()
    expect_unavailable(server, sending, conversation)
    assert sending.heard_so_far() == listening.heard_so_far() == []
    database.start()
    expect_recovery(server, sending, listening, conversation)
    assert [message["message"] for message in api.messages(conversation)] == ["back"]


def test_database_that_hangs(server: Server, database: Database, connect: Callable[..., Device]) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    sending, listening = connect(server, ann), connect(server, bob)
    database.freeze()
    expect_unavailable(server, sending, conversation)
    database.thaw()
    expect_recovery(server, sending, listening, conversation)


def test_more_requests_than_connections_do_not_queue_up_behind_a_database_that_hangs(
    server: Server, database: Database
) -> None:
    api = Api(server)
    ann = api.user("ann")
    path, statuses = f"/conversations?user_id={ann['id']}", []
    threads = [threading.Thread(target=lambda: statuses.append(server.request("GET", path).status)) for _ in range(40)]
    database.freeze()
    with soon():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [503] * 40
    database.thaw()
    server.wait_until_ready()
    assert api.conversations(ann) == []


def test_restart_between_two_requests_is_noticed_by_nobody(server: Server, database: Database) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    threads = [threading.Thread(target=lambda: api.conversation(ann, bob)) for _ in range(8)]
    with psycopg.connect(database.url) as holder:  # so that the server needs as many connections, which are idle then
        holder.execute("lock table public.conversations")
        for thread in threads:
            thread.start()
        waiting = "select count(*) from pg_locks where not granted"
        assert within(TIMEOUT, lambda: holder.execute(waiting).fetchone() >= (8,))
    for thread in threads:
        thread.join()
    database.stop()
    database.start()
    for _ in range(20):
        api.send(conversation, bob)
    assert [message["seq"] for message in api.messages(conversation)] == list(range(1, 21))


def test_create_during_a_restart_exists_whole_or_not_at_all(server: Server, database: Database) -> None:
    api = Api(server)
    ann, bob, cyd = api.users("ann", "bob", "cyd")
    body = {"owner_id": ann["id"], "participant_ids": [bob["id"], cyd["id"]], "group_name": "g"}
    created: list[str] = []
    refused = 0
    stop = threading.Event()

    def create() -> None:
        nonlocal refused
        while not stop.is_set():
            response = server.request("POST", "/conversations/create", body)
            if response.status == 200:
                created.append(response.json()["id"])
            else:
                assert (response.status, response.json()["code"]) == (503, "storage_unavailable")
                refused += 1

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        seen = len(created)
        assert within(PATIENCE, lambda seen=seen: len(created) > seen + 10)  # type: ignore[misc]
        database.crash()
        database.start()
    server.wait_until_ready()
    stop.set()
    for thread in threads:
        thread.join()
    with psycopg.connect(database.url) as connection:
        members = dict(
            connection.execute(
                "select c.id::text, count(m.user_id) from public.conversations as c left join public.user_conversation "
                "as m on m.conversation_id = c.id where c.owner_user_id = %s group by c.id",
                (ann["id"],),
            ).fetchall()
        )
    assert refused
    assert set(created) <= members.keys()
    assert set(members.values()) == {3}


def test_send_that_waits_too_long_is_refused_and_its_retry_is_the_same_message(
    server: Server, database: Database
) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    body = {"user_id": ann["id"], "message": "once", "client_id": "c-1"}
    path = f"/conversations/{conversation['id']}/messages/create"
    with psycopg.connect(database.url) as holder:
        holder.execute("select from public.conversations where id = %s for update", (conversation["id"],))
        with soon():
            assert api.request("POST", path, body, 503)["code"] == "storage_unavailable"
    retried = api.request("POST", path, body)
    assert [message["id"] for message in api.messages(conversation)] == [retried["id"]]


def test_supabase_that_goes_away_and_comes_back(
    supabase_server: Server, postgrest: PostgrestStandIn, connect: Callable[..., Device]
) -> None:
    api = Api(supabase_server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    sending, listening = connect(supabase_server, ann), connect(supabase_server, bob)
    postgrest.stop()
    try:
        expect_unavailable(supabase_server, sending, conversation)
    finally:
        postgrest.start()
    expect_recovery(supabase_server, sending, listening, conversation)
    assert "Traceback" not in supabase_server.log.read_text()


def test_supabase_that_hangs(supabase_server: Server, database_url: str, connect: Callable[..., Device]) -> None:
    api = Api(supabase_server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    sending, listening = connect(supabase_server, ann), connect(supabase_server, bob)
    with psycopg.connect(database_url) as holder:
        holder.execute("lock table public.conversations, public.chat_schema")
        expect_unavailable(supabase_server, sending, conversation)
    expect_recovery(supabase_server, sending, listening, conversation)
    assert "Traceback" not in supabase_server.log.read_text()


def test_embedded_database_that_dies_is_started_again(make_server: Callable[..., Server], tmp_path: Path) -> None:
    server = make_server(DATA_DIR=str(tmp_path / "data"), STORAGE_TIMEOUT=str(TIMEOUT))
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    sent = api.send(conversation, ann)
    pid_file = tmp_path / "data" / "postgres" / "postmaster.pid"
    died = int(pid_file.read_text().split()[0])
    os.kill(died, signal.SIGKILL)

    def runs_again() -> bool:
        is_ready = server.request("GET", "/ready").status == 200  # asked again and again: a call notices the death
        return is_ready and int(pid_file.read_text().split()[0]) != died

    assert within(PATIENCE, runs_again)
    assert [message["id"] for message in api.messages(conversation)] == [sent["id"]]
