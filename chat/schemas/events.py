"""The payloads of the events that clients send."""

from .fields import Id
from .messages import SendMessageSchema
from .receipts import UpdateReceiptSchema
from .sync import SyncSchema


class JoinSchema(SyncSchema):
    """Whose session this is; with `since` or `cursor` the acknowledgement brings what was missed."""

    id = Id()


class SendMessageEventSchema(SendMessageSchema):
    """A message for a conversation of the session's user."""

    conversation_id = Id(required=True)


class ReceiptEventSchema(UpdateReceiptSchema):
    """The session's user has received or read a conversation."""

    conversation_id = Id(required=True)
