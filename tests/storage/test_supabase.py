"""The API driver: supabase-py over HTTP, what its errors become, and the sentences with which it will not start."""

import json
import socket
from collections.abc import Callable
from unittest.mock import Mock

import jwt
import pytest

from chat.errors import ChatError, ConfigError, StartupError, StorageFault, StorageUnavailable
from chat.storage.migrations import migrations
from chat.storage.supabase import SupabaseStorage
from tests.support.gateway import Gateway, storage_on
from tests.support.postgrest import PostgrestStandIn

WANTED = migrations()


@pytest.fixture
def database_url(make_database: Callable[..., str]) -> str:
    """The URL of a database without the product's schema."""
    return make_database("template1")


# results and errors


def test_results_are_the_text_of_postgresql(scratch: SupabaseStorage) -> None:
    value = {"name": "Zoë 😀", "list": [1, None, 1.5]}
    assert scratch.call("as_it_is", p_value=value) == value
    assert scratch.call_text("as_it_is", p_value=value) == '{"name":"Zoë 😀","list":[1,null,1.5]}'
    assert scratch.call_text("as_it_is", p_value=None) == "null"
    assert scratch.call("nothing") is None


def test_rules_become_chat_errors(scratch: SupabaseStorage) -> None:
    with pytest.raises(ChatError) as caught:
        scratch.call("fail", p_code="PT404")
    assert (caught.value.status, caught.value.code, caught.value.detail) == (404, "user_not_found", "Gone.")
    with pytest.raises(ChatError) as caught:
        scratch.call("fail", p_code="PT401")
    assert caught.value.status == 401


@pytest.mark.parametrize("code", ["57014", "53300", "40001", "57P01", "08006"])
def test_passing_troubles_are_unavailable(scratch: SupabaseStorage, code: str) -> None:
    with pytest.raises(StorageUnavailable):
        scratch.call("fail", p_code=code)


def test_bugs_are_faults(scratch: SupabaseStorage) -> None:
    for function, arguments in (("fail", {"p_code": "P0001"}), ("unknown", {}), ("fail", {}), ("secret", {})):
        with pytest.raises(StorageFault):
            scratch.call(function, **arguments)


def test_a_statement_timeout_is_unavailable(scratch: SupabaseStorage, database_url: str) -> None:
    with PostgrestStandIn(database_url, statement_timeout="200ms") as hasty, pytest.raises(StorageUnavailable):
        storage_on(hasty.url, hasty.service_role_key).call("slow", p_seconds=4)


@pytest.mark.parametrize(
    ("status", "content_type", "body", "error"),
    [
        ("502 Bad Gateway", "text/html", "<html>", StorageUnavailable),
        ("503 Service Unavailable", "text/html", "<html>", StorageUnavailable),
        ("504 Gateway Timeout", "text/plain", "", StorageUnavailable),
        ("500 Internal Server Error", "text/html", "<html>", StorageUnavailable),
        ("521 Down", "application/json", '{"title": "Web server is down", "status": 521}', StorageUnavailable),
        ("540 Paused", "application/json", '{"message": "paused"}', StorageUnavailable),
        ("429 Too Many Requests", "application/json", '{"message": "slow down"}', StorageUnavailable),
        ("503 Service Unavailable", "application/json", '{"code": "PGRST001", "message": "m"}', StorageUnavailable),
        ("504 Gateway Timeout", "application/json", '{"code": "PGRST003", "message": "m"}', StorageUnavailable),
        ("200 OK", "text/html", "<html>", StorageFault),
        ("404 Not Found", "text/html", "<html>", StorageFault),
        ("301 Moved Permanently", "text/html", "", StorageFault),
        ("401 Unauthorized", "application/json", '{"message": "Invalid API key"}', StorageFault),
        ("400 Bad Request", "application/json", "[1]", StorageFault),
    ],
)
def test_what_a_gateway_says(gateway: Gateway, status: str, content_type: str, body: str, error: type) -> None:
    gateway.says(status, content_type, body)
    with pytest.raises(error):
        storage_on(gateway.url).call("as_it_is", p_value=1)


