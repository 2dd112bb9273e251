"""The packets that wait for a polling client, which asks for them by a request that may wait too."""

from collections import deque
from time import monotonic

from engineio.packet import Packet
from engineio.payload import Payload

from .. import green

#: Packets in one answer; python-engineio's own client reads no more.
PACKETS_PER_POLL = Payload.max_decode_packets


class Outbox:
    """Packets in their order, bounded in bytes."""

    __slots__ = (
        "_max_bytes", "_packets", "_polled_at", "_size", "_waiting",
    )  # fmt: skip

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._packets: deque[Packet] = deque()
        self._size = 0
        self._waiting: green.Signal | None = None
        self._polled_at = monotonic()

    def put(self, packet: Packet) -> bool:
        """Add a packet; return False when it is too much."""
        self._size += len(packet.encode(b64=True))
        if self._size > self._max_bytes:
            return False
        self._packets.append(packet)
        self.wake()
        return True

    def take(self, seconds: float) -> list[Packet]:
        """Return the packets that wait; wait for one, but not longer than this or than `wake`."""
        self.wake()  # a request that still waits on a connection which the client has given up
        if not self._packets:
            self._waiting = waiting = green.Signal()
            waiting.wait(seconds)
            if self._waiting is waiting:
                self._waiting = None
        self._polled_at = monotonic()
        packets: list[Packet] = []
        while self._packets and len(packets) < PACKETS_PER_POLL:
            packets.append(self._packets.popleft())
            self._size -= len(packets[-1].encode(b64=True))
        return packets

    def take_all(self) -> list[Packet]:
        """Return all packets, for another way out."""
        packets, self._packets = list(self._packets), deque()
        return packets

    def wake(self) -> None:
        """End the request that waits."""
        if self._waiting:
            self._waiting.set()
            self._waiting = None

    def idle_seconds(self, now: float) -> float:
        """Return for how long the client has not asked."""
        return 0 if self._waiting else now - self._polled_at
