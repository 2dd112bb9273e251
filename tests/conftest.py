"""Fixtures: a real PostgreSQL with a fresh database for each test, the app on it, and the real server."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg.conninfo import make_conninfo

from chat.app import create_app
from chat.config import Config
from chat.embedded import EmbeddedPostgres
from chat.storage import Storage
from chat.storage.postgres import PostgresStorage
from chat.storage.supabase import SupabaseStorage
from tests.support.client import Api
from tests.support.documented import undocumented_answers
from tests.support.gateway import SCRATCH, Gateway, storage_on
from tests.support.identity import SECRET
from tests.support.node import JavaScriptDevice, install
from tests.support.postgrest import PostgrestStandIn
from tests.support.server import WSGI, Device, Server

TEMPLATE = "chat_template"


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def scratch_directory() -> Path:
    """Where the databases of the tests lie: in memory where there is room, for each test writes one of 10 MB."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 << 30:
        return memory
    return Path(tempfile.gettempdir())


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, worker_id: str, testrun_uid: str) -> Iterator[str]:
    """The URL of a PostgreSQL, one for all workers, with the template database in it."""
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent
    # Not under pytest's own directory: another run of root's would close that to the account that runs PostgreSQL.
    database = EmbeddedPostgres(scratch_directory() / f"chat-tests-{testrun_uid}")
    with one_at_a_time(shared / "template.lock"):
        url = database.start()
        with psycopg.connect(url, autocommit=True) as connection:
            exists = connection.execute("select from pg_database where datname = %s", (TEMPLATE,)).fetchone()
            if exists is None:
                for setting in "fsync", "full_page_writes":  # what the tests write may die with the machine
                    connection.execute(f"alter system set {setting} = off")
                connection.execute("alter system set max_connections = 300")
                connection.execute("select pg_reload_conf()")
                for role in ("anon", "authenticated", "service_role bypassrls"):
                    connection.execute(f"create role {role.split()[0]} nologin {' '.join(role.split()[1:])}")
                connection.execute(f"create database {TEMPLATE}")
                PostgresStorage(Config(), make_conninfo(url, dbname=TEMPLATE)).migrate()
    yield url
    with one_at_a_time(shared / "template.lock"):
        database.stop()
        if not database.is_running():
            shutil.rmtree(database.data_dir)


@contextmanager
def databases(cluster: str) -> Iterator[Callable[..., str]]:
    """Lend a function that makes a database, by default with the schema applied, and returns its URL."""
    names = []

    def make(template: str = TEMPLATE) -> str:
        name = f"test_{uuid4().hex}"
        names.append(name)
        with psycopg.connect(cluster, autocommit=True) as connection:
            connection.execute(f"create database {name} template {template} strategy file_copy")
        return make_conninfo_url(cluster, name)

    yield make
    with psycopg.connect(cluster, autocommit=True) as connection:
        for name in names:
            connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def make_database(cluster: str) -> Iterator[Callable[..., str]]:
    """A function that makes a database, by default with the schema applied, and returns its URL."""
    with databases(cluster) as make:
        yield make


