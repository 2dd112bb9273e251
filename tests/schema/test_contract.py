"""The parts agree with each other, by introspection: storage and SQL, routes and document, payloads and schemas."""

import inspect
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_type_hints

import psycopg
import pytest
from flask import Flask
from marshmallow import RAISE, Schema

from chat.auth import Caller
from chat.errors import ChatError
from chat.realtime.events import EVENTS
from chat.sockets.namespace import ChatNamespace
from chat.storage import Change, Page, Storage
from chat.storage.migrations import PATH as MIGRATIONS
from tests.support.client import Api
from tests.support.postgrest_sql import create_roles
from tests.support.server import Device, Server
from tests.support.tour import uid

#: What the database would answer to a method that returns this.
ANSWERS = {
    Page: '{"info" : null, "items" : []}',
    Change: '{"announce" : true, "audience_version" : 1, "result" : {}}',
    list[Change | ChatError | None]: "[]",
}
#: The functions that are kept for processes of the last release.
PREVIOUS = (Path(__file__).parents[2] / "sql" / "functions" / "previous.sql").read_text()

#: Methods of a driver that are no calls.
NO_CALLS = {"open", "close", "migrate", "check_ready", "call", "call_text", "direct_url"}

# storage and SQL

#: The name of a SQL function and those of its arguments.
Signature = tuple[str, frozenset[str]]


class Calls(Storage):
    """Keeps what each method calls, and has no database."""

    def __init__(self) -> None:
        self.made: list[Signature] = []

    def call_text(self, function: str, **args: Any) -> str:
        self.made.append((function, frozenset(args)))
        return ANSWERS.get(get_type_hints(getattr(Storage, function.removeprefix("chat_")))["return"], "null")

    def open(self) -> None: ...

    def migrate(self) -> str:
        return ""

    def close(self) -> None: ...


def storage_methods() -> list[str]:
    return [name for name, _ in inspect.getmembers(Storage, inspect.isfunction) if name[0] != "_"]


def made_by(method: str) -> Signature:
    """Return the one call that a storage method makes, and the names of its arguments."""
    calls = Calls()
    bound = getattr(calls, method)
    values = {"caller": Caller(uid(1))}
    bound(**{name: values.get(name) for name in inspect.signature(bound).parameters})
    (made,) = calls.made
    return made


@pytest.fixture
def open_database(make_database: Callable[..., str]) -> Iterator[psycopg.Connection]:
    """A database that gives everybody every right to what is made in it, as Supabase does, after the migration."""
    with psycopg.connect(make_database("template0"), autocommit=True) as connection:
        create_roles(connection)
        connection.execute(MIGRATIONS.read_text())  # type: ignore[call-overload]
        yield connection


def previous_signatures() -> set[Signature]:
    """Return the functions of `previous.sql`."""
    found = re.findall(r"create or replace function public\.(\w+)\((.*?)\) returns", PREVIOUS, re.DOTALL)
    assert found
    return {(name, frozenset(re.findall(r"\bp_\w+", arguments))) for name, arguments in found}


def test_every_storage_method_is_one_sql_function_with_the_same_arguments(sql: Callable[..., list[Any]]) -> None:
    in_sql = {
        (name, frozenset(arguments or []))
        for name, arguments in sql(
            "select proname, proargnames from pg_proc where proname like 'chat%%' and prosecdef "
            "and prorettype <> 'trigger'::regtype"
        )
    }
    methods = [name for name in storage_methods() if name not in NO_CALLS]
    in_python = {made_by(name) for name in methods}
    assert in_python == in_sql - previous_signatures()
    assert {function for function, _ in in_python} == {f"chat_{name}" for name in methods}
    assert all(argument.startswith("p_") for _, arguments in in_sql for argument in arguments)


def test_every_storage_method_says_what_it_does() -> None:
    assert [name for name in storage_methods() if not getattr(Storage, name).__doc__] == []


def test_a_function_has_a_second_signature_only_for_the_last_release(open_database: psycopg.Connection) -> None:
    found = open_database.execute(
        "select proname, coalesce(proargnames, '{}') from pg_proc "
        "where pronamespace = 'public'::regnamespace and proname like 'chat%' and prosecdef"
    ).fetchall()
    signatures = {(name, frozenset(arguments)) for name, arguments in found}
    # What a write returns, with one event or with several.
    names = [name for name, _ in signatures - previous_signatures() if name != "chat_change_json"]
    assert len(names) == len(set(names))


