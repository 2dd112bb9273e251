"""The servers that are measured: how each is started, and the database that all of them use.

This is the one file that knows where the embedded PostgreSQL and the stand-in for PostgREST are to be found.
"""

import json
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Self

import psycopg

from chat.embedded import EmbeddedPostgres
from tests.support.postgrest_sql import create_roles

from .load.meter import resident
from .load.stage import Server
from .processes import process, wait_until_serving

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "bench/peers"
CHAT = [sys.executable, str(ROOT / "wsgi.py")]
STAND_IN = "tests.support.postgrest"
SECRET = secrets.token_hex(32)
#: Our server without limits: it is the machine's that are looked for.
UNLIMITED = {
    "RATE_LIMIT_SIGNUP": "",
    "RATE_LIMIT_SEND": "",
    "RATE_LIMIT_DEFAULT": "",
    "LOG_LEVEL": "warning",
    "RATE_LIMIT_CREATE": "",
    "RATE_LIMIT_HANDSHAKE": "",
    "MAX_CONNECTIONS_PER_ADDRESS": "60000",
}

Running = AbstractContextManager[Server]


class Machine:
    """A PostgreSQL of its own in a temporary directory, and servers on it; everything ends with the block."""

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        with self._stack:
            self.directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            self._database = EmbeddedPostgres(self.directory / "data")
            self._database.start()
            self._stack.callback(self._database.stop)
            with psycopg.connect(self._database.url, autocommit=True) as connection:
                create_roles(connection)  # of PostgREST, before the schema that grants to them
            with self.chat():  # applies the schema, without which no peer can work
                pass
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def database_pid(self) -> int:
        """The process id of PostgreSQL's first process."""
        return int((self.directory / "data/postgres/postmaster.pid").read_text().split("\n", 1)[0])

    @property
    def version(self) -> str:
        """The version of PostgreSQL."""
        with psycopg.connect(self._database.url) as connection:
            return f"{connection.info.server_version // 10000}"

    @contextmanager
    def chat(self, mode: str = "open", more: dict[str, str] | None = None) -> Iterator[Server]:
        """Run our server on the database, with `more` settings."""
        settings = {
            **UNLIMITED,
            **(more or {}),
            "AUTH_MODE": mode,
            "JWT_SECRET": SECRET,
            "DATA_DIR": str(self.directory / "data"),
        }
        with self._running(CHAT, settings, self._database.url) as server:
            server.jwt_secret = SECRET if mode == "token" else None
            yield server

    @contextmanager
    def api(self, url: str = "", key: str = "") -> Iterator[Server]:
        """Run our server on an API like Supabase's: a PostgREST at `url` with this key, or the tests' stand-in.

        A PostgREST's database is not ours to measure, nor to make users in.
        """
        with ExitStack() as stack:
            if not url:
                url, key = stack.enter_context(self._stand_in())
            settings = {**UNLIMITED, "AUTH_MODE": "open"}
            settings |= {"SUPABASE_PROJECT_URL": url, "SUPABASE_SERVICE_ROLE_KEY": key}
            yield stack.enter_context(self._running(CHAT, settings, None))

    def startup(self, seconds: float = 2.0) -> dict[str, float]:
        """Start our server a second time on an embedded database of its own; seconds until it serves, bytes at rest."""
        settings = {"DATA_DIR": str(self.directory / "startup"), "LOG_LEVEL": "warning"}
        with self._running(CHAT, settings, None):
            pass
        began = time.monotonic()
        with self._running(CHAT, settings, None) as server:
            serving = time.monotonic() - began
            time.sleep(seconds)
            assert server.pid
            return {"serving": serving, "resident": resident(server.pid)}

    def node(self) -> Running:
        """Run express, socket.io and pg."""
        directory = PEERS / "node"
        wanted, installed = directory / "package-lock.json", directory / "node_modules/.package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
            subprocess.run(["npm", "ci", "--silent"], cwd=directory, check=True)
        settings = {"DATABASE_URL": self._database.url, "NODE_ENV": "production"}
        return self._running(["node", str(directory / "server.js")], settings, self._database.url)

    def asyncio(self) -> Running:
        """Run Starlette, python-socketio and asyncpg on uvicorn."""
        settings = {"DATABASE_URL": self._database.url}
        return self._running([sys.executable, str(PEERS / "asyncio/server.py")], settings, self._database.url)

    def tutorial(self) -> Running:
        """Run the tutorial's way to send on our libraries, with the tutorial's tables in a database of their own."""
        url = self._database.url.replace("/postgres?", "/tutorial?")
        with psycopg.connect(self._database.url, autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = 'tutorial'").fetchone():
                connection.execute("create database tutorial")
                schema = (ROOT / "tests/support/tutorial_schema.sql").read_text()
                with psycopg.connect(url) as tutorial:
                    tutorial.execute(schema.replace("uuid_generate_v4", "gen_random_uuid"))
        return self._running([sys.executable, str(PEERS / "tutorial.py")], {"DATABASE_URL": url}, url)

    @contextmanager
    def _running(self, program: list[str], settings: dict[str, str], database_url: str | None) -> Iterator[Server]:
        port = free_port()
        with process(program, {**settings, "PORT": str(port)}, self.directory) as started:
            url = f"http://127.0.0.1:{port}"
            wait_until_serving(started, url)
            yield Server(url, started.pid, self.database_pid, database_url)

    @contextmanager
    def _stand_in(self) -> Iterator[tuple[str, str]]:
        program = [sys.executable, "-m", STAND_IN, self._database.url, str(free_port())]
        with process(program, {}, ROOT, stdout=subprocess.PIPE) as started:
            assert started.stdout
            told = json.loads(started.stdout.readline())
            yield told["url"], told["service_role_key"]


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
