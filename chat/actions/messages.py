"""Messages are sent."""

from typing import Any

from ..errors import StorageUnavailable
from ..realtime import events
from ..storage import Actor, storage
from .doubts import Doubts
from .turns import turn

#: Sends that the database never answered: they may have been done, and then nobody has been told.
_unanswered = Doubts()


def send(
    actor: Actor, conversation_id: str, message: str, client_id: str | None = None, own_sid: str | None = None
) -> dict[str, Any]:
    """Send a message and tell the members; a repeated `client_id` gets the first answer and tells nobody.

    Unless the first got no answer because the database broke off: then the members are told now. Raises 404
    conversation_not_found, also for whoever is no member.
    """
    name = (conversation_id, actor.user_id, client_id)
    with turn(conversation_id):
        try:
            sent = storage.send_message(conversation_id, actor, message, client_id)
        except StorageUnavailable:
            _unanswered.add(name)
            raise
        if _unanswered.settle(name) or not sent["repeated"]:
            events.message(sent["message"], sent["recipients"], own_sid)
    return sent["message"]
