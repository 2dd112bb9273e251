"""Messages are sent."""

from typing import Any

from ..extensions import storage
from ..realtime import events
from ..storage import Actor


def send(
    actor: Actor, conversation_id: str, message: str, client_id: str | None = None, own_sid: str | None = None
) -> dict[str, Any]:
    """Send a message and tell the members; a repeated `client_id` gets the first answer and tells nobody.

    Raises 404 conversation_not_found, also for whoever is no member.
    """
    sent = storage.send_message(conversation_id, actor, message, client_id)
    events.message(sent["message"], sent["recipients"], own_sid)
    return sent["message"]
