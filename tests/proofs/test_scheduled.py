"""Two real servers send what is scheduled once and at its time, whatever becomes of one of them and of its clock."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.support.client import Api
from tests.support.equivalence import Phone
from tests.support.fresh import fresh
from tests.support.odd_server import PROGRAM
from tests.support.proofs import DRIVERS, reached_by, size
from tests.support.server import Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(size(120, 600))]

Json = dict[str, Any]
Sql = Callable[..., list[Any]]
MakeServer = Callable[..., Server]

CONVERSATIONS = 4
COUNT = size(60, 600)
LEASE = "3"
HOUR = 3600


@pytest.fixture(params=DRIVERS)
def backend(request: pytest.FixtureRequest, database_url: str) -> Any:
    """The settings of servers on the test's database, on either driver."""
    with ExitStack() as stack:
        yield stack.enter_context(reached_by(request.param, database_url))


def open_talks(api: Api, count: int = CONVERSATIONS) -> tuple[Json, Json, list[Json]]:
    ann, bob = api.users("ann", "bob")
    return ann, bob, [api.conversation(ann, bob) for _ in range(count)]


def schedule(api: Api, user: Json, talk: Json, text: str, seconds: float) -> Json:
    send_at = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    body = {"user_id": user["id"], "message": text, "send_at": send_at}
    scheduled: Json = api.request("POST", f"/conversations/{talk['id']}/messages/create", body)["scheduled"]
    return scheduled


def schedule_many(api: Api, user: Json, talks: list[Json], seconds: float) -> Counter[str]:
    """Schedule messages for one moment, and return their texts."""
    at = time.monotonic() + seconds
    texts = [str(number) for number in range(COUNT)]
    for number, text in enumerate(texts):
        schedule(api, user, talks[number % len(talks)], text, at - time.monotonic())
    return Counter(texts)


def sent(sql: Sql) -> Counter[str]:
    return Counter(text for (text,) in sql("select message from messages"))


def wait_until(condition: Callable[[], Any], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_due_at_once_is_sent_once_by_two_servers(
    backend: dict[str, str], make_server: MakeServer, sql: Sql
) -> None:
    servers = [make_server(**backend) for _ in range(2)]
    api = Api(servers[0])
    ann, bob, talks = open_talks(api)
    listener = Phone(servers[0], bob)
    texts = schedule_many(api, ann, talks, 3)
    wait_until(lambda: sql("select 1 from chat_scheduled") == [])
    assert sent(sql) == texts
    assert sql("select count(*) from messages as m where m.client_id is null") == [(0,)]
    assert sql("select 1 from chat_jobs where kind = 'send_scheduled' and state = 'dead'") == []
    listener.catch_up()
    listener.sync()  # what the other server announced is heard of there alone
    shows_everything(listener)
    for server in servers:
        server.stop()


def shows_everything(phone: Phone) -> None:
    expected = fresh(phone.api, phone.me, {})
    assert {id: each["messages"] for id, each in phone.shown().items()} == {
        id: each["messages"] for id, each in expected.items()
    }
    phone.leave()


def test_a_server_that_is_killed_in_the_middle_costs_none_and_sends_none_twice(
    backend: dict[str, str], make_server: MakeServer, database_url: str, sql: Sql
) -> None:
    dies, stays = (make_server(PROGRAM, **backend, JOB_LEASE=LEASE) for _ in range(2))
    api = Api(stays)
    ann, bob, talks = open_talks(api)
    listener = Phone(stays, bob)
    with psycopg.connect(database_url) as connection:
        # In the first conversation each send waits for this lock, in the middle of its transaction.
        connection.execute("select from conversations where id = %s for no key update", (talks[0]["id"],))
        texts = schedule_many(api, ann, talks, 3)
        held = "select distinct claimed_by from chat_jobs where kind = 'send_scheduled' and state = 'running'"
        wait_until(lambda: len(sql(held)) == 2)
        dies.kill()
        assert sent(sql).total() < COUNT
    wait_until(lambda: sql("select 1 from chat_jobs where kind = 'send_scheduled'") == [])
    assert sent(sql) == texts
    assert sql("select 1 from chat_scheduled") == []
    listener.catch_up()
    listener.sync()
    shows_everything(listener)
    stays.stop()


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_the_clock_of_a_server_does_not_matter(
    ahead: int, backend: dict[str, str], make_server: MakeServer, sql: Sql
) -> None:
    """It sends neither early nor late nor twice, alone and beside one whose clock is right."""
    wrong = make_server(PROGRAM, **backend, CLOCK_AHEAD=str(ahead))
    api = Api(wrong)
    ann, _, (talk, *_) = open_talks(api)
    due: dict[str, datetime] = {}

    def send_three(name: str) -> None:
        for number in range(3):
            scheduled = schedule(api, ann, talk, f"{name} {number}", 0.6 + number * 0.3)
            due[scheduled["message"]] = datetime.fromisoformat(scheduled["send_at"])
        wait_until(lambda: len(sql("select 1 from messages")) == len(due))

    later = schedule(api, ann, talk, "in half an hour", HOUR / 2)
    send_three("alone")
    right = make_server(**backend)
    send_three("beside another")
    assert [each["id"] for each in api.request("GET", f"/scheduled?user_id={ann['id']}")] == [later["id"]]
    at = dict(sql("select message, created_at from messages"))
    assert at.keys() == due.keys()
    for text, send_at in due.items():
        assert timedelta(0) <= at[text] - send_at < timedelta(seconds=5)  # the database's clock
    with pytest.raises(AssertionError, match="send_at"):
        schedule(api, ann, talk, "past for the database", -1)
    for server in (wrong, right):
        server.stop()


def test_a_time_that_is_moved_counts_once(make_server: MakeServer, database_url: str, sql: Sql) -> None:
    """Also when it is moved while the job of the time before is about to run."""
    servers = [make_server(DATABASE_URL=database_url) for _ in range(2)]
    apis = [Api(server) for server in servers]
    ann, _, (talk, *_) = open_talks(apis[0])
    moved, deadline = 0, time.monotonic() + 3
    scheduled = [schedule(apis[0], ann, talk, str(number), 0.5) for number in range(20)]
    while time.monotonic() < deadline:
        for place, each in enumerate(scheduled):
            at = datetime.now(UTC) + timedelta(milliseconds=150)
            body = {"user_id": ann["id"], "send_at": at.isoformat()}
            answer = servers[place % 2].request("PATCH", f"/scheduled/{each['id']}", body)
            assert answer.status in (200, 404), answer.json()
            moved += answer.status == 200
    wait_until(lambda: sql("select 1 from chat_scheduled") == [])
    assert moved > len(scheduled) / 2
    assert sent(sql) == Counter(str(number) for number in range(20))
    for server in servers:
        server.stop()
