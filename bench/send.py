"""How fast messages are sent and delivered, beside the tutorial's way of doing it: `make bench`, about 20 seconds.

Everything runs here and now: an embedded PostgreSQL in a temporary directory, the servers and the callers as
processes of their own, all on loopback. bench/README.md says what the rows mean.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import psycopg
import urllib3

from chat.embedded import EmbeddedPostgres
from tests.support.server import free_port

#: Conversations of others, who say nothing; in both schemas.
HISTORY = """
    with people as (
        insert into users (username, created_at) select 'somebody', now() from generate_series(1, %s) returning id
    ), rooms as (
        insert into conversations (name, owner_user_id, created_at) select 'room', id, now() from people
        returning id, owner_user_id
    )
    insert into user_conversation (user_id, conversation_id) select owner_user_id, id from rooms
"""
ROW = "{:<22} {:>7} {:>8} {:>12} {:>10} {:>8}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds for each row (2)")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 32], help="callers at once (1 32)")
    parser.add_argument("--history", type=int, default=0, help="conversations that are there already (0)")
    options = parser.parse_args()

    with ExitStack() as stack:
        data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "data"
        database = EmbeddedPostgres(data_dir)
        database.start()
        stack.callback(database.stop)
        settings = {"DATA_DIR": str(data_dir), "AUTH_MODE": "open", "LOG_LEVEL": "warning"}
        chat = stack.enter_context(server([str(ROOT / "wsgi.py")], **settings))
        tutorial_url = tutorial_database(database.url)
        tutorial = stack.enter_context(server([str(ROOT / "bench/tutorial.py"), tutorial_url]))
        for url in database.url, tutorial_url:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(HISTORY, (options.history,))
                connection.execute("vacuum analyze")

        print(ROW.format("", "callers", "sends/s", "to tutorial", "median ms", "p95 ms"))
        for callers in options.callers:
            base = measure(tutorial, "rest", callers, options.seconds)
            report("tutorial, REST", callers, base, base)
            report("chat, REST", callers, measure(chat, "rest", callers, options.seconds), base)
            report("chat, sendMessage", callers, measure(chat, "socket", callers, options.seconds), base)


def measure(url: str, way: str, callers: int, seconds: float) -> dict[str, Any]:
    load = [sys.executable, str(ROOT / "bench/load.py"), url, way, str(callers), str(seconds)]
    result = json.loads(subprocess.run(load, stdout=subprocess.PIPE, check=True).stdout)
    assert result["heard"] == result["sent"], f"{result['sent']} sent, {result['heard']} heard"
    return result


def report(name: str, callers: int, result: dict[str, Any], base: dict[str, Any]) -> None:
    ratio = f"{result['rate'] / base['rate']:.2f}"
    median, p95 = (f"{result[key]:.1f}" for key in ("median", "p95"))
    print(ROW.format(name, callers, f"{result['rate']:.0f}", ratio, median, p95), flush=True)


@contextmanager
def server(program: list[str], **settings: str) -> Iterator[str]:
    """Run a server on a free port, told as PORT and as the last argument, until the block ends; its address."""
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    process = subprocess.Popen(
        [sys.executable, *program, str(port)],
        env={**environ, "PORT": str(port), **settings},
        cwd=tempfile.gettempdir(),  # where no .env of yours is read
        stdout=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        urllib3.PoolManager().request("GET", f"{url}/", retries=urllib3.Retry(connect=12, backoff_factor=0.05))
        yield url
    finally:
        process.terminate()
        process.wait(30)


def tutorial_database(url: str) -> str:
    """Make a database with the tutorial's tables and return its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create database tutorial")
    url = url.replace("/postgres?", "/tutorial?")
    schema = (ROOT / "tests/tutorial_schema.sql").read_text().replace("uuid_generate_v4", "gen_random_uuid")
    with psycopg.connect(url) as connection:
        connection.execute(schema)
    return url


if __name__ == "__main__":
    main()
