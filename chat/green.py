"""All that is asked of eventlet, so that another loop could take its place one day.

A function that is called by the loop itself (`watch`, `call_later`) must not wait for anything; a green thread
(`spawn`) may: whatever waits in it lets the others run.
"""

import logging
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar

import eventlet
from eventlet import hubs, patcher, tpool
from eventlet.event import Event
from greenlet import getcurrent, greenlet

log = logging.getLogger(__name__)

Result = TypeVar("Result")

#: The modules as Python has them: our sockets never block, and need no green thread to say so.
socket = patcher.original("socket")
select = patcher.original("select")

sleep = eventlet.sleep

#: Names that are looked up at once.
LOOK_UPS = 4
#: Green threads that are kept for the next jobs.
MAX_IDLE = 64


def look_up_names_in_threads() -> None:
    """Have the system look up names, in a thread, so that nobody else waits for it."""
    import socket as patched

    from eventlet.green import socket as green_socket

    def getaddrinfo(*args: Any, **options: Any) -> Any:
        return tpool.execute(socket.getaddrinfo, *args, **options)

    tpool.set_num_threads(LOOK_UPS)
    patched.getaddrinfo = green_socket.getaddrinfo = getaddrinfo


def in_thread(function: Callable[..., Result], *args: object) -> Result:
    """Return what `function` does in a thread of the system's, while other green threads run.

    It must not touch anything that waits in eventlet's way: sockets, locks, the log.
    """
    if not patcher.is_monkey_patched("thread"):
        return function(*args)
    result: Result = tpool.execute(function, *args)
    return result


class Crew:
    """Green threads that do one job after the other: to make one for each would take a mapping of memory each time."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._idle: list[greenlet] = []
        self._is_scheduled = False
        #: Whether `start` is going to be called by the loop's callback that runs now.
        self.is_awaited = False

    def spawn(self, function: Callable[..., Any], *args: Any) -> None:
        """Run `function` in a green thread soon. It must not raise."""
        self._jobs.append((function, args))
        if not self.is_awaited:
            self._schedule()

    def start(self) -> None:
        """Start the jobs that wait; those that they spawn wait for the next turn. Called by the loop."""
        for _ in range(len(self._jobs)):
            job = self._jobs.popleft()
            worker = self._idle.pop() if self._idle else greenlet(self._work)
            worker.gr_context = Context()
            worker.switch(job)
        if self._jobs:
            self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            call_later(0, self._start_scheduled)

    def _start_scheduled(self) -> None:
        self._is_scheduled = False
        self.start()

    def _work(self, job: tuple[Callable[..., Any], tuple[Any, ...]]) -> None:
        hub = hubs.get_hub()
        while True:
            function, args = job
            try:
                function(*args)
            except Exception:
                log.exception("a green thread ended with an error")
            if len(self._idle) >= MAX_IDLE:
                return
            self._idle.append(getcurrent())
            function = args = job = None  # type: ignore[assignment]  # nothing is kept for the next job
            job = hub.switch()


crew = Crew()
spawn = crew.spawn


def call_later(seconds: float, function: Callable[..., Any], *args: Any) -> Any:
    """Have the loop call `function` after so many seconds. What is returned has a `cancel()`."""
    return hubs.get_hub().schedule_call_global(seconds, function, *args)


def watch(fileno: int, readable: Callable[[int], None]) -> None:
    """Have the loop call `readable` whenever this descriptor has something to read."""
    hub = hubs.get_hub()
    hub.add(hub.READ, fileno, readable, lambda *_: None, lambda: None)


def wait_for(fileno: int, readable: int, writable: int, seconds: float | None) -> int:
    """Let others run until this descriptor can be read or written, or the seconds are over.

    Returns `readable` or `writable`, whichever came first, or 0; what is not to be waited for is passed as 0.
    """
    hub, current = hubs.get_hub(), getcurrent()
    timer = seconds is not None and hub.schedule_call_global(max(seconds, 0), current.switch, 0)
    listeners = []
    try:
        for kind, ready in (hub.READ, readable), (hub.WRITE, writable):
            if ready:
                wake = lambda _, ready=ready: current.switch(ready)  # noqa: E731
                listeners.append(hub.add(kind, fileno, wake, current.throw, None))
        return hub.switch()
    finally:
        for listener in listeners:
            hub.remove(listener)
        if timer:
            timer.cancel()


def unwatch(fileno: int) -> None:
    """Look at this descriptor no longer."""
    hubs.get_hub().remove_descriptor(fileno)


def opened(fileno: int) -> None:
    """Say that this descriptor is a new one: eventlet may still wait for a closed one of the same number."""
    hubs.notify_opened(fileno)


class Signal:
    """Something that one green thread waits for, and happens once."""

    def __init__(self) -> None:
        self._event = Event()

    def set(self) -> None:
        """Wake who waits."""
        if not self._event.ready():
            self._event.send()

    def wait(self, seconds: float | None = None) -> None:
        """Return when it has happened, or after so many seconds."""
        self._event.wait(timeout=seconds)


class Lane:
    """Jobs that may take turns only: at most `width` green threads, each letting the others run between two jobs.

    Thousands of clients that come or go at once queue here, instead of standing before everybody else.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._running = 0
        self._jobs: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()

    def run(self, function: Callable[..., Any], *args: Any) -> None:
        """Run `function` in its turn. It must not raise."""
        self._jobs.append((function, args))
        if self._running < self._width:
            self._running += 1
            spawn(self._work)

    def _work(self) -> None:
        try:
            while self._jobs:
                function, args = self._jobs.popleft()
                function(*args)
                if self._jobs:
                    sleep(0)
        finally:
            self._running -= 1
