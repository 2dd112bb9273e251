"""The opaque cursors of lists: the time and the id of the last thing on a page."""

import base64
import binascii
from typing import Any

from marshmallow import ValidationError

from ..errors import ValidationFailed
from ..schemas.fields import Id, Time


def next_link(following: dict[str, str] | None, **query: Any) -> dict[str, dict[str, Any] | None]:
    """Return the `Link` to the page after `{at, id}`, with what else its query says; None where there is no more."""
    if following is None:
        return {"next": None}
    cursor = f"{following['at']} {following['id']}".encode()
    return {"next": {"before": base64.urlsafe_b64encode(cursor).decode().rstrip("="), **query}}


def parse_before(query: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the time and the id in a query's cursor, if it has one.

    Raises 422 for one that this server did not make.
    """
    if "before" not in query:
        return None, None
    cursor = query["before"]
    try:
        at, id = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        return Time().deserialize(at), Id().deserialize(id)
    except (binascii.Error, ValueError, ValidationError):
        raise ValidationFailed({"before": ["Not a cursor of this list."]}) from None