def test_no_call_is_ambiguous_and_every_function_that_is_called_is_closed(open_database: psycopg.Connection) -> None:
    functions = open_database.execute(
        """select proname, coalesce(proargnames, '{}'), prosecdef, prorettype = 'trigger'::regtype, proconfig,
                  pronargdefaults,
                  array(select role from unnest(array['public', 'anon', 'authenticated']) as role
                        where has_function_privilege(role, oid, 'execute')),
                  has_function_privilege('service_role', oid, 'execute')
           from pg_proc where pronamespace = 'public'::regnamespace and proname like 'chat%'"""
    ).fetchall()
    # PostgREST chooses a function by its name and those of the arguments.
    signatures = [(name, *sorted(arguments)) for name, arguments, *_ in functions]
    assert len(signatures) == len(set(signatures)) > 20
    for name, _, is_definer, is_trigger, config, defaults, may_run, server_may_run in functions:
        assert may_run == [], name
        assert defaults == 0, name
        if is_definer:
            assert 'search_path=""' in config, name
            assert server_may_run or is_trigger, name


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_no_table_is_open_to_the_holders_of_the_public_key(open_database: psycopg.Connection, role: str) -> None:
    relations = open_database.execute(
        "select relname, relrowsecurity, relkind from pg_class "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'S', 'p', 'f')"
    ).fetchall()
    assert {name for name, *_ in relations} >= {"users", "conversations", "user_conversation", "messages"}
    for name, has_row_security, kind in relations:
        assert kind in ("r", "S"), name
        assert has_row_security is (kind == "r"), name
        for right in ("select", "insert", "update", "delete", "truncate", "references", "trigger"):
            query = "select has_table_privilege(%s, %s, %s)"
            assert open_database.execute(query, (role, f"public.{name}", right)).fetchone() == (False,), (name, right)
        for right in ("select", "insert", "update", "references"):
            query = "select has_any_column_privilege(%s, %s, %s)"
            assert open_database.execute(query, (role, f"public.{name}", right)).fetchone() == (False,), (name, right)


def test_every_foreign_key_has_an_index(sql: Callable[..., list[Any]]) -> None:
    """Without one, deleting a user or a conversation reads whole tables."""
    without = sql(
        """select conrelid::regclass::text, conname from pg_constraint as key
           where contype = 'f' and connamespace = 'public'::regnamespace and not exists (
               select from pg_index where indrelid = key.conrelid and indpred is null and indkey[0] = key.conkey[1])"""
    )
    assert without == []


# routes and payloads


