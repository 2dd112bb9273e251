"""Which values the contract lets a field have, and those at its limits."""

import json
import re
from typing import Any

from marshmallow import fields
from marshmallow.validate import Range

from chat.schemas.attachments import File
from chat.schemas.choices import Choice, Flag
from chat.schemas.custom import Custom
from chat.schemas.fields import AnyText, Before, Id, Items, Mapping, Text, Time, Url, Whole
from chat.schemas.members import HistoryFrom
from chat.schemas.reactions import Emoji

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
        case Flag():
            return value in ("true", "false") or isinstance(value, bool)
        case Choice():
            return value in field.words
        case Emoji():
            return False
        case Custom():
            return isinstance(value, dict) and len(json.dumps(value, ensure_ascii=False)) < 4096
        case HistoryFrom() if value in ("all", "now"):
            return True
        case Url():
            return isinstance(value, str) and value.startswith("https://") and len(value) <= field.longest
        case Before():  # none of the values is one
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
