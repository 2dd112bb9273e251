"""The driver for a Supabase project without a database password: supabase-py, one `rpc` for each call."""

import logging
from typing import Any

import httpx
import jwt
from supabase import Client, ClientOptions, SupabaseException, create_client

from ..config import Config
from ..errors import ConfigError, StartupError, StorageFault, StorageReadOnly, StorageUnavailable
from .contract import DeployedSchema, Storage, to_error
from .migrations import migrations
from .transport import PooledTransport

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
        if found["version"] > wanted.version and not wanted.is_served_by(found):
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
            raise StartupError(
                f"The chat schema is not in this Supabase project yet, or is of the first release: {PASTE}"
            ) from None
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
    fault = StorageFault(f"{code}: {message}")
    failure = to_error(code, message, error.get("details"), error.get("hint"))
    if code.startswith("PT"):
        raise failure
    if isinstance(failure, StorageReadOnly):
        raise failure from fault
    if status >= 502 or status in (408, 429) or code == "HTTP 500":
        raise StorageUnavailable() from fault
    if code == "PGRST202":
        raise FunctionMissing(*fault.args)
    if code in ("42501", "HTTP 401") or code.startswith("PGRST30"):
        raise KeyRefused(*fault.args)
    raise failure from fault


def _error_object(response: httpx.Response) -> dict[str, Any]:
    try:
        error = response.json()
    except ValueError:
        return {}
    return error if isinstance(error, dict) else {}
