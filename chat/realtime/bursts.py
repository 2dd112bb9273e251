"""Many reactions to one message within a second: the first are sent one by one, the rest as one event at its end."""

from collections.abc import Callable
from typing import NamedTuple

from ..extensions import socketio

#: Reactions to one message that are sent one by one in a second.
MOST = 10

#: Sends the newest reaction: with None itself, with a version the message, in place of all since that version.
Send = Callable[[int | None], None]


class Held(NamedTuple):
    """Reactions to one message that are held back: those of these versions, of which nothing else is between."""

    message_id: str
    from_version: int
    version: int
    send: Send


class Bursts:
    """Holds back reactions, at most those to one message in each conversation, and sends them before what follows.

    So the versions that one event stands for have no gap, and nothing overtakes it.
    """

    def __init__(self, interval: float = 1.0, most: int = MOST) -> None:
        self._interval = interval
        self._most = most
        self._counts: dict[str, int] = {}  # by message, in the second that its first reaction began
        self._held: dict[str, Held] = {}  # by conversation

    def offer(self, conversation_id: str, message_id: str, version: int, send: Send) -> None:
        """Send a reaction, or hold it back. Those of one conversation come in the order of their versions."""
        count = self._counts.get(message_id, 0)
        self._counts[message_id] = count + 1
        if count == 0:
            socketio.start_background_task(self._end, conversation_id, message_id)
        held = self._held.get(conversation_id)
        if held and held.message_id == message_id and held.version + 1 == version:
            self._held[conversation_id] = held._replace(version=version, send=send)
            return
        self.flush(conversation_id)
        if count < self._most:
            send(None)
        else:
            self._held[conversation_id] = Held(message_id, version, version, send)

    def flush(self, conversation_id: str) -> None:
        """Send what is held back in a conversation, because something else follows or the second is over."""
        held = self._held.pop(conversation_id, None)
        if held:
            held.send(None if held.from_version == held.version else held.from_version)

    def _end(self, conversation_id: str, message_id: str) -> None:
        socketio.sleep(self._interval)
        del self._counts[message_id]
        held = self._held.get(conversation_id)
        if held and held.message_id == message_id:
            self.flush(conversation_id)
