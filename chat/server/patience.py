"""How much a client may do in vain before its connection is closed."""

from time import monotonic

#: Frames without a message, packets that say nothing new, refused events or requests: so many in so many seconds.
MOST_IN_VAIN = 1000
WINDOW = 10


class Patience:
    """Counts what came in vain on one connection."""

    __slots__ = ("_count", "_since")  # fmt: skip

    def __init__(self) -> None:
        self._count = 0
        self._since = monotonic()

    def ends(self) -> bool:
        """Count one more; return whether it is one too many."""
        self._count += 1
        if self._count <= MOST_IN_VAIN:
            return False
        now = monotonic()
        if now - self._since < WINDOW:
            return True
        self._count, self._since = 0, now
        return False
