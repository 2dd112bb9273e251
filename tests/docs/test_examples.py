"""docs/examples.md works when pasted, and names no event or field that the server does not have."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.clients.js import DIRECTORY
from tests.docs.examples import PAGE, Terminal, blocks, install, paste
from tests.support import node
from tests.support.identity import SECRET
from tests.support.node import needs_node
from tests.support.server import Device, Server

#: What runs the programs that have no terminal.
PROGRAMS = Path(__file__).parent / "javascript"
CURL = "".join(blocks("curl", "bash"))
#: What the curl session has said, as a client shows it.
SAID = ("ann: Is the kettle on?", "ann: A note")


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    return make_server(AUTH_MODE="token", JWT_SECRET=SECRET)


@pytest.fixture
def session(server: Server, tmp_path: Path) -> dict[str, str]:
    """The variables that the curl session leaves."""
    return paste(server, tmp_path, CURL)


@pytest.fixture
def start(tmp_path: Path, session: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    """A function that starts a program of the page as bob."""
    started = []

    def start(*command: str) -> Terminal:
        started.append(Terminal(list(command), tmp_path, {**session, "TOKEN": session["BOBS_TOKEN"]}))
        return started[-1]

    yield start
    for each in started:
        each.close()


def python(directory: Path) -> list[str]:
    (directory / "chat.py").write_text(blocks("Python", "python")[0])
    return [sys.executable, "chat.py"]


def library(directory: Path) -> list[str]:
    node.install(DIRECTORY)
    install(directory)
    (directory / "main.mjs").write_text(blocks("JavaScript", "js")[0])
    return ["node", "main.mjs"]


def bare(directory: Path) -> list[str]:
    node.install(DIRECTORY)
    install(directory)
    chat, main = blocks("JavaScript with socket.io-client", "js")
    (directory / "chat.mjs").write_text(chat)
    (directory / "main.mjs").write_text(main)
    return ["node", "main.mjs"]


def post(server: Server, path: str, token: str, **body: Any) -> dict[str, Any]:
    answer = server.request("POST", path, body, Authorization=f"Bearer {token}")
    assert answer.status == 200, answer.data
    return dict(answer.json())


def test_the_curl_session_works_when_pasted(session: dict[str, str]) -> None:
    first, again, note, synced, _ = session["printed"].splitlines()
    assert json.loads(first)["id"] == json.loads(again)["id"]
    assert json.loads(note)["attachments"][0]["name"] == "note.txt"
    assert [each["message"] for each in json.loads(synced)["conversations"][0]["messages"]] == [
        "Is the kettle on?", "A note"]  # fmt: skip
    assert '"code"' not in session["printed"]


@pytest.mark.parametrize(
    "program", [python, pytest.param(library, marks=needs_node), pytest.param(bare, marks=needs_node)]
)
def test_a_program_hears_sends_types_uploads_and_comes_back(
    server: Server, session: dict[str, str], tmp_path: Path, start: Callable[..., Terminal],
    program: Callable[[Path], list[str]],
) -> None:  # fmt: skip
    ann, room = session["TOKEN"], session["ROOM"]
    bob = start(*program(tmp_path))
    bob.shows(*SAID)
    with Device(server, auth={"token": ann}) as device:
        post(server, f"/conversations/{room}/messages/create", ann, message="It boils")
        bob.shows("ann: It boils")
        bob.type("I am coming")
        assert device.hear("typing")["is_typing"] is True
        assert device.hear("message")["message"] == "I am coming"
        bob.shows("bob: I am coming")
        bob.type("/file note.txt")
        while not (heard := device.hear("message"))["attachments"]:
            pass
        assert heard["attachments"][0]["name"] == "note.txt"
        bob.shows("bob: ")
    server.kill()
    server.start()
    post(server, f"/conversations/{room}/messages/create", ann, message="While you were away")
    bob.shows("ann: While you were away")
    bob.type("Here I am")
    bob.shows("bob: Here I am")
    post(server, f"/conversations/{room}/messages/create", ann, message="Good")
    bob.shows("ann: Good")
    assert bob.shows_nothing_more()


@pytest.mark.parametrize("program", [python, pytest.param(bare, marks=needs_node)])
def test_a_program_comes_back_from_a_disconnect_by_the_server(
    server: Server, session: dict[str, str], tmp_path: Path, start: Callable[..., Terminal],
    program: Callable[[Path], list[str]],
) -> None:  # fmt: skip
    ann, room = session["TOKEN"], session["ROOM"]
    # The programs ask for their token at each connect: this one reads a file that holds a fresh one afterwards.
    fresh = {"python": "open('token').read()", "bare": 'readFileSync("token", "utf8")'}[program.__name__]
    command = program(tmp_path)
    source = tmp_path / command[1]
    changed = (
        source.read_text()
        .replace('os.environ["TOKEN"]  # in', f"{fresh}  # in")
        .replace("() => TOKEN", f"() => {fresh}")
    )
    imported = 'import { readFileSync } from "node:fs";\n' if program is bare else ""
    source.write_text(imported + changed)
    assert fresh in changed
    (tmp_path / "token").write_text(session["BOBS_TOKEN"])
    bob = start(*command)
    bob.shows(*SAID)
    with Device(server, auth={"token": session["BOBS_TOKEN"]}) as device:
        revoked = post(server, "/tokens/revoke", session["BOBS_TOKEN"])
        (tmp_path / "token").write_text(revoked["access_token"])
        device.hear("unauthorized", 90)
    post(server, f"/conversations/{room}/messages/create", ann, message="Still there?")
    bob.shows("ann: Still there?")


@needs_node
def test_the_react_component_shows_what_is_said(server: Server, session: dict[str, str], tmp_path: Path) -> None:
    node.install(DIRECTORY)
    install(tmp_path)
    (tmp_path / "app.jsx").write_text(blocks("React", "jsx")[0])
    esbuild = [str(DIRECTORY / "node_modules/.bin/esbuild"), "app.jsx", "--jsx=automatic", "--outfile=app.mjs"]
    subprocess.run(esbuild, cwd=tmp_path, check=True, timeout=60, capture_output=True)
    shutil.copy(PROGRAMS / "react.mjs", tmp_path)
    done = subprocess.run(
        ["node", "react.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env={**session, "TOKEN": session["BOBS_TOKEN"]},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr


@needs_node
def test_messages_become_those_of_gifted_chat_and_back(tmp_path: Path) -> None:
    (tmp_path / "gifted.mjs").write_text(blocks("React Native with gifted-chat", "js")[0])
    shutil.copy(PROGRAMS / "gifted_test.mjs", tmp_path)
    done = subprocess.run(["node", "gifted_test.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


#: Words of the clients' own libraries, and of HTTP, that stand in quotes.
NOT_OURS = {
    "websocket", "disconnect", "connect_error", "text", "image", "video", "audio", "sending", "live", "deleted",
    "system", "rb", "URL", "TOKEN", "ROOM", "POST", "Authorization",
}  # fmt: skip


def quoted(block: str) -> set[str]:
    """Return the words that stand in quotes."""
    return set(re.findall(r"""["']([A-Za-z_]+)["']""", block))


def properties(schema: Any) -> Iterator[str]:
    """Yield the names of all fields in a part of a document."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from properties(part)


@pytest.mark.parametrize("language", ["python", "js", "jsx", "swift", "kotlin", "dart"])
def test_every_event_and_field_is_one_of_the_servers(app: Flask, language: str) -> None:
    client = app.test_client()
    asyncapi, openapi = client.get("/asyncapi.json").json, client.get("/openapi.json").json
    events = {name.split(".")[1] for name in asyncapi["components"]["messages"]}
    fields = set(properties(asyncapi["components"])) | set(properties(openapi["components"]))
    words = {word for block in re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
             for word in quoted(block)}  # fmt: skip
    assert words - NOT_OURS - events - fields == set()


@pytest.mark.parametrize("language", ["swift", "kotlin", "dart"])
def test_what_is_not_run_uses_the_same_events_and_fields_as_what_is(language: str) -> None:
    page = "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    for word in ("join", "since", "sendMessage", "typing", "message", "messageUpdated", "messageDeleted", "reaction",
                 "version", "newConversation", "conversationUpdated", "conversation_id", "client_id", "attachments",
                 "is_typing", "from_version", "has_more", "removed", "conversations", "messages", "token", "error",
                 "status", "retry_after"):  # fmt: skip
        assert re.search(rf"""["']{word}["']""", page), word
