"""At most one event per key and second: the first at once, then the newest of what came meanwhile."""

from collections.abc import Callable, Hashable

from ..extensions import socketio

Send = Callable[[], None]


class Coalescer:
    """Sends the first of a burst at once and only the last of the rest, `interval` seconds later."""

    def __init__(self, interval: float = 1.0) -> None:
        self._interval = interval
        self._waiting: dict[Hashable, Send | None] = {}

    def offer(self, key: Hashable, send: Send) -> None:
        """Call `send` now, or when the interval of `key` is over unless a newer one replaces it."""
        if key in self._waiting:
            self._waiting[key] = send
            return
        self._waiting[key] = None
        send()
        socketio.start_background_task(self._drain, key)

    def _drain(self, key: Hashable) -> None:
        while True:
            socketio.sleep(self._interval)
            send = self._waiting.pop(key)
            if send is None:
                return
            self._waiting[key] = None
            send()
