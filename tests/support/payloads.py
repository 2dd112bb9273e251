"""The payloads of all routes, read off the app, and an example of each that is served."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema, fields
from marshmallow.validate import Range
from werkzeug.test import TestResponse

from chat.app import create_app
from chat.config import Config
from chat.schemas.fields import AnyText, Id, Items, Mapping, Text, Time, Whole
from tests.support.client import Api

Example = dict[str, Any]


class World:
    """What the examples speak of: ann and bob with a conversation and a message in it, and eve, a stranger."""

    def __init__(self, client: FlaskClient, sql: Callable[..., list[Any]]) -> None:
        self.client = client
        self._sql = sql
        api = Api(client)
        self.ann, self.bob, self.eve = (user["id"] for user in api.users("ann", "bob", "eve"))
        opened = api.conversation({"id": self.ann}, {"id": self.bob})
        self.conversation = opened["id"]
        self.hidden = api.conversation({"id": self.eve})["id"]
        api.send(opened, {"id": self.ann})

    def stored(self) -> list[Any]:
        """Return a digest of everything in the database."""
        tables = ("users", "conversations", "user_conversation", "messages", "chat_set_aside")
        digests = (f"(select md5(string_agg(t::text, ' ' order by t::text)) from {table} as t)" for table in tables)
        return self._sql(f"select {', '.join(digests)}")

    def example(self, endpoint: str) -> Example:
        """Return a payload that the route serves. A new route with a payload needs one here."""
        ann, bob = self.ann, self.bob
        return {
            "users.create_user": {"username": "cid"},
            "users.search_users": {"user_id": ann, "q": "b"},
            "conversations.create_conversation": {"owner_id": ann, "participant_ids": [bob], "group_name": "g"},
            "conversations.list_conversations": {"user_id": ann, "limit": 10, "message_limit": 10},
            "messages.list_messages": {"user_id": ann, "limit": 10},
            "messages.send_message": {"user_id": ann, "message": "hello", "client_id": None},
            "receipts.update_receipt": {"user_id": bob, "read_seq": 1, "delivered_seq": 1},
            "receipts.list_receipts": {"user_id": ann},
            "receipts.list_unread": {"user_id": ann},
            "sync.sync": {"user_id": ann, "since": {self.conversation: 1}, "limit": 10},
        }[endpoint]


class Payload(NamedTuple):
    """What one route reads from its body or its query."""

    endpoint: str
    method: str
    path: str
    location: str
    schema: Schema

    def send(self, world: World, content: Example, conversation: str | None = None, **options: Any) -> TestResponse:
        """Make the request with this content, in the way that the payload's location asks for."""
        key = {"json": "json", "form": "data", "query": "query_string"}[self.location]
        if self.location != "json":
            content = {name: value for name, value in content.items() if not isinstance(value, dict | None)}
        return self.open(world, conversation, **{key: content, **options})

    def open(self, world: World, conversation: str | None = None, **options: Any) -> TestResponse:
        """Make a request to the payload's route."""
        path = self.path.replace("<id:conversation_id>", conversation or world.conversation)
        return world.client.open(path, method=self.method, **options)

    def needs(self, name: str) -> bool:
        """Whether the route refuses a payload without this field (in open mode)."""
        names_the_caller = name in ("user_id", "owner_id") and self.endpoint != "messages.list_messages"
        return self.schema.fields[name].required or names_the_caller

    def __str__(self) -> str:
        return f"{self.endpoint}-{self.location}"


def read_off(app: Flask) -> Iterator[Payload]:
    """Return the payloads of all routes; a body that may be a form counts twice."""
    for rule in app.url_map.iter_rules():
        # flask-smorest notes there what it reads, and makes the OpenAPI document from it.
        noted = getattr(app.view_functions[rule.endpoint], "_apidoc", {}).get("arguments", {}).get("parameters", [])
        method = next(iter({"GET", "POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set())))
        for each in noted:
            for location in ("json", "form") if each["in"] == "json" else (each["in"],):
                yield Payload(rule.endpoint, method, rule.rule, location, each["schema"])


PAYLOADS = list(read_off(create_app(Config(auth_mode="open", database_url="postgresql://nowhere/x").checked())))
BODIES = [payload for payload in PAYLOADS if payload.location == "json"]
QUERIES = [payload for payload in PAYLOADS if payload.location == "query"]


def acceptable(field: fields.Field[Any], name: str, value: Any) -> bool:
    """Whether the contract lets a field have this value; none of the values is the id of anything."""
    if value is None:
        return field.allow_none
    match field:
        case Id() | Time():
            return (name, value) == ("last_message_date", "")
        case Text():
            counted = value.strip() if storable(value) and field.trim else value
            return storable(value) and bool(value.strip()) and len(counted) <= field.longest
        case AnyText():
            return storable(value)
        case Whole():
            number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value) else value
            least, most = limits(field)
            return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most
        case fields.List() | fields.Dict():
            return value in ([], {}) and isinstance(value, list) == isinstance(field, fields.List)
        case fields.String() if name == "before":  # a cursor, and none of the values is one
            return False
    raise AssertionError(f"say here what {name}, a {type(field).__name__}, may be")


def storable(value: Any) -> bool:
    """Whether PostgreSQL can hold it as text."""
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= each <= "\udfff" for each in value)


def limits(field: fields.Field[Any]) -> tuple[int, int]:
    """Return the range of a whole number."""
    (between,) = (each for each in field.validators if isinstance(each, Range))
    return between.min, between.max


def beyond(field: fields.Field[Any]) -> list[Any]:
    """Return values just beyond a field's limits, and those just within."""
    match field:
        case Text():
            return ["x" * (field.longest + 1), "😀" * (field.longest + 1), "x" * field.longest, "😀" * field.longest]
        case Whole():
            least, most = limits(field)
            return [least - 1, most + 1, str(least - 1), str(most + 1), least, most, str(most)]
        case Items() | Mapping():
            names = [f"00000000-0000-4000-8000-{number:012}" for number in range(field.longest + 1)]
            return [names if isinstance(field, Items) else dict.fromkeys(names, 1)]
    return []
