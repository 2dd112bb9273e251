"""What all connections share."""

from .poller import Poller
from .timers import Timers


class Loop:
    """The poller, the clock, and how much may wait for one client."""

    def __init__(self, max_queued: int) -> None:
        self.poller = Poller()
        self.timers = Timers()
        #: Bytes that may wait for one client, besides the piece that is on its way.
        self.max_queued = max_queued
