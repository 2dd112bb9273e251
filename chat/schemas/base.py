"""What all schemas share: the base class, and the names and times of the examples."""

from typing import Any, ClassVar

import marshmallow

ANN_ID = "7a1d6c52-3f0e-4a57-9f0b-1c5a2f9be001"
BOB_ID = "c39e9281-37ea-43e7-ad63-a03f802b8c02"
CONVERSATION_ID = "5b0c0b5e-6f0f-4d0c-8a53-0f6f6a1f7a03"
MESSAGE_ID = "e4d3f9b0-2a49-4a86-b6a5-77a6bb5d6c04"
SCHEDULED_ID = "1f6a2b3c-9d4e-4f10-8b21-7c6d5e4f3a06"
CLIENT_ID = "d5b5c8b2-0f6e-4f0e-9d36-0a4f1a0f5e05"
CURSOR = "5f0c3a9e17d2.814"
CREATED_AT = "2026-11-22T21:24:02.541123+00:00"
SEND_AT = "2026-12-24T18:00:00.000000+00:00"


class Schema(marshmallow.Schema):
    """An object that clients send or get. `example` is one such object; both documents show it."""

    example: ClassVar[dict[str, Any]] = {}


class CallerSchema(Schema):
    """Nothing but who calls."""
