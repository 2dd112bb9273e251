"""The opaque cursors of lists: a few values, each read again by the field that knows it."""

import base64
import binascii
from typing import Any

from marshmallow import ValidationError
from marshmallow.fields import Field

from ..errors import ValidationFailed


def make_cursor(*parts: str | None) -> str:
    """Return the cursor of these values, none of which has a blank in it."""
    return base64.urlsafe_b64encode(" ".join(part or "" for part in parts).encode()).decode().rstrip("=")


def parse_cursor(cursor: str, *fields: Field[Any]) -> list[Any]:
    """Return the values in a cursor; an empty one is None where its field allows that.

    Raises 422 for a cursor that this server did not make.
    """
    try:
        parts = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        return [field.deserialize(part or None) for field, part in zip(fields, parts, strict=True)]
    except (binascii.Error, ValueError, ValidationError):
        raise ValidationFailed({"before": ["Not a cursor of this list."]}) from None
