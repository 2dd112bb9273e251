"""WebSocket messages and their frames, where eventlet 0.41 is too trusting or too slow."""

from eventlet.websocket import FailedConnectionError, RFC6455WebSocket

#: Pieces, as they come from the network, of one WebSocket message of up to a mebibyte.
MAX_PIECES = 1 << 14


class Message(RFC6455WebSocket.Message):
    """A WebSocket message. Its fragments are bounded together; eventlet bounds each for itself."""

    size = 0

    def push(self, data: bytes, final: bool = False) -> None:
        """Add a piece. Raises `FailedConnectionError`, which closes the connection, when the message is too large."""
        self.size += len(data)
        if self.size > self.max_frame_length or len(self.data) > MAX_PIECES:
            raise FailedConnectionError(1009, "The message is too large.")
        super().push(data, final)


def unmask(data: bytes, mask: tuple[int, ...], length: int, offset: int = 0) -> bytes:
    """Return `data` without its mask, as one large number: eventlet goes byte by byte, 0.3 s for a mebibyte."""
    rotated = bytes(mask[(offset + place) % 4] for place in range(4))
    key = (rotated * (length // 4 + 1))[:length]
    return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(length, "little")