def routes(app: Flask) -> Iterator[tuple[str, str, Any]]:
    """Every route of our own: its method, its path as OpenAPI writes it, and its view."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                path = re.sub(r"<(\w+:)?(\w+)>", r"{\2}", rule.rule)
                yield method, path, app.view_functions[rule.endpoint]


def test_every_route_is_described(app: Flask) -> None:
    document = app.test_client().get("/openapi.json").get_json()
    for method, path, view in routes(app):
        described = document["paths"][path][method.lower()]
        assert described["summary"] == inspect.getdoc(view).splitlines()[0], path  # type: ignore[union-attr]
        assert described["summary"].endswith((".", ";")), path
        assert "200" in described["responses"], path
        assert "default" in described["responses"], path
    assert len(document["paths"]) == len({path for _, path, _ in routes(app)})


def response_schema(app: Flask, method: str, path: str) -> Schema:
    """Return the schema that the document gives for what a request is answered with."""
    endpoint, _ = app.url_map.bind("").match(path.partition("?")[0], method)
    schema: Schema = app.view_functions[endpoint]._apidoc["response"]["responses"][200][0]["schema"]
    return schema


def check(schema: Schema, payload: Any) -> None:
    """Raise `ValidationError` for a field that is not declared, or declared and missing."""
    schema.load(payload, unknown=RAISE)


#: Routes whose answer is a page, a document, a file or many objects.
NO_SCHEMA = (
    "pages.home",
    "pages.docs",
    "pages.events",
    "pages.document",
    "pages.llms",
    "documents.openapi",
    "documents.asyncapi",
    "users.export_user",
    "attachments.upload_attachment",  # multipart: tests/http/test_attachments.py
    "attachments.get_attachment",
    "attachments.get_thumbnail",
)


def test_every_answer_has_exactly_the_fields_of_its_schema(make_app: Callable[..., Flask]) -> None:
    app = make_app(auth_mode="token", jwt_secret="s" * 32, signup="open")
    api = Api(app.test_client())
    seen = set()

    def ask(method: str, path: str, body: Any = None) -> Any:
        answer = api.request(method, path, body, **headers)
        check(response_schema(app, method, path), answer)
        endpoint, _ = app.url_map.bind("").match(path.partition("?")[0], method)
        seen.add(app.view_functions[endpoint])
        return answer

    headers: dict[str, str] = {}
    bob = ask("POST", "/users/create", {"username": "bob"})
    ann = ask("POST", "/users/create", {"username": "ann"})
    headers = {"Authorization": f"Bearer {ann['access_token']}"}
    ask("POST", "/users/create", {"username": "Ann"})
    ask("GET", "/users/search?q=b")
    made = ask("POST", "/conversations/create", {"participant_ids": [bob["id"]], "group_name": "a group"})
    messages = f"/conversations/{made['id']}/messages"
    ask("POST", f"{messages}/create", {"message": "hello"})
    ask("POST", f"{messages}/create", {"message": "hello", "client_id": "c-1"})
    ask("POST", f"{messages}/create", {"message": "hello", "client_id": "c-1"})
    ask("GET", messages)
    ask("GET", "/conversations")
    ask_of_threads(ask, messages)
    ask_of_scheduled(ask, messages)
    assert ask("GET", "/messages/search?q=hello")
    message = f"/messages/{ask('GET', messages)[0]['id']}"
    ask("PATCH", message, {"message": "hello again"})
    ask("PUT", f"{message}/reactions/👍")
    ask("PUT", f"{message}/pin")
    assert ask("GET", f"{message}/reactions")
    assert ask("GET", f"{message}/history")
    assert ask("GET", f"/conversations/{made['id']}/pins")
    ask("DELETE", f"{message}/reactions/👍")
    ask("DELETE", f"{message}/pin")
    ask("DELETE", message)
    ask("GET", message)
    ask("PUT", f"/conversations/{made['id']}/receipts", {"read_seq": 1})
    ask("GET", f"/conversations/{made['id']}/receipts")
    ask_about_members(ask, made["id"], bob["id"])
    headers = {"Authorization": f"Bearer {bob['access_token']}"}
    assert ask("GET", "/unread")["total"]
    assert ask("GET", "/mentions")
    ask("GET", f"/users/{ann['id']}")
    ask("PATCH", f"/users/{bob['id']}", {"about": "tea", "custom": {"a": 1}})
    device = f"/users/{bob['id']}/devices/ExponentPushToken[x]"
    ask("PUT", device, {"service": "expo"})
    assert ask("GET", f"/users/{bob['id']}/devices")
    ask("DELETE", device)
    ask("GET", "/push/vapid-key")
    ask("PUT", f"/users/{ann['id']}/block")
    ask("GET", "/blocks")
    ask("DELETE", f"/users/{ann['id']}/block")
    for known in (0, 2, 3, 9):
        ask("POST", "/sync", {"since": {made["id"]: known, uid(9): 1}, "limit": 1})
    ask("POST", "/tokens/refresh")
    ask("POST", "/tokens/revoke")
    headers = {}
    cid = ask("POST", "/users/create", {"username": "cid"})
    headers = {"Authorization": f"Bearer {cid['access_token']}"}
    ask("DELETE", f"/users/{cid['id']}")
    ask("GET", "/health")
    ask("GET", "/ready")
    assert {view for _, _, view in routes(app)} == seen | {app.view_functions[name] for name in NO_SCHEMA}


def ask_about_members(ask: Callable[..., Any], id: str, bob: str) -> None:
    """Use every route of members, settings and invites, in the name of the owner; bob stays a member."""
    path = f"/conversations/{id}"
    ask("GET", path)
    ask("PATCH", path, {"visibility": "public", "custom": {"color": "red"}})
    ask("GET", "/conversations/public?q=group")
    ask("PATCH", f"{path}/settings", {"pinned": True})
    ask("GET", f"{path}/participants?limit=1")
    ask("PATCH", f"{path}/participants/{bob}", {"role": "admin"})
    ask("DELETE", f"{path}/participants/{bob}")
    ask("POST", f"{path}/participants", {"participant_ids": [bob], "history_from": 1})
    ask("POST", f"{path}/join")
    code = ask("POST", f"{path}/invites", {"uses": 2})["code"]
    ask("GET", f"{path}/invites")
    ask("GET", f"/invites/{code}")
    ask("POST", f"/invites/{code}")
    ask("DELETE", f"/invites/{code}")
    other = ask("POST", "/conversations/create", {"participant_ids": [bob], "group_name": "another"})
    ask("DELETE", f"/conversations/{other['id']}")
    ask("POST", "/conversations/direct", {"other_user_id": bob})
    ask("POST", f"{path}/messages/create", {"message": "seen by those who come later"})
    ask("POST", f"{path}/messages/create", {"message": "and this"})


def ask_of_threads(ask: Callable[..., Any], messages: str) -> None:
    root = ask("GET", messages)[0]
    bob = ask("GET", "/users/search?q=bob")[0]["id"]
    ask("POST", f"{messages}/create", {"message": "a reply", "thread_id": root["id"], "mentions": [bob, uid(9)]})
    assert ask("GET", f"/messages/{root['id']}/thread")
    ask("PUT", f"/messages/{root['id']}/thread/receipts", {"read_seq": 3})
    ask("DELETE", f"/messages/{root['id']}/thread/follow")
    ask("PUT", f"/messages/{root['id']}/thread/follow")
    assert ask("GET", "/threads")


def ask_of_scheduled(ask: Callable[..., Any], messages: str) -> None:
    draft = {"message": "later", "send_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    scheduled = ask("POST", f"{messages}/create", draft)["scheduled"]
    assert ask("GET", "/scheduled")
    ask("PATCH", f"/scheduled/{scheduled['id']}", {"message": "later, then"})
    ask("DELETE", f"/scheduled/{scheduled['id']}")


def test_every_event_has_exactly_the_fields_of_its_schema(
    make_server: Callable[..., Server], make_database: Callable[..., str]
) -> None:
    url = make_database()
    server = make_server(AUTH_MODE="token", JWT_SECRET="s" * 32, DATABASE_URL=url)
    api = Api(server)
    ann, bob = api.user("ann"), api.user("bob")
    headers = {"Authorization": f"Bearer {ann['access_token']}"}
    with Device(server, auth={"token": bob["access_token"]}) as device:
        conversation = api.conversation(ann, bob, **headers)
        message = f"/messages/{api.send(conversation, ann, **headers)['id']}"
        api.request("PUT", f"/conversations/{conversation['id']}/receipts", {"read_seq": 1}, **headers)
        own = {"Authorization": f"Bearer {bob['access_token']}"}
        api.request("PUT", f"/conversations/{conversation['id']}/receipts", {"read_seq": 1}, **own)
        heard = {name: device.hear(name) for name in ("newConversation", "message", "receipt")}
        api.request("PUT", f"{message}/reactions/👍", **headers)
        api.request("PUT", f"{message}/pin", **headers)
        api.request("DELETE", message, **headers)
        heard |= {name: device.hear(name) for name in ("reaction", "messageUpdated", "messageDeleted")}
        draft = {"message": "soon", "send_at": (datetime.now(UTC) + timedelta(seconds=2)).isoformat()}
        api.request("POST", f"/conversations/{conversation['id']}/messages/create", draft, **own)
        with psycopg.connect(url) as connection:
            connection.execute("update conversations set frozen = true")
        heard["scheduledFailed"] = device.hear("scheduledFailed")
        with psycopg.connect(url) as connection:
            connection.execute("update conversations set frozen = false")
        device.call("watchPresence", {"user_ids": [ann["id"]]})
        with Device(server, auth={"token": ann["access_token"]}) as other:
            other.call("typing", {"conversation_id": conversation["id"], "is_typing": True})
            heard |= {name: device.hear(name) for name in ("typing", "presence")}
        api.request("PATCH", f"/users/{ann['id']}", {"about": "tea"}, **headers)
        heard["userUpdated"] = device.hear("userUpdated")
        with psycopg.connect(url) as connection:  # bob has come in later, and sees nothing of before
            connection.execute("update user_conversation set history_from = 9 where user_id = %s", [bob["id"]])
            connection.execute("select chat_next_version(id, 0, true) from conversations")
        api.send(conversation, ann, **headers)
        heard["version"] = device.hear("version")
        path = f"/conversations/{conversation['id']}"
        api.request("PATCH", f"{path}/settings", {"pinned": True}, **own)
        heard["conversationSettings"] = device.hear("conversationSettings")
        api.request("PATCH", path, {"frozen": True}, **headers)
        heard["conversationUpdated"] = device.hear("conversationUpdated")
        api.request("DELETE", f"{path}/participants/{bob['id']}", **headers)
        heard["removedFromConversation"] = device.hear("removedFromConversation")
        api.request("DELETE", f"/conversations/{api.conversation(ann, bob, **headers)['id']}", **headers)
        heard["conversationDeleted"] = device.hear("conversationDeleted")
        api.request("POST", "/tokens/revoke", **own)
        heard["unauthorized"] = device.hear("unauthorized")
    assert heard.keys() == EVENTS.keys()
    for name, payload in heard.items():
        check(EVENTS[name].schema(), payload)


def test_every_event_that_clients_send_has_a_schema_and_a_docstring() -> None:
    handlers = {name: handler for name, handler in vars(ChatNamespace).items() if name.startswith("on_")}
    assert {name for name, handler in handlers.items() if not hasattr(handler, "schema")} == {
        "on_connect",
        "on_disconnect",
    }
    assert all(handler.__doc__ for handler in handlers.values())