def make_conninfo_url(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    head, _, options = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{options}"


@pytest.fixture
def database_url(make_database: Callable[..., str]) -> str:
    """The URL of a fresh database with the schema applied."""
    return make_database()


@pytest.fixture
def sql(database_url: str) -> Iterator[Callable[..., list[Any]]]:
    """A function that runs SQL on the test's database as its owner and returns the rows."""
    with psycopg.connect(database_url, autocommit=True) as connection:

        def run(query: str, *params: Any) -> list[Any]:
            cursor = connection.execute(query, params)
            return cursor.fetchall() if cursor.description else []

        yield run


@pytest.fixture
def postgrest(database_url: str) -> Iterator[PostgrestStandIn]:
    """A stand-in for Supabase's API on the test's database."""
    with PostgrestStandIn(database_url) as stand_in:
        yield stand_in


@pytest.fixture
def scratch(postgrest: PostgrestStandIn, sql: Callable[..., Any]) -> Iterator[SupabaseStorage]:
    """The driver on a database that holds nothing but SCRATCH."""
    sql(SCRATCH)
    storage = storage_on(postgrest.url, postgrest.service_role_key, storage_pool_size=4, storage_timeout=5)
    yield storage
    storage.close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    yield gateway
    gateway.close()


@pytest.fixture(params=["postgres", "supabase"])
def storage(request: pytest.FixtureRequest, database_url: str) -> Iterator[Storage]:
    """The storage, through each of the two drivers."""
    if request.param == "postgres":
        opened: Storage = PostgresStorage(Config(), database_url)
    else:
        stand_in = request.getfixturevalue("postgrest")
        opened = SupabaseStorage(
            Config(supabase_project_url=stand_in.url, supabase_service_role_key=stand_in.service_role_key)
        )
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def make_app(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """A function that makes the app on the test's database; settings are keyword arguments."""
    apps = []
    undocumented: list[list[str]] = []

    def make(**settings: Any) -> Flask:
        defaults = {"database_url": database_url, "attachments_dir": str(tmp_path / "attachments")}
        settings = {"auth_mode": "open", "log_level": "warning"} | defaults | settings
        app = create_app(Config(**settings).checked())
        undocumented.append(undocumented_answers(app))
        app.extensions["storage"].open()
        apps.append(app)
        return app

    yield make
    for app in apps:
        app.extensions["storage"].close()
    assert [each for answers in undocumented for each in answers] == []


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The app in open mode."""
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """An HTTP client of the app in open mode."""
    return app.test_client()


@pytest.fixture
def api(client: FlaskClient) -> Api:
    """The client with verbs: `api.user("ann")`, `api.send(conversation, user, "hi")`."""
    return Api(client)


@pytest.fixture
def make_api(make_app: Callable[..., Flask]) -> Callable[..., Api]:
    """A function that makes an app in token mode and returns its client; settings are keyword arguments."""

    def make(**settings: Any) -> Api:
        settings = {"auth_mode": "token", "jwt_secret": SECRET, "rate_limit_signup": ""} | settings
        return Api(make_app(**settings).test_client())

    return make


@pytest.fixture
def ann(api: Api) -> dict[str, Any]:
    """A user."""
    return api.user("ann")


@pytest.fixture
def bob(api: Api) -> dict[str, Any]:
    """Another user."""
    return api.user("bob")


@pytest.fixture
def talk(api: Api, ann: dict[str, Any], bob: dict[str, Any]) -> dict[str, Any]:
    """A conversation of Ann and Bob with three messages of Ann's, as Bob knows it."""
    opened = api.conversation(ann, bob)
    for text in ("one", "two", "three"):
        api.send(opened, ann, text)
    return api.sync(bob)["conversations"][0]


@pytest.fixture
def make_server(make_database: Callable[..., str], tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A function that starts the real server in a process of its own; settings are environment variables."""
    servers = []

    def make(program: Path = WSGI, **settings: str) -> Server:
        if not settings.keys() & {"DATABASE_URL", "SUPABASE_PROJECT_URL", "DATA_DIR"}:
            settings["DATABASE_URL"] = make_database()
        server = Server(tmp_path, {"AUTH_MODE": "open", **settings}, program)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    """The real server in open mode, on a fresh database."""
    return make_server()


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    """The settings of `shared_server`; a file may have others."""
    return {"AUTH_MODE": "open"}


@pytest.fixture(scope="module")
def shared_server(
    cluster: str, tmp_path_factory: pytest.TempPathFactory, server_settings: dict[str, str]
) -> Iterator[Server]:
    """The real server, started once for a file whose tests each make users of their own."""
    with databases(cluster) as make:
        server = Server(tmp_path_factory.mktemp("server"), {**server_settings, "DATABASE_URL": make()})
        server.start()
        yield server
        server.stop()


@pytest.fixture
def connect() -> Iterator[Callable[..., Device]]:
    """A function that connects a device to a server, as one of its users when one is given."""
    devices = []

    def connect(server: Server, user: dict[str, Any] | None = None, **options: Any) -> Device:
        device = Device(server, **options)
        devices.append(device)
        if user:
            assert device.join(user)["user"]["id"] == user["id"]
        return device

    yield connect
    for device in devices:
        device.close()


@pytest.fixture(scope="session")
def npm() -> None:
    """The packages of tests/javascript are installed."""
    install()


@pytest.fixture
def connect_js(npm: None) -> Iterator[Callable[..., JavaScriptDevice]]:
    """A function that starts the JavaScript client for a server or an address; options are those of `io()`."""
    devices = []

    def connect(server: Server | str, **options: Any) -> JavaScriptDevice:
        devices.append(JavaScriptDevice(server if isinstance(server, str) else server.url, **options))
        return devices[-1]

    yield connect
    for device in devices:
        device.close()