# starting


def gateway_has_schema(gateway: Gateway, ahead: int, functions: str | None, oldest_code: int | None) -> None:
    """Let the gateway say that the schema is `ahead` versions from the one of this release."""
    schema = {
        "version": WANTED.version + ahead,
        "functions_hash": WANTED.functions_hash if functions == "same" else functions,
        "oldest_code": oldest_code,
    }
    gateway.says("200 OK", "application/json; charset=utf-8", json.dumps(schema))


def refusal(storage: SupabaseStorage) -> str:
    """Return the sentence with which the server would not start."""
    with pytest.raises(StartupError) as caught:
        storage.open()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_open_and_migrate_with_the_right_schema(scratch: SupabaseStorage) -> None:
    scratch.open()
    assert "up to date" in scratch.migrate()


@pytest.mark.parametrize(
    ("ahead", "functions", "oldest_code", "words"),
    [
        (-1, "same", 1, "paste migrations.sql"),
        (0, "another", 1, "paste migrations.sql"),
        (0, None, None, "paste migrations.sql"),
        (1, "another", 1, "newer release"),
        (1, "another", None, "newer release"),
    ],
)
def test_a_schema_that_does_not_serve_this_release(
    gateway: Gateway, ahead: int, functions: str | None, oldest_code: int | None, words: str
) -> None:
    gateway_has_schema(gateway, ahead, functions, oldest_code and WANTED.version + oldest_code)
    assert words in refusal(storage_on(gateway.url))


def test_a_newer_schema_that_serves_this_release(gateway: Gateway) -> None:
    gateway_has_schema(gateway, 1, "another", WANTED.version)
    storage_on(gateway.url).open()


def test_no_schema(postgrest: PostgrestStandIn) -> None:
    storage = storage_on(postgrest.url, postgrest.service_role_key)
    assert "not in this Supabase project yet" in refusal(storage)
    with pytest.raises(StartupError, match=r"SQL Editor.*DATABASE_URL"):
        storage.migrate()


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_public_keys_are_refused(role: str) -> None:
    for key in ("sb_publishable_x", jwt.encode({"role": role}, "s" * 32)):
        with pytest.raises(ConfigError, match=r"everyone who has your app.*service_role key") as caught:
            storage_on("http://127.0.0.1", key)
        assert key not in str(caught.value)


@pytest.mark.parametrize("key", ["sb_secret_x\ny", "sb secret", "“sb_secret_x”"])
def test_keys_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(ConfigError, match="copy it again") as caught:
        storage_on("http://127.0.0.1", key)
    assert key not in str(caught.value)


def test_a_wrong_key(postgrest: PostgrestStandIn, gateway: Gateway) -> None:
    gateway.says("401 Unauthorized", "application/json", '{"message": "Invalid API key"}')
    for url in (postgrest.url, gateway.url):
        sentence = refusal(storage_on(url, "sb_secret_wrong"))
        assert "refused the key" in sentence
        assert "service_role" in sentence
        assert "sb_secret_wrong" not in sentence


def test_a_url_that_cannot_be_used(gateway: Gateway) -> None:
    for url in ("http://", "http://host:port"):
        with pytest.raises(ConfigError, match="SUPABASE_PROJECT_URL"):
            storage_on(url)
    gateway.says("404 Not Found", "text/html", "<html>")
    assert "https://<project>.supabase.co" in refusal(storage_on(gateway.url))


def test_a_project_that_does_not_answer(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.says("540 Paused", "text/html", "<html>")
    assert "does not answer (HTTP 540" in refusal(storage_on(gateway.url))
    assert "Connection refused" in refusal(storage_on("http://127.0.0.1:1"))
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=unknown))
    assert "Name or service not known" in refusal(storage_on("http://project.invalid"))
