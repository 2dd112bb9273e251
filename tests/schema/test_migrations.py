"""`migrations.sql` on the tutorial's database: upgraded in place, nothing lost, and the same as a fresh one."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from chat.config import Config
from chat.storage.migrations import PATH as MIGRATIONS
from chat.storage.migrations import migrations
from chat.storage.postgres import PostgresStorage
from tests.support.client import Api
from tests.support.postgrest_sql import create_roles
from tests.support.schema_dump import rows_of, schema_of

TUTORIAL = (Path(__file__).parents[1] / "support" / "tutorial_schema.sql").read_text()

#: What the tutorial has from the extension uuid-ossp, which is not everywhere.
UUID_FUNCTION = "create function public.uuid_generate_v4() returns uuid language sql as 'select gen_random_uuid()'"


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


ANN, BOB, OTHER_BOB, LONER = (uid(number) for number in range(1, 5))
TEAM, SILENT, DESERTED, ALIEN = (uid(number) for number in range(11, 15))
LONG_TEXT = "ä" * 50_000

USERS = [
    (ANN, "ann", "2024-01-01 00:00:00"),
    (BOB, "bob", "2024-01-02 00:00:00.123456"),
    (OTHER_BOB, "bob", "2024-07-01 12:00:00"),
    (LONER, "", "2024-03-31 02:30:00"),  # a time that the clocks of Europe skip
]
CONVERSATIONS = [
    (TEAM, "team", ANN, "2024-02-01 10:00:00"),
    (SILENT, "silent", BOB, "2024-02-02 10:00:00"),
    (DESERTED, "deserted", ANN, "2024-02-03 10:00:00"),
    (ALIEN, "written by no member", BOB, "2024-02-04 10:00:00"),
]
MEMBERS = [
    (uid(21), BOB, TEAM),
    (uid(22), BOB, TEAM),
    (uid(23), BOB, TEAM),
    (uid(24), OTHER_BOB, TEAM),
    (uid(25), None, TEAM),
    (uid(26), ANN, None),
    (uid(27), None, None),
    (uid(28), BOB, SILENT),
    (uid(29), ANN, SILENT),
]
#: In the order of their numbers, each conversation's first.
KEPT_MESSAGES = [
    (uid(31), TEAM, ANN, "before the conversation was made", "2024-01-31 09:00:00"),
    (uid(33), TEAM, BOB, "one of two at the same time", "2024-02-01 10:00:01"),
    (uid(34), TEAM, ANN, "two of two at the same time", "2024-02-01 10:00:01"),
    (uid(32), TEAM, LONER, LONG_TEXT, "2024-02-01 10:00:01.000001"),
    (uid(35), TEAM, BOB, "the newest", "2024-07-01 23:59:59.999999"),
    (uid(36), ALIEN, LONER, "", "2024-02-05 00:00:00"),
]
LOST_MESSAGES = [
    (uid(41), None, ANN, "no conversation", "2024-02-01 10:00:00"),
    (uid(42), TEAM, None, "no author", "2024-02-01 10:00:00"),
    (uid(43), None, None, "neither", "2024-02-01 10:00:00"),
]


def apply(url: str) -> str:
    return PostgresStorage(Config(), url).migrate()


def paste(url: str) -> None:
    """Apply the file as the SQL editor or psql does, in one go."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(MIGRATIONS.read_text())  # type: ignore[call-overload]


def apply_changed_file(url: str) -> None:
    """Apply the file as a server of another release does, for which the kept hash is a strange one."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("update public.chat_schema set functions_hash = 'another'")
    assert "was brought up" in apply(url)


@pytest.fixture
def tutorial_url(make_database: Callable[..., str]) -> str:
    """A database as the tutorial leaves it, in a time zone that is not UTC, with every row it allows."""
    url = make_database("template0")
    with psycopg.connect(url, autocommit=True) as connection:
        create_roles(connection)
        connection.execute(UUID_FUNCTION)
        connection.execute(TUTORIAL)  # type: ignore[call-overload]
        name = connection.info.dbname
        connection.execute(f"alter database {name} set timezone = 'America/New_York'")
        cursor = connection.cursor()
        cursor.executemany("insert into users values (%s, %s, %s)", USERS)
        cursor.executemany("insert into conversations values (%s, %s, %s, %s)", CONVERSATIONS)
        cursor.executemany("insert into user_conversation values (%s, %s, %s)", MEMBERS)
        shuffled = sorted(KEPT_MESSAGES + LOST_MESSAGES, key=lambda row: row[0][::-1], reverse=True)
        cursor.executemany("insert into messages values (%s, %s, %s, %s, %s)", shuffled)
    return url


@pytest.fixture
def upgraded_url(tutorial_url: str) -> str:
    """The tutorial's database after the migration."""
    apply(tutorial_url)
    return tutorial_url


