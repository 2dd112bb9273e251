"""The driver for a Supabase project without a database password: supabase-py, one `rpc` for each call."""

import logging
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from math import inf
from typing import Any

import eventlet
import httpx
import jwt
import urllib3
from eventlet.patcher import is_monkey_patched
from supabase import Client, ClientOptions, SupabaseException, create_client

from ..config import Config
from ..errors import ConfigError, StartupError, StorageFault, StorageUnavailable
from .contract import DeployedSchema, Storage, to_error
from .migrations import migrations

RIGHT_KEY = (
    "set SUPABASE_SERVICE_ROLE_KEY to the project's service_role key or to an sb_secret_ key "
    "(Dashboard > Project Settings > API Keys)"
)
PASTE = (
    "paste migrations.sql into the SQL editor (Dashboard > SQL Editor), run it, start again; or set DATABASE_URL to "
    "the project's connection string, and the server does it by itself."
)


class KeyRefused(StorageFault):
    """The project does not take the key, or the key may not run the functions."""


class FunctionMissing(StorageFault):
    """PostgREST knows no function of this name with these arguments: the schema is not applied."""


class SupabaseStorage(Storage):
    """Storage over the API of a Supabase project, PostgREST.

    The constructor raises `ConfigError` for an address or a key that cannot be the right one.
    """

    def __init__(self, config: Config) -> None:
        _check_key(config.supabase_service_role_key)
        self._url = config.supabase_project_url.rstrip("/")
        self._http = httpx.Client(
            transport=PooledTransport(config.storage_pool_size, config.storage_timeout),
            event_hooks={"response": [_raise_failure]},
        )
        try:
            self._client = _connect(self._url, config.supabase_service_role_key, self._http)
        except (SupabaseException, httpx.InvalidURL, ValueError):
            raise ConfigError(f"SUPABASE_PROJECT_URL is no address that can be used: {self._url!r}.") from None
        if config.log_level != "debug":
            logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells every request at the level info

    def open(self) -> None:
        found, wanted = self._deployed_schema(), migrations()
        named = f"The chat schema in this Supabase project is version {found['version']}"
        if found["version"] > wanted.version and (found["oldest_code"] or inf) > wanted.version:
            raise StartupError(
                f"{named} and this release needs {wanted.version}: the project belongs to a newer release; "
                "upgrade the server."
            )
        if found["version"] < wanted.version:
            raise StartupError(f"{named} and this release needs {wanted.version}: {PASTE}")
        if found["version"] == wanted.version and found["functions_hash"] != wanted.functions_hash:
            raise StartupError(f"{named}, but its functions are not those of this release: {PASTE}")

    def migrate(self) -> str:
        """Say that the schema is up to date, or raise `StartupError` with what to do: the API cannot change tables."""
        self.open()
        return f"The chat schema in this Supabase project is up to date (version {migrations().version})."

    def close(self) -> None:
        self._http.close()

    def call_text(self, function: str, **args: Any) -> str:
        if self._http.is_closed:
            raise StorageUnavailable()
        # `execute()` sends the same request and parses the answer; the text of PostgreSQL is what is wanted here.
        request = self._client.rpc(function, args).request
        try:
            return request.send(httpx.Headers()).text or "null"  # a function that returns void answers with nothing
        except httpx.HTTPError as error:
            raise StorageUnavailable() from error

    def _deployed_schema(self) -> DeployedSchema:
        try:
            found = self.get_schema()
            return {**found, "version": int(found["version"])}
        except FunctionMissing:
            raise StartupError(f"The chat schema is not in this Supabase project yet: {PASTE}") from None
        except KeyRefused as error:
            raise StartupError(f"The Supabase project at {self._url} refused the key ({error}): {RIGHT_KEY}.") from None
        except StorageUnavailable as error:
            raise StartupError(
                f"The Supabase project at {self._url} does not answer ({error.__cause__}): check SUPABASE_PROJECT_URL, "
                "and in the dashboard whether the project is paused."
            ) from None
        except (StorageFault, ValueError, TypeError, KeyError) as error:
            raise StartupError(
                f"SUPABASE_PROJECT_URL does not lead to the API of a Supabase project ({error}): "
                f"it looks like https://<project>.supabase.co and is {self._url}."
            ) from None


