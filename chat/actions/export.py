"""People take what is stored of them along."""

from collections.abc import Iterator

from ..auth import Caller
from ..storage import storage

#: Lines that are fetched at once.
PAGE = 500


def export(caller: Caller, target_id: str) -> Iterator[str]:
    """Return what is stored of the caller, as pieces of JSON lines; each piece is fetched when the one before has gone.

    Raises 403 not_allowed for another user, 404 user_not_found; at once, not at the first piece.
    """
    page = storage.export_user(caller, target_id, {}, PAGE)

    def pieces() -> Iterator[str]:
        nonlocal page
        while True:
            if page["lines"]:
                yield page["lines"] + "\n"
            if page["next"] is None:
                return
            page = storage.export_user(caller, target_id, page["next"], PAGE)

    return pieces()
