"""What a call costs: rows and blocks that the database touches are those of the page, whatever the history.

One conversation of 100,000 messages, 100,000 users, one of them in 2,000 conversations. Every query is measured with
the plan for its values, with the plan for any values (what PostgreSQL may change to after five calls), and without
statistics (what a database has that was just moved).
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

import psycopg
import pytest

from tests.conftest import TEMPLATE, make_conninfo_url, one_at_a_time
from tests.support.tour import uid

BIG_DATABASE = "chat_big"
MESSAGES = USERS = 100_000
CONVERSATIONS = 2_000
BUSY, BIG = uid(1), uid(0)
#: The numbers of a message to which everybody has reacted, and of the last of ten thousand replies.
LIKED, LAST_REPLY = 10_000, 40_000


def fill(which: str = "true") -> str:
    """Return the statements that fill a database, or with a condition on n a part of it; both may follow each other."""
    return f"""
    create or replace function pg_temp.uid(n bigint) returns uuid immutable language sql
    as $$ select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
    insert into users (id, username, created_at)
    select pg_temp.uid(n), 'user ' || n, now() from generate_series(1, {USERS}) as n
    where n <= {CONVERSATIONS} + 3 or {which} on conflict do nothing;
    insert into conversations (id, name, owner_user_id, version, last_seq, last_activity_at)
    select pg_temp.uid(n), 'group ' || n, '{BUSY}'::uuid, 3, 2, '2024-06-01'::timestamptz - n * interval '1 minute'
    from generate_series(1, {CONVERSATIONS}) as n where {which}
    union all select '{BIG}', 'big', '{BUSY}'::uuid, {MESSAGES} + 1, {MESSAGES}, '2025-06-01'
    on conflict do nothing;
    insert into user_conversation (conversation_id, user_id, last_read_seq)
    select pg_temp.uid(n), pg_temp.uid(u), 1
    from generate_series(0, {CONVERSATIONS}) as n, lateral unnest(array[1, n + 2, n + 3]) as u
    where {which} on conflict do nothing;
    insert into messages (conversation_id, user_id, message, created_at, seq, version, client_id)
    select '{BIG}', pg_temp.uid(1 + n % 3), 'message ' || n, '2024-01-01'::timestamptz + n * interval '1 second',
           n, n + 1, case when n % 2 = 0 then 'c-' || n end
    from generate_series(1, {MESSAGES}) as n where {which}
    union all
    select pg_temp.uid(n), pg_temp.uid(n + 2), 'hello', '2024-01-01'::timestamptz + seq * interval '1 second',
           seq, seq + 1, null
    from generate_series(1, {CONVERSATIONS}) as n, generate_series(1, 2) as seq where {which}
    on conflict do nothing;
    -- To one message everybody has reacted, ten thousand are pinned, and ten thousand are replies to one.
    insert into chat_reactions (message_id, emoji, user_id, created_at)
    select id, '👍', pg_temp.uid(n), now() + n * interval '1 second'
    from messages, generate_series(1, {USERS}) as n where conversation_id = '{BIG}' and seq = {LIKED} and {which}
    on conflict do nothing;
    insert into chat_message_edits (message_id, version, user_id, message, edited_at)
    select id, n, '{BUSY}', 'text ' || n, now()
    from messages, generate_series(1, 10000) as n where conversation_id = '{BIG}' and seq = {LIKED} and {which}
    on conflict do nothing;
    update messages set reactions = jsonb_build_array(jsonb_build_object(
        'emoji', '👍', 'count', {USERS}, 'user_ids', array(select pg_temp.uid(n) from generate_series(1, 20) as n)
    )), user_id = '{BUSY}' where conversation_id = '{BIG}' and seq = {LIKED};
    update messages set pinned_at = created_at where conversation_id = '{BIG}' and seq between 20001 and 30000;
    update messages set thread_id = (select id from messages where conversation_id = '{BIG}' and seq = 30000)
    where conversation_id = '{BIG}' and seq between 30001 and {LAST_REPLY};
    update messages set reply_count = 10000, last_reply_at = '2024-01-01T11:06:40Z'
    where conversation_id = '{BIG}' and seq = 30000;
