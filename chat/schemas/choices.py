"""The field types of settings: yes or no, and one of a few words."""

from collections.abc import Sequence
from typing import Any

from marshmallow import fields

#: What is pushed to devices: every message, those that mention their user, or nothing.
NOTIFICATIONS = ("all", "mentions", "none")


class Flag(fields.Boolean):
    """`true` or `false`, in forms and query strings as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if value is True or value == "true":
            return True
        if value is False or value == "false":
            return False
        raise self.make_error("invalid", input=value)


class Choice(fields.String):
    """One of a few words."""

    default_error_messages = {"no_choice": "Must be one of: {words}."}

    def __init__(self, words: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs | {"metadata": {"enum": list(words), **kwargs.get("metadata", {})}})
        self.words = tuple(words)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if value not in self.words:
            raise self.make_error("no_choice", words=", ".join(self.words))
        return str(value)
