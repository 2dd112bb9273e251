"""The field types that all payloads share."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from marshmallow import ValidationError, fields
from marshmallow.validate import Range

from ..errors import MAX_FIELD_ERRORS

#: Characters of a message.
LONGEST_MESSAGE = 10_000

UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def parse_id(text: Any) -> str | None:
    """Return a UUID in lower case, None for anything else."""
    if isinstance(text, str) and UUID_TEXT.fullmatch(text):
        return str(UUID(text))
    return None


class Id(fields.String):
    """A UUID, in any case; lower-case afterwards."""

    default_error_messages = {"invalid_id": "Not a valid UUID."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**described(kwargs, format="uuid"))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        parsed = parse_id(value)
        if parsed is None:
            raise self.make_error("invalid_id")
        return parsed


class AnyText(fields.String):
    """Text that PostgreSQL can hold, also empty."""

    default_error_messages = {
        "null_character": "Must not contain the character U+0000.",
        "surrogate": "Must not contain half of a surrogate pair.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if "\0" in text:
            raise self.make_error("null_character")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise self.make_error("surrogate") from None
        return text


class Text(AnyText):
    """Text of 1 to `longest` characters; with `trim`, without white space around it.

    Text of nothing but white space counts as empty.
    """

    default_error_messages = {
        "empty": "Must not be empty.",
        "too_long": "Longer than {longest} characters.",
    }

    def __init__(self, *, longest: int, trim: bool = False, **kwargs: Any) -> None:
        super().__init__(**described(kwargs, minLength=1, maxLength=longest))
        self.longest = longest
        self.trim = trim

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        bare = text.strip()
        if not bare:
            raise self.make_error("empty")
        if self.trim:
            text = bare
        if len(text) > self.longest:
            raise self.make_error("too_long", longest=self.longest)
        return text


class Url(Text):
    """An address that starts with http:// or https://, up to 2,048 characters."""

    default_error_messages = {"invalid_url": "Not an address that starts with http:// or https://."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(longest=2048, **described(kwargs, format="uri"))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            parts = urlsplit(text)
            is_one = (
                parts.scheme in ("http", "https") and bool(parts.hostname) and text.isprintable() and " " not in text
            )
        except ValueError:
            is_one = False
        if not is_one:
            raise self.make_error("invalid_url")
        return text


class Time(fields.Field[str]):
    """An ISO 8601 time, with an offset, with `Z`, or without either (UTC); ISO 8601 in UTC afterwards.

    A blank before the offset counts as `+`: query strings that were not escaped turn one into the other.
    """

    default_error_messages = {"invalid_time": "Not a valid ISO 8601 time."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**described(kwargs, type="string", format="date-time"))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            time = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", value))
            return (time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)).isoformat()
        except (ValueError, TypeError, OverflowError):
            raise self.make_error("invalid_time") from None


class Whole(fields.Integer):
    """A whole number in a range, also as the decimal text that forms and query strings carry."""

    def __init__(self, minimum: int, maximum: int, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=Range(minimum, maximum), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            value = int(value)
        return super()._deserialize(value, attr, data, **kwargs)


class Sequence(Whole):
    """A message's number or a conversation's version: 0 to the largest integer that JavaScript holds exactly."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(0, 2**53 - 1, **kwargs)


class Before(fields.String):
    """The opaque cursor of a list."""

    def __init__(self, **kwargs: Any) -> None:
        says = "The cursor of the next page, from the `Link` header of this one."
        super().__init__(**described(kwargs, description=says))


class Items(fields.List):
    """A list of up to `longest` items. Its length is checked before its items, and enough errors are enough."""

    default_error_messages = {"too_long": "Longer than {longest} items."}

    def __init__(self, item: fields.Field[Any], *, longest: int, **kwargs: Any) -> None:
        super().__init__(item, **described(kwargs, maxItems=longest))
        self.longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        if len(value) > self.longest:
            raise self.make_error("too_long", longest=self.longest)
        items, errors = [], {}
        for place, item in enumerate(value):
            try:
                items.append(self.inner.deserialize(item, **kwargs))
            except ValidationError as error:
                errors[place] = error.messages
                if len(errors) == MAX_FIELD_ERRORS:
                    break
        if errors:
            raise ValidationError(errors)  # type: ignore[arg-type]  # nested messages, as the original's
        return items


class Mapping(fields.Dict):
    """An object of up to `longest` keys. Its length is checked before its contents, and enough errors are enough."""

    default_error_messages = {"too_long": "More than {longest} keys."}

    def __init__(self, *, keys: fields.Field[Any], values: fields.Field[Any], longest: int, **kwargs: Any) -> None:
        super().__init__(keys, values, **described(kwargs, maxProperties=longest))
        self.keys, self.values, self.longest = keys, values, longest

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        if len(value) > self.longest:
            raise self.make_error("too_long", longest=self.longest)
        entries, errors = {}, {}
        for key, inner in value.items():
            try:
                entries[self.keys.deserialize(key)] = self.values.deserialize(inner)
            except ValidationError as error:
                errors[key] = error.messages
                if len(errors) == MAX_FIELD_ERRORS:
                    break
        if errors:
            raise ValidationError(errors)
        return entries


def described(kwargs: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """Return a field's arguments with `facts` added to what the OpenAPI document says of it."""
    return kwargs | {"metadata": {**facts, **kwargs.get("metadata", {})}}
