"""What `doctor` looks at: each check yields lines that are ok, a warning or a failure, and say what to do."""

import resource
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import psycopg

from ..config import Config
from ..errors import ChatError, StartupError, StorageFault
from ..storage import Storage
from ..storage.contract import DeployedSchema
from ..storage.migrate import deployed_schema
from ..storage.migrations import migrations

#: Seconds that a database or a Redis may take to answer here.
TIMEOUT = 5
#: Seconds between two clocks: those of a token must fit, and the one of `send_at` and slow mode should.
CLOCK_WARNS, CLOCK_FAILS = 1.0, 30.0
#: Open files below which a server holds few sockets.
FEW_FILES = 4096
#: Bytes free on the disk of the embedded database below which it should be looked after.
LITTLE_DISK = 1 << 30

RIGHTS = """
    select has_schema_privilege('public', 'create'), coalesce(bool_and(pg_has_role(relowner, 'usage')), true)
    from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'r'
      and (relname in ('users', 'conversations', 'user_conversation', 'messages') or relname like 'chat\\_%')
"""


class Finding(NamedTuple):
    """One line: its state, what it is about, and a sentence."""

    state: Literal["ok", "warn", "fail"]
    about: str
    text: str


def check_all(config: Config, storage: Storage) -> Iterator[Finding]:
    """Yield every finding, those on which others depend first."""
    yield from check_settings(config)
    works = True
    for finding in check_database(config, storage):
        works = works and finding.state != "fail"
        yield finding
    if works:
        yield from check_schema(config, storage)
    yield from check_redis(config)
    yield check_files()
    if config.storage == "embedded":
        yield check_disk(config)
    yield check_port(config)


def check_settings(config: Config) -> Iterator[Finding]:
    yield Finding("ok", "settings", f"storage {config.storage}, AUTH_MODE={config.auth_mode}, SIGNUP={config.signup}")
    if config.auth_mode == "open" and not config.is_loopback:
        yield Finding("warn", "identity", "whoever reaches this address may act as anyone: set AUTH_MODE=token")
    if config.auth_mode == "token" and config.is_loopback and not config.trusted_proxies:
        yield Finding(
            "warn",
            "proxy",
            "all callers share one address and its limits if a proxy stands in front: TRUSTED_PROXIES=1",
        )


def check_database(config: Config, storage: Storage) -> Iterator[Finding]:
    """Look at the database without changing anything in it."""
    if config.storage == "supabase":
        yield Finding("ok", "database", f"{config.supabase_project_url}; its rights cannot be seen through the API")
        return
    if config.storage == "embedded" and not Path(config.data_dir, "postgres").exists():
        yield Finding("fail", "database", f"{config.data_dir} holds none yet: the first start, or `migrate`, makes it")
        return
    try:
        with psycopg.connect(storage.direct_url(), connect_timeout=TIMEOUT, autocommit=True) as connection:
            version = connection.info.server_version // 10000
            if version < 15:
                yield Finding("fail", "database", f"PostgreSQL {version} is too old: 15 or newer is needed")
            else:
                yield Finding("ok", "database", f"PostgreSQL {version} answers")
            yield _check_rights(connection)
    except StartupError as error:
        yield Finding("fail", "database", str(error))
    except psycopg.Error as error:
        text = " ".join(str(error.diag.message_primary or error).split())
        yield Finding("fail", "database", f"it cannot be reached ({text.rstrip('.')}): look at DATABASE_URL")


def _check_rights(connection: psycopg.Connection) -> Finding:
    may_create, owns_all = connection.execute(RIGHTS).fetchone() or (False, False)
    if may_create and owns_all:
        return Finding("ok", "rights", "tables can be made and changed")
    role = connection.info.user
    what = "make tables in the schema public" if not may_create else "change the tables, which another role owns"
    return Finding("warn", "rights", f"{role} may not {what}: an upgrade needs a role that may")


