"""The documents of Rocket.Chat's collections, as far as they are read: what MongoDB's extended JSON says, checked."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

Json = dict[str, Any]


class Time(fields.Field):
    """A date, ISO 8601 or milliseconds; afterwards in the one form in which times can be compared as text."""

    default_error_messages = {"invalid": "Not a date."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            if isinstance(value, dict):
                value = int(value["$numberLong"])
            if isinstance(value, int):
                at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
            else:
                at = datetime.fromisoformat(value)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise self.make_error("invalid") from None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def text(**more: Any) -> fields.String:
    return fields.String(allow_none=True, **more)


def key() -> fields.String:
    return fields.String(required=True, validate=validate.Length(min=1))


def time(**more: Any) -> Time:
    return Time(allow_none=True, **more)


def texts() -> fields.List:
    return fields.List(text(), allow_none=True)


def own() -> fields.Dict:
    return fields.Dict(keys=fields.String(), allow_none=True)


class Document(Schema):
    """Other fields stay as they are."""

    class Meta:
        unknown = INCLUDE


class Person(Document):
    _id = key()
    username = text()


class Mention(Document):
    _id = text()


class Reactions(Document):
    usernames = texts()


class User(Person):
    createdAt = time()
    name = text()
    bio = text()
    avatarUrl = text()
    customFields = own()


class Room(Document):
    _id = key()
    t = key()
    ts = time()
    u = fields.Nested(Person, allow_none=True)
    uids = texts()
    name = text()
    fname = text()
    topic = text()
    description = text()
    announcement = text()
    prid = text()
    customFields = own()


class Subscription(Document):
    rid = key()
    u = fields.Nested(Person, required=True)
    ts = time()
    ls = time()
    roles = texts()
    mobilePushNotifications = text()


class Message(Document):
    _id = key()
    rid = key()
    ts = Time(required=True)
    u = fields.Nested(Person, required=True)
    msg = text()
    t = text()
    tmid = text()
    parent = text()
    alias = text()
    editedAt = time()
    pinnedAt = time()
    replies = texts()
    mentions = fields.List(fields.Nested(Mention), allow_none=True)
    reactions = fields.Dict(keys=fields.String(), values=fields.Nested(Reactions), allow_none=True)
    attachments = fields.List(own(), allow_none=True)
    customFields = own()


def read(schema: Schema, line: bytes) -> Json:
    """Return a line's document. Raises `ValueError` with what is wrong about it."""
    try:
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError("it is no document; export without --jsonArray")
        return dict(schema.load(_plain(found)))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is no JSON; `mongoexport` writes one document a line") from None
    except ValidationError as error:
        raise ValueError(_first(error.normalized_messages())) from None


def _first(messages: Any) -> str:
    """Return the first of the messages, after the names that lead to it."""
    names = []
    while isinstance(messages, dict):
        name, messages = next(iter(messages.items()))
        names.append(str(name))
    return f"`{'.'.join(names)}`: {messages[0].rstrip('.')}"


def _plain(value: Any) -> Any:
    """Return a value without the marks of MongoDB's extended JSON, and its texts as PostgreSQL can hold them."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((mark, inner),) = value.items()
        if mark == "$date":
            return inner
        if mark in ("$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$oid"):
            return str(inner) if mark == "$oid" else _number(inner)
    return {_plain(name): _plain(each) for name, each in value.items()}


def _number(value: Any) -> int | float | str:
    try:
        return int(value)
    except (TypeError, ValueError):
        return str(value)
