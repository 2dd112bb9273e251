"""The commands for operators: what they print and do, on both drivers where they go through the storage."""

import json
import re
import socket
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from chat.app import create_app
from chat.auth import Caller
from chat.config import Config
from tests.support.identity import SECRET
from tests.support.postgrest import PostgrestStandIn
from tests.support.server import free_port

Chat = Callable[..., Result]


@pytest.fixture(params=["postgres", "supabase"])
def settings(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> dict[str, Any]:
    """The settings of a server on either driver."""
    common = {
        "auth_mode": "token", "jwt_secret": SECRET, "port": free_port(), "trusted_proxies": 1,
        "attachments_store": "directory", "attachments_dir": str(tmp_path / "attachments"),
    }  # fmt: skip
    if request.param == "postgres":
        return common | {"database_url": database_url}
    stand_in: PostgrestStandIn = request.getfixturevalue("postgrest")
    key = stand_in.service_role_key
    return common | {"supabase_project_url": stand_in.url, "supabase_service_role_key": key}


@pytest.fixture
def chat(settings: dict[str, Any]) -> Chat:
    """A function that runs a command."""

    def run(*arguments: str, **options: Any) -> Result:
        app: Flask = create_app(Config(**settings).checked())
        with app.app_context():
            return app.test_cli_runner(catch_exceptions=False).invoke(args=list(arguments), **options)

    return run


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def ada(chat: Chat) -> str:
    """The id of somebody of the demo."""
    done(chat("seed-demo"))
    return str(json.loads(done(chat("users", "show", "Ada", "--json")))["id"])


def test_the_demo_is_lively_and_made_once(chat: Chat, ada: str, sql: Callable[..., list[Any]]) -> None:
    tables = ("users", "messages", "conversations", "chat_attachments", "chat_reactions", "chat_message_edits")
    counted = (
        f"select {', '.join(f'(select count(*) from {each})' for each in tables)}, sum(version) from conversations"
    )
    (before,) = sql(counted)
    assert before[1] > 30
    assert "4 conversations" in done(chat("seed-demo", "--days", "9"))
    assert sql(counted) == [before]
    days = "count(distinct created_at::date) >= 5, max(created_at) < now(), min(created_at) < now() - interval '4 days'"
    assert sql(f"select {days} from messages") == [(True, True, True)]
    before_it = "lag(created_at) over (partition by conversation_id order by seq)"
    ordered = f"select bool_and(later) from (select created_at > {before_it} as later from messages) as t"
    assert sql(ordered) == [(True,)]
    assert sql("select count(*) > 0 from user_conversation as m join conversations as c on c.id = m.conversation_id "
               "where m.last_read_seq < c.last_seq") == [(True,)]  # fmt: skip


def test_the_demo_has_some_of_everything(chat: Chat, ada: str, sql: Callable[..., list[Any]], tmp_path: Path) -> None:
    some = {
        "threads": "reply_count > 0 and last_reply_at > created_at and last_reply_at < now()",
        "quotes": "reply_to is not null", "mentions": "mentions <> '{}'",
        "reactions": "jsonb_array_length(reactions) > 2",
        "pins": "pinned_at > created_at and pinned_at < now()", "edits": "edited_at > created_at and edited_at < now()",
        "files": "jsonb_array_length(attachments) = 1",
    }  # fmt: skip
    for what, condition in some.items():
        assert sql(f"select count(*) > 0 from messages where {condition}") == [(True,)], what
    assert sql("select type, width, height, name, state from chat_attachments") == [
        ("image/png", 960, 540, "bed.png", "ready")
    ]
    assert len([each for each in (tmp_path / "attachments").rglob("*") if each.is_file()]) == 2  # and its thumbnail
    assert sql("select type, count(*) from conversations group by type order by type") == [("direct", 1), ("group", 3)]
    assert sql("select count(*) > 3 from chat_thread_members where following") == [(True,)]


def test_the_demo_goes_without_a_picture_where_no_file_can_be_kept(
    chat: Chat, tmp_path: Path, sql: Callable[..., list[Any]]
) -> None:
    (tmp_path / "attachments").write_text("in the way")
    assert "Without a picture: " in chat("seed-demo").stderr
    assert sql("select count(*) > 30 from messages") == [(True,)]
    assert sql("select count(*) from messages where attachments is not null") == [(0,)]


def test_the_demo_leaves_conversations_alone_in_which_people_write(
    chat: Chat, ada: str, sql: Callable[..., list[Any]], settings: dict[str, Any]
) -> None:
    storage = create_app(Config(**settings).checked()).extensions["storage"]
    storage.open()
    garden = storage.find_conversations("Garden", 1)[0]["id"]
    storage.send_message(Caller(ada), garden, {"message": "from a person"})
    storage.close()
    times = "select id, created_at from messages where conversation_id = %s order by seq"
    before = sql(times, garden)
    done(chat("seed-demo", "--days", "30"))
    assert sql(times, garden) == before


def test_the_demo_says_how_to_look_at_it(database_url: str, tmp_path: Path, chat: Chat, ada: str) -> None:
    assert f"Ada's id is {ada}; `token Ada`" in done(chat("seed-demo"))
    app = create_app(Config(auth_mode="open", database_url=database_url, attachments_dir=str(tmp_path)).checked())
    with app.app_context():
        assert f"in place of a name: {ada}" in done(app.test_cli_runner().invoke(args=["seed-demo"]))


def test_a_list_that_may_go_on_says_so(chat: Chat, ada: str) -> None:
    for command in ("users", "conversations"):
        assert chat(command, "-n", "2").stderr == "These are the first 2; -n shows more.\n"
        assert chat(command, "-n", "20").stderr == ""


def test_h_asks_for_help_everywhere(chat: Chat) -> None:
    for command in (["users"], ["users", "show"], ["jobs", "retry"], ["export"], ["database"]):
        assert "Usage: " in done(chat(*command, "-h"))


def test_what_follows_a_program_of_the_database_goes_to_it(settings: dict[str, Any], chat: Chat) -> None:
    if "database_url" in settings:
        assert chat("database", "pg_dump", "--help").exit_code == 0
        assert chat("database", "pg_dump", "--no-such-thing").exit_code == 1


def test_users_are_listed_shown_and_found(chat: Chat, ada: str) -> None:
    listed = done(chat("users"))
    assert re.search(rf"^{ada}  Ada +3  +20", listed, re.MULTILINE)
    assert [each["username"] for each in json.loads(done(chat("users", "-q", "a", "-n", "3", "--json")))] == [
        "Ada", "Chioma", "Fatou"]  # fmt: skip
    assert f"id                   {ada}" in done(chat("users", "show", ada.upper()))
    for name, sentence in ("nobody", "no user called nobody"), (ada[:-1] + "0", "There is no user"):
        refused = chat("users", "show", name)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert sentence in refused.stderr


def test_a_list_goes_on_over_pages(chat: Chat, ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("users", "conversations"):
        monkeypatch.setattr(sys.modules[f"chat.cli.{module}"], "PAGE", 2)
    assert len(json.loads(done(chat("users", "--json")))) == 8
    assert len(json.loads(done(chat("conversations", "--json")))) == 4
    assert len(json.loads(done(chat("conversations", "-n", "1", "--json")))) == 1


def test_names_of_others_do_not_move_the_terminal(chat: Chat, sql: Callable[..., list[Any]]) -> None:
    sql("insert into users (username) values (E'x\\x1b[31m\\ny')")
    assert "x?[31m y" in done(chat("users"))


def test_two_of_one_name_must_be_named_by_id(chat: Chat, sql: Callable[..., list[Any]]) -> None:
    ids = {str(id) for (id,) in sql("insert into users (username) values ('twin'), ('twin') returning id")}
    refused = chat("token", "twin")
    assert refused.exit_code == 1
    assert set(re.findall(r"[0-9a-f-]{36}", refused.stderr)) == ids


def test_a_token_speaks_for_the_user(chat: Chat, ada: str, settings: dict[str, Any]) -> None:
    app = create_app(Config(**settings).checked())
    app.extensions["storage"].open()
    token = done(chat("token", "Ada")).strip()
    listed = app.test_client().get("/conversations", headers={"Authorization": f"Bearer {token}"})
    assert {each["name"] for each in listed.json} == {"Garden", "Trip to the coast", ""}
    app.extensions["storage"].close()
    assert json.loads(done(chat("token", ada, "--json")))["token_type"] == "bearer"


def test_conversations_are_listed_shown_and_exported(chat: Chat, ada: str) -> None:
    (found,) = json.loads(done(chat("conversations", "-q", "garden", "--json")))
    assert f"{found['id']}  Garden  group" in done(chat("conversations", "-q", "garden"))
    shown = done(chat("conversations", "show", found["id"]))
    assert re.search(rf"^{ada}  Ada +owner", shown, re.MULTILINE)
    lines = [json.loads(line) for line in done(chat("conversations", "export", found["id"])).splitlines()]
    assert len(lines) == found["messages"]
    assert lines[0]["message"].startswith("The seedlings")
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    for id in ("nothing", ada):
        assert chat("conversations", "show", id).stderr.startswith("chat: There is no conversation")


def test_a_user_is_exported_and_erased(chat: Chat, ada: str) -> None:
    kinds = {json.loads(line)["kind"] for line in done(chat("users", "export", "Ada")).splitlines()}
    assert {"profile", "membership", "message"} <= kinds
    assert chat("users", "erase", "Ada", input="n\n").exit_code == 1
    assert json.loads(done(chat("users", "show", ada, "--json")))["erased_at"] is None
    assert "is erased" in done(chat("users", "erase", "Ada", "--yes"))
    assert json.loads(done(chat("users", "show", ada, "--json")))["erased_at"]
    for again in ("users", "erase", ada, "--yes"), ("token", ada):
        refused = chat(*again)
        assert (refused.exit_code, refused.stderr) == (1, "chat: That user was erased.\n")


# doctor


def states(result: Result) -> dict[str, str]:
    return {each["about"]: each["state"] for each in json.loads(result.stdout)}


def test_all_is_well(chat: Chat, settings: dict[str, Any]) -> None:
    checked = chat("doctor", "--json")
    assert set(states(checked).values()) == {"ok"}, checked.stdout
    assert {"settings", "database", "schema", "clock", "open files", "port"} <= states(checked).keys()
    assert checked.exit_code == 0
    assert re.search(r"^ok    schema       version \d+$", done(chat("doctor")), re.MULTILINE)


def test_another_program_on_the_port(chat: Chat, settings: dict[str, Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings["port"]))
        taken.listen()
        settings["port"] = taken.getsockname()[1]

        class Other(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_error(404)

            def log_message(self, format: str, *args: Any) -> None: ...

    with HTTPServer(("127.0.0.1", settings["port"]), Other) as other:
        thread = Thread(target=other.handle_request)
        thread.start()
        checked = chat("doctor", "--json")
        thread.join()
    assert states(checked)["port"] == "fail"
    assert checked.exit_code == 1


def run_doctor(**settings: Any) -> Result:
    app = create_app(Config(**settings).checked())
    with app.app_context():
        return app.test_cli_runner(catch_exceptions=False).invoke(args=["doctor", "--json"])


def test_what_is_wrong_is_said(database_url: str, sql: Callable[..., list[Any]], tmp_path: Path) -> None:
    common: dict[str, Any] = {"port": free_port(), "auth_mode": "open"}
    gone = run_doctor(**common, database_url=f"postgresql://postgres@127.0.0.1:{free_port()}/none")
    assert (gone.exit_code, states(gone)["database"]) == (1, "fail")
    assert "schema" not in states(gone)
    none_yet = run_doctor(**common, data_dir=str(tmp_path / "none"))
    assert states(none_yet)["database"] == "fail"
    assert not (tmp_path / "none").exists()  # it has changed nothing
    redis = run_doctor(**common, database_url=database_url, redis_url=f"redis://:secret@127.0.0.1:{free_port()}")
    assert states(redis)["redis"] == "fail"
    assert "secret" not in redis.stdout
    everyone = run_doctor(**common | {"host": "0.0.0.0"}, database_url=database_url)
    assert (everyone.exit_code, states(everyone)["identity"]) == (0, "warn")
    sql("insert into chat_jobs (kind, state) values ('k', 'dead')")
    assert states(run_doctor(**common, database_url=database_url))["jobs"] == "warn"
    sql("update chat_schema set functions_hash = 'x'")
    assert states(run_doctor(**common, database_url=database_url))["schema"] == "fail"
    assert sql("select functions_hash from chat_schema") == [("x",)]
    sql("update chat_schema set version = 99999, oldest_code = 99999")
    assert states(run_doctor(**common, database_url=database_url))["schema"] == "fail"


def test_an_empty_database_has_no_schema(make_database: Callable[..., str]) -> None:
    checked = run_doctor(port=free_port(), auth_mode="open", database_url=make_database("template0"))
    assert (states(checked)["database"], states(checked)["schema"]) == ("ok", "fail")


@pytest.mark.parametrize(("offset", "state"), [(0.0, "ok"), (-5.0, "warn"), (100.0, "fail")])
def test_clocks_are_compared(database_url: str, monkeypatch: pytest.MonkeyPatch, offset: float, state: str) -> None:
    from chat.cli import checks

    now = checks.time.time
    monkeypatch.setattr(checks.time, "time", lambda: now() + offset)
    assert states(run_doctor(port=free_port(), auth_mode="open", database_url=database_url))["clock"] == state
