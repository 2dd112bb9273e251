"""Messages to send later."""

from marshmallow import fields

from .attachments import MAX_ATTACHMENTS
from .base import ANN_ID, CLIENT_ID, CONVERSATION_ID, CREATED_AT, SCHEDULED_ID, SEND_AT, Schema
from .custom import Custom
from .fields import LONGEST_MESSAGE, Id, Items, Text, Time


class ScheduledSchema(Schema):
    """A message that will be sent at its time, or could not be."""

    example = {
        "id": SCHEDULED_ID,
        "conversation_id": CONVERSATION_ID,
        "user_id": ANN_ID,
        "message": "Is the kettle on?",
        "client_id": CLIENT_ID,
        "reply_to": None,
        "thread_id": None,
        "mentions": [],
        "attachments": [],
        "custom": {},
        "send_at": SEND_AT,
        "created_at": CREATED_AT,
        "failed": None,
    }

    id = Id(required=True)
    conversation_id = Id(required=True)
    user_id = Id(required=True)
    message = fields.String(required=True)
    client_id = fields.String(required=True, allow_none=True)
    reply_to = Id(required=True, allow_none=True)
    thread_id = Id(required=True, allow_none=True)
    mentions = fields.List(Id(), required=True)
    attachments = fields.List(fields.Raw(), required=True)
    custom = fields.Dict(required=True)
    send_at = fields.DateTime(required=True)
    created_at = fields.DateTime(required=True)
    failed = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The code of what forbade it at its time. With a new `send_at` it is tried again."},
    )


class UpdateScheduledSchema(Schema):
    """Changes of a scheduled message: what is left out stays, null takes away."""

    example = {"message": "Is the kettle off?", "send_at": SEND_AT}

    message = Text(longest=LONGEST_MESSAGE)
    reply_to = Id(allow_none=True)
    thread_id = Id(allow_none=True)
    mentions = Items(Id(), longest=100)
    attachments = Items(
        Id(), longest=MAX_ATTACHMENTS, metadata={"description": "Files to send with it, in place of those before."}
    )
    custom = Custom(metadata={"description": "Merged with what is there: null removes a key (RFC 7396)."})
    send_at = Time(metadata={"description": "When to send it: within a year."})


class ScheduledFailedSchema(Schema):
    """A scheduled message that could not be sent, and the code of what forbade it."""

    example = {"id": SCHEDULED_ID, "conversation_id": CONVERSATION_ID, "code": "conversation_not_found"}

    id = Id(required=True)
    conversation_id = Id(required=True)
    code = fields.String(required=True)