"""


#: The settings under which a query is planned.
PLANS = {
    "for its values": "set local plan_cache_mode = force_custom_plan",
    "for any values": "set local plan_cache_mode = force_generic_plan",
    "without statistics": "delete from pg_statistic where starelid in (select oid from pg_class where relname in "
    "('users', 'conversations', 'user_conversation', 'messages'))",
}


def page(**cursor: object) -> str:
    arguments = {"before_seq": "null", "after_seq": "null", "around_seq": "null", "after_date": "null", **cursor}
    named = ", ".join(f"p_{name} => {value}" for name, value in arguments.items())
    return (
        f"chat_list_messages(p_conversation_id => '{BIG}', p_user_id => '{BUSY}', p_issued_at => null, "
        f"p_limit => 50, {named})"
    )


def sync(since: int, limit: int = 50) -> str:
    known = {uid(number): 3 for number in range(1, CONVERSATIONS + 1)} | {BIG: since}
    return f"chat_sync('{BUSY}', null, '{json.dumps(known)}', null, {limit})"


def send_batch(*client_ids: str | None) -> str:
    sends = [
        {"user_id": uid(3), "issued_at": None, "conversation_id": BIG, "message": "hello", "client_id": client_id}
        for client_id in client_ids
    ]
    return f"chat_send_messages('{json.dumps(sends)}')"


def send(client_id: str | None) -> str:
    draft = json.dumps({"message": "hello", "client_id": client_id})
    return f"chat_send_message('{uid(3)}', null, '{BIG}', '{draft}')"


def of_message(function: str, seq: int, *more: str) -> str:
    """A call for one of the big conversation's messages, which is looked up for it: one row more."""
    id = f"(select id from messages where conversation_id = '{BIG}' and seq = {seq})"
    arguments = ", ".join((f"'{BUSY}'", "null", id, *more))
    return f"{function}({arguments})"


