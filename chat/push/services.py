"""One notification to many devices, each through its service."""

import logging
from collections.abc import Callable, Iterable
from functools import cached_property
from threading import Thread
from typing import TypeVar, cast

from flask import current_app
from werkzeug.local import LocalProxy

from ..config import Config
from ..storage import PushTarget
from .expo import BATCH, Expo
from .fcm import Fcm
from .http import CONNECTIONS
from .notes import Note
from .outcomes import Outcome, PushFailed, Sent
from .webpush import WebPush

log = logging.getLogger(__name__)

T = TypeVar("T")


class Push:
    """The services that the settings turn on."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.services = config.push_services

    @cached_property
    def webpush(self) -> WebPush:
        return WebPush(self._config)

    @cached_property
    def expo(self) -> Expo:
        return Expo(self._config)

    @cached_property
    def fcm(self) -> Fcm:
        return Fcm(self._config)

    def send(self, targets: list[PushTarget], note: Note) -> Sent:
        """Send a notification to devices of services that are on; what does not answer is `LATER`."""
        sent = Sent()
        singles = [each for each in targets if each["service"] != "expo"]
        batched = [each for each in targets if each["service"] == "expo"]

        def send_one(target: PushTarget) -> None:
            service = self.webpush if target["service"] == "webpush" else self.fcm
            sent.outcomes[target["token"]] = _attempt(lambda: service.send(target, note), Outcome.LATER)

        def send_batch(batch: list[PushTarget]) -> None:
            later = Sent(dict.fromkeys((each["token"] for each in batch), Outcome.LATER))
            answer = _attempt(lambda: self.expo.send(batch, note), later)
            sent.outcomes |= answer.outcomes
            sent.tickets |= answer.tickets

        _in_parallel(send_one, singles)
        _in_parallel(send_batch, [batched[start : start + BATCH] for start in range(0, len(batched), BATCH)])
        return sent


def _attempt(send: Callable[[], T], failed: T) -> T:
    try:
        return send()
    except PushFailed as error:
        log.warning("a push service does not take notifications: %s", error)
        return failed


def _in_parallel(work: Callable[[T], None], items: Iterable[T]) -> None:
    """Do the work on each item, as much at once as there are connections. Raises the first error, at the end."""
    items = list(items)
    left, errors = iter(items), list[Exception]()

    def run() -> None:
        for item in left:
            try:
                work(item)
            except Exception as error:
                errors.append(error)

    threads = [Thread(target=run, daemon=True) for _ in items[:CONNECTIONS]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def open_push(config: Config) -> Push:
    """Return the services for these settings; nothing is connected yet."""
    return Push(config)


#: The current app's services.
push = cast(Push, LocalProxy(lambda: current_app.extensions["push"]))
