"""The Postman collection: made from the OpenAPI document as it is now, and run from the top by newman."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.identity import TOKEN_MODE
from tests.support.node import install, needs_node
from tests.support.server import Server

DIRECTORY = Path(__file__).parents[2] / "clients" / "postman"


def test_the_collection_is_what_the_document_makes() -> None:
    checked = subprocess.run(
        [sys.executable, str(DIRECTORY / "build.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_nothing_secret_or_of_one_machine_is_in_it() -> None:
    for name in ("chat.postman_collection.json", "chat.postman_environment.json"):
        text = (DIRECTORY / name).read_text()
        assert "Bearer ey" not in text
        assert json.loads(text)
    addresses = json.loads((DIRECTORY / "chat.postman_environment.json").read_text())["values"]
    assert [each["value"] for each in addresses] == ["http://127.0.0.1:3000"]


@needs_node
@pytest.mark.parametrize("mode", ["open", "token"])
def test_it_runs_from_the_top(make_server: Callable[..., Server], mode: str) -> None:
    install(DIRECTORY)
    server = make_server(**(TOKEN_MODE if mode == "token" else {"JWT_SECRET": TOKEN_MODE["JWT_SECRET"]}))
    newman = [DIRECTORY / "node_modules/.bin/newman", "run", "chat.postman_collection.json", "--working-dir", "."]
    options = [
        "--environment",
        "chat.postman_environment.json",
        "--env-var",
        f"base_url={server.url}",
        "--color",
        "off",
    ]
    ran = subprocess.run([*newman, *options], cwd=DIRECTORY, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr
