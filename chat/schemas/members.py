"""Members of a conversation, and what is their own in it."""

from typing import Any

from marshmallow import fields

from .base import BOB_ID, CONVERSATION_ID, CREATED_AT, Schema
from .choices import NOTIFICATIONS, Choice, Flag
from .conversations import ParticipantSchema
from .custom import Custom
from .fields import Before, Id, Items, Sequence, Time, Whole


class HistoryFrom(Whole):
    """`all`, `now`, or the number of a message."""

    default_error_messages = {"invalid": "Must be all, now or the number of a message."}

    def __init__(self, **kwargs: Any) -> None:
        described = {
            "type": ["string", "integer"],
            "description": "The first message that exists for them: `all`, `now` (none so far), or its number. "
            "Default: as the `history` of the conversation says. Nobody gives more than they see themselves.",
        }
        super().__init__(1, 2**53 - 1, metadata=described, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return value if value in ("all", "now") else super()._deserialize(value, attr, data, **kwargs)

    def _validate(self, value: Any) -> None:
        if value not in ("all", "now"):
            super()._validate(value)


class AddMembersSchema(Schema):
    """People to add. Who is a member already stays as they are."""

    example = {"participant_ids": [BOB_ID], "role": "member", "history_from": "all"}

    participant_ids = Items(Id(), longest=1000, required=True)
    role = Choice(("member", "admin"), metadata={"description": "Only the owner makes admins."})
    history_from = HistoryFrom()


class ListMembersSchema(Schema):
    """A page of members: the longest-standing first."""

    example = {"limit": 100}

    limit = Whole(1, 200, load_default=100)
    before = Before()


class UpdateMemberSchema(Schema):
    """What to change of a member: the role (the owner), or `custom`, which is merged (the member, or an admin)."""

    example = {"role": "admin"}

    role = Choice(
        ("owner", "admin", "member"),
        metadata={"description": "`owner`: hand the conversation over; the old owner becomes an admin."},
    )
    custom = Custom()


class ChangedParticipantSchema(ParticipantSchema):
    """A member with the version at which they became this, or as they were before they went."""

    example = {
        **ParticipantSchema.example,
        "id": BOB_ID,
        "username": "bob",
        "role": "admin",
        "conversation_id": CONVERSATION_ID,
        "version": 3,
    }

    conversation_id = Id(required=True)
    version = Sequence(required=True)


class SettingsSchema(Schema):
    """What the caller has set for a conversation; others do not see it.

    `archived` ends with the next message of type `text`, or when `muted_until` is over and there was one meanwhile.
    """

    example = {
        "conversation_id": CONVERSATION_ID,
        "pinned": True,
        "archived": False,
        "muted_until": CREATED_AT,
        "notifications": None,
    }

    conversation_id = Id(required=True)
    pinned = fields.Boolean(required=True)
    archived = fields.Boolean(required=True)
    muted_until = fields.DateTime(required=True, allow_none=True)
    notifications = fields.String(
        required=True,
        allow_none=True,
        metadata={"enum": [*NOTIFICATIONS, None], "description": "What is pushed of it; null: as the profile says."},
    )


class UpdateSettingsSchema(Schema):
    """What to change of one's own settings; what is left out stays."""

    example = {"pinned": True, "muted_until": CREATED_AT}

    pinned = Flag(metadata={"description": "Lists put it first."})
    archived = Flag(metadata={"description": "Lists leave it out, until there is a new message."})
    muted_until = Time(allow_none=True, metadata={"description": "It stays archived, and apps stay quiet; null: not."})
    notifications = Choice(
        NOTIFICATIONS,
        allow_none=True,
        metadata={"description": "What is pushed of it to the caller's devices; null: as the profile says."},
    )
