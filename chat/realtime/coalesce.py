"""Send at most one event per key and second: the first at once, then the newest of those that came meanwhile."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from ..extensions import socketio

Send = Callable[[], None]


class Offer(NamedTuple):
    """The newest state offered for a key: its age, and how to send it unless that is done."""

    age: Any
    send: Send | None


class Coalescer:
    """Sends the first of a burst at once and only the newest of the rest, `interval` seconds later."""

    def __init__(self, interval: float = 1.0) -> None:
        self._interval = interval
        self._newest: dict[Hashable, Offer] = {}

    def offer(self, key: Hashable, age: Any, send: Send, replaces: bool = True) -> None:
        """Call `send` now, or when the interval of `key` is over unless something newer replaces it.

        `age` grows with the state that is sent. Two updates at once may come here in another order than they were
        committed in, and the newer must be the last that is sent. Unless it `replaces` what waits, that is sent before.
        """
        newest = self._newest.get(key)
        if newest is None:
            self._newest[key] = Offer(age, None)
            send()
            socketio.start_background_task(self._drain, key)
        elif age > newest.age:
            self._newest[key] = Offer(age, send if replaces or newest.send is None else _both(newest.send, send))

    def _drain(self, key: Hashable) -> None:
        while True:
            socketio.sleep(self._interval)
            age, send = self._newest.pop(key)
            if send is None:
                return
            self._newest[key] = Offer(age, None)
            send()


def _both(first: Send, second: Send) -> Send:
    def send() -> None:
        first()
        second()

    return send
