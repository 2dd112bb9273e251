"""Messages are sent."""

import json
from typing import Any

from ..errors import StorageUnavailable
from ..realtime import events
from ..storage import Actor, storage
from .turns import turn

#: Sends that the database never answered, by what names them; they may have been done, and then nobody was told.
_in_doubt: dict[tuple[str, str, str], None] = {}
MOST_IN_DOUBT = 10_000


def send(
    actor: Actor, conversation_id: str, message: str, client_id: str | None = None, own_sid: str | None = None
) -> dict[str, Any]:
    """Send a message and tell the members; a repeated `client_id` gets the first answer and tells nobody.

    Unless the first got no answer because the database broke off: then the members are told now. Raises 404
    conversation_not_found, also for whoever is no member.
    """
    name = (conversation_id, actor.user_id, client_id or "")
    with turn(conversation_id):
        try:
            sent = storage.send_message(conversation_id, actor, message, client_id)
        except StorageUnavailable:
            if client_id:
                _doubt(name)
            raise
        recipients = sent["recipients"]
        if name in _in_doubt:
            recipients = recipients or _member_ids(actor, conversation_id)
            _in_doubt.pop(name, None)
        events.message(sent["message"], recipients, own_sid)
    return sent["message"]


def _doubt(name: tuple[str, str, str]) -> None:
    _in_doubt[name] = None
    if len(_in_doubt) > MOST_IN_DOUBT:
        del _in_doubt[next(iter(_in_doubt))]


def _member_ids(actor: Actor, conversation_id: str) -> list[str]:
    return [member["user_id"] for member in json.loads(storage.list_receipts(conversation_id, actor))]
