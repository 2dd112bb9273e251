"""Attachments: uploaded and read."""

from typing import IO, Any, NamedTuple

from marshmallow import fields

from .base import CREATED_AT, Schema
from .fields import Id, Sequence, Text

ATTACHMENT_ID = "0b8f7c52-91d4-4c7e-8e0a-2f6a5b9c0d06"
LONGEST_NAME = 255
#: Files of one message.
MAX_ATTACHMENTS = 10


class Upload(NamedTuple):
    """A file that has come: its bytes, how many they are, and what its sender calls it."""

    file: IO[bytes]
    size: int
    name: str


class File(fields.Field[Upload]):
    """The file of a multipart body."""

    default_error_messages = {"invalid": "Not a file.", "empty": "Must not be empty."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, metadata={"type": "string", "format": "binary"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Upload:
        if not isinstance(value, Upload):
            raise self.make_error("invalid")
        if not value.size:
            raise self.make_error("empty")
        return value


class UploadSchema(Schema):
    """A file, and the name that it is to have in place of its own."""

    example = {"name": "kettle.jpg"}

    file = File(required=True)
    name = Text(longest=LONGEST_NAME, trim=True)


class AttachmentSchema(Schema):
    """A file. It belongs to its uploader until it is sent, then to its message."""

    example = {
        "id": ATTACHMENT_ID,
        "name": "kettle.jpg",
        "type": "image/jpeg",
        "size": 48213,
        "width": 1200,
        "height": 900,
        "created_at": CREATED_AT,
        "url": f"/attachments/{ATTACHMENT_ID}",
        "thumbnail_url": f"/attachments/{ATTACHMENT_ID}/thumbnail",
    }

    id = Id(required=True)
    name = fields.String(required=True)
    type = fields.String(required=True, metadata={"description": "What its content is, whatever its sender calls it."})
    size = Sequence(required=True, metadata={"description": "Bytes, as they are stored."})
    width = Sequence(required=True, allow_none=True, metadata={"description": "Pixels; null for what is no image."})
    height = Sequence(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)
    url = fields.String(required=True, metadata={"description": "Where it is read, relative to the server."})
    thumbnail_url = fields.String(required=True, allow_none=True)