class PooledTransport(httpx.BaseTransport):
    """Sends httpx's requests through urllib3, at most `size` at once, each answered within `seconds` or given up.

    httpx's own pool looks at every one of its connections for every request, each time with a `select` that under
    eventlet is a switch to the hub: with many callers it slows down instead of speeding up.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._seconds = seconds
        # urllib3 waits for a free connection too, but not within the same time-out and not first come, first served.
        self._door = threading.Lock()
        self._free = threading.BoundedSemaphore(size)
        # Never sent again by itself: a request that broke off may have been committed. A kept connection that the other
        # side has closed is noticed before anything is sent, and replaced.
        self._pool = urllib3.PoolManager(maxsize=size, retries=False, ssl_context=httpx.create_ssl_context())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the whole answer, not decoded. Raises `httpx.TransportError`."""
        end = time.monotonic() + self._seconds
        if not self._enter(end):
            raise httpx.PoolTimeout("no free connection in time")
        try:
            return self._send(request, max(end - time.monotonic(), 0.001))
        except urllib3.exceptions.HTTPError as error:
            raise httpx.TransportError(str(error).rpartition(": ")[2]) from error
        finally:
            self._free.release()

    def _enter(self, end: float) -> bool:
        """Wait for a free connection and say whether there was one before `end`.

        Only the first in the line looks for it: a semaphore alone lets newcomers pass those who wait.
        """
        if not self._door.acquire(timeout=self._seconds):
            return False
        try:
            return self._free.acquire(timeout=max(end - time.monotonic(), 0))
        finally:
            self._door.release()

    def _send(self, request: httpx.Request, seconds: float) -> httpx.Response:
        with _deadline(seconds):
            answer = self._pool.request(
                request.method,
                str(request.url),
                body=request.read(),
                headers=dict(request.headers),
                timeout=urllib3.Timeout(total=seconds),
                redirect=False,
                decode_content=False,  # httpx does
            )
        return httpx.Response(answer.status, headers=list(answer.headers.items()), content=answer.data)

    def close(self) -> None:
        self._pool.clear()


def _deadline(seconds: float) -> AbstractContextManager[Any]:
    """End the block after `seconds` under eventlet.

    A time-out of sockets covers neither the look-up of a name, nor each next address that is tried,
    nor an answer that comes in drops.
    """
    if is_monkey_patched("socket"):
        return eventlet.Timeout(seconds, httpx.ReadTimeout("no answer in time"))
    return nullcontext()


def _connect(url: str, key: str, http: httpx.Client) -> Client:
    options = ClientOptions(
        httpx_client=http, auto_refresh_token=False, persist_session=False, postgrest_client_retry=False
    )
    return create_client(url, key, options)


def _check_key(key: str) -> None:
    """Refuse what is visibly not the key that the server needs. Raises `ConfigError`, which never shows the key."""
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"SUPABASE_SERVICE_ROLE_KEY holds characters that no key has: copy it again; {RIGHT_KEY}.")
    if key.startswith("sb_publishable_") or _role(key) in ("anon", "authenticated"):
        raise ConfigError(
            "SUPABASE_SERVICE_ROLE_KEY holds a public key, which everyone who has your app can read, so the tables are "
            f"closed to it: {RIGHT_KEY}."
        )


def _role(key: str) -> Any:
    """Return the role that a key names by itself, or None; the new kind of keys names none."""
    try:
        return jwt.decode(key, options={"verify_signature": False}).get("role")
    except jwt.InvalidTokenError:
        return None


def _raise_failure(response: httpx.Response) -> None:
    """Raise what an answer stands for, unless it is a result.

    Done here because supabase-py's `APIError` forgets the HTTP status, and what the gateway in front of
    PostgREST says by itself (a page of HTML, an object without `code`) has nothing else to go by.
    """
    status = response.status_code
    is_json = "json" in response.headers.get("content-type", "")
    if response.is_success and (is_json or status == 204):
        return
    error = _error_object(response)
    code = str(error.get("code") or f"HTTP {status}")
    message = str(error.get("message") or response.reason_phrase)
    told = StorageFault(f"{code}: {message}")
    if code.startswith("PT"):
        raise to_error(code, message, error.get("details"))
    if status >= 502 or status in (408, 429) or code == "HTTP 500":
        raise StorageUnavailable() from told
    if code == "PGRST202":
        raise FunctionMissing(*told.args)
    if code in ("42501", "HTTP 401") or code.startswith("PGRST30"):
        raise KeyRefused(*told.args)
    raise to_error(code, message, error.get("details")) from told


def _error_object(response: httpx.Response) -> dict[str, Any]:
    try:
        error = response.json()
    except ValueError:
        return {}
    return error if isinstance(error, dict) else {}