def query(url: str, text: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(text).fetchall()  # type: ignore[call-overload]


def test_every_user_conversation_and_message_is_kept(upgraded_url: str) -> None:
    utc = "to_char({0} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"

    def exact(rows: list[Any]) -> list[Any]:
        return sorted((*row[:-1], datetime.fromisoformat(row[-1]).isoformat(" ", "microseconds")) for row in rows)

    users = query(upgraded_url, f"select id::text, username, {utc.format('created_at')} from users")
    assert sorted(users) == exact(USERS)
    conversations = query(
        upgraded_url, f"select id::text, name, owner_user_id::text, {utc.format('created_at')} from conversations"
    )
    assert sorted(conversations) == exact(CONVERSATIONS)
    messages = query(
        upgraded_url,
        f"select id::text, conversation_id::text, user_id::text, message, {utc.format('created_at')} from messages",
    )
    assert sorted(messages) == exact(KEPT_MESSAGES)


def test_rows_that_point_nowhere_are_set_aside_with_a_notice(
    tutorial_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    apply(tutorial_url)
    aside = query(tutorial_url, "select table_name, reason, content from chat_set_aside")
    found = sorted((table, reason, content["id"]) for table, reason, content in aside)
    assert found == sorted(
        [("messages", "null foreign key", row[0]) for row in LOST_MESSAGES]
        + [("user_conversation", "null foreign key", uid(number)) for number in (25, 26, 27)]
        + [("user_conversation", "repeated", uid(number)) for number in (22, 23)]
    )
    texts = {content["id"]: content["message"] for table, _, content in aside if table == "messages"}
    assert texts == {row[0]: row[3] for row in LOST_MESSAGES}
    assert caplog.messages == [
        "migration: 3 message(s) without a conversation or an author are now in chat_set_aside",
        "migration: 5 membership(s) that point nowhere or stand twice are now in chat_set_aside",
    ]


def test_owners_become_members_and_authors_do_not(upgraded_url: str) -> None:
    members = query(upgraded_url, "select conversation_id::text, user_id::text from user_conversation")
    assert sorted(members) == sorted(
        [(TEAM, ANN), (TEAM, BOB), (TEAM, OTHER_BOB), (SILENT, ANN), (SILENT, BOB), (DESERTED, ANN), (ALIEN, BOB)]
    )


def test_messages_are_numbered_in_the_order_of_their_times(upgraded_url: str) -> None:
    numbers = query(
        upgraded_url,
        "select conversation_id::text, seq, version, id::text from messages order by conversation_id, seq",
    )
    team = [row[0] for row in KEPT_MESSAGES if row[1] == TEAM]
    assert numbers == [(TEAM, seq, seq + 1, id) for seq, id in enumerate(team, 1)] + [(ALIEN, 1, 2, uid(36))]
    counters = query(
        upgraded_url,
        """select id::text, last_seq, version, (last_activity_at at time zone 'UTC')::text
           from conversations order by id""",
    )
    assert counters == [
        (TEAM, 5, 6, "2024-07-01 23:59:59.999999"),
        (SILENT, 0, 1, "2024-02-02 10:00:00"),
        (DESERTED, 0, 1, "2024-02-03 10:00:00"),
        (ALIEN, 1, 2, "2024-02-05 00:00:00"),
    ]


def test_members_start_with_everything_read(upgraded_url: str) -> None:
    assert not query(
        upgraded_url,
        """select from user_conversation as m join conversations as c on c.id = m.conversation_id
           where (m.last_read_seq, m.last_delivered_seq) <> (c.last_seq, c.last_seq)""",
    )


@pytest.mark.parametrize("again", [paste, apply_changed_file, apply])
def test_applying_again_changes_nothing(upgraded_url: str, again: Callable[[str], object]) -> None:
    with psycopg.connect(
        upgraded_url, autocommit=True
    ) as connection:  # as somebody who has left; nobody brings it back
        connection.execute("delete from user_conversation where user_id = %s and conversation_id = %s", (ANN, DESERTED))
        # and somebody who has unread messages
        connection.execute("update user_conversation set last_read_seq = 1 where user_id = %s", (OTHER_BOB,))
    tables = ("users", "conversations", "user_conversation", "messages", "chat_set_aside")
    schema, rows = schema_of(upgraded_url), rows_of(upgraded_url, *tables)
    for _ in range(2):
        again(upgraded_url)
        assert schema_of(upgraded_url) == schema
        assert rows_of(upgraded_url, *tables) == rows


def test_the_second_start_finds_nothing_to_do(upgraded_url: str) -> None:
    assert apply(upgraded_url) == f"The schema is up to date (version {migrations().version})."


def test_a_fresh_and_an_upgraded_database_have_the_same_schema(
    upgraded_url: str, make_database: Callable[..., str]
) -> None:
    fresh_url = make_database("template0")
    with psycopg.connect(fresh_url, autocommit=True) as connection:
        create_roles(connection)
    paste(fresh_url)
    with psycopg.connect(upgraded_url, autocommit=True) as connection:
        connection.execute("drop function public.uuid_generate_v4()")  # nothing needs it any longer
    fresh, upgraded = schema_of(fresh_url), schema_of(upgraded_url)
    for part in fresh:
        assert upgraded[part] == fresh[part]


def test_the_upgraded_database_is_served(upgraded_url: str, make_app: Callable[..., Flask]) -> None:
    api = Api(make_app(database_url=upgraded_url).test_client())
    ann, bob = {"id": ANN}, {"id": BOB}
    conversations = api.conversations(bob)
    assert [each["id"] for each in conversations] == [TEAM, ALIEN, SILENT]
    team = conversations[0]
    assert team["unread_count"] == 0
    assert [each["id"] for each in team["messages"]] == [row[0] for row in KEPT_MESSAGES if row[1] == TEAM]
    assert team["messages"][3]["users"] == {"id": LONER, "username": "", "avatar_url": None}
    assert team["messages"][3]["message"] == LONG_TEXT
    assert [each["username"] for each in team["participants"]] == ["ann", "bob", "bob"]
    synced = {each["id"]: each for each in api.sync(bob, {TEAM: 4})["conversations"]}
    assert synced[TEAM]["messages"][0]["seq"] == 4

    sent = api.send({"id": TEAM}, ann, "after the move")
    assert (sent["seq"], sent["version"]) == (6, 7)
    assert sent["created_at"] > "2024-07-01T23:59:59.999999+00:00"
    first = api.send({"id": DESERTED}, ann, "the first")
    assert (first["seq"], first["version"]) == (1, 2)
    api.request("POST", f"/conversations/{TEAM}/messages/create", {"user_id": LONER, "message": "?"}, 404)


def test_equal_times_are_all_after_an_earlier_date(upgraded_url: str, make_app: Callable[..., Flask]) -> None:
    api = Api(make_app(database_url=upgraded_url).test_client())
    later = api.messages({"id": TEAM}, "last_message_date=2024-02-01T10:00:00")
    assert [each["seq"] for each in later] == [2, 3, 4, 5]
    later = api.messages({"id": TEAM}, "last_message_date=2024-02-01T10:00:01")
    assert [each["seq"] for each in later] == [4, 5]


def test_a_tutorial_database_without_rows_is_upgraded(
    make_database: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    url = make_database("template0")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(UUID_FUNCTION)
        connection.execute(TUTORIAL)  # type: ignore[call-overload]
    apply(url)
    assert caplog.messages == []
    assert query(url, "select version from chat_schema") == [(migrations().version,)]
