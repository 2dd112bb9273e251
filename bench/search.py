"""Measure the search of messages in the database: `python -m bench.search`.

A member of 200 conversations among 1,000,000 messages of 2,000; words as frequent as in a language, a twentieth of the
messages Chinese. Each query is asked with the plans and the pages in memory. It prints the median and the worst of the
runs, in milliseconds, the CPU of one, and what a send costs PostgreSQL with the index of words and without it.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import psycopg

import chat.patch  # noqa: F401  # without eventlet's own warning
from chat.config import Config
from chat.embedded import EmbeddedPostgres
from chat.storage.postgres import PostgresStorage

from .load.meter import cpu_of_tree

CONVERSATIONS = 2_000
SEARCHER = "00000000-0000-4000-8000-000000000001"

FILL = f"""
    create function pg_temp.uid(n bigint) returns uuid immutable language sql
    as $$ select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
    create function public.bench_word(n integer) returns text immutable language sql
    as $$ select translate(substr(md5(n::text), 1, 3 + n % 6), '0123456789', 'ghijklmnop') $$;
    insert into users (id, username) select pg_temp.uid(n), 'user ' || n from generate_series(1, 1000) as n;
    insert into conversations (id, name, owner_user_id, version, last_seq, last_activity_at)
    select pg_temp.uid(n), 'group ' || n, pg_temp.uid(1), {{each}} + 1, {{each}}, now() - n * interval '1 minute'
    from generate_series(1, {CONVERSATIONS}) as n;
    insert into user_conversation (conversation_id, user_id)
    select pg_temp.uid(n), pg_temp.uid(u)
    from generate_series(1, {CONVERSATIONS}) as n,
         lateral unnest(array[case when n % 10 = 0 then 1 else 2 end, 3 + n % 900]) as u;
    insert into messages (conversation_id, user_id, message, created_at, seq, version)
    select pg_temp.uid(c), pg_temp.uid(3 + c % 900), written.text,
           now() - c * interval '1 minute' - ({{each}} - s) * interval '47 minutes', s, s + 1
    from generate_series(1, {{each}}) as s, generate_series(1, {CONVERSATIONS}) as c,
    lateral (
        select case when (s * 7 + c) % 20 = 0
            then (select string_agg(chr(19968 + 7 * floor(2000 * random() ^ 3)::integer), '')
                  from generate_series(1, 12 + (s + c) % 10))
            else (select string_agg(bench_word(floor(20000 * random() ^ 4)::integer), ' ')
                  from generate_series(1, 5 + (s + c) % 10))
        end as text
    ) as written;
"""

#: Each query by what it stands for; the numbers are those of words, the lowest the most frequent.
QUERIES = {
    "a word in half of the messages": "{0}",
    "one in 18": "{5}",
    "one in 100": "{50}",
    "one in 1,500": "{2000}",
    "one in 7,000": "{19990}",
    "no message": "zzzzqqq",
    "a frequent and a rare word": "{0} {19990}",
    "a rare word and a letter": "{300} k",
    "a letter": "k",
    "a Chinese character, frequent": chr(19968),
    "two, one after the other": chr(19968) + chr(19975),
    "two, rare": chr(19968 + 7 * 1500) + chr(19968 + 7 * 1600),
    "an emoji, which no index knows": "😀",
}


def main() -> None:
    parser = argparse.ArgumentParser("python -m bench.search", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--messages", type=int, default=1_000_000, help="(1,000,000)")
    parser.add_argument("--times", type=int, default=20, help="how often each query is asked (20)")
    parser.add_argument("--sends", type=int, default=5_000, help="sends of one measurement (5,000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        database = EmbeddedPostgres(Path(directory, "data"))
        url = database.start()
        try:
            PostgresStorage(Config(), url).migrate()
            with psycopg.connect(url, autocommit=True) as connection:
                measure(connection, options)
        finally:
            database.stop()


def measure(connection: psycopg.Connection, options: argparse.Namespace) -> None:
    connection.execute("set synchronous_commit = off")
    index = connection.execute("select pg_get_indexdef('messages_search'::regclass)").fetchone()[0]
    connection.execute("drop index messages_search")
    connection.execute(FILL.format(each=options.messages // CONVERSATIONS))
    connection.execute("vacuum analyze")
    without = [sends(connection, options.sends) for _ in range(3)]
    connection.execute(index)
    connection.execute("vacuum analyze")
    for label, query in QUERIES.items():
        print(f"{label:34}", *search(connection, query, options.times))
    with_index = [sends(connection, options.sends) for _ in range(3)]
    print(f"a send, µs of PostgreSQL's CPU: {min(without):.0f} without the index, {min(with_index):.0f} with it")
    query = QUERIES["one in 7,000"]
    print(f"{'the same with a list that waits':34}", *search(connection, query, options.times))


def search(connection: psycopg.Connection, query: str, times: int) -> tuple[str, ...]:
    """Return the median and the worst of the runs, the CPU of one, and how many hits the first page has."""
    words = {
        str(n): connection.execute("select bench_word(%s)", [n]).fetchone()[0] for n in (0, 5, 50, 300, 2000, 19990)
    }
    for number, word in words.items():
        query = query.replace(f"{{{number}}}", word)
    call = "select chat_search_messages(%s::uuid, null, %s, null, null, 50, null, null)"
    took = []
    pid = connection.info.backend_pid
    before = cpu_of_tree(pid)
    for _ in range(times + 2):
        began = time.perf_counter()
        page = connection.execute(call, [SEARCHER, query]).fetchone()[0]
        took.append((time.perf_counter() - began) * 1000)
    cpu = (cpu_of_tree(pid) - before) / (times + 2) * 1000
    more = "and more" if page["info"]["next"] else ""
    median, worst = statistics.median(took[2:]), max(took[2:])
    return f"{median:6.1f} ms", f"{worst:6.1f} ms", f"{cpu:6.1f} ms of CPU", f"{len(page['items']):3} hits {more}"


def sends(connection: psycopg.Connection, count: int) -> float:
    """Return microseconds of the backend's CPU for a send."""
    texts = [text for (text,) in connection.execute("select message from messages limit 5000").fetchall()]
    call = "select chat_send_message(%s::uuid, null, %s::uuid, %s::jsonb)"
    pid = connection.info.backend_pid
    before = cpu_of_tree(pid)
    for number in range(count):
        place = 1 + number * 7 % CONVERSATIONS
        user, conversation = (f"00000000-0000-4000-8000-{n:012}" for n in (3 + place % 900, place))
        connection.execute(
            call, [user, conversation, json.dumps({"message": texts[number % len(texts)]})], prepare=True
        )
    return (cpu_of_tree(pid) - before) / count * 1e6


if __name__ == "__main__":
    main()
