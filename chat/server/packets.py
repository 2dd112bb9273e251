"""Socket.IO packets that make no sense are refused; python-socketio believes what clients send."""

import json
from typing import Any

import orjson
import socketio
from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, EVENT

#: Binary parts of one event. None of ours has any; whoever sends some is told so by the event's schema.
MAX_ATTACHMENTS = 8


class Json:
    """JSON by orjson, which is several times as fast; by the standard library where orjson refuses what that takes."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        try:
            return orjson.dumps(value).decode()
        except TypeError:  # half a surrogate pair that a client has sent
            return json.dumps(value, separators=(",", ":"))

    @staticmethod
    def loads(text: str) -> Any:
        try:
            return orjson.loads(text)
        except ValueError:
            return json.loads(text)


class Packet(socketio.packet.Packet):
    """A Socket.IO packet. Reading one raises `ValueError` when it makes no sense."""

    json = Json  # type: ignore[assignment]
    #: Nothing that we send has binary parts, so nobody needs to look for them.
    uses_binary_events = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("encoded_packet") in ("", b""):  # which the original takes for no packet at all
            raise ValueError("an empty packet")
        super().__init__(*args, **kwargs)

    def decode(self, encoded_packet: Any) -> int:
        if not isinstance(encoded_packet, str):
            raise ValueError("an attachment of nothing")
        try:
            attachments: int = super().decode(encoded_packet)
        except RecursionError:
            raise ValueError("nested too deep") from None
        if self.packet_type in (EVENT, BINARY_EVENT, ACK, BINARY_ACK) and not isinstance(self.data, list):
            raise ValueError("no list of arguments")
        if self.packet_type in (EVENT, BINARY_EVENT) and not self.data:
            raise ValueError("no name of an event")
        if self.packet_type in (BINARY_EVENT, BINARY_ACK) and not 1 <= attachments <= MAX_ATTACHMENTS:
            raise ValueError("no attachments, or too many")
        return attachments

    def add_attachment(self, attachment: Any) -> bool:
        try:
            return bool(super().add_attachment(attachment))
        except (LookupError, TypeError, RecursionError):
            raise ValueError("a placeholder without its attachment") from None
