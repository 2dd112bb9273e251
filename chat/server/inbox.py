"""The events of one WebSocket that wait for those before them."""

from collections import deque

#: Events, and bytes of them, that may wait; then the WebSocket is not read any further.
MAX_EVENTS = 16
MAX_EVENT_BYTES = 64 << 10


class Inbox:
    """Events in their order. More bytes than its bound only by one event."""

    __slots__ = (
        "_events", "_size",
    )  # fmt: skip

    def __init__(self) -> None:
        self._events: deque[str | bytes] = deque()
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._events)

    @property
    def is_full(self) -> bool:
        """Whether no more should be read."""
        return len(self._events) >= MAX_EVENTS or self._size >= MAX_EVENT_BYTES

    def put(self, data: str | bytes) -> None:
        """Add an event."""
        self._events.append(data)
        self._size += len(data)

    def take(self) -> str | bytes:
        """Return the first."""
        data = self._events.popleft()
        self._size -= len(data)
        return data
