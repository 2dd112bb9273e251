"""Settings: read from the environment, documented, and refused in one sentence when they cannot be used."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from chat.auth.tokens import Tokens
from chat.config import RATE_LIMITS, Config
from chat.errors import ConfigError, StartupError
from chat.limits import Limits
from chat.storage import open_storage

ROOT = Path(__file__).parents[2]
NAMES = [field.name.upper() for field in fields(Config)]
SECRET = "x" * 32
SUPABASE = {"SUPABASE_PROJECT_URL": "https://abc.supabase.co", "SUPABASE_SERVICE_ROLE_KEY": "sb_secret_abc"}
POSTGRES = {"DATABASE_URL": "postgres://localhost/chat"}
SIGNED = {**POSTGRES, "JWT_SECRET": SECRET}


# documented


def test_every_setting_stands_in_the_example_with_its_default() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=(.*)$", example, re.MULTILINE))
    assert set(NAMES) <= set(shown), "missing in .env.example"
    assert set(shown) <= set(NAMES), "unknown in .env.example"


def test_every_setting_stands_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in reference] == []


def test_every_setting_is_explained() -> None:
    assert [field.name for field in fields(Config) if not field.metadata["doc"].endswith(".")] == []


def test_the_example_can_be_used_as_it_is() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    Config.from_env(dict(re.findall(r"^([A-Z][A-Z0-9_]+)=(.*)$", example, re.MULTILINE)))


# defaults


def test_without_settings_it_is_the_tutorials_open_server_for_this_machine_alone() -> None:
    config = Config.from_env({})
    assert (config.host, config.port) == ("127.0.0.1", 3000)
    assert (config.storage, config.auth_mode, config.signup) == ("embedded", "open", "open")
    assert {getattr(config, name) for name in RATE_LIMITS} == {""}


@pytest.mark.parametrize(
    "environ",
    [
        {"HOST": "0.0.0.0"},
        {"HOST": "::"},
        {"HOST": "chat.example.com"},
        SIGNED,
        SUPABASE,
        {**SIGNED, "HOST": "127.0.0.1"},
    ],
)
def test_wherever_real_data_lives_callers_prove_who_they_are_and_are_limited(environ: dict[str, str]) -> None:
    config = Config.from_env(environ)
    assert config.auth_mode == "token"
    assert {name: getattr(config, name) for name in RATE_LIMITS} == RATE_LIMITS


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_a_loopback_address_stays_open(host: str) -> None:
    assert Config.from_env({"HOST": host}).auth_mode == "open"


@pytest.mark.parametrize(
    ("environ", "signup"),
    [
        (SIGNED, "open"),
        (SUPABASE, "closed"),
        ({**SIGNED, "JWT_JWKS_URL": "https://auth.example.com/keys"}, "closed"),
        ({**SIGNED, "JWT_JWKS_URL": "https://auth.example.com/keys", "SIGNUP": "open"}, "open"),
        ({**SUPABASE, "AUTH_MODE": "open"}, "open"),
        ({**SIGNED, "SIGNUP": "closed"}, "closed"),
    ],
)
def test_sign_up_is_closed_where_identities_come_from_outside(environ: dict[str, str], signup: str) -> None:
    assert Config.from_env(environ).signup == signup


def test_the_address_of_the_keys_follows_from_the_supabase_project() -> None:
    expected = "https://abc.supabase.co/auth/v1/.well-known/jwks.json"
    for url in "https://abc.supabase.co", "https://abc.supabase.co/":
        assert Config.from_env({**SUPABASE, "SUPABASE_PROJECT_URL": url}).jwt_jwks_url == expected
        assert Config.from_env({**POSTGRES, "SUPABASE_PROJECT_URL": url}).jwt_jwks_url == expected
    assert Config.from_env({**SUPABASE, "JWT_JWKS_URL": "https://other.example.com"}).jwt_jwks_url.endswith(
        "other.example.com"
    )


def test_a_setting_is_the_variable_of_its_name_in_capitals() -> None:
    for field in fields(Config):
        if type(field.default) in (int, float):
            assert getattr(Config.from_env({field.name.upper(): "7"}), field.name) == 7


def test_limits_that_are_set_hold_in_both_modes_and_empty_ones_nowhere() -> None:
    for environ in {}, SIGNED:
        assert Config.from_env({**environ, "RATE_LIMIT_SEND": "5 per second"}).rate_limit_send == "5 per second"
        assert Config.from_env({**environ, "RATE_LIMIT_SEND": " "}).rate_limit_send == ""


def test_white_space_and_empty_lines_of_a_file_do_no_harm() -> None:
    config = Config.from_env({"PORT": " 8080 ", "HOST": "", "DATABASE_URL": " ", "CORS_ORIGINS": ""})
    assert (config.port, config.host, config.storage, config.origins) == (8080, "127.0.0.1", "embedded", [])


def test_words_may_be_written_in_any_case() -> None:
    config = Config.from_env({"AUTH_MODE": "Open", "LOG_LEVEL": "INFO", "LOG_FORMAT": "JSON"})
    assert (config.auth_mode, config.log_level, config.log_format) == ("open", "info", "json")


def test_any_origin_may_call_where_a_token_is_needed_and_none_by_default_where_not() -> None:
    assert Config.from_env(SIGNED).origins == "*"
    assert Config.from_env({}).origins == []


def test_hosts_are_a_list() -> None:
    assert Config.from_env({"ALLOWED_HOSTS": "chat.local, 10.0.0.7,,"}).hosts == ["chat.local", "10.0.0.7"]


def test_origins_are_a_list_or_everyone() -> None:
    origins = Config.from_env({"CORS_ORIGINS": "https://App.example.com/, http://localhost:5173"}).origins
    assert origins == ["https://app.example.com", "http://localhost:5173"]
    assert Config.from_env({"CORS_ORIGINS": "https://app.example.com,*"}).origins == "*"


# refused


WRONG: list[tuple[dict[str, str], str]] = [
    ({"PORT": "http"}, "PORT"),
    ({"PORT": "-1"}, "PORT"),
    ({"PORT": "65536"}, "PORT"),
    ({"AUTH_MODE": "none"}, "AUTH_MODE"),
    ({"AUTH_MODE": "tokens"}, "AUTH_MODE"),
    ({"SIGNUP": "invite"}, "SIGNUP"),
    ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
    ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
    ({"STORAGE_POOL_SIZE": "0"}, "STORAGE_POOL_SIZE"),
    ({"STORAGE_POOL_SIZE": "many"}, "STORAGE_POOL_SIZE"),
    ({"STORAGE_TIMEOUT": "nan"}, "STORAGE_TIMEOUT"),
    ({"STORAGE_TIMEOUT": "inf"}, "STORAGE_TIMEOUT"),
    ({"STORAGE_TIMEOUT": "-5"}, "STORAGE_TIMEOUT"),
    ({"ACCESS_TOKEN_TTL": "0"}, "ACCESS_TOKEN_TTL"),
    ({"ACCESS_TOKEN_TTL": "30 days"}, "ACCESS_TOKEN_TTL"),
    ({"MAX_SESSIONS_PER_USER": "0"}, "MAX_SESSIONS_PER_USER"),
    ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES"),
    ({"TRUSTED_PROXIES": "yes"}, "TRUSTED_PROXIES"),
    ({"JWT_SECRET": "short"}, "JWT_SECRET"),
    ({"JWT_SECRET": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0C\n-----END PUBLIC KEY-----"}, "JWT_SECRET"),
    ({"JWT_SECRET": '{"kty": "oct", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"}'}, "JWT_SECRET"),
    ({"JWT_JWKS_URL": "keys.json"}, "JWT_JWKS_URL"),
    ({"JWT_JWKS_URL": "file:///etc/passwd"}, "JWT_JWKS_URL"),
    ({"REDIS_URL": "localhost:6379"}, "REDIS_URL"),
    ({"REDIS_URL": "http://localhost"}, "REDIS_URL"),
    ({"REDIS_URL": "redis://localhost:port"}, "REDIS_URL"),
    ({"CORS_ORIGINS": "app.example.com"}, "CORS_ORIGINS"),
    ({"CORS_ORIGINS": "https://*.example.com"}, "CORS_ORIGINS"),
    ({"CORS_ORIGINS": "https://app.example.com/chat"}, "CORS_ORIGINS"),
    ({"CORS_ORIGINS": ","}, "CORS_ORIGINS"),
    ({"ALLOWED_HOSTS": "https://chat.example.com"}, "ALLOWED_HOSTS"),
    ({"ALLOWED_HOSTS": "chat.example.com:3000"}, "ALLOWED_HOSTS"),
    ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
    ({"CONVERSATION_MESSAGES": "101"}, "CONVERSATION_MESSAGES"),
    ({"CONVERSATION_MESSAGES": "-1"}, "CONVERSATION_MESSAGES"),
    ({"DATABASE_URL": "mysql://localhost/chat"}, "DATABASE_URL"),
    ({"DATABASE_URL": "localhost"}, "DATABASE_URL"),
    ({"SUPABASE_PROJECT_URL": "abc.supabase.co", "SUPABASE_SERVICE_ROLE_KEY": "key"}, "SUPABASE_PROJECT_URL"),
    ({"SUPABASE_PROJECT_URL": "https://[", "SUPABASE_SERVICE_ROLE_KEY": "key"}, "SUPABASE_PROJECT_URL"),
    ({"SUPABASE_PROJECT_URL": "https://abc.supabase.co"}, "SUPABASE_SERVICE_ROLE_KEY"),
    ({"SUPABASE_PROJECT_URL": "https://abc.supabase.co", "SUPABASE_PUBLIC_ANON": "key"}, "SUPABASE_SERVICE_ROLE_KEY"),
    ({"SUPABASE_PUBLIC_ANON": "key"}, "SUPABASE_PROJECT_URL"),
    (POSTGRES, "JWT_SECRET"),
    ({**SUPABASE, "SIGNUP": "open"}, "JWT_SECRET"),
    ({"RATE_LIMIT_SEND": "a lot"}, "RATE_LIMIT_SEND"),
    ({"RATE_LIMIT_SEND": "0 per minute"}, "RATE_LIMIT_SEND"),
    ({"RATE_LIMIT_DEFAULT": "5 per fortnight"}, "RATE_LIMIT_DEFAULT"),
    ({"RATE_LIMIT_SIGNUP": "5 per minute; 10 per hour"}, "RATE_LIMIT_SIGNUP"),
]


@pytest.mark.parametrize(("environ", "name"), WRONG, ids=[str(environ) for environ, _ in WRONG])
def test_a_value_that_cannot_be_used_is_refused_in_one_sentence_that_names_it(
    environ: dict[str, str], name: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        Limits(Config.from_env(environ))
    sentence = str(refused.value)
    assert name in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize("environ", [{"PORT": "http"}, {"RATE_LIMIT_SEND": "a lot"}, {"JWT_SECRET": "short"}], ids=str)
def test_the_server_ends_with_that_sentence_and_code_1(environ: dict[str, str], tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "wsgi.py")],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("chat: ")
    assert len(ended.stderr.splitlines()) == 1
    assert next(iter(environ)) in ended.stderr


# secrets


def test_the_settings_do_not_show_their_secrets() -> None:
    secrets = {
        "DATABASE_URL": "postgres://chat:hunter2@localhost/chat",
        "JWT_SECRET": "hunter2" * 5,
        "SUPABASE_SERVICE_ROLE_KEY": "sb_secret_hunter2",
        "REDIS_URL": "redis://:hunter2@localhost",
    }
    assert "hunter2" not in repr(Config.from_env(secrets))


@pytest.mark.parametrize("name", ["JWT_SECRET", "SUPABASE_SERVICE_ROLE_KEY", "DATABASE_URL", "REDIS_URL"])
def test_a_sentence_does_not_quote_a_secret(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_env({name: "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_the_embedded_server_makes_its_secret_once_and_keeps_it_to_itself(tmp_path: Path) -> None:
    config = Config.from_env({"DATA_DIR": str(tmp_path / "data")})
    token = Tokens(config).issue("0b7e7a3c-4f0e-4c2f-9a39-0a4f6b9b0c11")["access_token"]
    assert Tokens(config).verify(token).ours
    (kept,) = (tmp_path / "data").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert len(kept.read_text()) >= 32
    other = Config.from_env({"DATA_DIR": str(tmp_path / "other")})
    with pytest.raises(Exception, match="token_invalid"):
        Tokens(other).verify(token)


def test_a_secret_that_cannot_be_kept_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = Config.from_env({"DATA_DIR": str(tmp_path / "file" / "data")})
    with pytest.raises(StartupError, match=r"cannot be read or made: .+\."):
        Tokens(config).issue("0b7e7a3c-4f0e-4c2f-9a39-0a4f6b9b0c11")


def test_only_the_embedded_server_makes_a_secret_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not Tokens(Config.from_env({**POSTGRES, "AUTH_MODE": "open"})).signs
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["postgres://u:hun%ter2@h/x", "postgres://u:hunter2@[::1/x", "postgres://u:hun@ter2@h/x"]
)
def test_a_database_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        open_storage(Config(database_url=url))
    assert "%XX" in str(refused.value)
    assert "ter2" not in str(refused.value)


def test_a_data_directory_may_start_at_home() -> None:
    assert Config.from_env({"DATA_DIR": "~/chat"}).data_dir == str(Path.home() / "chat")


def test_a_kept_secret_that_is_too_short_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "jwt_secret").write_text("short")
    with pytest.raises(StartupError, match="32 bytes"):
        Tokens(Config(data_dir=str(tmp_path))).load_secret()


def test_flask_run_says_how_to_start_the_server(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", str(ROOT / "wsgi.py"), "run"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "python wsgi.py" in done.stderr
    assert "Traceback" not in done.stderr
