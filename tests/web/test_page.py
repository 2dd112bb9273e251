"""The page itself: its policy, how one signs in, and that its files are fresh, short and its own."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.identity import SECRET
from tests.support.node import install, needs_node

ROOT = Path(__file__).parents[2]
WEB = ROOT / "chat" / "web"
SOURCES = sorted([*WEB.glob("app/**/*.js"), *WEB.glob("css/*.css"), WEB / "index.html"])


def test_the_policy_lets_nothing_run_that_is_no_file_of_ours(client: FlaskClient) -> None:
    with client.get("/") as response:
        policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "img-src 'self' blob: https:;" in policy
    assert "connect-src 'self';" in policy


def test_the_page_knows_how_one_signs_in(make_app: Callable[..., Flask]) -> None:
    modes = {
        "open": {},
        "own": {"auth_mode": "token", "jwt_secret": SECRET, "signup": "open"},
        "token": {"auth_mode": "token", "jwt_secret": SECRET, "signup": "closed"},
    }
    for how, settings in modes.items():
        with make_app(**settings).test_client().get("/") as response:
            assert f'data-sign-in="{how}"' in response.text


def test_every_file_that_is_imported_is_there(client: FlaskClient) -> None:
    wanted = set(re.findall(r'(?:href|src)="(web/[^"]+)"', (WEB / "index.html").read_text()))
    for source in WEB.glob("app/**/*.js"):
        for name in re.findall(r'from "(\.[^"]+)"', source.read_text()):
            wanted.add("web/" + str((source.parent / name).resolve().relative_to(WEB)))
    for path in wanted:
        with client.get(f"/{path}") as response:
            assert response.status_code == 200, path


def test_nothing_comes_from_elsewhere_and_nothing_is_inline() -> None:
    for source in SOURCES:
        text = source.read_text()
        assert not re.search(r"(src|href|from|import|url\()\s*[=(]?\s*[\"']https?:", text), source
        assert not re.search(r"innerHTML|dangerouslySetInnerHTML|insertAdjacentHTML|\beval\(|new Function", text), (
            source
        )
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", (WEB / "index.html").read_text())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_file_is_short_enough_to_be_read_at_once(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 250


def check_vendor() -> None:
    command = [sys.executable, str(ROOT / "clients/web/vendor.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_client_library_in_it_is_not_stale() -> None:
    check_vendor()


@needs_node
def test_the_packages_in_it_are_those_of_the_lock_file() -> None:
    install(ROOT / "clients" / "web")
    check_vendor()
