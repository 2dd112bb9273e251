"""The one catalogue of calls: how each route is called so that it is served. A new route needs a row here.

It feeds the access matrix, the tests of bad input and bad bodies, and those of the OpenAPI document. What the routes
read is taken from the app, so that no new field can be forgotten.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, NamedTuple

from flask import Flask
from flask.testing import FlaskClient
from marshmallow import Schema, fields
from marshmallow.validate import Range
from PIL import Image
from werkzeug.test import TestResponse

from chat.api.openapi import arguments_of
from chat.app import create_app
from chat.config import Config
from chat.schemas.attachments import File
from chat.schemas.choices import Choice, Flag
from chat.schemas.custom import Custom
from chat.schemas.fields import AnyText, Before, Id, Items, Mapping, Text, Time, Url, Whole
from chat.schemas.members import HistoryFrom
from chat.schemas.reactions import Emoji
from tests.support.identity import bearer

Content = dict[str, Any]

IN_A_MONTH = (datetime.now(UTC) + timedelta(days=30)).isoformat()
#: What is uploaded.
FILE = b"the first line\n"
GROUP_NAME, MESSAGE = "the group of ann and bob", "what ann sent to bob"


def picture(width: int = 40, height: int = 30) -> bytes:
    """Return a PNG."""
    file = BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()


class World:
    """What the calls speak of: ann and bob with a conversation and a message in it; eve and dan are no members.

    `tokens` has a token of each where the server signs them.
    """

    def __init__(self, client: FlaskClient, sql: Callable[..., list[Any]]) -> None:
        self.client = client
        self._sql = sql
        users = {
            name: self._post("/users/create", {"username": name}) for name in ("ann", "bob", "eve", "dan", "fay", "gus")
        }
        self.ids = {name: user["id"] for name, user in users.items()}
        self.tokens = {name: user.get("access_token") for name, user in users.items()}
        self.ann, self.bob, self.eve, self.leaver, self.fay, self.gus = self.ids.values()
        self.hidden = self._open("eve", [], "eve's own")
        self.open_conversation()

    def open_conversation(self) -> None:
        """Open the conversation of ann and bob; once more after a call that has deleted it, or something in it."""
        self.conversation = self._open("ann", [self.bob], GROUP_NAME)
        path = f"/conversations/{self.conversation}"
        self.attachment = self._upload("ann", picture())
        body = {"user_id": self.ann, "message": MESSAGE}
        sent = self._post(f"{path}/messages/create", body | {"attachments": [self.attachment]}, "ann")
        self.message = str(sent["id"])
        later = body | {"send_at": IN_A_MONTH}
        self.scheduled = str(self._post(f"{path}/messages/create", later, "ann")["scheduled"]["id"])
        self.invite = str(self._post(f"{path}/invites", {"user_id": self.ann}, "ann")["code"])

    def next_leaver(self) -> str:
        """Return somebody who is there to be erased."""
        if self._sql("select from users where id = %s and erased_at is not null", self.leaver):
            self.leaver = self._post("/users/create", {"username": "dan"})["id"]
        return self.leaver

    def stored(self) -> list[Any]:
        """Return a digest of everything in the database."""
        tables = (
            "users",
            "conversations",
            "user_conversation",
            "messages",
            "chat_set_aside",
            "chat_reactions",
            "chat_blocks",
            "chat_invites",
            "chat_devices",
        )
        digests = (f"(select md5(string_agg(t::text, ' ' order by t::text)) from {table} as t)" for table in tables)
        return self._sql(f"select {', '.join(digests)}")

    def _open(self, owner: str, participant_ids: list[str], name: str) -> str:
        body = {"owner_id": self.ids[owner], "participant_ids": participant_ids, "group_name": name}
        return str(self._post("/conversations/create", body, owner)["id"])

    def _upload(self, name: str, file: bytes) -> str:
        token, body = self.tokens[name], {"user_id": self.ids[name], "file": (BytesIO(file), "kettle.png")}
        response = self.client.post("/attachments", data=body, headers=bearer(token) if token else None)
        assert response.status_code == 200, response.text
        return str(response.json["id"])

    def _post(self, path: str, body: Content, name: str | None = None) -> Any:
        token = self.tokens[name] if name else None
        response = self.client.post(path, json=body, headers=bearer(token) if token else None)
        assert response.status_code == 200, response.text
        return response.json


class Call(NamedTuple):
    """A call that is served: what is sent besides who calls, the field that names the caller, who may call.

    `role`: what a member must be at least; `sole`: for everybody else it does not exist. `spoils`: what the others
    speak of is gone after it. `is_public` is what the tests expect, whatever the policy of the route says. `user` is
    whom the path names, and `is_own` that nobody else may call. `caller` is who calls in open mode.
    """

    content: Callable[[World], Content] = lambda world: {}
    names: str | None = None
    is_public: bool = False
    role: str = "member"
    spoils: bool = False
    user: Callable[[World], str] = lambda world: world.ann
    is_own: bool = False
    caller: Callable[[World], str] = lambda world: world.ann


CALLS: dict[str, Call] = {
    "static": Call(is_public=True),
    "pages.home": Call(is_public=True),
    "pages.docs": Call(is_public=True),
    "pages.events": Call(is_public=True),
    "pages.document": Call(is_public=True),
    "pages.llms": Call(is_public=True),
    "documents.openapi": Call(is_public=True),
    "documents.asyncapi": Call(is_public=True),
    "health.alive": Call(is_public=True),
    "health.ready": Call(is_public=True),
    "users.create_user": Call(lambda world: {"username": "cid"}),
    "users.search_users": Call(lambda world: {"q": "b"}, "user_id"),
    "users.get_user": Call(names="user_id", user=lambda world: world.bob),
    "users.update_user": Call(
        lambda world: {"username": "ann", "about": "tea", "custom": {"a": 1}}, "user_id", is_own=True
    ),
    "users.erase_user": Call(
        lambda world: {"messages": "delete"},
        "user_id",
        user=lambda world: world.leaver,
        is_own=True,
        caller=lambda world: world.next_leaver(),
    ),
    "users.export_user": Call(names="user_id", is_own=True),
    "devices.put_device": Call(lambda world: {"service": "expo"}, "user_id", is_own=True),
    "devices.delete_device": Call(names="user_id", is_own=True),
    "devices.list_devices": Call(names="user_id", is_own=True),
    "devices.get_vapid_key": Call(is_public=True),
    "blocks.block_user": Call(names="user_id", user=lambda world: world.fay),
    "blocks.unblock_user": Call(names="user_id", user=lambda world: world.fay),
    "blocks.list_blocks": Call(lambda world: {"limit": 10}, "user_id"),
    "tokens.refresh_token": Call(),
    "tokens.revoke_tokens": Call(),
    "conversations.create_conversation": Call(
        lambda world: {"participant_ids": [world.bob], "group_name": "g"}, "owner_id"
    ),
    "conversations.list_conversations": Call(lambda world: {"limit": 10, "message_limit": 10}, "user_id"),
    "conversations.open_direct_conversation": Call(lambda world: {"other_user_id": world.gus}, "user_id"),
    "conversations.list_public_conversations": Call(lambda world: {"q": "tea", "limit": 10}, "user_id"),
    "conversations.get_conversation": Call(names="user_id"),
    "conversations.update_conversation": Call(
        lambda world: {
            "description": "d",
            "avatar_url": "https://example.com/a.png",
            "frozen": False,
            "history": "all",
        },
        "user_id",
        role="admin",
    ),
    "conversations.delete_conversation": Call(names="user_id", role="owner", spoils=True),
    "members.list_members": Call(lambda world: {"limit": 10}, "user_id"),
    "members.add_members": Call(
        lambda world: {"participant_ids": [world.bob], "role": "admin", "history_from": 1}, "user_id", role="admin"
    ),
    # Of ann: what she changes or leaves, bob may not.
    "members.update_member": Call(lambda world: {"custom": {"x": 1}}, "user_id", role="admin"),
    "members.remove_member": Call(names="user_id", role="admin", spoils=True),
    "members.join_conversation": Call(names="user_id"),
    "members.update_settings": Call(lambda world: {"pinned": True, "archived": False}, "user_id"),
    "invites.create_invite": Call(lambda world: {"expires_in": 60, "uses": 1}, "user_id", role="admin"),
    "invites.list_invites": Call(lambda world: {"limit": 10}, "user_id", role="admin"),
    "invites.get_invite": Call(names="user_id"),
    "invites.accept_invite": Call(names="user_id"),
    "invites.delete_invite": Call(names="user_id", role="admin", spoils=True),
    "messages.list_messages": Call(lambda world: {"limit": 10}, "user_id"),
    "messages.send_message": Call(lambda world: {"message": "hello", "client_id": None}, "user_id"),
    "edits.get_message": Call(names="user_id"),
    "edits.edit_message": Call(
        lambda world: {"message": MESSAGE, "mentions": [], "attachments": [], "custom": {}}, "user_id", role="author"
    ),
    "edits.delete_message": Call(names="user_id", role="author", spoils=True),
    "edits.list_message_edits": Call(lambda world: {"limit": 10}, "user_id"),
    "reactions.add_reaction": Call(names="user_id"),
    "reactions.remove_reaction": Call(names="user_id"),
    "reactions.list_reactions": Call(lambda world: {"emoji": "👍", "limit": 10}, "user_id"),
    "pins.pin_message": Call(names="user_id", role="admin"),
    "pins.unpin_message": Call(names="user_id", role="admin"),
    "pins.list_pins": Call(lambda world: {"limit": 10}, "user_id"),
    "threads.list_replies": Call(lambda world: {"limit": 10}, "user_id"),
    "threads.list_threads": Call(lambda world: {"limit": 10}, "user_id"),
    "threads.read_thread": Call(lambda world: {"read_seq": 1}, "user_id"),
    "threads.follow_thread": Call(names="user_id"),
    "threads.unfollow_thread": Call(names="user_id"),
    "threads.list_mentions": Call(lambda world: {"limit": 10}, "user_id"),
    "search.search_messages": Call(lambda world: {"q": "sent", "limit": 10}, "user_id"),
    "scheduled.list_scheduled": Call(lambda world: {"limit": 10}, "user_id"),
    "scheduled.update_scheduled": Call(
        lambda world: {"message": MESSAGE, "send_at": IN_A_MONTH, "mentions": [], "custom": {}}, "user_id", role="sole"
    ),
    "scheduled.delete_scheduled": Call(names="user_id", role="sole", spoils=True),
    "attachments.upload_attachment": Call(lambda world: {"file": (BytesIO(FILE), "a.txt")}, "user_id"),
    "attachments.get_attachment": Call(names="user_id"),
    "attachments.get_thumbnail": Call(names="user_id"),
    "receipts.update_receipt": Call(lambda world: {"read_seq": 1, "delivered_seq": 1}, "user_id"),
    "receipts.list_receipts": Call(names="user_id"),
    "receipts.list_unread": Call(names="user_id"),
    "sync.sync": Call(lambda world: {"since": {world.conversation: 1}, "limit": 10}, "user_id"),
}


class Route(NamedTuple):
    """A route, and one place where it reads arguments: `json`, `form`, `files` or `query`; or None."""

    endpoint: str
    method: str
    path: str
    location: str | None
    schema: Schema

    @property
    def call(self) -> Call:
        return CALLS[self.endpoint]

    @property
    def place(self) -> str | None:
        """What the path leads to, which strangers are told does not exist."""
        if found := re.search("<id:(?!user_id)([a-z]+)_id>", self.path):  # a user is found by everybody
            return found[1]
        is_for_strangers = self.endpoint in ("invites.get_invite", "invites.accept_invite")
        return "invite" if "<code>" in self.path and not is_for_strangers else None

    def example(self, world: World, named: str | None = None) -> Content:
        """Return the content of a call that is served in open mode, in the name of ann unless another is named."""
        names = {self.call.names: named or self.call.caller(world)} if self.call.names else {}
        return self.call.content(world) | names

    def send(self, world: World, content: Content, id: str | None = None, **options: Any) -> TestResponse:
        """Make the request with this content, in the way that the location asks for."""
        if self.location is None:
            return self.open(world, id, **options)
        key = {"json": "json", "form": "data", "files": "data", "query": "query_string"}[self.location]
        if self.location == "files":
            options = {"content_type": "multipart/form-data", **options}
        if self.location != "json":
            content = {
                name: json.dumps(value) if isinstance(value, bool) else value
                for name, value in content.items()
                if not isinstance(value, dict | None)
            }
        return self.open(world, id, **{key: content, **options})

    def open(self, world: World, id: str | None = None, query: str = "", **options: Any) -> TestResponse:
        """Make a request to the route: of the place with this id, of the world without one.

        `query` is written as it is.
        """
        values = {
            "<id:conversation_id>": id or world.conversation,
            "<id:message_id>": id or world.message,
            "<id:scheduled_id>": id or world.scheduled,
            "<id:attachment_id>": id or world.attachment,
            "<id:user_id>": self.call.user(world) if "<id:user_id>" in self.path else "",
            "<code>": id or world.invite,
            "<token>": "ExponentPushToken[anns-phone]",
            "<emoji>": "👍",
            "<path:filename>": "index.html",
            "<name>": "clients",
        }
        path = re.sub("<[^>]+>", lambda found: values[found[0]], self.path)
        with world.client.open(f"{path}?{query}" if query else path, method=self.method, **options) as response:
            response.get_data()
        if self.call.spoils and response.status_code == 200:
            world.open_conversation()
        return response

    def needs(self, name: str) -> bool:
        """Whether the route refuses a payload without this field (in open mode)."""
        names_the_caller = name == self.call.names and self.endpoint != "messages.list_messages"
        is_all = (name, str(self)) == ("message", "edits.edit_message-form")  # a form cannot hold the others
        is_text = (name, self.endpoint) == ("message", "messages.send_message")  # there are no attachments
        return self.schema.fields[name].required or names_the_caller or is_all or is_text

    def __str__(self) -> str:
        return f"{self.endpoint}-{self.location}" if self.location else self.endpoint


def routes_of(app: Flask) -> Iterator[Route]:
    """Return the routes of an app, with the first place where each reads arguments."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            read = arguments_of(app.view_functions[rule.endpoint]) or [(Schema(), None)]
            yield Route(rule.endpoint, method, rule.rule, read[0][1], read[0][0])


