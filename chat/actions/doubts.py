"""What may have been done or not, because the database broke off before it said so."""

from collections.abc import Hashable


class Doubts:
    """The newest `most` names of such things."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._names: dict[Hashable, None] = {}

    def add(self, name: Hashable) -> None:
        """Remember that this is in doubt; the oldest doubt is forgotten when there are too many."""
        self._names[name] = None
        if len(self._names) > self._most:
            del self._names[next(iter(self._names))]

    def settle(self, name: Hashable) -> bool:
        """Forget this, and return whether it was in doubt."""
        return self._names.pop(name, self) is None
