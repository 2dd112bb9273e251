"""What threads, mentions, scheduled messages and search cost, in a database like the big one of test_cost.py.

There each message of the first 20,000 becomes a reply in one of 100 threads, mentions the busy user, who follows all.
"""

import json
from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import databases
from tests.schema.test_cost import BIG, BUSY, PLANS, connection, cost, fill
from tests.support.tour import uid

__all__ = ["connection"]  # a fixture

THREADS = 100
FILL = f"""
    create temporary table roots on commit drop as
    select id, seq from messages where conversation_id = '{BIG}' and seq <= {THREADS};
    update messages as m
    set thread_id = r.id, mentions = array['{BUSY}'::uuid]
    from roots as r
    where m.conversation_id = '{BIG}' and m.seq between {THREADS} + 1 and 20000 and r.seq = 1 + m.seq % {THREADS};
    update messages as m set reply_count = r.count, last_reply_at = r.last from (
        select thread_id, count(*), max(created_at) as last from messages where thread_id is not null group by 1
    ) as r where r.thread_id = m.id;
    insert into chat_thread_members (thread_id, user_id, conversation_id, following)
    select id, '{BUSY}', '{BIG}', true from roots;
    insert into chat_mentions (message_id, user_id, conversation_id, seq, created_at)
    select id, '{BUSY}', conversation_id, seq, created_at from messages where thread_id is not null;
    insert into chat_scheduled (conversation_id, user_id, draft, send_at)
    select '{BIG}', '{BUSY}', '{{"message": "later"}}', now() + n * interval '1 s' from generate_series(1, 900) as n;
"""


def replies(**cursor: int) -> str:
    arguments = {"before_seq": "null", "after_seq": "null", **cursor}
    named = ", ".join(f"p_{name} => {value}" for name, value in arguments.items())
    root = f"(select id from messages where conversation_id = '{BIG}' and seq = 2)"
    return (
        f"chat_list_replies(p_user_id => '{BUSY}', p_issued_at => null, p_message_id => {root}, p_limit => 50, {named})"
    )


def search(query: str) -> str:
    return f"chat_search_messages('{BUSY}', null, '{query}', null, null, 50, null, null)"


def send(**draft: str) -> str:
    return f"chat_send_message('{uid(3)}', null, '{BIG}', '{json.dumps({'message': 'hello', **draft})}')"


#: Each call with the rows that it may touch, as in test_cost.py; a reply stands for three, itself, its author and its
#: root, a mention for four. A search looks at 3,000 messages by walking, the first
#: 1,000 of them before it asks the index for 1,500, and at all the user's 2,000 conversations in a window.
SEARCH = 60_000
CALLS = {
    "the newest replies": (replies(), 300),
    "replies before one in the middle": (replies(before_seq=10_000), 300),
    "replies after one in the middle": (replies(after_seq=10_000), 300),
    # Two rows for each thread, to find the latest; then 100 unread replies of each on the page.
    "threads": (f"chat_list_threads('{BUSY}', null, 50, null, null)", 2 * THREADS + 50 * 110),
    "mentions": (f"chat_list_mentions('{BUSY}', null, 50, null, null)", 400),
    "mentions before": (f"chat_list_mentions('{BUSY}', null, 50, '2024-01-01T02:00:00Z', '{uid(0)}')", 400),
    "scheduled": (f"chat_list_scheduled('{BUSY}', null, 50, null, null)", 80),
    "a send that mentions somebody": (send(message=f"@[{BUSY}]"), 50),
    "a search for a word of every message": (search("message"), SEARCH),
    "a search for a rare word": (search("77777"), SEARCH),
    "a search for no word": (search("nowhere"), SEARCH),
}


@pytest.fixture(scope="module")
def big_database(cluster: str) -> Iterator[str]:
    """The URL of a database of this file's own: so many changed rows, though taken back, would cost other tests."""
    with databases(cluster) as make:
        url = make()
        with psycopg.connect(url) as filling:
            filling.execute(fill() + FILL)  # type: ignore[call-overload]
        with psycopg.connect(url, autocommit=True) as cleaning:
            cleaning.execute("vacuum analyze")
        yield url


@pytest.mark.parametrize("plan", PLANS)
def test_a_call_touches_no_more_than_its_page(
    connection: psycopg.Connection, plan: str, subtests: pytest.Subtests
) -> None:
    connection.execute(PLANS[plan])  # type: ignore[call-overload]
    for name, (call, most_rows) in CALLS.items():
        with subtests.test(call=name):
            found = cost(connection, call)
            assert found.rows <= most_rows
            assert found.blocks <= 2 * most_rows + 50
