"""Servers start on a database in use: the tutorial's server goes on writing rows, the last release goes on calling."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.schema.test_migrations import TUTORIAL, UUID_FUNCTION
from tests.schema.test_upgrade import People
from tests.support.client import Api
from tests.support.fresh import all_messages
from tests.support.old_release import LAST_RELEASE, apply_file
from tests.support.postgrest_sql import create_roles
from tests.support.proofs import HttpWriter, size
from tests.support.server import Server

MESSAGES = size(20_000, 200_000)
WRITERS = 4


class Tutorial:
    """The tutorial's database, with a long conversation in it, and its server: it writes rows."""

    def __init__(self, url: str) -> None:
        self.url = url
        with psycopg.connect(url, autocommit=True) as connection:
            create_roles(connection)
            connection.execute(UUID_FUNCTION)
            connection.execute(TUTORIAL)  # type: ignore[call-overload]

            def new(into: str, *values: str) -> str:
                query = f"insert into {into} returning id"
                row = connection.execute(query, values).fetchone()  # type: ignore[call-overload]
                return str(row[0])

            self.ann, self.bob = (new("users values (default, %s, now())", name) for name in ("ann", "bob"))
            self.talk = new("conversations values (default, 'talk', %s, now())", self.ann)
            for user in self.ann, self.bob:
                connection.execute("insert into user_conversation values (default, %s, %s)", (user, self.talk))
            connection.execute(
                "insert into messages select gen_random_uuid(), %s, %s, 'old ' || n, now() - interval '1 day' "
                "from generate_series(1, %s) as n",
                (self.talk, self.bob, MESSAGES),
            )

    def write(self, is_over: Callable[[], bool]) -> list[str]:
        """Insert messages as the tutorial's server does, until the upgraded table refuses them; return those kept."""
        kept = []
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not is_over():
                text = str(uuid4())
                try:
                    connection.execute(
                        "insert into messages (conversation_id, user_id, message, created_at) "
                        "values (%s, %s, %s, now())",
                        (self.talk, self.ann, text),
                    )
                except (
                    psycopg.errors.NotNullViolation
                ):  # it has a number now, which the tutorial's server does not know
                    return kept
                kept.append(text)
        return kept

    def check(self, kept: list[str], sent: list[str]) -> None:
        """Assert that everything written is there, once, and numbered without a gap."""
        with psycopg.connect(self.url) as connection:
            found = connection.execute("select seq, message from messages order by seq").fetchall()
            conversation = connection.execute("select last_seq, version from conversations").fetchone()
        assert [seq for seq, _ in found] == list(range(1, len(found) + 1))
        assert conversation == (len(found), len(found) + 1)
        assert Counter(text for _, text in found[MESSAGES:]) == Counter(kept + sent)
        assert [text for _, text in found[-len(sent) :]] == sent


@pytest.fixture
def start_both(tmp_path: Path) -> Iterator[Callable[[str], list[Server]]]:
    """A function that starts two servers on a database in the same moment."""
    servers: list[Server] = []

    def start(url: str) -> list[Server]:
        servers.extend(Server(tmp_path, {"AUTH_MODE": "open", "DATABASE_URL": url}) for _ in range(2))
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(Server.start, servers))
        return servers

    yield start
    for server in servers:
        server.stop()


def send_through(servers: list[Server], user_id: str, talk_id: str) -> list[str]:
    """Send through the servers in turn, and return the texts."""
    writers = [HttpWriter(server, {"id": user_id}, {"id": talk_id}) for server in servers]
    return [writers[number % 2].write(f"new {number}")["message"] for number in range(20)]


def test_the_tutorials_server_writes_until_its_database_is_upgraded(
    make_database: Callable[..., str], start_both: Callable[[str], list[Server]]
) -> None:
    tutorial = Tutorial(make_database("template0"))
    over = threading.Event()
    with ThreadPoolExecutor(WRITERS) as threads:
        writing = [threads.submit(tutorial.write, over.is_set) for _ in range(WRITERS)]
        try:
            servers = start_both(tutorial.url)
        finally:
            over.set()
        kept = [text for each in writing for text in each.result()]
    assert kept
    tutorial.check(kept, send_through(servers, tutorial.ann, tutorial.talk))
    assert "Traceback" not in servers[0].log.read_text() + servers[1].log.read_text()


def test_servers_of_this_release_start_beside_those_of_the_last(
    make_database: Callable[..., str], start_both: Callable[[str], list[Server]]
) -> None:
    """And send at once, while the calls of the last release go on for as long as one of its processes is there."""
    url = make_database("template0")
    apply_file(url, LAST_RELEASE)
    people = People(url)
    over = threading.Event()
    with ThreadPoolExecutor(WRITERS) as threads:
        old = [threads.submit(people.use_the_old, over.is_set) for _ in range(WRITERS)]
        try:
            servers = start_both(url)
            sent = send_through(servers, people.ann, people.conversation_id)
        finally:
            over.set()
        rounds = [len(each.result()) for each in old]
    assert min(rounds) > 1
    assert people.check_log() > 2 * sum(rounds)
    api = Api(servers[0])
    shown = all_messages(api, {"id": people.conversation_id}, query=f"&user_id={people.bob}")
    assert [each["message"] for each in shown if each["message"].startswith("new ")] == sent
    assert "Traceback" not in servers[0].log.read_text() + servers[1].log.read_text()