#: A place in an export.
IN_THE_MIDDLE = {"kind": "message", "conversation_id": BIG, "seq": MESSAGES // 2, "version": 0}


class Cost(NamedTuple):
    """What one call touched."""

    rows: int
    blocks: int


#: Each call with the rows that it may touch: a message of a page stands for two, itself and its author. A
#: look-up reads two or three blocks of an index for its row, so the blocks are bounded by the rows.
CALLS: dict[str, tuple[str, int]] = {
    "the newest page": (page(), 120),
    "before the newest": (page(before_seq=MESSAGES), 120),
    "before one in the middle": (page(before_seq=MESSAGES // 2), 120),
    "before the oldest": (page(before_seq=1), 20),
    "after one in the middle": (page(after_seq=MESSAGES // 2), 120),
    "after the newest": (page(after_seq=MESSAGES), 20),
    "around one": (page(around_seq=MESSAGES // 2), 120),
    "after a date in the middle": (page(after_date="'2024-01-01T12:00:00Z'"), 160),
    "after a date before all": (page(after_date="'2000-01-01T00:00:00Z'"), 160),
    "after a date to come": (page(after_date="'2100-01-01T00:00:00Z'"), 20),
    "a send": (send(None), 30),
    "a send with a client id": (send("new"), 30),
    "a send repeated": (send("c-99998"), 30),
    "a batch": (send_batch(None, "new", "newer", "c-99998"), 80),
    "a receipt": (f"""chat_update_receipt('{BUSY}', null, '{BIG}', '{{"read_seq": {MESSAGES}}}')""", 30),
    "a conversation": (f"chat_get_conversation('{BUSY}', null, '{BIG}')", 30),
    "the members": (f"chat_list_members('{BUSY}', null, '{BIG}', 2, null)", 20),
    "settings": (f"""chat_update_member_settings('{BUSY}', null, '{BIG}', '{{"pinned": true}}')""", 20),
    "a rename": (f"""chat_update_conversation('{BUSY}', null, '{BIG}', '{{"name": "new"}}', true)""", 50),
    "an added member": (
        f"""chat_add_members('{BUSY}', null, '{BIG}', '{{"participant_ids": ["{uid(9)}"]}}', true)""",
        70,
    ),
    "a removed member": (f"chat_remove_member('{BUSY}', null, '{BIG}', '{uid(2)}', true)", 70),
    "a direct conversation": (f"chat_open_direct_conversation('{BUSY}', null, '{uid(9)}')", 30),
    "public conversations": (f"chat_list_public_conversations('{BUSY}', null, 'group', 50, null, null)", 20),
    "one message": (of_message("chat_get_message", MESSAGES // 2), 10),
    "a message that everybody likes": (of_message("chat_get_message", LIKED), 20),
    "an edit": (of_message("chat_edit_message", LIKED, """'{"message": "new", "custom": {"a": 1}}'"""), 30),
    "a page of the history": (of_message("chat_list_message_edits", LIKED, "50", "5000"), 70),
    "a deletion": (of_message("chat_delete_message", MESSAGES // 2), 30),
    "a deletion of the last reply": (of_message("chat_delete_message", LAST_REPLY), 60),
    "a reaction": (of_message("chat_add_reaction", MESSAGES // 2, "'👍'"), 35),
    "another reaction to one that everybody likes": (of_message("chat_add_reaction", LIKED, "'👎'"), 35),
    "one reaction less": (of_message("chat_remove_reaction", LIKED, "'👍'"), 60),
    "the newest who reacted": (of_message("chat_list_reactions", LIKED, "'👍'", "50", "null", "null"), 130),
    "who reacted in the middle": (
        of_message("chat_list_reactions", LIKED, "'👍'", "50", "now() + interval '5 hours'", f"'{uid(0)}'"),
        130,
    ),
    "who reacted at all": (of_message("chat_list_reactions", LIKED, "null", "50", "null", "null"), 130),
    "a pin": (of_message("chat_set_pin", LIKED, "true"), 30),
    "the newest pins": (f"chat_list_pins('{BUSY}', null, '{BIG}', 50, null, null)", 120),
    "pins in the middle": (
        f"chat_list_pins('{BUSY}', null, '{BIG}', 50, '2024-01-01T07:00:00Z', '{uid(0)}')",
        120,
    ),
    "receipts": (f"chat_list_receipts('{BUSY}', null, '{BIG}', 1000, null)", 20),
    # Its trigrams have more users than the name itself.
    "search for a rare name": (f"chat_search_users('{BUSY}', null, '99999')", 300),
    "search for a frequent name": (f"chat_search_users('{BUSY}', null, 'USER')", 120),
    "search for everybody": (f"chat_search_users('{BUSY}', null, null)", 120),
    "contacts among those who are here": (
        f"chat_list_contacts('{BUSY}', '{json.dumps({'user_ids': [uid(n) for n in range(1, 101)]})}')",
        CONVERSATIONS + 600,
    ),
    "contacts among many": (
        f"chat_list_contacts('{uid(9)}', '{json.dumps({'user_ids': [uid(n) for n in range(1, 10_001)]})}')",
        60,
    ),
    "a watch of 200": (
        f"chat_watch_presence('{BUSY}', null, '{json.dumps({'user_ids': [uid(n) for n in range(2, 202)]})}')",
        CONVERSATIONS + 1200,
    ),
    "privacy of a few": (f"chat_list_privacy('{json.dumps({'user_ids': [uid(2), uid(3)]})}')", 10),
    "a profile": (f"chat_get_profile('{BUSY}', null, '{uid(2)}')", 10),
    "a mark of unread": (f"chat_update_receipt('{uid(2)}', null, '{BIG}', '{json.dumps({'unread_from': 1})}')", 30),
    "a part of an export": (
        f"chat_export_user('{BUSY}', null, '{BUSY}', '{json.dumps(IN_THE_MIDDLE)}', 50)",
        300,
    ),
    "revocations": ("chat_list_revocations(60)", 5),
    # Two rows for each of the user's conversations, to find the most recent, then the page.
    "the first page of conversations": (
        f"chat_list_conversations('{BUSY}', null, 50, 10, false, null)",
        2 * CONVERSATIONS + 50 * 30,
    ),
    "the last page of conversations": (
        f"""chat_list_conversations('{BUSY}', null, 50, 10, false,
            '{{"pinned": false, "at": "2024-05-30T15:00:00Z", "id": "{uid(0)}"}}')""",
        2 * CONVERSATIONS + 50 * 20,
    ),
    "unread": (f"chat_list_unread('{BUSY}', null)", 2 * CONVERSATIONS + 20),
    # A third row for each of them, to find what was removed.
    "sync with nothing new": (sync(MESSAGES + 1), 2 * CONVERSATIONS + 20),
    "sync with a few new messages": (sync(MESSAGES - 9), 2 * CONVERSATIONS + 80),
    "sync of too many": (sync(1), 2 * CONVERSATIONS + 300),
}

#: Without statistics the planner takes any name for rare, and sorts all who have it, once trigrams are vacuumed.
ROWS_WITHOUT_STATISTICS = {"search for a frequent name": USERS + 120}


@pytest.fixture(scope="session")
def big_database(cluster: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> str:
    """The URL of the big database, made by the first worker that needs it; tests take back what they write."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    url = make_conninfo_url(cluster, BIG_DATABASE)
    with one_at_a_time(shared / "big.lock"), psycopg.connect(cluster, autocommit=True) as connection:
        exists = connection.execute("select from pg_database where datname = %s", (BIG_DATABASE,)).fetchone()
        if exists is None:
            connection.execute(f"create database {BIG_DATABASE} template {TEMPLATE}")
            with psycopg.connect(url) as filling:
                filling.execute(fill())  # type: ignore[call-overload]
                filling.execute("analyze")
    return url


@pytest.fixture
def connection(big_database: str) -> Iterator[psycopg.Connection]:
    """A connection to the big database, in a transaction that is taken back."""
    with psycopg.connect(big_database) as opened:
        yield opened
        opened.rollback()


def cost(connection: psycopg.Connection, call: str) -> Cost:
    """Return what a call touches, with its plans and the catalogs in memory.

    The least of three: the first reads those, and so does one that comes after an autovacuum.
    """
    return min((_cost(connection, call) for _ in range(3)), key=lambda found: found.blocks)


def _cost(connection: psycopg.Connection, call: str) -> Cost:
    connection.execute("savepoint before")
    rows_before = _rows(connection)
    explained = connection.execute(f"explain (analyze, buffers, format json) select public.{call}").fetchone()
    rows = _rows(connection) - rows_before
    connection.execute("rollback to before")
    assert explained is not None
    plan = explained[0][0]["Plan"]
    return Cost(rows, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def _rows(connection: psycopg.Connection) -> int:
    query = "select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) from pg_stat_xact_user_tables"
    found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_touches_no_more_than_its_page(connection: psycopg.Connection, name: str, plan: str) -> None:
    call, most_rows = CALLS[name]
    if plan == "without statistics":
        most_rows = ROWS_WITHOUT_STATISTICS.get(name, most_rows)
    connection.execute(PLANS[plan])  # type: ignore[call-overload]
    found = cost(connection, call)
    assert found.rows <= most_rows
    assert found.blocks <= 2 * most_rows + 80  # a write touches two or three of each of a message's ten indexes
