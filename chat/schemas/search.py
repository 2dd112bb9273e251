"""Messages that are searched for."""

from marshmallow import fields

from .fields import Id, Text
from .lists import ListSchema
from .messages import MessageSchema


class SearchMessagesSchema(ListSchema):
    """Words to find."""

    example = {"q": "kettle", "limit": 50}

    q = Text(
        longest=200,
        trim=True,
        required=True,
        metadata={
            "description": "Words that a message must all have, in any order and case; of the last the beginning."
        },
    )
    conversation_id = Id(metadata={"description": "Only in this conversation."})
    author_id = Id(metadata={"description": "Only messages of this user."})


class FoundMessageSchema(MessageSchema):
    """A message that was found."""

    example = {**MessageSchema.example, "highlight": "Is the <mark>kettle</mark> on?"}

    highlight = fields.String(
        required=True,
        metadata={
            "description": "HTML: hits in `<mark>`, the rest escaped; of a long text 300 characters around the first."
        },
    )
