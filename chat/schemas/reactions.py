"""Reactions and pins."""

import re
import unicodedata
from typing import Any

from marshmallow import fields

from .base import BOB_ID, CONVERSATION_ID, CREATED_AT, MESSAGE_ID, Schema
from .fields import Before, Id, Sequence, Whole
from .users import AuthorSchema

#: Extended_Pictographic of Unicode 15: what is an emoji, or was kept for the coming ones.
PICTOGRAPHS = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705\u2708-\u2712\u2714"
    "\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797\u27a1\u27b0"
    "\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f0ff"
    "\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a"
    "\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a\U0001f23c-\U0001f23f"
    "\U0001f249-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff\U0001f774-\U0001f77f"
    "\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f\U0001f85a-\U0001f85f\U0001f888-\U0001f88f"
    "\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001faff\U0001fc00-\U0001fffd"
)
SKIN_TONES = "\U0001f3fb-\U0001f3ff"
FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
KEYCAP = "[0-9#*]\ufe0f?\u20e3"
#: The letters of a flag of a region, such as Scotland's.
TAGS = "[\U000e0020-\U000e007e]{1,10}\U000e007f"
ELEMENT = f"(?:{FLAG}|[{PICTOGRAPHS}{SKIN_TONES}]\ufe0f?[{SKIN_TONES}]?[\ufe0e\ufe0f]?(?:{TAGS})?)"
#: One emoji, of elements with joiners between them (UTS #51), or one of the app's own.
EMOJI = re.compile(f"{ELEMENT}(?:\u200d{ELEMENT}){{0,9}}|{KEYCAP}|:[a-z0-9_+-]{{1,32}}:")


class Emoji(fields.String):
    """One emoji, or the name of one of the app's own: `:party_parrot:`. NFC afterwards, otherwise as it was sent."""

    default_error_messages = {"not_emoji": "Not an emoji, and not a name such as `:party_parrot:`."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        emoji = unicodedata.normalize("NFC", super()._deserialize(value, attr, data, **kwargs))
        if not EMOJI.fullmatch(emoji):
            raise self.make_error("not_emoji")
        return emoji


class ReactorSchema(Schema):
    """Somebody's reaction to a message."""

    example = {"emoji": "👍", "user_id": BOB_ID, "users": AuthorSchema.example, "created_at": CREATED_AT}

    emoji = fields.String(required=True)
    user_id = Id(required=True)
    users = fields.Nested(AuthorSchema, required=True)
    created_at = fields.DateTime(required=True)


class ListReactionsSchema(Schema):
    """A page of reactions: those with one emoji, or all of them."""

    example = {"emoji": "👍", "limit": 50}

    emoji = Emoji()
    before = Before()
    limit = Whole(1, 200, load_default=50)


class ListPinsSchema(Schema):
    """A page of pinned messages."""

    example = {"limit": 50}

    before = Before()
    limit = Whole(1, 200, load_default=50)


class ReactSchema(Schema):
    """Nothing: the address says it all."""


class PinSchema(Schema):
    """Nothing: the address says it all."""


class ReactionChangeSchema(Schema):
    """A reaction was given or taken back; `count` is how many have given this one now."""

    example = {
        "message_id": MESSAGE_ID,
        "conversation_id": CONVERSATION_ID,
        "seq": 1,
        "version": 3,
        "emoji": "👍",
        "user_id": BOB_ID,
        "added": True,
        "count": 1,
    }

    message_id = Id(required=True)
    conversation_id = Id(required=True)
    seq = Sequence(required=True, metadata={"description": "The message's."})
    version = Sequence(required=True)
    emoji = fields.String(required=True)
    user_id = Id(required=True)
    added = fields.Boolean(required=True)
    count = Sequence(required=True)