def check_schema(config: Config, storage: Storage) -> Iterator[Finding]:
    """Compare the schema, and what the database says of itself, with this release and this machine."""
    wanted = migrations()
    try:
        found = _schema(config, storage)
        if found is None:
            yield Finding("fail", "schema", "there is none yet: run `migrate`")
        elif found["version"] > wanted.version and not wanted.is_served_by(found):
            yield Finding("fail", "schema", f"version {found['version']} is of a newer release: upgrade the server")
        elif found["version"] < wanted.version:
            yield Finding("fail", "schema", f"version {found['version']} is older than {wanted.version}: run `migrate`")
        elif found["version"] == wanted.version and found["functions_hash"] != wanted.functions_hash:
            yield Finding("fail", "schema", "its functions are of another release: run `migrate`")
        else:
            storage.open()  # changes nothing: it is up to date
            yield Finding("ok", "schema", f"version {found['version']}")
            yield from _check_state(config, storage)
    except StorageFault:
        yield Finding("fail", "schema", "there is none, or the key may not use it: paste migrations.sql")
    except (StartupError, ChatError) as error:
        yield Finding("fail", "schema", getattr(error, "detail", str(error)))


def _schema(config: Config, storage: Storage) -> DeployedSchema | None:
    if config.storage == "supabase":
        return storage.get_schema()
    with psycopg.connect(storage.direct_url(), connect_timeout=TIMEOUT, autocommit=True) as connection:
        return deployed_schema(connection)


def _check_state(config: Config, storage: Storage) -> Iterator[Finding]:
    asked_at = time.time()
    found = storage.describe_database()
    ahead = found["now"] - (asked_at + time.time()) / 2
    state: Literal["ok", "warn", "fail"] = "ok"
    if abs(ahead) > CLOCK_WARNS:
        state = "fail" if abs(ahead) > CLOCK_FAILS else "warn"
    advice = "" if state == "ok" else ": set both clocks by NTP"
    yield Finding(state, "clock", f"the database's is {abs(ahead):.2f} s {'ahead' if ahead > 0 else 'behind'}{advice}")
    if found["is_standby"]:
        yield Finding("fail", "writes", "the database is a standby, which takes no writes: name its primary")
    if config.storage == "postgres" and config.storage_pool_size * 2 > found["max_connections"]:
        yield Finding(
            "warn",
            "connections",
            f"STORAGE_POOL_SIZE={config.storage_pool_size} leaves too little of the {found['max_connections']}: "
            "a restart needs them twice",
        )
    dead = [job for job in storage.list_jobs(200)["jobs"] if job["state"] in ("dead", "failing")]
    if dead:
        yield Finding("warn", "jobs", f"{len(dead)} are dead or fail: `jobs` lists them")


def check_redis(config: Config) -> Iterator[Finding]:
    if not config.redis_url:
        return
    import redis

    try:
        client = redis.Redis.from_url(config.redis_url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
        with client:
            client.ping()
        yield Finding("ok", "redis", "it answers")
    except (redis.RedisError, ValueError) as error:
        yield Finding("fail", "redis", f"it does not answer ({plain_error(error)}): look at REDIS_URL")


def check_files() -> Finding:
    """The server raises the soft limit to the hard one by itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FEW_FILES:
        return Finding(
            "warn", "open files", f"{hard} at most, and each socket is one: raise `ulimit -Hn`, or LimitNOFILE"
        )
    return Finding("ok", "open files", "no limit" if hard == resource.RLIM_INFINITY else f"{hard} at most")


def check_disk(config: Config) -> Finding:
    directory = Path(config.data_dir).resolve()
    while not directory.exists():
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    state: Literal["ok", "warn"] = "ok" if free >= LITTLE_DISK else "warn"
    return Finding(state, "disk", f"{free / (1 << 30):.1f} GiB are free in {directory}")


def check_port(config: Config) -> Finding:
    """Whether the server could listen, or does: its own port is taken while it runs."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    name = f"{config.host}:{config.port}"
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
            return Finding("ok", "port", f"{name} is free")
        except OSError as error:
            if _answers(config):
                return Finding("ok", "port", f"{name}: a server answers")
            return Finding("fail", "port", f"{name} cannot be had ({error.strerror}): change HOST or PORT")


def _answers(config: Config) -> bool:
    """Whether a chat server answers at the address."""
    import http.client

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)  # noqa: S104
    connection = http.client.HTTPConnection(host, config.port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().read() == b'{"status":"ok"}'
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def plain_error(error: Exception) -> str:
    """Return an error's text on one line, without an address that may hold a password."""
    text = " ".join(str(error).split()).rstrip(".")
    return text if "@" not in text else urlsplit(text).scheme or type(error).__name__