ROUTES = list(routes_of(create_app(Config(auth_mode="open", database_url="postgresql://nowhere/x").checked())))
BODIES = [route for route in ROUTES if route.location == "json"]
QUERIES = [route for route in ROUTES if route.location == "query"]
#: Every place where arguments are read; a body may be a form too.
PAYLOADS = [
    *BODIES,
    *(route._replace(location="form") for route in BODIES),
    *QUERIES,
    *(route for route in ROUTES if route.location == "files"),
]


#: What the ids in a field are of, unless of users. None: an id of nothing is passed over.
NAMED_BY = {"reply_to": "message", "thread_id": "message", "attachments": "attachment", "mentions": None}
NAMED_BY |= {"conversation_id": "conversation", "author_id": None}


def acceptable(field: fields.Field[Any], name: str, value: Any) -> bool:
    """Whether the contract lets a field have this value; none of the values is the id of anything."""
    if value is None:
        return field.allow_none
    match field:
        case File():
            return False
        case Url():
            return isinstance(value, str) and value.startswith("https://") and len(value) <= field.longest
        case Flag():
            return value in ("true", "false") or isinstance(value, bool)
        case Choice():
            return value in field.words
        case Emoji():
            return False
        case Custom():
            return isinstance(value, dict) and len(json.dumps(value, ensure_ascii=False)) < 4096
        case Flag():
            return isinstance(value, bool) or value in ("true", "false")
        case Choice():
            return value in field.words
        case HistoryFrom() if value in ("all", "now"):
            return True
        case Url() | Before():  # none of the values is one
            return False
        case Id() | Time():
            return (name, value) == ("last_message_date", "")
        case Text():
            counted = value.strip() if storable(value) and field.trim else value
            return storable(value) and bool(value.strip()) and len(counted) <= field.longest
        case AnyText():
            return storable(value)
        case Whole():
            number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value) else value
            minimum, maximum = limits(field)
            return isinstance(number, int) and not isinstance(number, bool) and minimum <= number <= maximum
        case fields.List() | fields.Dict():
            return value in ([], {}) and isinstance(value, list) == isinstance(field, fields.List)
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
        case Url():
            address = "https://a.example/"
            return [address.ljust(field.longest, "x"), address.ljust(field.longest + 1, "x")]
        case Text():
            return ["x" * (field.longest + 1), "😀" * (field.longest + 1), "x" * field.longest, "😀" * field.longest]
        case Whole():
            low, high = limits(field)
            return [low - 1, high + 1, str(low - 1), str(high + 1), low, high, str(high)]
        case Items() | Mapping():
            names = [f"00000000-0000-4000-8000-{number:012}" for number in range(field.longest + 1)]
            return [names if isinstance(field, Items) else dict.fromkeys(names, 1)]
    return []
