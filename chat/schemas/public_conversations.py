"""Public conversations, as whoever looks for one sees them."""

from marshmallow import fields

from .base import CONVERSATION_ID, CREATED_AT, Schema
from .fields import AnyText, Before, Id, Sequence, Whole


class PublicConversationSchema(Schema):
    """A conversation that anybody may join."""

    example = {
        "id": CONVERSATION_ID,
        "name": "Tea",
        "description": "Bring biscuits.",
        "avatar_url": None,
        "created_at": CREATED_AT,
        "member_count": 2,
        "is_member": False,
    }

    id = Id(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    avatar_url = fields.String(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)
    member_count = Sequence(required=True)
    is_member = fields.Boolean(required=True, metadata={"description": "Whether the caller is in it already."})


class SearchPublicSchema(Schema):
    """A search for public conversations."""

    example = {"q": "tea", "limit": 50}

    q = AnyText(metadata={"description": "A part of the name, in any case. Without it every one is found."})
    limit = Whole(1, 100, load_default=50)
    before = Before()
