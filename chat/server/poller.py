"""One epoll of our own inside eventlet's loop: every client socket is registered once and needs no green thread.

eventlet's own way costs a green thread or three for each connection, and two system calls for each wait.
"""

import logging
from typing import Protocol

from .. import green

log = logging.getLogger(__name__)

READ = green.select.EPOLLIN
WRITE = green.select.EPOLLOUT
#: Reported without being asked for: nothing can be sent any longer, or an error.
GONE = green.select.EPOLLHUP | green.select.EPOLLERR
#: Descriptors looked at in one turn of the loop; then timers and green threads have theirs.
BATCH = 128


class Target(Protocol):
    """What is registered. Its methods are called by the loop: they must not wait."""

    def ready(self, events: int) -> None:
        """The descriptor has become ready."""

    def go_on(self) -> None:
        """It is the target's turn again, which it asked for with `again`."""

    def abort(self) -> None:
        """Something that should not happen has happened: end it."""


class Poller:
    """Tells each target that its descriptor is ready."""

    def __init__(self) -> None:
        self._epoll = green.select.epoll()
        self._targets: dict[int, Target] = {}
        self._waiting: list[Target] = []
        green.watch(self._epoll.fileno(), self._look)

    def add(self, fileno: int, target: Target, events: int) -> None:
        """Register a descriptor for these events."""
        green.opened(fileno)
        self._targets[fileno] = target
        self._epoll.register(fileno, events)

    def change(self, fileno: int, events: int) -> None:
        """Wait for these events from now on."""
        self._epoll.modify(fileno, events)

    def remove(self, fileno: int) -> None:
        """Forget a descriptor; to be called before it is closed."""
        if self._targets.pop(fileno, None):
            self._epoll.unregister(fileno)

    def again(self, target: Target) -> None:
        """Give `target` another turn, after everybody else has had one."""
        if not self._waiting:
            green.call_later(0, self._go_on)
        self._waiting.append(target)

    def _look(self, _: int) -> None:
        green.crew.is_awaited = True
        for fileno, events in self._epoll.poll(0, BATCH):
            target = self._targets.get(fileno)
            if target:  # not ended by one before it in this batch
                try:
                    target.ready(events)
                except Exception:
                    log.exception("a connection could not be served")
                    target.abort()
                green.crew.start()
        green.crew.is_awaited = False

    def _go_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        for target in waiting:
            try:
                target.go_on()
            except Exception:
                log.exception("a connection could not be served")
                target.abort()
