"""The opaque cursor of lists that go by a time and an id."""

import base64
import binascii

from marshmallow import ValidationError

from ..errors import ValidationFailed
from ..schemas.fields import Id, Time


def cursor(at: str, id: str) -> str:
    """Return the cursor of what comes after a thing of this time and id."""
    return base64.urlsafe_b64encode(f"{at} {id}".encode()).decode().rstrip("=")


def parse_cursor(text: str | None) -> tuple[str | None, str | None]:
    """Return the time and id in a cursor; without one nulls. Raises 422 for one that this server did not make."""
    if text is None:
        return None, None
    try:
        at, id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(" ")
        return Time().deserialize(at), Id().deserialize(id)
    except (binascii.Error, ValueError, ValidationError):
        raise ValidationFailed({"before": ["Not a cursor of this list."]}) from None
