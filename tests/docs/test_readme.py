"""README.md and .env.example say what is so: the sessions run, the tables are complete, the links lead somewhere."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path

import pytest
from flask import Flask

from chat.config import RATE_LIMITS, Config
from chat.error_codes import CODES
from chat.realtime.events import EVENTS
from chat.sockets.namespace import ChatNamespace
from tests.support.server import Server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
ADDRESS = "http://127.0.0.1:3000"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("bench/*.md"))]


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which npm has installed the official client."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    directory = tmp_path_factory.mktemp("npm")
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save", "socket.io-client@4.8.1"]
    subprocess.run(install, cwd=directory, check=True, timeout=100)
    return directory / "node_modules"


def blocks(language: str, heading: str, page: str = README) -> list[str]:
    """Return the fenced blocks of a language under a `## heading` of a page."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def on(server: Server, script: str) -> str:
    """Return a script of the README with the address of the test's server."""
    assert ADDRESS in script
    return script.replace(ADDRESS, server.url)


def bash(script: str) -> str:
    """Run a pasted session; what it prints, its complaints included."""
    done = subprocess.run(["bash", "-eu"], input=script, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def shown(field: Field) -> str:
    """Return a setting's default; that of a limit is the one of token mode."""
    return RATE_LIMITS.get(field.name) or str(field.default)


def table_row(field: Field) -> str:
    default = f"`{shown(field)}`" if shown(field) else "–"
    doc = field.metadata["doc"].replace("<", r"\<")
    return f"| `{field.name.upper()}` | {default} | {doc} |"


def env_line(field: Field) -> str:
    return f"# {field.metadata['doc']}\n#{field.name.upper()}={shown(field)}"


def rows(header: str) -> list[str]:
    """Return the lines of the reference's tables with this header."""
    tables = [part.split("\n\n")[0] for part in f"{REFERENCE}\n\n".split(f"\n{header}\n")[1:]]
    assert tables
    return [row for table in tables for row in table.strip().splitlines()[1:]]


def first_words(header: str) -> set[str]:
    """Return what stands in code in the first cells of a table."""
    return {word for row in rows(header) for word in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_the_curl_session_works_when_pasted(server: Server) -> None:
    printed = bash(on(server, "".join(blocks("bash", "Try it"))))
    assert re.match(r"ann [0-9a-f-]{36}, bob [0-9a-f-]{36}\n", printed)
    assert printed.count("Is the kettle on?") == 3  # sent, in the list of messages, in the list of conversations
    assert printed.count('"code"') == 0


def test_the_python_client_sees_what_the_curl_session_does(server: Server, tmp_path: Path) -> None:
    users, talk = blocks("bash", "Try it")
    listener = tmp_path / "listen.py"
    listener.write_text(on(server, blocks("python", "Try it")[0]))
    printed, expected = listen([sys.executable, "-u", str(listener)], on(server, users), talk)
    assert printed == expected


def test_the_javascript_client_sees_the_same(server: Server, tmp_path: Path, node_modules: Path) -> None:
    users, talk = blocks("bash", "Try it")
    listener = tmp_path / "listen.mjs"
    listener.write_text(on(server, blocks("js", "Try it")[0]))
    (tmp_path / "node_modules").symlink_to(node_modules)
    printed, expected = listen(["node", str(listener)], on(server, users), talk)
    assert printed == expected


def listen(program: list[str], users: str, talk: str) -> tuple[list[str], list[str]]:
    """Run the session with a listener for bob; return the listener's lines, and what they should be."""
    bob = re.search(r"bob (\S+)", bash(users))
    assert bob
    said = users + f"BOB={bob[1]}\n" + talk
    with subprocess.Popen([*program, bob[1]], stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout
        try:
            first = listener.stdout.readline()
            bash(said)
            heard = [listener.stdout.readline() for _ in range(2)]
        finally:
            listener.kill()
    expected = ["listening as bob", "newConversation: Tea", "message: ann: Is the kettle on?"]
    return [line.strip() for line in (first, *heard)], expected


def test_the_session_with_a_token_works_in_token_mode(make_server: Callable[..., Server]) -> None:
    server = make_server(AUTH_MODE="token", JWT_SECRET="0123456789abcdef" * 2)
    printed = bash(on(server, "".join(blocks("bash", "Identity", REFERENCE))))
    assert '"username":"cleo"' in printed
    assert '"code"' not in printed


@pytest.mark.parametrize("field", fields(Config), ids=lambda field: field.name)
def test_every_setting_stands_in_the_table_and_in_the_example(field: Field) -> None:
    assert table_row(field) in rows("| Setting | Default | |")
    assert f"\n{env_line(field)}\n" in (ROOT / ".env.example").read_text()


def test_no_other_settings_are_named() -> None:
    names = {field.name.upper() for field in fields(Config)}
    assert first_words("| Setting | Default | |") == names
    assert set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)) == names


def test_copying_the_example_changes_nothing() -> None:
    assert all(line.startswith("#") or not line for line in (ROOT / ".env.example").read_text().splitlines())


def test_the_api_table_lists_exactly_the_routes(app: Flask) -> None:
    routes = {
        f"{method} {re.sub('<id:[a-z_]+>', '{id}', str(rule)).replace('<', '{').replace('>', '}')}"
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert first_words("| Request | Fields (optional in brackets) | Answer |") == routes


def test_the_tables_of_events_are_complete() -> None:
    assert first_words("| The server sends | When |") == set(EVENTS)
    handled = {
        name.removeprefix("on_") for name in dir(ChatNamespace) if hasattr(getattr(ChatNamespace, name), "schema")
    }
    assert first_words("| The client sends | With | Acknowledged with |") == handled


def test_the_table_of_errors_is_complete() -> None:
    assert first_words("| Code | Status | |") == set(CODES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def anchors(file: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
