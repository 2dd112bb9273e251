"""Dockerfile, compose.yaml, app.json and the systemd unit: parsed, since neither Docker nor Heroku is at hand."""

import json
import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from dataclasses import fields
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from chat.config import Config

ROOT = Path(__file__).parents[2]
SETTINGS = {field.name.upper() for field in fields(Config)}


class Strict(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        assert len(set(keys)) == len(keys), keys
        return super().construct_mapping(node, deep)


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.load((ROOT / "compose.yaml").read_text(), Strict)


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, in order."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in text.splitlines())]


def values(instructions: list[tuple[str, str]], name: str) -> list[str]:
    return [rest for each, rest in instructions if each == name]


def test_the_image_is_made_in_two_stages_and_does_not_run_as_root(instructions: list[tuple[str, str]]) -> None:
    first, last = values(instructions, "FROM")
    assert first.endswith("AS packages")
    assert last == first.removesuffix(" AS packages")
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", last)  # the same in both: the virtualenv is copied
    assert values(instructions, "USER") == ["10001"]
    after_user = [name for name, _ in instructions[[name for name, _ in instructions].index("USER") :]]
    assert "RUN" not in after_user
    assert "--require-hashes" in " ".join(values(instructions, "RUN"))


def test_what_the_image_copies_exists_and_is_not_ignored(instructions: list[tuple[str, str]]) -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {name for rest in values(instructions, "COPY") if "--from" not in rest for name in shlex.split(rest)[:-1]}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
    assert any(fnmatch("chat/__pycache__", line.removeprefix("**/")) or "__pycache__" in line for line in ignored)


def test_the_settings_of_the_image_are_settings(instructions: list[tuple[str, str]]) -> None:
    named = dict(pair.split("=", 1) for rest in values(instructions, "ENV") for pair in shlex.split(rest))
    assert {name for name in named if not name.startswith("PYTHON") and name != "PATH"} <= SETTINGS
    Config.from_env({**named, "JWT_SECRET": "s" * 32})
    (exposed,) = values(instructions, "EXPOSE")
    assert exposed == named["PORT"]
    assert named["DATA_DIR"] in values(instructions, "VOLUME")


def test_the_health_check_is_a_program(instructions: list[tuple[str, str]]) -> None:
    (check,) = values(instructions, "HEALTHCHECK")
    program = json.loads(check.partition("CMD ")[2])
    compile(program[2], "HEALTHCHECK", "exec")
    assert "/health" in program[2]


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint") or ROOT / ".venv/tools/bin/hadolint"
    if not Path(hadolint).exists():
        pytest.skip("hadolint is not installed; `make lint-image` brings it")
    found = subprocess.run([str(hadolint), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_compose_starts_the_server_with_its_database(compose: Any) -> None:
    assert compose["services"].keys() == {"chat", "postgres", "redis"}
    chat, postgres, redis = (compose["services"][name] for name in ("chat", "postgres", "redis"))
    assert chat["environment"].keys() <= SETTINGS
    required = {name.partition(":?")[0] for name in re.findall(r"\$\{([^}]+:\?[^}]*)\}", json.dumps(compose))}
    assert required == {"JWT_SECRET", "POSTGRES_PASSWORD"}
    assert chat["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert "healthcheck" in postgres
    assert redis["profiles"] == ["redis"]
    assert all(port.startswith("127.0.0.1:") for port in chat["ports"])
    assert "ports" not in postgres
    assert "ports" not in redis
    used = {volume.partition(":")[0] for service in (chat, postgres) for volume in service["volumes"]}
    assert used == compose["volumes"].keys()


def test_compose_gives_settings_that_the_server_takes(compose: Any) -> None:
    environment = compose["services"]["chat"]["environment"]
    given = {
        name: re.sub(r"\$\{\w+:(-|\?)([^}]*)\}", lambda found: found[2] if found[1] == "-" else "x" * 32, value)
        for name, value in environment.items()
    }
    config = Config.from_env({**given, "HOST": "0.0.0.0", "DATA_DIR": "/data"})
    assert (config.storage, config.auth_mode) == ("postgres", "token")


def test_the_heroku_button_sets_what_the_server_needs() -> None:
    app = json.loads((ROOT / "app.json").read_text())
    assert app["env"].keys() <= SETTINGS
    assert app["env"]["JWT_SECRET"]["generator"] == "secret"
    assert [addon["plan"].partition(":")[0] for addon in app["addons"]] == ["heroku-postgresql"]
    given = {name: each.get("value", "") for name, each in app["env"].items()}
    config = Config.from_env(
        {**given, "JWT_SECRET": "s" * 64, "DATABASE_URL": "postgres://u:p@h/d", "HOST": "0.0.0.0", "PORT": "5000"}
    )
    assert (config.auth_mode, config.trusted_proxies) == ("token", 1)
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert app["formation"].keys() <= procfile.keys()
    assert app["formation"]["web"]["quantity"] == 1


def test_the_unit_names_settings_and_stops_the_server_alone() -> None:
    unit = ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read(ROOT / "deploy/chat.service")
    service = unit["Service"]
    assert {pair.split("=")[0] for pair in service["Environment"].split()} <= SETTINGS
    assert "AUTH_MODE=token" in service["Environment"]
    assert (service["KillMode"], service["User"]) == ("mixed", "chat")
    assert service["ExecStart"].endswith("python wsgi.py")
